package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// trouble is what does not work just now.
type trouble struct {
	log  error // batches go to the emergency journal
	bolt error // bbolt takes nothing; the logs hold everything since
	copy error // the second copy is not up to date
	full bool  // what is in use exceeds the limit
	near bool  // it soon will
	used int64 // bytes
}

// State is how the store is.
type State string

// The states of a store.
const (
	Works     State = "ok"
	Emergency State = "emergency" // everything is recorded, in the emergency journal or without a second copy
	Failed    State = "failed"    // nothing is recorded; entries refuse and exits open
)

// Health says how the store is, for people.
type Health struct {
	State State    `json:"state"`
	Level Level    `json:"level"`
	Why   []string `json:"why,omitempty"`
	Used  int64    `json:"used_bytes"`
	Limit int64    `json:"limit_bytes"`
}

// Health is how the store is now.
func (s *Store) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Health{State: Works, Level: s.level(), Used: s.trouble.used, Limit: s.o.limit}
	for _, err := range []error{s.trouble.log, s.trouble.bolt, s.trouble.copy, s.failure} {
		if err != nil {
			h.State, h.Why = Emergency, append(h.Why, err.Error())
		}
	}
	if s.failure != nil {
		h.State = Failed
	}
	return h
}

// Rebuilt is what this run found damaged and rebuilt, or nil.
func (s *Store) Rebuilt() *Rebuilt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rebuilt
}

func (s *Store) unwell() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure != nil || s.trouble.log != nil || s.trouble.bolt != nil || s.trouble.copy != nil
}

// fail ends all recording, until revive. It returns what the callers are told.
func (s *Store) fail(cause error) error {
	s.log.Error("the store cannot be written; nothing is recorded until it can", "err", cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = fmt.Errorf("%w: %w", ErrFailed, cause)
	s.settleSoon()
	return s.failure
}

// toLog makes a batch durable in the log, or in the emergency journal while the
// log does not work. errNoRoom says that bbolt has to take over what they hold.
func (s *Store) toLog(number uint64, payload []byte) error {
	s.mu.Lock()
	failed := s.trouble.log
	s.mu.Unlock()
	if failed == nil {
		err := s.wal.append(number, payload)
		if err == nil || errors.Is(err, errNoRoom) {
			return err
		}
		s.log.Error("the log cannot be written; the emergency journal takes over", "err", err)
		s.mu.Lock()
		s.trouble.log = fmt.Errorf("the log: %w", err)
		s.mu.Unlock()
		s.settleSoon()
	}
	return s.toSpare(number, payload)
}

var errNoSpare = errors.New("there is no emergency journal")

// toSpare makes a batch durable in the emergency journal. What the log has of the
// same batch, if it has, is the same.
func (s *Store) toSpare(number uint64, payload []byte) error {
	if s.spare == nil {
		return errNoSpare
	}
	return s.spare.append(number, payload)
}

// boltFailed notes that bbolt could not commit; s.settling is held.
func (s *Store) boltFailed(err error) {
	s.sick = true
	s.mu.Lock()
	first := s.trouble.bolt == nil
	s.trouble.bolt = fmt.Errorf("bbolt: %w", err)
	s.mu.Unlock()
	if first {
		s.log.Error("the store's file cannot be written; the log goes on without it", "err", err)
	}
}

// settleNow brings bbolt up to date. When it works again, so does the log: what
// failed in it is in bbolt.
func (s *Store) settleNow() {
	s.settling.Lock()
	defer s.settling.Unlock()
	err := s.toBolt(nil, head{})
	switch {
	case errors.Is(err, ErrFailed):
		return
	case corrupt(err) || errors.Is(err, errDamaged):
		_ = s.fail(err) // said to whoever comes next; revive rebuilds it
		return
	case err != nil:
		s.boltFailed(err)
		return
	}
	s.mu.Lock()
	over := s.trouble.log != nil || s.trouble.bolt != nil
	s.trouble.log, s.trouble.bolt = nil, nil
	due := over || s.trouble.copy != nil
	s.mu.Unlock()
	if over {
		s.log.Info("the store can be written again", "settled", s.settled)
	}
	s.measure()
	if due || s.wal.filled() > 0.5 {
		s.copyOut()
	}
}

// reopen gives bbolt a new handle on its file: after a failed sync, what the old
// one believes to be on disk may not be. s.settling is held.
func (s *Store) reopen() error {
	s.mu.Lock()
	old := s.db
	s.mu.Unlock()
	if err := closeDB(old); err != nil {
		return err
	}
	db, err := openDB(s.path, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.db = db
	s.mu.Unlock()
	s.sick = false
	return nil
}

// copyOut brings the second copy up to what bbolt has, and lets the logs go on
// over what both have. If it cannot, the logs must go on all the same. s.settling
// is held.
func (s *Store) copyOut() {
	s.mu.Lock()
	db := s.db
	s.mu.Unlock()
	h, size, err := copyOut(s.path, db, s.unsent)
	if err == nil {
		s.unsent = reach{h.Journal, h.LastSeq}
	} else {
		s.log.Error("the second copy is not up to date", "err", err)
		if corrupt(err) {
			_ = s.fail(err) // said to whoever comes next; revive rebuilds the file
		}
		err = fmt.Errorf("the second copy: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.copy = err
	if err == nil {
		s.copied = h.Batch
		s.stats.Copied++
		s.stats.Written += uint64(size+4095) &^ 4095
	}
	s.free()
}

// free lets the logs go on over what is kept elsewhere; s.mu is held.
func (s *Store) free() {
	number := s.settled
	if s.trouble.copy == nil {
		number = min(number, s.copied)
	}
	s.wal.free(number)
	if s.spare != nil {
		s.spare.free(number)
	}
}

// another puts a copy of a file in its place, and leaves the file itself to whoever
// has it open.
func another(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // only read
	return replaceFrom(path, from)
}

// revive does what a start does: reads what is on disk, rebuilds what is damaged
// and goes on from there. What was answered with a failure has not happened.
func (s *Store) revive(ctx context.Context) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.settling.Lock()
	defer s.settling.Unlock()
	s.mu.Lock()
	old, until, queue := files{db: s.db, wal: s.wal, spare: s.spare}, s.number, s.queue
	s.queue = nil
	failure := s.failure
	s.mu.Unlock()
	for _, op := range queue {
		op.done <- failure
	}
	if err := old.close(); errors.Is(err, errStuck) {
		// Its lock is on the old file: a copy has none.
		if err := another(s.path); err != nil {
			s.log.Error("the store cannot be opened again", "err", err)
			return
		}
	}
	f, err := openFiles(ctx, s.path, s.o, until, s.log, s.now)
	if err != nil {
		s.log.Warn("the store still cannot be written", "err", err)
		return
	}
	s.use(f)
	s.log.Info("the store can be written again", "last_seq", f.file.head.LastSeq)
}
