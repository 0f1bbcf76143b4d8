package store

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Record lets decide make facts from the state, numbers and journals their
// events, applies them to the state, and returns when all that is synced to
// disk. decide must be quick and must not keep the state. The events come back
// as they were journalled. When decide returns nothing, nothing is written.
// ErrNearlyFull and ErrFull say that the store does not take such facts now.
func (s *Store) Record(decide func(*admission.State) []admission.Fact) ([]wire.Event, error) {
	events, op, err := s.stage(decide)
	if op == nil {
		return nil, err
	}
	return events, <-op.done
}

// stage is Record up to the disk.
func (s *Store) stage(decide func(*admission.State) []admission.Fact) ([]wire.Event, *operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, nil, err
	}
	facts := decide(s.state)
	if len(facts) == 0 {
		return nil, nil, nil
	}
	if err := s.takes(facts); err != nil {
		return nil, nil, err
	}
	var changes admission.Changes
	op := &operation{}
	events, err := s.append(op, facts, &changes)
	if err == nil {
		err = s.touched(op, &changes)
	}
	if err != nil {
		return nil, nil, err
	}
	return events, s.enqueue(op), nil
}

// append numbers, encodes and hashes facts and applies them; s.mu is held. On
// an error nothing has changed.
func (s *Store) append(op *operation, facts []admission.Fact, changes *admission.Changes) ([]wire.Event, error) {
	seq, hash := s.head.LastSeq, s.head.LastHash
	events := make([]wire.Event, 0, len(facts))
	writes := make([]write, 0, len(facts))
	for i := range facts {
		e := &facts[i].Event
		if e.Kind == 0 {
			continue // of the machine's own
		}
		seq++
		e.Seq = seq
		raw, err := wire.Marshal(e)
		if err == nil && len(raw) > wire.MaxEvent {
			err = fmt.Errorf("%w: %d bytes, at most %d", wire.ErrMalformed, len(raw), wire.MaxEvent)
		}
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		hash = hash.Next(raw)
		writes = append(writes, journalled{seq, hash, raw}.write())
		events = append(events, *e)
	}
	for _, f := range facts {
		s.state.Apply(f, changes)
	}
	s.head.LastSeq, s.head.LastHash = seq, hash
	op.writes = append(op.writes, writes...)
	return events, nil
}

// touched adds the records that changed to an operation; s.mu is held. It can
// only fail for a programmer's error, and the store counts as failed then.
func (s *Store) touched(op *operation, c *admission.Changes) error {
	var errs error
	add := func(bucket, key []byte, v any, keep bool) {
		w := write{bucket: bucket, key: key}
		if keep {
			var err error
			if w, err = put(bucket, key, v); err != nil {
				errs = errors.Join(errs, err)
				return
			}
		}
		op.writes = append(op.writes, w)
	}
	if c.Cache {
		add(bucketMeta, keyCache, cacheOf(s.state), true)
	}
	if c.AllEntries {
		op.clearEntries = true
		for r, e := range s.state.Entries {
			add(bucketEntries, r.Bytes(), e, true)
		}
	} else {
		for r := range c.Entries {
			e, ok := s.state.Entries[r]
			add(bucketEntries, r.Bytes(), e, ok)
		}
	}
	for t := range c.Allotments {
		a, ok := s.state.Allotments[t]
		add(bucketAllotments, []byte(t), a, ok)
	}
	for i := range c.Sessions {
		ses, ok := s.state.Sessions[i]
		add(bucketSessions, i.Bytes(), ses, ok)
	}
	for r := range c.Uses {
		u, ok := s.state.Uses[r]
		add(bucketUses, r.Bytes(), u, ok)
	}
	if errs != nil {
		s.failure = fmt.Errorf("%w: %w", ErrFailed, errs)
		s.settleSoon() // revive takes back what has changed
		return s.failure
	}
	return nil
}

// Pending returns up to limit encoded events after seq, oldest first, as long
// as they stay within size bytes together (one is always returned if there is
// one). Only what is synced to disk is returned.
func (s *Store) Pending(after uint64, limit, size int) ([][]byte, error) {
	s.mu.Lock()
	db, last, tail := s.db, s.durable.LastSeq, slices.Clone(s.tail)
	s.mu.Unlock()
	settled := last
	if len(tail) > 0 {
		settled = tail[0].seq - 1
	}
	var out [][]byte
	want := after + 1
	// take takes one event; false says that it is one too many.
	take := func(raw []byte) bool {
		if size -= len(raw); len(out) >= limit || size < 0 && len(out) > 0 {
			return false
		}
		out = append(out, raw)
		want++
		return true
	}
	full := false
	err := view(db, func(tx *bbolt.Tx) error {
		if want > settled {
			return nil
		}
		return eachEvent(tx, want, func(j journalled) bool {
			full = !take(j.raw)
			return !full && want <= settled
		})
	})
	if errors.Is(err, errDamaged) {
		err = &CorruptError{s.path, "the journal", err}
	}
	for _, j := range tail {
		if err == nil && !full && j.seq == want && want <= last {
			full = !take(j.raw)
		}
	}
	return out, err
}

// Ack takes the cloud's word that it has applied all events up to seq, and
// deletes them when bbolt commits next, within a second, if hash is this
// journal's running hash there. An acknowledgement that says nothing new changes
// nothing. ErrAhead and ErrHashMismatch say that the cloud knows another journal
// than this one.
func (s *Store) Ack(seq uint64, hash wire.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return s.ack(seq, hash)
}

