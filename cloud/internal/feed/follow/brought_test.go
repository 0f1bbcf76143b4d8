package follow

import (
	"context"
	"log/slog"
	"testing"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
)

// What was committed here is handed out without being read, where nothing is
// missing before it; otherwise what is missing is read first. Nothing comes twice
// or out of order.
func TestWhatIsBroughtComesOnceAndInOrder(t *testing.T) {
	src := tape{make(chan feed.Event, 8), make(chan func(map[id.Parking]uint64), 1)}
	f := New(src, slog.New(slog.DiscardHandler))
	got := make(chan uint64, 64)
	f.Subscribe("test", func(events []feed.Event) {
		for _, e := range events {
			got <- e.Revision
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	hint := <-src.hints
	event := func(revision uint64) feed.Event { return feed.Event{Parking: "p", Revision: revision} }
	want := func(from, to uint64) {
		t.Helper()
		for r := from; r <= to; r++ {
			if g := <-got; g != r {
				t.Fatalf("%d came where %d was due", g, r)
			}
		}
	}
	f.Committed([]feed.Event{event(1), event(2)})
	want(1, 2)
	f.Committed([]feed.Event{event(2), event(3)})
	want(3, 3)
	// Somebody else's 4 and 5 come before 6; they, and 6, are read.
	for _, r := range []uint64{4, 5, 6} {
		src.events <- event(r)
	}
	f.Committed([]feed.Event{event(6)})
	want(4, 6)
	// What was announced and has been brought is not read again.
	f.Committed([]feed.Event{event(7)})
	want(7, 7)
	hint(map[id.Parking]uint64{"p": 7})
	f.Committed([]feed.Event{event(8)})
	want(8, 8)
	if n := len(src.events); n != 0 {
		t.Errorf("%d events were not read", n)
	}
}
