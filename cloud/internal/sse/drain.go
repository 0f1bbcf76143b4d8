package sse

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

// drainStep is how often some streams are ended.
const drainStep = 20 * time.Millisecond

// Drain ends all streams, evenly over a time, so that their clients do not come to
// the other processes all at once; each is told when to come back. Whoever comes
// meanwhile is shown the newest state and ended like the others; when it returns,
// nobody is let in any more. It is to be called once.
func (s *Server) Drain(ctx context.Context, over time.Duration) {
	s.drainUntil = time.Now().Add(over)
	close(s.draining)
	step := time.NewTicker(drainStep)
	defer step.Stop()
	for left := over; left > 0 && ctx.Err() == nil; left = time.Until(s.drainUntil) {
		for _, h := range s.shards {
			h.thin(min(float64(drainStep)/float64(left), 1))
		}
		select {
		case <-ctx.Done():
		case <-s.closed:
			return
		case <-step.C:
		}
	}
	s.drained.Store(true)
	for _, h := range s.shards {
		h.thin(1)
	}
	// Ordinary streams end by themselves, in their share of the time, but for those
	// that are in the middle of a write.
	s.ordinaryMu.Lock()
	defer s.ordinaryMu.Unlock()
	for c := range s.ordinary {
		_ = c.SetWriteDeadline(time.Now().Add(lastWrite))
	}
}

// lastWrite is how long a write may still take when all streams should have ended.
const lastWrite = 100 * time.Millisecond

// known notes that there is an ordinary stream, and returns what ends that.
func (s *Server) known(c *http.ResponseController) func() {
	s.ordinaryMu.Lock()
	defer s.ordinaryMu.Unlock()
	s.ordinary[c] = struct{}{}
	return func() {
		s.ordinaryMu.Lock()
		defer s.ordinaryMu.Unlock()
		delete(s.ordinary, c)
	}
}

// Draining is closed when streams begin to be ended.
func (s *Server) Draining() <-chan struct{} { return s.draining }

// share is when an ordinary stream ends that has learnt that all do.
func (s *Server) share() time.Duration {
	if left := time.Until(s.drainUntil); left > 0 {
		return rand.N(left) //nolint:gosec // only spreads clients over time
	}
	return 0
}
