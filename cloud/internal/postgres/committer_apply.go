package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// apply reads the rows of a batch and runs the ops on them until none misses a
// row. It also returns the requests that are to be applied again.
func (w *worker) apply(ctx context.Context, batch []*request) (units []*unit, again []*request, _ error) {
	if len(batch) == 0 {
		return nil, nil, nil
	}
	by, pending := w.gather(batch)
	asked := make(map[id.Parking]commit.Rows, len(by))
	for p, u := range by {
		asked[p] = u.asked
		units = append(units, u)
	}
	for len(pending) > 0 {
		if err := w.load(ctx, by, asked); err != nil {
			return nil, nil, err
		}
		asked = map[id.Parking]commit.Rows{}
		now := w.c.now().UTC()
		var missing []*request
		for _, r := range pending {
			p := r.op.Parking()
			u := by[p]
			err := u.work.Try(r.op, now)
			rows := u.work.Missing()
			switch {
			case errors.Is(err, commit.ErrMissing) && !rows.Empty():
				asked[p] = union(asked[p], rows)
				missing = append(missing, r)
			case errors.Is(err, inventory.ErrOverReturn) && r.torn < maxTorn:
				// The rows of an op are read by several statements. What somebody else
				// released between two of them looks like claims that were never made;
				// an op that fails writes nothing, so that no version would tell.
				r.torn++
				again = append(again, r)
			case err != nil && u.done == 0:
				// A refusal that is founded on stored rows alone does not wait.
				r.answer(answer{err: err})
			default:
				u.applied(r, err)
			}
		}
		pending = missing
	}
	if w.held {
		again = append(again, w.join(by, maxBatch-len(batch))...)
	}
	return units, again, nil
}

// join applies what has arrived while others held the heads: who waits for them
// in turn had better commit much each time. It returns who cannot join.
func (w *worker) join(units map[id.Parking]*unit, most int) (others []*request) {
	now := w.c.now().UTC()
	for range most {
		select {
		case r := <-w.shard.queue:
			u := units[r.op.Parking()]
			if u == nil || !r.optimistic() || r.ctx.Err() != nil {
				others = append(others, r)
				continue
			}
			u.work.AssumeNew(r.rows.Keys)
			if !u.try(r, now) {
				others = append(others, r)
			}
		default:
			return others
		}
	}
	return others
}

// gather makes a unit for each parking of the batch. It answers the requests
// that nobody waits for, or whose parking does not exist.
func (w *worker) gather(batch []*request) (map[id.Parking]*unit, []*request) {
	units := map[id.Parking]*unit{}
	pending := make([]*request, 0, len(batch))
	for _, r := range batch {
		if r.ctx.Err() != nil {
			r.answer(answer{err: gaveUp(r.ctx)})
			continue
		}
		p := r.op.Parking()
		u := units[p]
		if u == nil {
			c := w.memory.configured(p)
			if c.parking == nil {
				r.answer(answer{err: fault.New(fault.NotFound, "parking_not_found", "There is no such parking.")})
				continue
			}
			u = &unit{parking: p, work: commit.NewWork(c.parking)}
			units[p] = u
		}
		r.rows, r.refusal = commit.Rows{}, nil
		r.op.Prefetch(&r.rows)
		u.asked = union(u.asked, r.rows)
		pending = append(pending, r)
	}
	return units, pending
}

// load reads rows into the units, and remembers the days.
func (w *worker) load(ctx context.Context, units map[id.Parking]*unit, asked map[id.Parking]commit.Rows) error {
	if len(asked) == 0 {
		return nil
	}
	conn, err := w.connection(ctx)
	if err != nil {
		return err
	}
	begun := w.c.now()
	loaded, err := load(ctx, conn, asked, w.locks)
	w.held = w.held || len(w.locks) > 0
	w.locks = w.locks[:0]
	if err != nil {
		return err
	}
	for p, rows := range asked {
		units[p].work.Load(rows, loaded[p])
		for k, d := range loaded[p].Days {
			w.memory.put(p, k, d, begun)
		}
	}
	return nil
}

func union(a, b commit.Rows) commit.Rows {
	for _, k := range b.Days {
		if !slices.Contains(a.Days, k) {
			a.Days = append(a.Days, k)
		}
	}
	return commit.Rows{
		Days: a.Days, Reservations: append(a.Reservations, b.Reservations...),
		Payments: append(a.Payments, b.Payments...), Sessions: append(a.Sessions, b.Sessions...),
		Blocks: append(a.Blocks, b.Blocks...), Keys: append(a.Keys, b.Keys...), Watermark: a.Watermark || b.Watermark, Allotments: a.Allotments || b.Allotments, Tariffs: a.Tariffs || b.Tariffs,
		Bound: append(a.Bound, b.Bound...), ShopPayments: append(a.ShopPayments, b.ShopPayments...), ShopCodes: append(a.ShopCodes, b.ShopCodes...),
	}
}
