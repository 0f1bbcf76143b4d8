package listing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

const (
	// listTick folds the changes of a list; a detail stream does not wait.
	listTick  = 150 * time.Millisecond
	heartbeat = 15 * time.Second
	// stuck is how long a write may take before the client is given up.
	stuck = 10 * time.Second
	// catchUp is how long a client that has seen a newer version elsewhere waits
	// for this process to reach it.
	catchUp = 5 * time.Second
)

// streams are the topics that have clients.
type streams struct {
	mu      sync.Mutex
	lists   map[string]*topic
	details map[id.Parking]map[string]*topic
}

func newStreams() streams {
	return streams{lists: map[string]*topic{}, details: map[id.Parking]map[string]*topic{}}
}

// pump brings topics up to date after changes: details at once, lists by tick.
func (l *Listing) pump(ctx context.Context) {
	tick := time.NewTimer(0)
	defer tick.Stop()
	<-tick.C
	last, waiting := l.now().Add(-listTick), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
			l.updateDetails()
			if waiting {
				continue
			}
			if wait := listTick - l.now().Sub(last); wait > 0 {
				tick.Reset(wait)
				waiting = true
				continue
			}
		case <-tick.C:
			waiting = false
		}
		last = l.now()
		l.updateLists()
	}
}

func (l *Listing) updateDetails() {
	l.mu.Lock()
	dirty := l.dirty
	l.dirty = map[id.Parking]struct{}{}
	l.mu.Unlock()
	var topics []*topic
	l.streams.mu.Lock()
	for p, of := range l.streams.details {
		if _, ok := dirty[p]; ok {
			for _, t := range of {
				topics = append(topics, t)
			}
		}
	}
	l.streams.mu.Unlock()
	l.update(topics)
}

func (l *Listing) updateLists() {
	l.streams.mu.Lock()
	topics := make([]*topic, 0, len(l.streams.lists))
	for _, t := range l.streams.lists {
		topics = append(topics, t)
	}
	l.streams.mu.Unlock()
	l.update(topics)
}

func (l *Listing) update(topics []*topic) {
	now, current := l.now().UTC(), l.current()
	for _, t := range topics {
		l.mu.RLock()
		t.update(l, now, current)
		l.mu.RUnlock()
	}
}

// join finds or makes the topic and adds a client to it. leave takes it away.
func (l *Listing) join(want *topic) (t *topic, wake chan struct{}, leave func()) {
	wake = make(chan struct{}, 1)
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	of := l.streams.lists
	if want.detail != nil {
		p := want.items[0].id
		if l.streams.details[p] == nil {
			l.streams.details[p] = map[string]*topic{}
		}
		of = l.streams.details[p]
	}
	if t = of[want.key]; t == nil {
		t = want
		t.wakes = map[chan struct{}]struct{}{}
		of[t.key] = t
	}
	t.mu.Lock()
	t.wakes[wake] = struct{}{}
	t.mu.Unlock()
	// What happened between filling a new topic and showing it to the pump.
	l.mu.RLock()
	t.update(l, l.now().UTC(), l.current())
	l.mu.RUnlock()
	return t, wake, func() {
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		t.mu.Lock()
		delete(t.wakes, wake)
		empty := len(t.wakes) == 0
		t.mu.Unlock()
		if !empty {
			return
		}
		delete(of, t.key)
		if t.detail != nil && len(of) == 0 {
			delete(l.streams.details, t.items[0].id)
		}
	}
}

func (l *Listing) serveList(w http.ResponseWriter, r *http.Request, q query) error {
	t := &topic{key: q.key(), query: q, window: q.window}
	return l.serve(w, r, t, 0)
}

func (l *Listing) serveDetail(w http.ResponseWriter, r *http.Request, x *lot, window *Window) error {
	t := &topic{detail: x, window: window}
	if window != nil {
		t.key = window.String() + string(window.Type)
	}
	// A browser sends the version it has seen last. Another process may be a
	// little ahead of this one; the version never goes back for a client.
	seen, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil {
		seen = 0
	}
	return l.serve(w, r, t, seen)
}

// serve runs one stream until the client, or the listing, ends.
func (l *Listing) serve(w http.ResponseWriter, r *http.Request, want *topic, version uint64) error {
	if l.open.Add(1) > int64(l.options.MaxStreams) {
		l.open.Add(-1)
		return fault.New(fault.Unavailable, CodeTooManyStreams, "There are too many live streams. Ask again without one, or in a moment.")
	}
	defer l.open.Add(-1)
	l.mu.RLock()
	want.begin(l, l.now().UTC(), l.current())
	l.mu.RUnlock()
	t, wake, leave := l.join(want)
	defer leave()

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	c := client{w: w, control: http.NewResponseController(w)}
	if !c.write(fmt.Appendf(nil, "retry: %d\n\n", 1000+rand.IntN(2000))) { //nolint:gosec // only spreads clients over time
		return nil
	}
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	patience := time.NewTimer(catchUp)
	defer patience.Stop()
	var seen uint64
	for {
		var frame []byte
		if version == 0 || t.version() >= version {
			version = 0
			frame, seen = t.since(seen, l.current())
		}
		if frame != nil {
			if !c.write(frame) {
				return nil
			}
			beat.Reset(heartbeat)
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-l.stopped:
			return nil
		case <-wake:
		case <-patience.C:
			version = 0
		case <-beat.C:
			if !c.write([]byte(": still here\n\n")) {
				return nil
			}
			beat.Reset(heartbeat)
		}
	}
}

// client is the writing end of a stream.
type client struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// write sends a frame, or reports that the client is gone or stuck.
func (c client) write(frame []byte) bool {
	// Without deadlines, as behind some middleware, TCP's own must do.
	_ = c.control.SetWriteDeadline(time.Now().Add(stuck))
	if _, err := c.w.Write(frame); err != nil {
		return false
	}
	return c.control.Flush() == nil
}
