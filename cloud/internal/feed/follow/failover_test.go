package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
)

// servers are a database whose primary is replaced. The numbers of transactions go on
// from what the standby had heard of.
type servers struct {
	mu     sync.Mutex
	events []feed.Event
	xids   []XID
	next   XID
	gone   chan struct{} // closed when the primary is replaced
}

func (s *servers) commit(revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events, s.xids = append(s.events, feed.Event{Parking: "p", Revision: revision}), append(s.xids, s.next)
	s.next++
}

func (s *servers) replace(next XID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.gone)
	s.gone, s.next = make(chan struct{}), next
}

func (s *servers) Heads(context.Context) (map[id.Parking]uint64, XID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := map[id.Parking]uint64{}
	for _, e := range s.events {
		heads[e.Parking] = e.Revision
	}
	return heads, s.next, nil
}

func (s *servers) After(_ context.Context, after map[id.Parking]uint64) (out []feed.Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if last, ok := after[e.Parking]; ok && e.Revision > last {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *servers) Changed(_ context.Context, since XID) (map[id.Parking]uint64, XID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := map[id.Parking]uint64{}
	for i, e := range s.events {
		if s.xids[i] >= since {
			changed[e.Parking] = e.Revision
		}
	}
	return changed, max(since, s.next), nil
}

func (s *servers) Listen(ctx context.Context, hint func(map[id.Parking]uint64)) error {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	hint(nil)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-gone:
		return errors.New("the connection is gone")
	}
}

// After a fail-over the new primary gives out numbers of transactions that the old one
// had given to others, of which the standby never heard. What is committed under them is
// told all the same, although every hint is lost.
func TestAFailOverHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &servers{next: 100, gone: make(chan struct{})}
		f := New(db, slog.New(slog.DiscardHandler))
		var got []uint64
		f.Subscribe("test", func(events []feed.Event) {
			for _, e := range events {
				got = append(got, e.Revision)
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		<-f.Ready()
		db.commit(1)
		db.mu.Lock()
		db.next = 205 // transactions that write nothing, and that no standby hears of
		db.mu.Unlock()
		time.Sleep(3 * sweepEvery)
		for n, next := range []XID{150, 151, 60} {
			db.replace(next)
			time.Sleep(3 * sweepEvery) // the new one is listened to
			db.commit(uint64(n + 2))
			time.Sleep(2 * sweepEvery)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(got) != 4 || got[0] != 1 || got[3] != 4 {
			t.Errorf("revisions %v were told, of 4", got)
		}
	})
}
