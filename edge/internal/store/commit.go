package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Run commits what the other methods ask for until ctx ends, then writes what
// is still waiting, marks the end as clean and closes the file. What cannot be
// written does not end it: see Health.
func (s *Store) Run(ctx context.Context) error {
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		s.runSettler(ctx)
	}()
	for {
		select {
		case <-s.wake:
			s.commit()
			continue
		case <-ctx.Done():
		}
		<-settled
		s.mu.Lock()
		s.closed, s.head.Clean = true, true
		s.mu.Unlock()
		s.commit()
		return errors.Join(s.failed(), s.close())
	}
}

// runSettler brings what is in the log to bbolt, once in settleWait, and what
// has failed back to work.
func (s *Store) runSettler(ctx context.Context) {
	for {
		var again <-chan time.Time
		if s.unwell() {
			again = time.After(s.o.retryWait)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-s.settle:
			if s.failed() != nil {
				break
			}
			wait := time.NewTimer(s.o.settleWait)
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-wait.C:
			}
		}
		if s.failed() != nil {
			s.revive(ctx)
		} else {
			s.settleNow()
		}
		s.news()
	}
}

// commit makes everything that is waiting durable together: with one record of
// the log, or, when it is much, clears a bucket or is the last, with bbolt.
func (s *Store) commit() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if s.anchor != nil {
		s.head.Anchor = s.anchor()
	}
	s.head.Records, s.head.Heard = records(s.state), s.state.Heard
	s.head.Batch = s.number + 1
	ops, h, pos, failure, last := s.queue, s.head, s.position(), s.failure, s.closed
	s.queue = nil
	s.mu.Unlock()
	if failure == nil {
		if failure = s.write(ops, h, last); failure != nil {
			failure = s.fail(failure)
		}
	}
	s.mu.Lock()
	if failure == nil {
		if pos.Journal == s.head.Journal {
			// What the cloud has said since holds whatever is on disk.
			pos.AckedSeq, pos.AckedHash = s.head.AckedSeq, s.head.AckedHash
		}
		s.durable = pos
	}
	s.mu.Unlock()
	s.news()
	for _, op := range ops {
		op.done <- errors.Join(failure, op.err)
	}
	if failure == nil {
		select {
		case s.committed <- struct{}{}:
		default:
		}
	}
}

// news tells those who wait that something was committed.
func (s *Store) news() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// write makes operations durable; h is the head after them. The log comes first,
// then the emergency journal, then bbolt.
func (s *Store) write(ops []*operation, h head, last bool) error {
	var writes []write
	direct, clears, size := last, false, 0
	for _, op := range ops {
		clears = clears || op.clearJournal || op.clearEntries
		direct = direct || op.settle
		for _, w := range op.writes {
			size += len(w.payload)
		}
		writes = append(writes, op.writes...)
	}
	var payload []byte
	if !clears && size <= maxLogged {
		var err error
		if payload, err = encodeBatch(h, writes); err != nil {
			return err
		}
	}
	small := payload != nil && len(payload) <= maxLogged
	var logErr error
	if small && !direct {
		if logErr = s.toLog(h.Batch, payload); logErr == nil {
			s.followed(h, writes, walLength(len(payload))*walBlock)
			return nil
		}
	}
	s.settling.Lock()
	defer s.settling.Unlock()
	err := s.toBolt(ops, h)
	if err == nil {
		if len(ops) > 0 {
			// This batch is in no log.
			s.copyOut()
		}
		return nil
	}
	s.boltFailed(err)
	if !small || s.toSpare(h.Batch, payload) != nil {
		if clears {
			s.mu.Lock()
			s.large = s.now().Add(largeWait)
			s.mu.Unlock()
		}
		return errors.Join(logErr, err)
	}
	for _, op := range ops {
		if op.settle {
			op.err = err
		}
	}
	s.followed(h, writes, walLength(len(payload))*walBlock)
	return nil
}

