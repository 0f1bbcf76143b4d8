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
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// change extends a reservation, before or during the stay, or gives it another
// window or space type. About half of the changes cost more than is held and wait
// for their payment. Now and then the request is sent again.
func change(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	lists := []*[]target{&w.pool.confirmed, &w.pool.inside}
	if rnd.IntN(3) == 0 {
		lists[0], lists[1] = lists[1], lists[0]
	}
	t, err := w.pool.take(rnd, lists...)
	if err != nil {
		return note{}, err
	}
	now := w.Clock.now()
	window, kind := timerange.Range{From: t.window.From.UTC(), To: t.window.To.UTC()}, t.kind
	extend := rnd.IntN(2) == 0
	switch {
	case extend:
		window.To = window.To.Add(time.Duration(1+rnd.IntN(180)) * time.Minute)
	case rnd.IntN(3) == 0: // it ends earlier or later, whatever the words for that
		window.To = window.To.Add(time.Duration(rnd.IntN(240)-120) * time.Minute)
	case rnd.IntN(3) == 0:
		window = soon(now, rnd)
	default:
		by := time.Duration(rnd.IntN(240)-120) * time.Minute
		window = timerange.Range{From: window.From.Add(by), To: window.To.Add(by)}
	}
	if !window.From.Before(window.To) {
		return note{}, errIdle
	}
	if !extend && rnd.IntN(6) == 0 {
		kind = w.kind(t.in, rnd)
	}
	price := money.New(max(1, t.amount-200+int64(rnd.IntN(400))), currency)
	key := id.New[id.Quote](now).String()
	op := booking.Modify{
		Target: t.target(), Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
		PaymentID: id.New[id.Payment](now), Extend: extend, Window: window, SpaceType: kind,
		Quote: reservation.Quote{Total: price, Tax: money.New(price.Minor*19/119, currency), TariffVersion: 1},
	}
	if t.known != nil && rnd.IntN(4) == 0 {
		op.Version = t.known.Reservation.Version
	}
	first := op
	revision, err := w.commit(ctx, &first)
	switch {
	case errors.Is(err, booking.ErrMoved):
		return note{}, errIdle
	case err != nil:
		return note{parking: string(t.in)}, err
	}
	if rnd.IntN(20) == 0 {
		if err := w.changeAgain(ctx, op, &first); err != nil {
			return note{parking: string(t.in)}, err
		}
	}
	w.pool.put(first.After)
	return told(first.After, revision, ""), nil
}

// changeAgain sends the request for a change again, which must find what it did.
func (w *worker) changeAgain(ctx context.Context, again booking.Modify, first *booking.Modify) error {
	if _, err := w.commit(ctx, &again); err != nil {
		return err
	}
	if !again.Replayed || (again.About == nil) != (first.About == nil) || again.About != nil && again.About.ID != first.About.ID {
		return fmt.Errorf("the key of a change of %s is answered with another", again.ID)
	}
	return nil
}

// kind is a space type of a parking.
func (w *worker) kind(at id.Parking, rnd *rand.Rand) id.SpaceType {
	for i := range w.places {
		if p := &w.places[i]; p.ID == at {
			return p.SpaceTypes[rnd.IntN(len(p.SpaceTypes))].ID
		}
	}
	return id.Standard
}

// payChange books what a provider says about the hold of a change.
func payChange(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.changes)
	if err != nil {
		return note{}, err
	}
	n, _, err := w.answered(ctx, t, rnd)
	return n, err
}

// withdraw takes a change back. Sometimes the provider says afterwards that its
// hold stands: that is noted, and given back.
func withdraw(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.changes)
	if err != nil {
		return note{}, err
	}
	o := &booking.Withdraw{Target: t.target(), Change: t.payment}
	revision, err := w.commit(ctx, o)
	if err != nil {
		return note{parking: string(t.in)}, err
	}
	after := o.After
	if rnd.IntN(3) == 0 {
		late := &booking.RecordHold{Target: t.target(), Payment: t.payment}
		late.Outcome, _ = says(t, rnd)
		late.Outcome.State = payment.Authorized
		if revision, err = w.commit(ctx, late); err != nil {
			return note{parking: string(t.in)}, err
		}
		if after = late.After; after.Reservation.Payment == t.payment {
			return note{parking: string(t.in)}, fmt.Errorf("the change of %s was taken back, and its late hold made it take place", t.id)
		}
	}
	w.pool.put(after)
	return told(after, revision, ""), nil
}

// resize gives a space type another capacity from today or one of the next days
// on, often less than what is sold, now and then none.
func resize(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	now, p := w.Clock.now(), w.choose(rnd)
	t := p.SpaceTypes[rnd.IntN(len(p.SpaceTypes))]
	o := &capacity.Change{In: p.ID, SpaceType: t.ID, Capacity: t.Capacity/2 + int16(rnd.IntN(int(t.Capacity)+1))}
	if rnd.IntN(12) == 0 {
		o.Capacity = 0
	}
	if ahead := rnd.IntN(horizonDays); ahead > 0 {
		o.From = timerange.Floor(now).Day() + int32(ahead)
	}
	revision, err := w.commit(ctx, o)
	if fault.Code(err) == capacity.CodeDateInPast && o.From != 0 && o.From < timerange.Floor(w.Clock.now()).Day() {
		return note{}, errIdle // the day was over before its turn came
	}
	return note{parking: string(p.ID), revision: revision}, err
}
