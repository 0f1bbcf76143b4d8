package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Store is an open file. Its methods may be called from several goroutines.
// Those that write wait for Run.
type Store struct {
	path string
	db   *bbolt.DB
	log  *slog.Logger
	now  func() time.Time

	wake      chan struct{} // work for the writer, capacity 1
	later     chan struct{} // work that may wait trimWait, capacity 1
	committed chan struct{} // news for the uplink, capacity 1
	changed   chan struct{} // closed and replaced at each commit; mu

	mu      sync.Mutex
	state   *admission.State
	staging admission.Staging
	head    head // as of the newest operation, perhaps not yet on disk
	durable Position
	queue   []*operation
	anchor  func() clock.Anchor
	failure error
	closed  bool
	lastRun bool // the run before this one ended cleanly
	fresh   bool // the file was created by this Open
}

// operation is what one caller wants written, and its answer.
type operation struct {
	clearJournal bool
	clearEntries bool
	writes       []write
	deleteFrom   uint64 // journal events deleteFrom..deleteTo go
	deleteTo     uint64
	done         chan error
}

// Position is where the journal on disk stands. What the cloud has acknowledged
// counts from its word on: if a crash forgets it, the next welcome repeats it.
type Position struct {
	Journal   id.Journal
	Epoch     uint32 // 0 until welcomed
	LastSeq   uint64
	AckedSeq  uint64
	AckedHash wire.Hash
	Revision  uint64 // of the cache
}

// Open opens or creates the file at path. now names new journals.
func Open(path string, log *slog.Logger, now func() time.Time) (*Store, error) {
	db, err := openDB(path, &bbolt.Options{Timeout: lockWait, PageSize: 4096})
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, db: db, log: log, now: now,
		wake: make(chan struct{}, 1), later: make(chan struct{}, 1), committed: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// trimWait is how long acknowledged events wait for a commit to go with. Their
// deletion is worth no commit of its own: each costs two syncs of the disk that
// a car at a gate may be waiting for.
const trimWait = time.Second

// lockWait is how long another process may take to let go of the file.
const lockWait = 300 * time.Millisecond

func classify(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrInUse
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, errDamaged):
		return &CorruptError{path, "the file header", err}
	default:
		return fmt.Errorf("open store %s: %w", path, err)
	}
}

// begin loads the file, or gives a new one its journal.
func (s *Store) begin() error {
	empty := false
	err := view(s.db, func(tx *bbolt.Tx) error {
		empty = tx.Bucket(bucketMeta) == nil
		return nil
	})
	if err != nil {
		return err
	}
	if empty {
		s.fresh, s.lastRun, s.state = true, true, admission.NewState()
		s.head = head{Version: formatVersion, Journal: id.New[id.Journal](s.now())}
	} else {
		f, err := load(s.path, s.db)
		if err != nil {
			return err
		}
		s.state, s.head, s.lastRun = f.state, f.head, f.head.Clean
	}
	s.head.Clean = false
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return putHead(tx, s.head)
	})
	if err != nil {
		return fmt.Errorf("write the head of %s: %w", s.path, err)
	}
	s.durable = s.position()
	return nil
}

// Fresh reports whether Open created the file.
func (s *Store) Fresh() bool { return s.fresh }

// EndedCleanly reports whether the run before this one closed the store.
func (s *Store) EndedCleanly() bool { return s.lastRun }

// Anchor is the clock anchor that was written last.
func (s *Store) Anchor() clock.Anchor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Anchor
}

// WriteAnchor makes every commit write the anchor that f returns.
func (s *Store) WriteAnchor(f func() clock.Anchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.anchor = f
}

// Run commits what the other methods ask for until ctx ends, then writes what
// is still waiting, marks the end as clean and closes the file. A failed commit
// does not end it: the other methods answer ErrFailed from then on.
func (s *Store) Run(ctx context.Context) error {
	trim := time.NewTimer(trimWait)
	trim.Stop()
	defer trim.Stop()
	for waiting := false; ; {
		select {
		case <-s.wake:
			s.commit()
			trim.Stop()
			waiting = false
			continue
		case <-trim.C:
			s.commit()
			waiting = false
			continue
		case <-s.later:
			if !waiting {
				trim.Reset(trimWait)
				waiting = true
			}
			continue
		case <-ctx.Done():
		}
		s.mu.Lock()
		s.closed, s.head.Clean = true, true
		s.mu.Unlock()
		s.commit()
		return errors.Join(s.failed(), s.db.Close())
	}
}

// commit writes everything that is waiting in one transaction.
func (s *Store) commit() {
	s.mu.Lock()
	if s.anchor != nil {
		s.head.Anchor = s.anchor()
	}
	s.head.Records = records(s.state)
	ops, h, pos, failure := s.queue, s.head, s.position(), s.failure
	s.queue = nil
	s.mu.Unlock()
	if failure == nil {
		failure = s.db.Update(func(tx *bbolt.Tx) error {
			for _, op := range ops {
				if err := op.apply(tx); err != nil {
					return err
				}
			}
			return putHead(tx, h)
		})
		if failure != nil {
			s.log.Error("store failed; nothing is recorded until the next start", "err", failure)
			failure = fmt.Errorf("%w: %w", ErrFailed, failure)
		}
	}
	s.mu.Lock()
	if failure != nil {
		s.failure = failure
	} else {
		if pos.Journal == s.head.Journal {
			// What the cloud has said since holds whatever is on disk.
			pos.AckedSeq, pos.AckedHash = s.head.AckedSeq, s.head.AckedHash
		}
		s.durable = pos
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
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
	journal := tx.Bucket(bucketJournal)
	for seq := op.deleteFrom; seq != 0 && seq <= op.deleteTo; seq++ {
		if err := journal.Delete(seqKey(seq)); err != nil {
			return err
		}
	}
	for _, w := range op.writes {
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

func putHead(tx *bbolt.Tx, h head) error {
	w, err := put(bucketMeta, keyHead, h)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyHead, frame(bucketMeta, keyHead, w.payload))
}

// enqueue hands an operation to the writer; s.mu is held.
func (s *Store) enqueue(op *operation) *operation {
	op.done = make(chan error, 1)
	s.queue = append(s.queue, op)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return op
}

// enqueueLater hands over an operation that nobody waits for and that may be
// lost: it goes with the next commit, or alone after trimWait; s.mu is held.
func (s *Store) enqueueLater(op *operation) {
	op.done = make(chan error, 1)
	s.queue = append(s.queue, op)
	select {
	case s.later <- struct{}{}:
	default:
	}
}

// usable says why nothing can be written; s.mu is held.
func (s *Store) usable() error {
	if s.failure != nil {
		return s.failure
	}
	if s.closed {
		return ErrClosed
	}
	return nil
}

func (s *Store) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Failed returns why the store can no longer be written, or nil.
func (s *Store) Failed() error { return s.failed() }

// position is where the newest operation stands; s.mu is held.
func (s *Store) position() Position {
	return Position{
		Journal: s.head.Journal, Epoch: s.head.Epoch, LastSeq: s.head.LastSeq,
		AckedSeq: s.head.AckedSeq, AckedHash: s.head.AckedHash, Revision: s.state.Revision,
	}
}

// Position is where the journal on disk stands.
func (s *Store) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// Changed is closed at the next commit. Any number of callers may wait for it.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Committed is the uplink's; whoever else receives from it takes its news. It
// receives after commits. Several commits may give one message.
func (s *Store) Committed() <-chan struct{} { return s.committed }

// View lets f read the state. f must not keep it.
func (s *Store) View(f func(*admission.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.state)
}
