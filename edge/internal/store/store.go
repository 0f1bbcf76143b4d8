package store

import (
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
	wal  *wal
	log  *slog.Logger
	now  func() time.Time

	wake      chan struct{} // work for the writer, capacity 1
	settle    chan struct{} // work for the settler that may wait settleWait, capacity 1
	committed chan struct{} // news for the uplink, capacity 1
	settling  sync.Mutex    // held by who writes to bbolt; before mu

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each commit
	state   *admission.State
	staging admission.Staging
	head    head // as of the newest operation, perhaps not yet on disk
	logged  head // as of the newest batch on disk, with what the cloud has acknowledged since
	durable Position
	queue   []*operation
	behind  []write      // on disk in the log, not yet in bbolt
	tail    []journalled // the events among them, in order
	anchor  func() clock.Anchor
	failure error
	closed  bool
	stats   Stats
	lastRun bool // the run before this one ended cleanly
	fresh   bool // the file was created by this Open
}

// operation is what one caller wants written, and its answer.
type operation struct {
	clearJournal bool
	clearEntries bool
	settle       bool // everything is in bbolt before the answer
	writes       []write
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

// Stats count since Open.
type Stats struct {
	Batches uint64 // made durable with one sync of the log each
	Settled uint64 // commits of bbolt, with two syncs each
}

// Open opens or creates the file at path and the log beside it. now names new
// journals. What the log holds and bbolt does not is settled first.
func Open(path string, log *slog.Logger, now func() time.Time) (*Store, error) {
	db, err := openDB(path, &bbolt.Options{Timeout: lockWait, PageSize: 4096})
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, db: db, log: log, now: now,
		wake: make(chan struct{}, 1), settle: make(chan struct{}, 1), committed: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close closes the files.
func (s *Store) close() error {
	err := s.db.Close()
	if s.wal != nil {
		err = errors.Join(err, s.wal.close())
	}
	return err
}

// settleWait is how long batches, and the deletion of acknowledged events, wait
// in the log for bbolt. Nobody waits for that; the longer it is, the fewer pages
// are written for each passage.
const settleWait = time.Second

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
		if s.wal, err = createWAL(s.path); err != nil {
			return fmt.Errorf("create the write-ahead log of %s: %w", s.path, err)
		}
	} else {
		var f file
		if s.wal, f, err = recoverFile(s.path, s.db); err != nil {
			return err
		}
		s.state, s.head, s.lastRun = f.state, f.head, f.head.Clean
	}
	s.head.Version, s.head.Clean, s.head.Log = formatVersion, false, s.wal.id
	// The number of a batch that was torn is not used again: later records could
	// complete what is left of it.
	s.head.Batch++
	s.wal.number = s.head.Batch
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
	s.logged, s.durable = s.head, s.position()
	return s.remap()
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

// settleSoon wakes the settler.
func (s *Store) settleSoon() {
	select {
	case s.settle <- struct{}{}:
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

// Stats are the counts so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
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
