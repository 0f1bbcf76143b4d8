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
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Store is an open file. Its methods may be called from several goroutines.
// Those that write wait for Run.
type Store struct {
	path string
	o    options
	log  *slog.Logger
	now  func() time.Time
	lock fileLock

	wake      chan struct{} // work for the writer, capacity 1
	settle    chan struct{} // work for the settler that may wait, capacity 1
	committed chan struct{} // news for the uplink, capacity 1
	writing   sync.Mutex    // held by who makes batches durable; before settling
	settling  sync.Mutex    // held by who writes to bbolt; before mu

	// Under writing, and replaced under mu as well.
	wal   *wal
	spare *wal // the emergency journal; nil: there is none

	// Under settling.
	sick   bool  // bbolt's last commit failed: the file is opened again before the next
	unsent reach // of the second copy's events

	mu      sync.Mutex
	db      *bbolt.DB
	changed chan struct{} // closed and replaced at each commit
	state   *admission.State
	staging admission.Staging
	head    head // as of the newest operation, perhaps not yet on disk
	logged  head // as of the newest batch on disk, with what the cloud has acknowledged since
	durable Position
	queue   []*operation
	behind  []write      // on disk in a log, not yet in bbolt
	tail    []journalled // the events among them, in order
	number  uint64       // of the newest batch that is on disk
	settled uint64       // of the newest batch that bbolt has
	copied  uint64       // of the newest batch that the second copy has
	trouble trouble
	large   time.Time // until then no snapshot is taken: there was no room for the last
	anchor  func() clock.Anchor
	failure error
	closed  bool
	stats   Stats
	lastRun bool // the run before this one ended cleanly
	fresh   bool // the file was created by this Open
	rebuilt *Rebuilt
}

// operation is what one caller wants written, and its answer.
type operation struct {
	clearJournal bool
	clearEntries bool
	settle       bool // everything is in bbolt before the answer
	writes       []write
	err          error // this one alone could not be done
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
	Keyless   bool   // the cache is from before credentials were hashed: it has no gate key
	Priced    bool   // it has prices, for a machine that takes money
	Unsettled bool   // its policy is from before opening hours and lanes were told
}

// Stats count since Open.
type Stats struct {
	Batches uint64 // made durable with one sync of the log each
	Settled uint64 // commits of bbolt, with two syncs each
	Copied  uint64 // times that the second copy was brought up to date
	Written uint64 // bytes of all files, in whole pages: what wears the disk
}

// Open opens or creates the file at path and what goes with it. now names new
// journals. What the log holds and bbolt does not is settled first; what is
// damaged is set aside and rebuilt (Rebuilt).
func Open(path string, log *slog.Logger, now func() time.Time, choices ...Option) (*Store, error) {
	s := &Store{
		path: path, o: defaults(), log: log, now: now,
		wake: make(chan struct{}, 1), settle: make(chan struct{}, 1), committed: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	for _, choose := range choices {
		choose(&s.o)
	}
	var err error
	if s.lock, err = lock(path); err != nil {
		return nil, err
	}
	f, err := openFiles(context.Background(), path, s.o, 0, log, now)
	if err != nil {
		return nil, errors.Join(err, s.lock.unlock())
	}
	s.fresh, s.lastRun = f.fresh, f.clean
	s.use(f)
	return s, nil
}

// use takes over opened files and goes on from them; nobody is writing.
func (s *Store) use(f *files) {
	s.sick = false
	s.mu.Lock()
	s.wal, s.spare = f.wal, f.spare
	s.db, s.state, s.head, s.logged = f.db, f.file.state, f.file.head, f.file.head
	s.number, s.settled, s.copied = s.head.Batch, s.head.Batch, 0
	s.behind, s.tail, s.staging, s.trouble, s.failure = nil, nil, admission.Staging{}, trouble{}, nil
	s.durable = s.position()
	if f.rebuilt != nil {
		s.rebuilt = f.rebuilt
	}
	h := s.head
	s.mu.Unlock()
	s.unsent = unsentThrough(s.path, h)
	s.measure()
	s.copyOut()
}

// close closes the files.
func (s *Store) close() error {
	f := files{db: s.db, wal: s.wal, spare: s.spare}
	return errors.Join(f.close(), s.lock.unlock())
}

// settleWait is how long batches, and the deletion of acknowledged events, wait
// in the log for bbolt. Nobody waits for that; the longer it is, the fewer pages
// are written for each passage.
const settleWait = time.Second

// retryWait is how long what has failed is left alone.
const retryWait = 2 * time.Second

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
		Keyless: s.state.GateKey == credential.Key{}, Priced: s.state.Prices != nil, Unsettled: s.state.Policy.Zone == "",
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
