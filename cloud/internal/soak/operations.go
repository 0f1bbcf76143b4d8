package soak

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// operation is something that workers do. run returns errIdle when there is
// nothing to do it to.
type operation struct {
	name   string
	weight int
	run    func(ctx context.Context, w *worker, rnd *rand.Rand) (note, error)
}

func operations() []operation {
	return []operation{
		{"reserve", 34, reserve},
		{"again", 2, again},
		{"hold", 26, hold},
		{"cancel", 9, cancel},
		{"expire", 3, expire},
		{"settle", 16, settle},
		{"arrive", 6, arrive},
		{"leave", 5, leave},
		{"walk-in", 3, walkIn},
		{"miss", 4, miss},
		{"take-back", 2, takeBack},
		{"block", 1, block},
		{"resize", 1, resize},
		{"change", 9, change},
		{"pay-change", 5, payChange},
		{"withdraw", 2, withdraw},
		{"replace-edge", 1, replaceEdge},
	}
}

// refusals are the codes by which operations are turned away here. Any other is
// a mistake.
func refusals() map[string]bool {
	return map[string]bool{
		booking.CodeSoldOut: true, booking.CodeBeyondHorizon: true, booking.CodeKeyReused: true, booking.CodeHoldTooLate: true,
		reservation.CodeAlreadyInside: true, reservation.CodeFinished: true, reservation.CodeNotConfirmed: true,
		capacity.CodeBlockTooLarge: true, booking.CodeChangePending: true,
		reservation.CodeNotInside: true, reservation.CodeNoHoldPending: true, settlement.CodeWrongState: true,
		booking.CodeNotChangeable: true, booking.CodeNotExtended: true, booking.CodeVersionConflict: true, booking.CodeChangeInForce: true,
		booking.CodeWindowInPast: true, booking.CodeNotForSale: true, parking.CodeWindowTooShort: true, parking.CodeWindowTooLong: true, capacity.CodeCapacityInvalid: true,
	}
}

// arriveAhead is how long before its window a vehicle may come.
const arriveAhead = 30 * time.Minute

// choose picks where to go: mostly the worker's own large parkings, often the
// small ones that all fight for.
func (w *worker) choose(rnd *rand.Rand) place {
	const small = 4
	large := len(w.places) - small
	switch n := rnd.IntN(10); {
	case n < 3:
		return w.places[rnd.IntN(small)]
	case n < 5:
		return w.places[small+rnd.IntN(large)]
	default:
		i := small + rnd.IntN(large/w.Workers)*w.Workers
		return w.places[i+w.Worker]
	}
}

// soon is a window that begins soon, or has just begun, or lies further ahead.
func soon(now time.Time, rnd *rand.Rand) timerange.Range {
	from := now.Add(time.Duration(rnd.IntN(30*60)) * time.Minute)
	if rnd.IntN(3) == 0 {
		from = now.Add(time.Duration(rnd.IntN(60)-20) * time.Minute)
	}
	length := time.Duration(5+rnd.IntN(6*60)) * time.Minute
	if rnd.IntN(20) == 0 {
		length = time.Duration(1+rnd.IntN(26)) * time.Hour
	}
	from = from.Truncate(time.Minute)
	return timerange.Range{From: from, To: from.Add(length)}
}

func reserve(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	now, p := w.Clock.now(), w.choose(rnd)
	t := p.SpaceTypes[rnd.IntN(len(p.SpaceTypes))].ID
	key := id.New[id.Quote](now).String()
	price := money.New(int64(100+rnd.IntN(2000)), currency)
	o := &booking.Reserve{
		In: p.ID, ID: id.New[id.Reservation](now), PaymentID: id.New[id.Payment](now),
		Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
		SpaceType: t, Window: soon(now, rnd), Provider: "soak", Method: "pm", Email: "driver@example.org",
		Quote: reservation.Quote{Total: price, Tax: money.New(price.Minor*19/119, currency), TariffVersion: 1},
	}
	revision, err := w.commit(ctx, o)
	if err == nil && o.Replayed {
		err = fmt.Errorf("a new key is answered with %s", o.After.Reservation.ID)
	}
	if err != nil {
		return note{parking: string(p.ID)}, err
	}
	w.pool.put(o.After)
	w.pool.remember(o)
	return told(o.After, revision, ""), nil
}

// again sends a request with its key once more, or another request with it.
func again(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	w.pool.mu.Lock()
	first, ok := take(&w.pool.recent, rnd)
	w.pool.mu.Unlock()
	if !ok {
		return note{}, errIdle
	}
	o := *first
	o.ID, o.PaymentID = id.New[id.Reservation](w.Clock.now()), id.New[id.Payment](w.Clock.now())
	other := rnd.IntN(4) == 0
	if other {
		o.RequestHash[0]++
	}
	_, err := w.commit(ctx, &o)
	switch {
	case err == nil && (other || !o.Replayed || o.After.Reservation.ID != first.ID):
		err = fmt.Errorf("the key of %s is answered with %s", first.ID, o.After.Reservation.ID)
	case err != nil:
		return note{parking: string(o.In)}, err
	}
	return told(o.After, 0, ""), err
}

