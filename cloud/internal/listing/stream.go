package listing

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

const (
	// listTick folds the changes of a list; a detail stream does not wait.
	listTick = 150 * time.Millisecond
	// catchUp is how long a client that has seen a newer version elsewhere waits
	// for this process to reach it, while the feed is read. While it is not, nobody
	// knows better, and the client keeps what it has until that would be too old.
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
func (l *Listing) join(want *topic) *topic {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	of := l.streams.lists
	if want.detail != nil {
		p := want.parking
		if l.streams.details[p] == nil {
			l.streams.details[p] = map[string]*topic{}
		}
		of = l.streams.details[p]
	}
	if t := of[want.key]; t != nil {
		t.count++
		return t
	}
	t := want
	t.count, t.current = 1, l.current
	t.clients = l.clients.Topic(t, func() { l.leave(t) })
	// Both under the lock that the pump takes to find topics: nothing happens
	// between filling a topic and showing it.
	l.mu.RLock()
	t.begin(l, l.now().UTC(), l.current())
	l.mu.RUnlock()
	of[t.key] = t
	return t
}

func (l *Listing) leave(t *topic) {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	if t.count--; t.count > 0 {
		return
	}
	if t.detail == nil {
		delete(l.streams.lists, t.key)
		return
	}
	p := t.parking
	delete(l.streams.details[p], t.key)
	if len(l.streams.details[p]) == 0 {
		delete(l.streams.details, p)
	}
}

func (l *Listing) serveList(w http.ResponseWriter, r *http.Request, q query) error {
	t := &topic{key: q.key(), query: q, window: q.window}
	if r.Header.Get("Last-Event-ID") == "" {
		return l.serve(w, r, t, nil)
	}
	// It was here, or with another process, and has seen versions of many parkings. All of
	// them had been committed before it came.
	arrived := l.now()
	return l.serve(w, r, t, func(t *topic) bool { return !l.current().Before(arrived) && !l.behind(t) })
}

// behind reports whether a parking of a topic is to be read again.
func (l *Listing) behind(t *topic) bool {
	l.mu.RLock() // before the topic's, as in update
	defer l.mu.RUnlock()
	if len(l.waiting) == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.items, func(x item) bool { return !x.lot.behind.IsZero() })
}

func (l *Listing) serveDetail(w http.ResponseWriter, r *http.Request, p id.Parking, x *lot, window *Window) error {
	t := &topic{parking: p, detail: x, window: window}
	if window != nil {
		t.key = window.String() + string(window.Type)
	}
	// A browser sends the version it has seen last. Another process may be a
	// little ahead of this one; the version never goes back for a client.
	seen, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || seen == 0 {
		return l.serve(w, r, t, nil)
	}
	return l.serve(w, r, t, func(t *topic) bool { return t.version() >= seen })
}

// serve runs one stream, or hands it over, once it can show what its client has seen; nil
// for one that has seen nothing.
func (l *Listing) serve(w http.ResponseWriter, r *http.Request, want *topic, reached func(*topic) bool) error {
	if !l.clients.Admit() {
		return fault.New(fault.Unavailable, CodeTooManyStreams, "There are too many live streams. Ask again without one, or in a moment.")
	}
	t := l.join(want)
	if reached != nil && !l.wait(r.Context(), t, reached) {
		l.clients.Forgo(t.clients)
		return fault.New(fault.Unavailable, CodeStopping, "This process stops and has not seen yet what you have. Ask again, for another.")
	}
	l.clients.Serve(w, r, t.clients)
	return nil
}

// wait returns when the topic has reached what its client has seen, or is not going to in
// time. It reports false when the client has gone, or is to go, before that.
func (l *Listing) wait(ctx context.Context, t *topic, reached func(*topic) bool) bool {
	wake, unwatch := t.clients.Watch()
	defer unwatch()
	arrived, read := l.now(), false
	patience := time.NewTimer(catchUp)
	defer patience.Stop()
	for {
		var moved <-chan struct{} // never, without one
		if l.further != nil {
			moved = l.further() // taken before it is looked, so that nothing is missed
		}
		if reached(t) {
			break
		}
		if !read && !l.current().Before(arrived) {
			read = true
			patience.Reset(catchUp)
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.stopped:
			return false
		case <-l.clients.Draining():
			return false
		case <-wake:
			continue
		case <-moved:
			continue
		case <-patience.C:
			if now := l.now(); !read && !tooOld(time.Time{}, now, l.current()) {
				patience.Reset(catchUp)
				continue
			}
		}
		break
	}
	l.update([]*topic{t}) // a list may not have had its tick
	return true
}
