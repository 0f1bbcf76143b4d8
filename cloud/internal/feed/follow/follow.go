// Package follow reads the feed once per process and hands its events to the
// consumers in it.
package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
)

// XID is a transaction id of the database: a place in the order in which
// transactions began to write.
type XID uint64

// Source is the feed as it is stored.
type Source interface {
	// Heads returns the current revision of every parking, and a place before
	// every transaction that those revisions do not include.
	Heads(ctx context.Context) (map[id.Parking]uint64, XID, error)
	// After returns events after the given revisions of the given parkings, in
	// order for each parking. It may return only the first of a parking's
	// events; none means that there are none.
	After(ctx context.Context, after map[id.Parking]uint64) ([]feed.Event, error)
	// Changed returns the parkings that transactions from since on have added
	// events to, with their newest revision, and from where to look the next
	// time. It never passes a transaction that is still running.
	Changed(ctx context.Context, since XID) (map[id.Parking]uint64, XID, error)
	// Listen calls hint with nil once it listens, and then with parkings and
	// revisions that were announced. It returns when the connection is lost.
	Listen(ctx context.Context, hint func(map[id.Parking]uint64)) error
}

// callLimit bounds each reading of the database.
const callLimit = 15 * time.Second

// maxBrought bounds the events that wait to be looked at without being read.
const maxBrought = 1 << 16

// sweepEvery bounds how late an event is whose announcement was lost.
const sweepEvery = time.Second

// Backoff of the listening connection.
const (
	relistenFirst = 100 * time.Millisecond
	relistenMost  = 5 * time.Second
)

// Follower reads the feed once for the whole process and hands its events to
// subscribers: each parking's in the order of their revisions, without a gap
// and without a repetition.
//
// It starts at the revisions that are current when Run is called. A subscriber
// that needs what was before reads it for itself after Ready, and drops the
// events that its own reading already includes.
//
// While the database is away it keeps trying and continues where it was.
type Follower struct {
	src         Source
	log         *slog.Logger
	subscribers []subscriber
	ready       chan struct{}
	wake        chan struct{} // holds one token while told or sweep is set

	mu      sync.Mutex
	told    map[id.Parking]uint64 // announced and not yet looked at
	brought []feed.Event          // committed here and not yet looked at
	sweep   bool                  // the announcements begin anew: something may be lost
	watches map[watched]map[chan struct{}]struct{}
	current time.Time     // see CurrentAt
	moved   chan struct{} // closed when current goes on

	read, own, gaps atomic.Uint64 // events read from the feed; handed out unread; gaps met
}

// watched is a parking, or one reservation of it.
type watched struct {
	parking     id.Parking
	reservation id.Reservation // zero: everything
}

type subscriber struct {
	name   string
	handle func([]feed.Event)
}

// New makes a follower that does nothing before Run.
func New(src Source, log *slog.Logger) *Follower {
	return &Follower{
		src: src, log: log.With("component", "feed"),
		ready: make(chan struct{}), wake: make(chan struct{}, 1),
		told: map[id.Parking]uint64{}, watches: map[watched]map[chan struct{}]struct{}{}, moved: make(chan struct{}),
	}
}

// Subscribe adds a subscriber; it must be called before Run. handle is called
// from one goroutine, must not block, and must not keep or change the slice.
func (f *Follower) Subscribe(name string, handle func([]feed.Event)) {
	f.subscribers = append(f.subscribers, subscriber{name, handle})
}

// Watch returns a channel that receives a token after events of the parking
// have been handed to all subscribers: one token for any number of them. The
// function ends the watch.
func (f *Follower) Watch(p id.Parking) (<-chan struct{}, func()) {
	return f.watch(watched{parking: p})
}

// WatchReservation is Watch for the events that are about one reservation, its
// payment or its stay: who watches one in a busy parking sleeps through what
// happens to the others.
func (f *Follower) WatchReservation(p id.Parking, r id.Reservation) (<-chan struct{}, func()) {
	return f.watch(watched{p, r})
}

