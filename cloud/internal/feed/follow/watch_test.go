package follow

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/protocol/id"
)

// tape is a feed of one parking that is announced event by event.
type tape struct {
	events chan feed.Event
	hints  chan func(map[id.Parking]uint64)
}

func (tape) Heads(context.Context) (map[id.Parking]uint64, XID, error) {
	return map[id.Parking]uint64{"p": 0}, 0, nil
}

func (t tape) After(_ context.Context, after map[id.Parking]uint64) ([]feed.Event, error) {
	if _, wanted := after["p"]; !wanted {
		return nil, nil
	}
	select {
	case e := <-t.events:
		return []feed.Event{e}, nil
	default:
		return nil, nil
	}
}

func (tape) Changed(_ context.Context, since XID) (map[id.Parking]uint64, XID, error) {
	return nil, since, nil
}

func (t tape) Listen(ctx context.Context, hint func(map[id.Parking]uint64)) error {
	t.hints <- hint
	<-ctx.Done()
	return ctx.Err()
}

// Whoever watches a reservation hears of it, of its payment and of its stay, and
// of no other.
func TestWatchReservation(t *testing.T) {
	now := time.Now()
	mine, other := id.New[id.Reservation](now), id.New[id.Reservation](now)
	about := map[string]func(id.Reservation) feed.Body{
		"reservation": func(r id.Reservation) feed.Body { return feed.Body{Reservation: &feed.Reservation{ID: r}} },
		"payment":     func(r id.Reservation) feed.Body { return feed.Body{Payment: &feed.Payment{Reservation: r}} },
		"session":     func(r id.Reservation) feed.Body { return feed.Body{Session: &feed.Session{Reservation: r}} },
	}
	src := tape{make(chan feed.Event, 1), make(chan func(map[id.Parking]uint64), 1)}
	f := New(src, slog.New(slog.DiscardHandler))
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
	all, stopAll := f.Watch("p")
	defer stopAll()
	one, stopOne := f.WatchReservation("p", mine)

	revision := uint64(0)
	tell := func(b feed.Body) {
		revision++
		src.events <- feed.Event{Parking: "p", Revision: revision, Body: b}
		hint(map[id.Parking]uint64{"p": revision})
		<-all
	}
	// The watch of everything is woken first, so that what follows the event in
	// question is waited for before looking.
	woken := func() bool {
		tell(feed.Body{})
		select {
		case <-one:
			return true
		default:
			return false
		}
	}
	for what, body := range about {
		tell(body(other))
		if woken() {
			t.Errorf("a %s of another reservation wakes", what)
		}
		tell(body(mine))
		if !woken() {
			t.Errorf("the reservation's own %s does not wake", what)
		}
	}
	tell(feed.Body{Session: &feed.Session{}})
	if woken() {
		t.Error("a walk-in wakes")
	}
	stopOne()
	stopAll()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watches) != 0 {
		t.Errorf("ended watches stay: %v", f.watches)
	}
}
