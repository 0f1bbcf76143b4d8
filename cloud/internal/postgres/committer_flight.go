package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
)

// flight is a batch on its way to the database.
type flight struct {
	units []*unit // that write, in the order of their parkings
	begun time.Time
	heads []head // per unit, once it has landed
	err   error
}

func (f *flight) requests() int {
	n := 0
	for _, u := range f.units {
		n += len(u.requests)
	}
	return n
}

// pack takes out of the units what they write, remembers how that will leave
// the days, and answers the units that write nothing.
func (w *worker) pack(units []*unit) *flight {
	slices.SortFunc(units, func(a, b *unit) int { return strings.Compare(string(a.parking), string(b.parking)) })
	f := &flight{begun: w.c.now(), units: make([]*unit, 0, len(units))}
	now := f.begun.UTC()
	w.args.reset()
	for _, u := range units {
		u.writes = u.work.Writes()
		if w.c.traced {
			u.traced()
		}
		if u.writes.Empty() {
			u.answer(0)
			for _, r := range u.refused {
				w.refuse(r)
			}
			continue
		}
		w.args.add(u.parking, u.writes, now)
		f.units = append(f.units, u)
		for _, d := range u.writes.Days {
			d.Version++
			w.memory.lead(u.parking, d.Key, d.Day)
		}
	}
	return f
}

// refuse hands a refusal on whose days nobody is about to change, unless they
// were seen too long ago.
func (w *worker) refuse(r *request) {
	if w.memory.mayRefuse(r.op.Parking(), &r.rows, w.c.now()) {
		w.c.refuser.ask(r)
		return
	}
	r.fresh, r.refusal = true, nil
	w.later = append(w.later, r)
}

// send writes the batch and waits for the commit.
func (w *worker) send(ctx context.Context, f *flight) {
	began := time.Now()
	f.heads, f.err = w.write(ctx, &w.args)
	if f.err == nil {
		f.err = w.release(ctx, true)
	}
	ended := time.Now()
	w.c.metrics.sent(f, ended.Sub(began))
	if w.c.traced {
		f.traced(began, ended)
	}
}

// land deals with the answer to the batch that was under way.
func (w *worker) land(ctx context.Context, f *flight) {
	w.flight = nil
	w.later = append(w.later, w.settle(ctx, f)...)
}

// settle answers the requests of a batch, and returns those to try again.
func (w *worker) settle(ctx context.Context, f *flight) (again []*request) {
	if f.err != nil {
		var requests []*request
		for _, u := range f.units {
			w.memory.forget(u.parking)
			again = append(again, w.withdraw(u.parking)...)
			requests = append(append(requests, u.requests...), u.refused...)
		}
		if errors.Is(f.err, errOpposed) {
			_ = w.release(ctx, false) // nothing of it is committed
			return append(again, retry(requests, contended("rows"))...)
		}
		return append(again, w.failed(ctx, requests, f.err)...)
	}
	var told []feed.Event
	for i, u := range f.units {
		h := f.heads[i]
		if h.problem != "" {
			w.memory.configure(u.parking, config{})
			w.memory.forget(u.parking)
			w.lost[u.parking] = w.c.now()
			// The draft is founded on what has not come to be.
			again = append(again, w.withdraw(u.parking)...)
			again = append(again, retry(append(u.requests, u.refused...), contended(h.problem))...)
			continue
		}
		for _, d := range u.writes.Days {
			w.memory.put(u.parking, d.Key, d.Day, f.begun)
		}
		u.answer(h.base)
		for _, r := range u.refused {
			w.c.refuser.ask(r)
		}
		if n := len(u.writes.Events); n > 0 {
			w.c.hint(u.parking, h.base+uint64(n))
		}
		if w.c.tell != nil && !h.at.IsZero() {
			for n, e := range u.writes.Events {
				e.Revision, e.At = h.base+uint64(n)+1, h.at
				told = append(told, e)
			}
		}
	}
	if len(told) > 0 {
		w.c.tell(told)
	}
	return again
}
