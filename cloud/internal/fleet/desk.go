package fleet

import (
	"context"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Seen is what an edge says of itself and its lanes.
type Seen struct {
	Parking  id.Parking
	Beat     wire.Beat
	Minor    uint8 // of the protocol, that it speaks with us
	Software string
	At       time.Time
}

// Desk is who looks at lanes from afar, and commands them.
type Desk interface {
	// Seen takes what an edge says; it does not block.
	Seen(s Seen)
	// Moved says that more of an edge's journal is applied; it does not block.
	Moved(p id.Parking)
	// Due are the orders to a parking's lanes that are neither answered nor over, with the
	// journal at which each was given, if that is known.
	Due(ctx context.Context, p id.Parking, now time.Time) ([]wire.Order, error)
	// Answered takes what the journal says of orders, after it is committed.
	Answered(ctx context.Context, p id.Parking, events []wire.Event) error
	// CatchUp looks in the journal for answers to the orders that have none: a process may
	// have died between the commit and Answered.
	CatchUp(ctx context.Context, p id.Parking) error
}

// Ordered has the worker of a parking send what is ordered there, if it is this
// instance's. It never blocks.
func (s *Service) Ordered(p id.Parking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[p]; w != nil {
		poke(w.ordered)
	}
}

// desk is what a worker knows of those who look from afar.
type desk struct {
	minor    uint8
	software string
	sent     map[id.Order]struct{} // since the last welcome: orders are sent once to a connection
}

// seen shows what the edge says.
func (w *worker) seenNow(b *wire.Beat) {
	if d := w.s.o.Desk; d != nil {
		d.Seen(Seen{w.edge.Parking, *b, w.desk.minor, w.desk.software, w.s.o.Now().UTC()})
	}
}

// follows reports whether the edge can be told to do something.
func (w *worker) follows() bool {
	return w.s.o.Desk != nil && w.greeted && w.desk.minor >= wire.OrderSince
}

// welcomed begins with an edge that may have lost what was sent to it before.
func (w *worker) welcomed(ctx context.Context, minor uint8, software string) {
	w.desk = desk{minor: minor, software: software, sent: map[id.Order]struct{}{}}
	if w.s.o.Desk == nil {
		return
	}
	if err := w.s.o.Desk.CatchUp(ctx, w.edge.Parking); err != nil {
		w.logFailure("look for answers to orders", err)
	}
	w.command(ctx)
}

// command sends the orders that are due. The edge does each once, however often it
// comes, and none after its end; so that sending one again after a new welcome is safe.
func (w *worker) command(ctx context.Context) {
	if !w.follows() {
		return
	}
	due, err := w.s.o.Desk.Due(ctx, w.edge.Parking, w.s.o.Now().UTC())
	if err != nil {
		w.logFailure("read the orders", err)
		return
	}
	for i := range due {
		o := &due[i]
		if _, had := w.desk.sent[o.ID]; had {
			continue
		}
		if o.Journal.IsZero() {
			o.Journal = w.journal
		}
		if w.publish(ctx, topic.Order, o) {
			w.desk.sent[o.ID] = struct{}{}
			w.log.Info("order sent", "order_id", o.ID, "lane", o.Lane, "command", o.Command)
		}
	}
}

// answered passes on what applied events say of orders.
func (w *worker) answered(ctx context.Context, events []wire.Event) {
	d := w.s.o.Desk
	if d == nil {
		return
	}
	d.Moved(w.edge.Parking)
	var answers []wire.Event
	for i := range events {
		if e := &events[i]; e.Kind == wire.Commanded && !e.Order.IsZero() {
			answers = append(answers, *e)
		}
	}
	if len(answers) == 0 {
		return
	}
	if err := d.Answered(ctx, w.edge.Parking, answers); err != nil {
		w.logFailure("note the answers to orders", err) // CatchUp finds them
	}
}
