package listing

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
)

// topic is what all clients of one query share: what they are to see, encoded
// once. A client remembers the sequence number up to which it has been told and
// asks for what came after; however long that was, it gets each parking once.
type topic struct {
	key     string
	query   query      // of a list
	parking id.Parking // one, instead
	detail  *lot
	window  *Window

	clients *sse.Topic
	count   int // of clients; under streams.mu
	current func() time.Time

	mu      sync.Mutex
	seq     uint64 // state of the listing since which the items show what they do
	looked  uint64 // state of the listing that was compared last
	whole   uint64 // since this number the members are what they are
	epoch   uint64 // of the descriptions
	next    *cursor
	items   []item
	frame   []byte // leads from before to seq
	before  uint64
	first   []byte // leads to firstAt from nothing
	firstAt uint64
	firstOf time.Time // its as_of
}

type item struct {
	hit
	fixed
	rendered
	changed uint64 // seq of the newest change
}

// begin fills a new topic. l.mu is held.
func (t *topic) begin(l *Listing, now, current time.Time) {
	t.seq, t.looked, t.whole, t.epoch = l.seq, l.seq, l.seq, l.epoch
	hits := []hit{{t.detail, -1}}
	if t.detail == nil {
		hits, t.next = l.find(t.query)
	}
	t.items = make([]item, len(hits))
	for i, h := range hits {
		t.items[i] = item{h, h.lot.fixed(t.window), h.lot.render(now, current, t.window), l.seq}
	}
}

// update brings the topic to the listing's state and wakes its clients if
// anything is new to them. l.mu is held for reading.
func (t *topic) update(l *Listing, now, current time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.seq == t.looked {
		return
	}
	was, looked := t.seq, t.looked
	t.looked = l.seq
	if t.epoch != l.epoch && t.members(l) {
		t.begin(l, now, current)
		t.clients.Wake()
		return
	}
	t.epoch = l.epoch
	any := false
	for i := range t.items {
		x := &t.items[i]
		if x.lot.changed <= looked {
			continue
		}
		fresh := x.lot.render(now, current, t.window)
		if bytes.Equal(fresh.moving, x.moving) {
			continue
		}
		x.rendered, x.changed, any = fresh, l.seq, true
	}
	if !any {
		return
	}
	t.seq = l.seq
	t.frame, t.before = t.encode(was), was
	t.clients.Wake()
}

// members reports whether the members, or what is fixed about them, have
// changed.
func (t *topic) members(l *Listing) bool {
	if t.detail != nil {
		x := t.items[0]
		return !bytes.Equal(t.detail.static, x.static) || !bytes.Equal(t.detail.full, x.full)
	}
	hits, _ := l.find(t.query)
	if len(hits) != len(t.items) {
		return true
	}
	for i, h := range hits {
		if h.lot != t.items[i].lot || !bytes.Equal(h.lot.static, t.items[i].static) {
			return true
		}
	}
	return false
}

// Since implements sse.Source.
func (t *topic) Since(seen uint64) ([]byte, uint64) { return t.since(seen, t.current()) }

// since is the frame that leads from a state to the newest, which it also
// returns; nil when that is the same. 0 is a client that has seen nothing.
// current is how far the listing is known to be complete.
func (t *topic) since(seen uint64, current time.Time) ([]byte, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case seen == t.seq:
		return nil, seen
	case seen < t.whole || t.detail != nil:
		if t.first == nil || t.firstAt != t.seq || current.Sub(t.firstOf) > freshFirst {
			t.first, t.firstAt, t.firstOf = t.snapshot(current), t.seq, current
		}
		return t.first, t.seq
	case seen == t.before:
		return t.frame, t.seq
	}
	return t.encode(seen), t.seq
}

// version is the revision that a detail topic shows.
func (t *topic) version() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.items[0].revision
}

// encode is the frame of what changed after a state.
func (t *topic) encode(seen uint64) []byte {
	b := fmt.Appendf(nil, "id: %d\nevent: availability\ndata: [", t.seq)
	comma := false
	for i := range t.items {
		if x := &t.items[i]; x.changed > seen {
			if comma {
				b = append(b, ',')
			}
			b, comma = change(b, x.fixed, x.rendered), true
		}
	}
	return append(b, "]\n\n"...)
}

// freshFirst is how old the as_of of a shared first frame may be.
const freshFirst = 2 * time.Second

// snapshot is the frame of everything.
func (t *topic) snapshot(current time.Time) []byte {
	for i := range t.items {
		if x := &t.items[i]; !x.frozen && current.After(x.asOf) {
			x.asOf = current
		}
	}
	if t.detail != nil {
		x := &t.items[0]
		b := fmt.Appendf(nil, "id: %d\nevent: parking\ndata: ", x.revision)
		return append(whole(b, x.fixed, x.rendered, -1, true), "\n\n"...)
	}
	b := fmt.Appendf(nil, "id: %d\nevent: snapshot\ndata: {\"parkings\":[", t.seq)
	for i := range t.items {
		if i > 0 {
			b = append(b, ',')
		}
		x := &t.items[i]
		b = whole(b, x.fixed, x.rendered, x.distance, false)
	}
	b = append(b, `],"next_cursor":`...)
	if t.next == nil {
		return append(b, "null}\n\n"...)
	}
	return append(append(append(b, '"'), t.next.String()...), "\"}\n\n"...)
}
