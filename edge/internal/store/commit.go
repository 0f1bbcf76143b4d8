package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Run commits what the other methods ask for until ctx ends, then writes what
// is still waiting, marks the end as clean and closes the file. A failed commit
// does not end it: the other methods answer ErrFailed from then on.
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

// runSettler brings what is in the log to bbolt, once in settleWait.
func (s *Store) runSettler(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.settle:
		}
		wait := time.NewTimer(settleWait)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		s.settling.Lock()
		err := s.toBolt(nil, head{})
		s.settling.Unlock()
		if err != nil && !errors.Is(err, ErrFailed) {
			_ = s.fail(err) // said to whoever comes next
		}
		s.news()
	}
}

// commit makes everything that is waiting durable together: with one record of
// the log, or, when it is much, clears a bucket or is the last, with bbolt.
func (s *Store) commit() {
	s.mu.Lock()
	if s.anchor != nil {
		s.head.Anchor = s.anchor()
	}
	s.head.Records, s.head.Heard = records(s.state), s.state.Heard
	s.head.Batch = s.wal.number + 1
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
		op.done <- failure
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

// fail ends all writing. It returns what the callers are told.
func (s *Store) fail(cause error) error {
	s.log.Error("store failed; nothing is recorded until the next start", "err", cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = fmt.Errorf("%w: %w", ErrFailed, cause)
	return s.failure
}

// write makes operations durable; h is the head after them.
func (s *Store) write(ops []*operation, h head, last bool) error {
	var writes []write
	direct := last
	for _, op := range ops {
		direct = direct || op.clearJournal || op.clearEntries || op.settle
		writes = append(writes, op.writes...)
	}
	if !direct {
		payload, err := encodeBatch(h, writes)
		if err != nil {
			return err
		}
		if direct = len(payload) > maxLogged; !direct {
			_, err = s.wal.append(payload)
			if errors.Is(err, errNoRoom) {
				direct = true
			} else if err != nil {
				return err
			}
		}
	}
	if direct {
		s.settling.Lock()
		defer s.settling.Unlock()
		return s.toBolt(ops, h)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Batches++
	s.behind = append(s.behind, writes...)
	for _, w := range writes {
		if j, is := w.event(); is {
			s.tail = append(s.tail, j)
		}
	}
	s.keepAcked(&h)
	s.logged = h
	s.settleSoon()
	return nil
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
	s.mu.Lock()
	if s.failure != nil {
		defer s.mu.Unlock()
		return s.failure
	}
	behind, h := s.behind, s.logged
	if next.Batch != 0 {
		h = next
		s.keepAcked(&h)
	}
	s.mu.Unlock()
	err := s.db.Update(func(tx *bbolt.Tx) error {
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
	if err != nil {
		return err
	}
	s.wal.free(h.Batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Settled++
	s.behind = slices.Clone(s.behind[len(behind):])
	if next.Batch != 0 {
		s.logged, s.tail, s.wal.number = h, nil, h.Batch
		return nil
	}
	s.tail = slices.DeleteFunc(s.tail, func(j journalled) bool { return j.seq <= h.LastSeq })
	return nil
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