// ack checks and enqueues; s.mu is held.
func (s *Store) ack(seq uint64, hash wire.Hash) error {
	switch {
	case seq > s.durable.LastSeq:
		return ErrAhead
	case seq < s.head.AckedSeq:
		return nil
	case seq == s.head.AckedSeq:
		if hash != s.head.AckedHash {
			return ErrHashMismatch
		}
		return nil
	}
	own, err := s.hashAt(seq)
	if err != nil {
		return &CorruptError{s.path, "the journal", err}
	}
	if own != hash {
		return ErrHashMismatch
	}
	s.head.AckedSeq, s.head.AckedHash = seq, hash
	s.durable.AckedSeq, s.durable.AckedHash = seq, hash
	if s.logged.Journal == s.head.Journal {
		s.logged.AckedSeq, s.logged.AckedHash = seq, hash
	}
	s.settleSoon()
	return nil
}

// hashAt is the running hash at an event that is on disk; s.mu is held.
func (s *Store) hashAt(seq uint64) (own wire.Hash, err error) {
	if i := slices.IndexFunc(s.tail, func(j journalled) bool { return j.seq == seq }); i >= 0 {
		return s.tail[i].hash, nil
	}
	err = view(s.db, func(tx *bbolt.Tx) error {
		k := seqKey(seq)
		j, err := readJournalled(k, tx.Bucket(bucketJournal).Get(k))
		own = j.hash
		return err
	})
	return own, err
}

// Welcomed takes the cloud's word on where this journal stands: its epoch, and
// that everything up to seq with that hash is applied. ErrBehind, ErrAhead and
// ErrHashMismatch mean that the journal cannot go on (NewJournal).
func (s *Store) Welcomed(epoch uint32, seq uint64, hash wire.Hash) error {
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return err
	}
	if seq < s.head.AckedSeq {
		s.mu.Unlock()
		return ErrBehind
	}
	if err := s.ack(seq, hash); err != nil {
		s.mu.Unlock()
		return err
	}
	var op *operation
	if s.head.Epoch != epoch {
		s.head.Epoch = epoch
		op = s.enqueue(&operation{})
	}
	s.mu.Unlock()
	if op == nil {
		return nil
	}
	return <-op.done
}

// NewJournal begins a new journal: the events that were not acknowledged are
// journalled again under new numbers, in their order, and the cache is
// distrusted (admission.State.Distrust). Sessions and uses, which are facts,
// stay.
func (s *Store) NewJournal() error {
	for {
		s.mu.Lock()
		if err := s.usable(); err != nil {
			s.mu.Unlock()
			return err
		}
		if s.durable.LastSeq == s.head.LastSeq && len(s.queue) == 0 && len(s.behind) == 0 {
			break
		}
		// Wait until all events are in the file, then look again.
		op := s.enqueue(&operation{settle: true})
		s.mu.Unlock()
		if err := <-op.done; err != nil {
			return err
		}
	}
	op, err := s.restart()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return <-op.done
}

// restart builds the operation of NewJournal; s.mu is held.
func (s *Store) restart() (*operation, error) {
	var events []wire.Event
	err := view(s.db, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
			j, err := readJournalled(k, v)
			if err != nil {
				return err
			}
			if j.seq <= s.head.AckedSeq {
				return nil // it is deleted with the next commit
			}
			e, err := wire.Unmarshal[wire.Event](j.raw)
			events = append(events, e)
			return err
		})
	})
	if err != nil {
		return nil, &CorruptError{s.path, "the journal", err}
	}
	op := &operation{clearJournal: true}
	var hash wire.Hash
	for i := range events {
		events[i].Seq = uint64(i) + 1
		raw, err := wire.Marshal(&events[i])
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		hash = hash.Next(raw)
		op.writes = append(op.writes, journalled{events[i].Seq, hash, raw}.write())
	}
	var changes admission.Changes
	s.state.Distrust(&changes)
	s.staging = admission.Staging{}
	if err := s.touched(op, &changes); err != nil {
		return nil, err
	}
	s.head = head{
		Version: formatVersion, Journal: id.New[id.Journal](s.now()), Anchor: s.head.Anchor, Log: s.head.Log,
		LastSeq: uint64(len(events)), LastHash: hash,
	}
	return s.enqueue(op), nil
}

// Sync applies a snapshot's part or a delta, together with the facts that
// follow makes of the state afterwards. complete reports whether the cache is
// now at a revision that can be acknowledged (Position().Revision); it is not
// while parts of a snapshot are missing. admission.ErrGap asks for a new hello.
func (s *Store) Sync(m *wire.Sync, follow func(*admission.State) []admission.Fact) (complete bool, err error) {
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return false, err
	}
	if m.Kind == wire.Snapshot && (s.trouble.bolt != nil || s.now().Before(s.large)) {
		s.mu.Unlock()
		return false, ErrNoRoom
	}
	op, complete, err := s.sync(m, follow)
	s.mu.Unlock()
	if op == nil || err != nil {
		return complete, err
	}
	return complete, <-op.done
}

// sync applies and enqueues; s.mu is held.
func (s *Store) sync(m *wire.Sync, follow func(*admission.State) []admission.Fact) (*operation, bool, error) {
	var changes admission.Changes
	before := s.state.Revision
	if m.Kind == wire.Snapshot {
		parts, err := s.staging.Add(m)
		if parts == nil || err != nil {
			return nil, false, err
		}
		s.state.ApplySnapshot(parts, &changes)
	} else if err := s.state.ApplyDelta(m, &changes); err != nil {
		return nil, false, err
	}
	if !changes.Cache && s.state.Revision == before {
		return nil, true, nil
	}
	op := &operation{}
	if facts := follow(s.state); len(facts) > 0 {
		if _, err := s.append(op, facts, &changes); err != nil {
			return nil, false, err
		}
	}
	if err := s.touched(op, &changes); err != nil {
		return nil, false, err
	}
	return s.enqueue(op), true, nil
}