func (f *Follower) watch(w watched) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches[w] == nil {
		f.watches[w] = map[chan struct{}]struct{}{}
	}
	f.watches[w][c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watches[w], c)
		if len(f.watches[w]) == 0 {
			delete(f.watches, w)
		}
	}
}

// CurrentAt is a time, by this process's clock, up to which everything that was
// committed has been handed out. It is at most a little over a second old while
// the database answers, and stands still while it does not.
func (f *Follower) CurrentAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// Moved is closed when CurrentAt goes on the next time.
func (f *Follower) Moved() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

func (f *Follower) setCurrent(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = t
	close(f.moved)
	f.moved = make(chan struct{})
}

// Ready is closed once the start position is taken.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Run follows the feed until the context ends, and returns after its
// goroutines have ended. It may be called once.
func (f *Follower) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()

	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	away := outage{log: f.log, what: "the feed"}
	begun := time.Now()
	at, since, err := f.heads(ctx)
	for ; err != nil; at, since, err = f.heads(ctx) {
		away.note(ctx, err)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			begun = time.Now()
		}
	}
	away.over()
	f.setCurrent(begun)
	close(f.ready)
	listening.Go(func() { f.listen(ctx) })

	anew := false // another server may answer than before: its transactions have other numbers
	for {
		told, sweep := map[id.Parking]uint64{}, true
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-f.wake:
			var brought []feed.Event
			told, brought, sweep = f.takeTold()
			f.accept(at, brought, told)
			anew = anew || sweep
		}
		if sweep || anew {
			begun := time.Now()
			var changed map[id.Parking]uint64
			var next XID
			var err error
			if anew {
				changed, next, err = f.again(ctx, at)
			} else {
				changed, next, err = f.changed(ctx, since)
			}
			if err == nil {
				merge(told, changed)
				err = f.deliver(ctx, at, told)
			}
			if err != nil {
				// What was not delivered is seen again by the next sweep, of whichever
				// server that asks.
				anew = true
				away.note(ctx, err)
				continue
			}
			since, anew = next, false
			f.setCurrent(begun)
		} else if err := f.deliver(ctx, at, told); err != nil {
			anew = true
			away.note(ctx, err)
			continue
		}
		away.over()
	}
}

// deliver reads and hands out events until at has reached the wanted
// revisions. A revision that does not exist ends the reading of its parking.
func (f *Follower) deliver(ctx context.Context, at, want map[id.Parking]uint64) error {
	for {
		behind := map[id.Parking]uint64{}
		for p, revision := range want {
			if at[p] < revision {
				behind[p] = at[p]
			}
		}
		if len(behind) == 0 {
			return nil
		}
		events, err := f.after(ctx, behind)
		if err != nil {
			return err
		}
		moved := map[id.Parking]struct{}{}
		for _, e := range events {
			if e.Revision != at[e.Parking]+1 {
				f.gaps.Add(1)
				f.log.Error("the feed has a gap", "parking_id", e.Parking, "after", at[e.Parking], "next", e.Revision)
			}
			at[e.Parking] = e.Revision
			moved[e.Parking] = struct{}{}
		}
		for p := range behind {
			if _, ok := moved[p]; !ok {
				delete(want, p)
			}
		}
		if len(events) == 0 {
			continue
		}
		f.read.Add(uint64(len(events)))
		f.hand(events)
	}
}

// accept hands out what was committed in this process where it follows on what
// was handed out. Where something is missing, told says that it is to be read.
func (f *Follower) accept(at map[id.Parking]uint64, brought []feed.Event, told map[id.Parking]uint64) {
	next := brought[:0]
	for _, e := range brought {
		switch last := at[e.Parking]; {
		case e.Revision == last+1:
			at[e.Parking] = e.Revision
			next = append(next, e)
		case e.Revision > last:
			told[e.Parking] = max(told[e.Parking], e.Revision)
		}
	}
	if len(next) > 0 {
		f.own.Add(uint64(len(next)))
		f.hand(next)
	}
}

func (f *Follower) hand(events []feed.Event) {
	for _, s := range f.subscribers {
		s.handle(events)
	}
	f.wakeWatches(events)
}

