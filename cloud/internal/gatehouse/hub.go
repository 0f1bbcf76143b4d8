package gatehouse

import (
	"sync"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
)

// Hub wakes those who look at parkings. The zero value is ready; its methods are safe
// for concurrent use and never block.
type Hub struct {
	mu       sync.Mutex
	watchers map[id.Parking]map[chan struct{}]struct{}
}

// Watch returns a channel that gets a value after something about one of the parkings
// has changed, folded when several things do, and what ends it.
func (h *Hub) Watch(ps []id.Parking) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers = map[id.Parking]map[chan struct{}]struct{}{}
	}
	for _, p := range ps {
		if h.watchers[p] == nil {
			h.watchers[p] = map[chan struct{}]struct{}{}
		}
		h.watchers[p][c] = struct{}{}
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, p := range ps {
			delete(h.watchers[p], c)
			if len(h.watchers[p]) == 0 {
				delete(h.watchers, p)
			}
		}
	}
}

// Poke says that something about parkings has changed; none: perhaps of all.
func (h *Hub) Poke(ps ...id.Parking) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(ps) == 0 {
		for p := range h.watchers {
			h.wake(p)
		}
	}
	for _, p := range ps {
		h.wake(p)
	}
}

func (h *Hub) wake(p id.Parking) {
	for c := range h.watchers[p] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Feed is a consumer of the feed.
func (h *Hub) Feed(events []feed.Event) {
	for i := range events {
		h.Poke(events[i].Parking)
	}
}