// told is the note about a reservation as an operation left it; state is the one
// that it can never leave.
func told(s booking.Snapshot, revision uint64, state reservation.State) note {
	return note{
		parking: string(s.Reservation.Parking), row: reservationRow, id: s.Reservation.ID.UUID(),
		version: s.Reservation.Version, state: string(state), revision: revision,
	}
}

// hold books what a provider says.
func hold(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.held)
	if err != nil {
		return note{}, err
	}
	n, after, err := w.answered(ctx, t, rnd)
	if after == reservation.Expired {
		n.state = string(after)
	}
	return n, err
}

// answered books what a provider says about the payment of a target.
func (w *worker) answered(ctx context.Context, t target, rnd *rand.Rand) (note, reservation.State, error) {
	o := &booking.RecordHold{Target: t.target(), Payment: t.payment}
	o.Outcome, o.NoAnswer = says(t, rnd)
	revision, err := w.commit(ctx, o)
	if err != nil {
		return note{parking: string(t.in)}, "", err
	}
	w.pool.put(o.After)
	return told(o.After, revision, ""), o.After.Reservation.State, nil
}

// says is a provider's answer about a hold: mostly that it stands.
func says(t target, rnd *rand.Rand) (o payment.Outcome, noAnswer bool) {
	o = payment.Outcome{Ref: "hold-" + t.payment.String(), State: payment.Authorized, Authorized: money.New(t.amount, currency)}
	switch n := rnd.IntN(20); {
	case n < 2:
		o.State, o.DeclineCode = payment.Declined, "no_funds"
	case n < 3:
		o.State, o.NextAction = payment.RequiresAction, "https://example.org/step"
	case n < 4:
		noAnswer = true
	}
	return o, noAnswer
}

func cancel(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	lists := []*[]target{&w.pool.confirmed, &w.pool.held}
	if rnd.IntN(3) == 0 {
		lists[0], lists[1] = lists[1], lists[0]
	}
	t, err := w.pool.take(rnd, lists...)
	if err != nil {
		return note{}, err
	}
	o := &booking.Cancel{Target: t.target()}
	revision, err := w.commit(ctx, o)
	if err != nil {
		return note{parking: string(t.in)}, err
	}
	w.pool.put(o.After)
	if rnd.IntN(4) == 0 { // somebody who has not heard of it may still come
		w.pool.mu.Lock()
		add(&w.pool.ended, t)
		w.pool.mu.Unlock()
	}
	return told(o.After, revision, reservation.Cancelled), nil
}

func expire(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	lists := []*[]target{&w.pool.held, &w.pool.changes}
	if rnd.IntN(2) == 0 {
		lists[0], lists[1] = lists[1], lists[0]
	}
	t, err := w.pool.take(rnd, lists...)
	if err != nil {
		return note{}, err
	}
	o := &booking.Expire{Target: t.target()}
	revision, err := w.commit(ctx, o)
	if err != nil {
		return note{parking: string(t.in)}, err
	}
	w.pool.put(o.After)
	n := told(o.After, revision, "")
	if s := o.After.Reservation.State; s == reservation.Expired {
		n.state = string(s)
	}
	return n, nil
}

// settle books what became of a hold that was to be taken or given back.
func settle(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.open)
	if err != nil {
		return note{}, err
	}
	var op commit.Op
	var state payment.State // a void is not for good: a hold that comes later still is noted and given back
	switch {
	case t.state != string(payment.CaptureRequested):
		op = settlement.RecordVoid{At: t.in, Payment: t.payment}
	case rnd.IntN(20) == 0:
		op = settlement.RecordLost{At: t.in, Payment: t.payment, Incident: id.New[id.Incident](w.Clock.now())}
		state = payment.Voided
	default:
		op = settlement.RecordCapture{At: t.in, Payment: t.payment, Outcome: payment.Outcome{State: payment.Captured, Captured: money.New(t.amount, currency)}}
		state = payment.Captured
	}
	revision, err := w.commit(ctx, op)
	return note{parking: string(t.in), row: paymentRow, id: t.payment.UUID(), state: string(state), revision: revision}, err
}

// keep is the clock's work: it extends the claims of who is still inside, fits
// the allotments, and lets the edges take them up. Several workers do it at once,
// as when a leader is replaced.
func (w *worker) keep(ctx context.Context) error {
	now := w.Clock.now()
	lots, err := w.db.Lots(ctx, timerange.Floor(now)+2)
	if err != nil {
		return err
	}
	for i, l := range lots {
		if (i+int(now.Unix()/60))%w.Workers != w.Worker {
			continue
		}
		if len(l.Sessions) > 0 {
			revision, err := w.commit(ctx, &fleet.Extend{Lot: l.Parking, Sessions: l.Sessions})
			w.tell(note{op: "extend", parking: string(l.Parking), revision: revision}, err)
		}
		if l.Edge {
			revision, err := w.commit(ctx, &fleet.Allot{Lot: l.Parking, Inside: l.Inside})
			if !errors.Is(err, fleet.ErrStale) { // the next minute does it
				w.tell(note{op: "allot", parking: string(l.Parking), revision: revision}, err)
			}
		}
	}
	for _, e := range w.edges {
		if err := e.adopt(ctx, w); err != nil {
			return err
		}
	}
	return nil
}