func (f *Follower) heads(ctx context.Context) (map[id.Parking]uint64, XID, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return f.src.Heads(ctx)
}

// errBehind says that a server is asked which has not got what was handed out: one that
// was replaced and does not know it yet.
var errBehind = errors.New("the database does not know what it has told already")

// again is changed for a server that may be another one. After a fail-over the numbers
// of transactions go on from what the standby had heard of, which may be less than what
// the one before has given out, so that no place in the old order means anything; every
// parking's revision is compared instead.
func (f *Follower) again(ctx context.Context, at map[id.Parking]uint64) (map[id.Parking]uint64, XID, error) {
	heads, next, err := f.heads(ctx)
	if err != nil {
		return nil, 0, err
	}
	for p, revision := range at {
		if heads[p] < revision {
			return nil, 0, errBehind
		}
	}
	return heads, next, nil
}

func (f *Follower) changed(ctx context.Context, since XID) (map[id.Parking]uint64, XID, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return f.src.Changed(ctx, since)
}

func (f *Follower) after(ctx context.Context, at map[id.Parking]uint64) ([]feed.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return f.src.After(ctx, at)
}

func (f *Follower) wakeWatches(events []feed.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watches) == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		f.wakeWatch(watched{parking: e.Parking})
		// A token is one for any number of them, so naming one twice is harmless.
		if r := e.Body.Reservation; r != nil {
			f.wakeWatch(watched{e.Parking, r.ID})
		}
		if p := e.Body.Payment; p != nil {
			f.wakeWatch(watched{e.Parking, p.Reservation})
		}
		if s := e.Body.Session; s != nil && !s.Reservation.IsZero() {
			f.wakeWatch(watched{e.Parking, s.Reservation})
		}
	}
}

func (f *Follower) wakeWatch(w watched) {
	for c := range f.watches[w] {
		poke(c)
	}
}

// hint takes over what the listening connection heard.
func (f *Follower) hint(told map[id.Parking]uint64) {
	f.mu.Lock()
	merge(f.told, told)
	f.sweep = f.sweep || told == nil
	f.mu.Unlock()
	poke(f.wake)
}

// Committed takes events that were committed in this process, each parking's in
// order: those that nobody else's come before are handed out without being read.
// It does not block. The events must not be changed afterwards.
func (f *Follower) Committed(events []feed.Event) {
	f.mu.Lock()
	if len(f.brought)+len(events) > maxBrought {
		f.brought, f.sweep = nil, true
	} else {
		f.brought = append(f.brought, events...)
	}
	f.mu.Unlock()
	poke(f.wake)
}

func (f *Follower) takeTold() (told map[id.Parking]uint64, brought []feed.Event, sweep bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	told, brought, sweep = f.told, f.brought, f.sweep
	f.told, f.brought, f.sweep = map[id.Parking]uint64{}, nil, false
	return told, brought, sweep
}

// listen keeps a listening connection. Without it the sweep alone delivers.
func (f *Follower) listen(ctx context.Context) {
	away := outage{log: f.log, what: "the feed's announcements"}
	for wait := relistenFirst; ; {
		err := f.src.Listen(ctx, func(told map[id.Parking]uint64) {
			if told == nil {
				away.over()
				wait = relistenFirst
			}
			f.hint(told)
		})
		if err == nil {
			err = errors.New("listening ended")
		}
		if ctx.Err() != nil {
			return
		}
		away.note(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, relistenMost)
	}
}

func merge(into, from map[id.Parking]uint64) {
	for p, revision := range from {
		into[p] = max(into[p], revision)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// outage says once that something is away, and once that it is back.
type outage struct {
	log  *slog.Logger
	what string
	away bool
}

func (o *outage) note(ctx context.Context, err error) {
	if o.away || ctx.Err() != nil {
		return
	}
	o.away = true
	o.log.Warn("cannot be read; trying again until it can", "what", o.what, "err", err)
}

func (o *outage) over() {
	if o.away {
		o.away = false
		o.log.Info("can be read again", "what", o.what)
	}
}
