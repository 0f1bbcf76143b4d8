package story

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// watcher keeps what a stream told of one parking.
type watcher struct {
	name string

	mu    sync.Mutex
	seen  []client.Seen
	ended error
	news  chan struct{} // closed and replaced when there is more
}

func newWatcher(name string) *watcher { return &watcher{name: name, news: make(chan struct{})} }

func (w *watcher) tell(s client.Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
	w.wake()
}

func (w *watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = fmt.Errorf("the stream %s ended: %w", w.name, err)
	w.wake()
}

func (w *watcher) wake() {
	close(w.news)
	w.news = make(chan struct{})
}

// count waits until the latest thing seen says that so many are free, and
// returns the first of those that have said so since another count.
func (w *watcher) count(ctx context.Context, free int) (client.Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	says := func(s client.Seen) bool { return s.Count != nil && *s.Count == free }
	for {
		w.mu.Lock()
		var since, last client.Seen
		i := len(w.seen)
		for i > 0 && says(w.seen[i-1]) {
			i--
		}
		reached := i < len(w.seen)
		if reached {
			since = w.seen[i]
		}
		if n := len(w.seen); n > 0 {
			last = w.seen[n-1]
		}
		news, ended := w.news, w.ended
		w.mu.Unlock()
		switch {
		case reached:
			return since, nil
		case ended != nil:
			return last, ended
		}
		select {
		case <-news:
		case <-ctx.Done():
			return last, fmt.Errorf("%s: expected %d free, last saw version %d with %s free", w.name, free, last.Version, number(last.Count))
		}
	}
}

// counts are the different counts seen one after the other, without those that
// were unknown.
func (w *watcher) counts() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int
	for _, s := range w.seen {
		if s.Count != nil && (len(out) == 0 || out[len(out)-1] != *s.Count) {
			out = append(out, *s.Count)
		}
	}
	return out
}

// check reports a version that went back, or counts other than the expected.
func (w *watcher) check(expected []int) error {
	if got := w.counts(); !slices.Equal(got, expected) {
		return fmt.Errorf("%s: expected the counts %v, saw %v", w.name, expected, got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.seen); i++ {
		if w.seen[i].Version < w.seen[i-1].Version {
			return fmt.Errorf("%s: expected versions that never go back, saw %d after %d", w.name, w.seen[i].Version, w.seen[i-1].Version)
		}
	}
	return w.ended
}

func number(n *int) string {
	if n == nil {
		return "an unknown number"
	}
	return fmt.Sprint(*n)
}

// stay follows one reservation.
type stay struct {
	client.Reservation
	revision uint64    // of the commit that confirmed it, from its pass
	asked    time.Time // when it was asked for

	mu     sync.Mutex
	states map[string]time.Time // when each state was told first
	news   chan struct{}
	ended  error
}

func newStay(r client.Reservation, asked time.Time) *stay {
	return &stay{Reservation: r, asked: asked, states: map[string]time.Time{}, news: make(chan struct{})}
}

func (s *stay) tell(r client.Reservation, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range []string{r.State, "payment " + r.Payment.State} {
		if _, known := s.states[state]; !known {
			s.states[state] = at
		}
	}
	close(s.news)
	s.news = make(chan struct{})
	return true
}

func (s *stay) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	close(s.news)
	s.news = make(chan struct{})
}

// await returns when the reservation was told to be in a state.
func (s *stay) await(ctx context.Context, state string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		at, reached := s.states[state]
		news, ended, seen := s.news, s.ended, fmt.Sprint(s.states)
		s.mu.Unlock()
		switch {
		case reached:
			return at, nil
		case ended != nil:
			return at, fmt.Errorf("the stream of %s ended: %w", s.ID, ended)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return at, fmt.Errorf("%s: expected it to become %q, saw %s", s.ID, state, seen)
		}
	}
}

// reached reports whether the reservation was told to be in a state.
func (s *stay) reached(state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.states[state]
	return ok
}
