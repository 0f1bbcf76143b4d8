package soak

import (
	"context"
	"math/rand/v2"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// miss declares a no-show behind the edge's watermark, or completes what ended
// where no edge could see it.
func miss(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.late)
	if err != nil {
		return note{}, err
	}
	watched := false
	for _, p := range w.places {
		watched = watched || p.ID == t.in && p.edge
	}
	var revision uint64
	var after booking.Snapshot
	if watched {
		o := &booking.Miss{Target: t.target()}
		revision, err = w.commit(ctx, o)
		after = o.After
	} else {
		o := &booking.Elapse{Target: t.target()}
		revision, err = w.commit(ctx, o)
		after = o.After
	}
	if err != nil {
		return note{parking: string(t.in)}, err
	}
	n := told(after, revision, "")
	if s := after.Reservation.State; s == reservation.Completed {
		n.state = string(s)
	}
	return n, nil
}

// takeBack ends a reservation at the operator's will.
func takeBack(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	t, err := w.pool.take(rnd, &w.pool.confirmed)
	if err != nil {
		return note{}, err
	}
	if rnd.IntN(2) == 0 {
		o := &booking.Walk{Target: t.target()}
		revision, err := w.commit(ctx, o)
		if err != nil {
			return note{parking: string(t.in)}, err
		}
		return told(o.After, revision, reservation.Walked), nil
	}
	o := &booking.Void{Target: t.target()}
	revision, err := w.commit(ctx, o)
	if err != nil {
		return note{parking: string(t.in)}, err
	}
	return told(o.After, revision, reservation.Voided), nil
}
