package listing

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Source reads parkings as they are stored.
type Source interface {
	// Parkings returns the parkings named, or all when only is nil, as one
	// consistent snapshot. today is the first day that matters.
	Parkings(ctx context.Context, only []id.Parking, today int32) ([]Snapshot, error)
}

const (
	loadLimit   = 30 * time.Second
	loadAgain   = time.Second // after a failure
	reloadAgain = 50 * time.Millisecond
	// maxWaiting bounds the events kept for a parking that is being read.
	maxWaiting = 4096
)

// Listing is the memory of all parkings.
type Listing struct {
	src     Source
	log     *slog.Logger
	now     func() time.Time
	current func() time.Time
	further func() <-chan struct{}
	clients *sse.Server

	loaded  chan struct{}
	stopped chan struct{}
	reload  chan struct{} // holds a token while a parking waits to be read
	poke    chan struct{} // holds a token while streams have something to look at

	mu      sync.RWMutex
	lots    map[id.Parking]*lot
	index   *index
	faces   []face // the slab that is being filled
	loose   []*lot // that the index does not know, or not as they are
	moved   []*lot // that have moves
	waiting map[id.Parking]*waiting
	seq     uint64 // counts changes, across restarts
	epoch   uint64 // counts changes of descriptions
	dirty   map[id.Parking]struct{}

	streams streams
	pages   pages
	longest atomic.Int64 // time.Duration of a window that some parking sells, or would by default
}

// waiting is a parking that must be read (again), and its events since.
type waiting struct {
	need   uint64 // the reading must include this revision
	events []feed.Event
}

// Options of a listing. The zero value is good.
type Options struct {
	// Streams keeps the clients of streams; Run closes it. nil: an ordinary one.
	Streams *sse.Server
	// Moved is closed when current goes on the next time: follow.Follower.Moved. nil where
	// current is never behind.
	Moved func() <-chan struct{}
}

// New makes a listing that is empty before Run. current is a time up to which
// the events that were handed to Handle are complete: follow.Follower.CurrentAt.
func New(src Source, current, now func() time.Time, log *slog.Logger, o Options) *Listing {
	if o.Streams == nil {
		o.Streams = sse.NewPlain(sse.Options{})
	}
	l := &Listing{
		src: src, log: log.With("component", "listing"), now: now, current: current, further: o.Moved, clients: o.Streams,
		loaded: make(chan struct{}), stopped: make(chan struct{}),
		reload: make(chan struct{}, 1), poke: make(chan struct{}, 1),
		lots: map[id.Parking]*lot{}, waiting: map[id.Parking]*waiting{}, dirty: map[id.Parking]struct{}{}, index: newIndex(nil),
		seq: uint64(now().UnixMilli()), streams: newStreams(),
	}
	l.longest.Store(int64(parking.DefaultPolicy().MaxStay))
	return l
}

// Loaded is closed once all parkings are known.
func (l *Listing) Loaded() <-chan struct{} { return l.loaded }

// Handle takes events from the feed: each parking's in order. It does not
// block; what does not follow on what is known is read again by Run.
func (l *Listing) Handle(events []feed.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	for _, e := range events {
		l.handle(e)
	}
	poke(l.poke)
}

func (l *Listing) handle(e feed.Event) {
	if w := l.waiting[e.Parking]; w != nil {
		w.add(e)
		return
	}
	known := l.lots[e.Parking]
	if known != nil && e.Revision <= known.Revision {
		return
	}
	if known == nil || known.apply(e) != nil {
		w := &waiting{need: e.Revision}
		l.waiting[e.Parking] = w
		if known != nil {
			known.behind = e.At
			l.redraw(known)
		}
		poke(l.reload)
		return
	}
	l.touch(known)
}

func (w *waiting) add(e feed.Event) {
	if e.Kind.Describes() || len(w.events) == maxWaiting {
		w.need, w.events = max(w.need, e.Revision), nil
		return
	}
	w.events = append(w.events, e)
}

// Run loads the parkings once ready is closed, keeps them current and feeds the
// streams, until the context ends. It ends the streams then.
func (l *Listing) Run(ctx context.Context, ready <-chan struct{}) error {
	defer l.clients.Close()
	defer close(l.stopped)
	select {
	case <-ctx.Done():
		return nil
	case <-ready:
	}
	if !l.loadAll(ctx) {
		return nil
	}
	var others sync.WaitGroup
	others.Go(func() { l.pump(ctx) })
	others.Go(func() { l.age(ctx) })
	defer others.Wait()

	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.reload:
		case <-again:
		}
		again = nil
		if wait := l.readWaiting(ctx); wait > 0 {
			again = time.After(wait)
		}
	}
}

// loadAll reads everything, as often as it takes.
func (l *Listing) loadAll(ctx context.Context) bool {
	for failed := false; ; {
		found, err := l.read(ctx, nil)
		if err == nil {
			l.installAll(found)
			close(l.loaded)
			poke(l.reload) // for what could not be installed
			l.log.Info("the parkings are loaded", "parkings", len(found))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !failed {
			l.log.Warn("the parkings cannot be read; trying again until they can", "err", err)
		}
		failed = true
		select {
		case <-ctx.Done():
			return false
		case <-time.After(loadAgain):
		}
	}
}

func (l *Listing) read(ctx context.Context, only []id.Parking) ([]Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	return l.src.Parkings(ctx, only, timerange.Floor(l.now()).Day())
}

// readWaiting reads the parkings that wait for it. It returns when to come
// back for those that could not be read far enough, 0 when there are none.
func (l *Listing) readWaiting(ctx context.Context) time.Duration {
	l.mu.RLock()
	only := make([]id.Parking, 0, len(l.waiting))
	for p := range l.waiting {
		only = append(only, p)
	}
	l.mu.RUnlock()
	if len(only) == 0 {
		return 0
	}
	found, err := l.read(ctx, only)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Warn("parkings cannot be read again", "parkings", len(only), "err", err)
		}
		return loadAgain
	}
	l.installAll(found)
	poke(l.poke)
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.waiting) > 0 {
		return reloadAgain
	}
	return 0
}

// installAll takes readings over. Only Run calls it.
func (l *Listing) installAll(found []Snapshot) {
	lots := make([]*lot, len(found))
	for i, s := range found {
		lots[i] = newLot(s)
	}
	l.mu.Lock()
	l.seq++
	for _, x := range lots {
		l.install(x)
	}
	l.mu.Unlock()
	l.reindex()
}

// install takes a reading over unless it is older than what must be known, and
// then the events that waited for it.
func (l *Listing) install(fresh *lot) {
	p := fresh.Parking.ID
	w, known := l.waiting[p], l.lots[p]
	if w != nil && fresh.Revision < w.need || known != nil && fresh.Revision < known.Revision {
		return
	}
	delete(l.waiting, p)
	if known == nil {
		known = &lot{face: l.newFace()}
		l.lots[p] = known
	}
	if string(known.static) != string(fresh.static) || string(known.full) != string(fresh.full) {
		l.epoch++
	}
	if was := placeOf(&known.Parking); known.static != nil && was != placeOf(&fresh.Parking) {
		l.hasMoved(known, was)
		known.vec = vec{} // so that it differs below whatever is rounded
	}
	if (known.text != fresh.text || known.vec != fresh.vec) && !known.loose {
		known.loose = true
		l.loose = append(l.loose, known)
	}
	known.become(fresh)
	l.longest.Store(max(l.longest.Load(), int64(known.Parking.Policy.MaxStay)))
	known.forget(l.now())
	l.touch(known)
	if w != nil {
		for _, e := range w.events {
			l.handle(e)
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
