package soak

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
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

// block takes a bay out of use, whatever is claimed, and puts another back that
// this worker has taken out before.
func block(ctx context.Context, w *worker, rnd *rand.Rand) (note, error) {
	now, p := w.Clock.now(), w.choose(rnd)
	from := timerange.Floor(now.Add(time.Duration(rnd.IntN(20*60)) * time.Minute))
	o := &capacity.Block{
		In: p.ID, ID: id.New[id.Block](now), SpaceType: p.SpaceTypes[0].ID, N: 1, Reason: "soak",
		Claim: timerange.Quarters{From: from, To: from + 1 + timerange.Q(rnd.IntN(8))},
	}
	revision, err := w.commit(ctx, o)
	switch {
	case fault.Code(err) == capacity.CodeBlockInvalid && o.Claim.To <= timerange.Floor(w.Clock.now()):
		return note{}, errIdle // it was over before its turn came
	case err != nil:
		return note{parking: string(p.ID)}, err
	}
	w.pool.mu.Lock()
	add(&w.pool.blocks, o)
	var old *capacity.Block
	if len(w.pool.blocks) > 5 {
		old, _ = take(&w.pool.blocks, rnd)
	}
	w.pool.mu.Unlock()
	var op commit.Op
	if old != nil {
		op = &capacity.Unblock{In: old.In, ID: old.ID, Known: &old.After}
		if revision, err = w.commit(ctx, op); err != nil {
			return note{parking: string(old.In)}, err
		}
		return note{parking: string(old.In), revision: revision}, nil
	}
	return note{parking: string(p.ID), revision: revision}, nil
}
