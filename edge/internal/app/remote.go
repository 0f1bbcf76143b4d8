package app

import (
	"context"
	"sync"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Limits of orders from the cloud.
const (
	ordersWaiting = 64 // what comes on top is dropped: an order that nobody answers expires
	ordersAtOnce  = 16
	orderWait     = 15 * time.Second
)

// errHad says that an order has been here before, or cannot be told from one that has.
var errHad = fault.New(fault.Conflict, "order_had", "This order has been here before.")

// remote takes orders from the cloud, one goroutine for each, so that a lane that is
// slow holds up no other.
type remote struct {
	in chan wire.Order

	mu  sync.Mutex
	had map[id.Order]int64 // with its end: this run's own memory, for when the disk fails
}

func newRemote() *remote {
	return &remote{in: make(chan wire.Order, ordersWaiting), had: map[id.Order]int64{}}
}

// first reports whether an order has not been here in this run, and remembers it.
func (r *remote) first(o *wire.Order, lo time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, had := r.had[o.ID]; had {
		return false
	}
	for i, end := range r.had {
		if end+20*60_000 < lo.UnixMilli() {
			delete(r.had, i)
		}
	}
	r.had[o.ID] = o.NotAfter
	return true
}

// order is the uplink's way in. It does not block.
func (a *Agent) order(o wire.Order) {
	select {
	case a.remote.in <- o:
	default:
		a.log.Warn("an order was dropped: too many wait", "order_id", o.ID.String(), "lane", string(o.Lane))
	}
}

// runRemote carries out what the cloud orders until ctx ends.
func (a *Agent) runRemote(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, ordersAtOnce)
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-a.remote.in:
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			running.Go(func() {
				defer func() { <-free }()
				a.follow(ctx, &o)
			})
		}
	}
}

// follow takes one order of the cloud the way that staff orders go, or puts on record
// why it could not even be given to a lane.
func (a *Agent) follow(ctx context.Context, from *wire.Order) {
	now := a.rec.now()
	switch {
	case admission.Stale(from.NotAfter, now):
		a.log.Warn("an order was dropped: it is far from its time", "order_id", from.ID.String(), "lane", string(from.Lane))
		return
	case !a.remote.first(from, now.Lo):
		a.log.Info("an order was dropped: it has been here before", "order_id", from.ID.String(), "lane", string(from.Lane))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	if a.ofKiosk(from) {
		if err := a.kiosk.answerCall(ctx, from); err != nil {
			a.log.Info("an order was not carried out", "order_id", from.ID.String(), "lane", string(from.Lane), "command", from.Command, "code", fault.Code(err))
		}
		return
	}
	o := Order{Lane: from.Lane, Command: from.Command, By: from.By, Why: from.Why}
	if o.Command == "count" {
		n := int(from.Count)
		o.Count = &n
	}
	g, err := a.gate(o.Lane), o.check()
	switch {
	case err != nil:
		a.turnAway(from, CodeOrderInvalid)
	case g == nil:
		a.turnAway(from, CodeUnknownLane)
	default:
		_, err = g.ask(ctx, o, from)
	}
	if err != nil {
		a.log.Info("an order was not carried out", "order_id", from.ID.String(), "lane", string(from.Lane), "command", from.Command, "code", fault.Code(err))
	}
}

// turnAway journals that an order is refused before any lane has seen it.
func (a *Agent) turnAway(from *wire.Order, code string) {
	_, err := a.rec.record(func(s *admission.State, _ admission.Time) []admission.Fact {
		if s.Had(from.ID) {
			return nil
		}
		return []admission.Fact{{Event: wire.Event{
			Kind: wire.Commanded, Lane: from.Lane, Note: from.Command + wire.NoteRefused, By: from.By, Why: from.Why, Order: from.ID, Code: code,
		}}}
	})
	if err != nil {
		a.log.Error("that an order was refused could not be journalled", "order_id", from.ID.String(), "err", err)
	}
}

// timely is nil when an order is here for the first time and surely before its end.
func (g *gate) timely(s *admission.State, from *wire.Order, now admission.Time) error {
	switch {
	case from == nil:
		return nil
	case s.Had(from.ID), s.OrderFull(now):
		return errHad
	}
	return untimely(admission.InTime(from.NotAfter, now))
}

// late is a refusal when an order's end may have come since it was looked at.
func (g *gate) late(from *wire.Order) error {
	if from == nil {
		return nil
	}
	return untimely(admission.InTime(from.NotAfter, g.rec.now()))
}

func untimely(why string) error {
	switch why {
	case "":
		return nil
	case admission.ClockUntrusted:
		return refusal{fault.New(fault.Conflict, why, "The edge does not know the time well enough to say whether the order is still good."), why}
	default:
		return refusal{fault.New(fault.Conflict, why, "The order came too late."), why}
	}
}

// now is what is known of the time.
func (r *recorder) now() admission.Time {
	n := r.clock.Now()
	return admission.Time{Lo: n.Lo, Hi: n.Hi}
}