// largeWait is how long no snapshot is taken after one that could not be written:
// each failure costs those at the gate a moment.
const largeWait = time.Minute

// followed notes a batch that is in a log, where it takes so many bytes.
func (s *Store) followed(h head, writes []write, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Batches++
	s.stats.Written += uint64(size)
	s.number = h.Batch
	s.behind = append(s.behind, writes...)
	for _, w := range writes {
		if j, is := w.event(); is {
			s.tail = append(s.tail, j)
		}
	}
	s.keepAcked(&h)
	s.logged = h
	s.settleSoon()
}

// keepAcked puts what the cloud has acknowledged since a head was made into it;
// s.mu is held.
func (s *Store) keepAcked(h *head) {
	if h.Journal == s.head.Journal && s.head.AckedSeq <= h.LastSeq {
		h.AckedSeq, h.AckedHash = s.head.AckedSeq, s.head.AckedHash
	}
}

// toBolt commits to bbolt what is behind, and then operations with the head
// after them, if there are any. s.settling is held.
func (s *Store) toBolt(ops []*operation, next head) error {
	if s.sick {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if s.failure != nil {
		defer s.mu.Unlock()
		return s.failure
	}
	db, behind, h := s.db, s.behind, s.logged
	if next.Batch != 0 {
		h = next
		s.keepAcked(&h)
	}
	s.mu.Unlock()
	st := db.Stats()
	before := st.TxStats.GetPageAlloc()
	err := guarded(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			if err := applyWrites(tx, behind); err != nil {
				return err
			}
			for _, op := range ops {
				if err := op.apply(tx); err != nil {
					return err
				}
			}
			if err := trim(tx, h.AckedSeq); err != nil {
				return err
			}
			return putHead(tx, h)
		})
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Settled++
	s.stats.Written += pagesOf(db, before) + 4096 // and a head page
	s.behind = slices.Clone(s.behind[len(behind):])
	s.settled = h.Batch
	if next.Batch != 0 {
		s.logged, s.tail, s.number = h, nil, h.Batch
	} else {
		s.tail = slices.DeleteFunc(s.tail, func(j journalled) bool { return j.seq <= h.LastSeq })
	}
	s.free()
	return nil
}

// pagesOf is how much bbolt has written since it had allocated so much.
func pagesOf(db *bbolt.DB, before int64) uint64 {
	st := db.Stats()
	return uint64(max(st.TxStats.GetPageAlloc()-before, 0))
}

func (op *operation) apply(tx *bbolt.Tx) error {
	for _, c := range []struct {
		clear  bool
		bucket []byte
	}{{op.clearJournal, bucketJournal}, {op.clearEntries, bucketEntries}} {
		if !c.clear {
			continue
		}
		if err := tx.DeleteBucket(c.bucket); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(c.bucket); err != nil {
			return err
		}
	}
	return applyWrites(tx, op.writes)
}

func applyWrites(tx *bbolt.Tx, writes []write) error {
	for _, w := range writes {
		b := tx.Bucket(w.bucket)
		if bytes.Equal(w.bucket, bucketJournal) {
			b.FillPercent = 0.95 // it grows at its end only: half-full pages would be for ever
		}
		if w.payload == nil {
			if err := b.Delete(w.key); err != nil {
				return err
			}
			continue
		}
		if err := b.Put(w.key, frame(w.bucket, w.key, w.payload)); err != nil {
			return err
		}
	}
	return nil
}

// trim deletes the events that the cloud has acknowledged.
func trim(tx *bbolt.Tx, acked uint64) error {
	journal := tx.Bucket(bucketJournal)
	last := seqKey(acked)
	for {
		k, _ := journal.Cursor().First()
		if k == nil || slices.Compare(k, last) > 0 {
			return nil
		}
		if err := journal.Delete(k); err != nil {
			return err
		}
	}
}

func putHead(tx *bbolt.Tx, h head) error {
	w, err := put(bucketMeta, keyHead, h)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyHead, frame(bucketMeta, keyHead, w.payload))
}
