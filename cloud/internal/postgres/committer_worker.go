package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// worker commits the batches of its shard. While one batch is being committed
// it applies optimists to what that commit will leave, for the next one. That
// one is sent after the answer to the first: where the first came to nothing,
// what was founded on it is thrown away and applied anew.
type worker struct {
	c      *Committer
	shard  *shard
	memory *memory

	// Whoever holds the token may use all that follows. It is in idle while the
	// worker has nothing to do.
	idle  chan struct{}
	nudge chan struct{}   // holds a token when who was lent the worker left work behind
	ctx   context.Context //nolint:containedctx // of run, for who is lent the worker

	draft  map[id.Parking]*unit // applied to remembered rows
	drawn  int                  // requests in the draft
	later  []*request           // that need rows to be read
	flight *flight              // the batch that is being committed; nil: none
	fly    chan *flight
	landed chan *flight

	since  uint64                   // the transactions before have been looked at for new descriptions
	looked time.Time                // when
	lost   map[id.Parking]time.Time // to another instance, and when
	conn   *pgx.Conn                // its own; nil until it is needed, and after a loss
	locks  []string                 // heads to lock with the next reading
	held   bool                     // whether a transaction holds them
	types  *rowTypes                // nil until read
	// careful makes the next batch be committed by commit_batch: the last one
	// was opposed and could not be committed in part.
	careful bool
	args    batchArgs
}

func newWorker(c *Committer, s *shard) *worker {
	return &worker{
		c: c, shard: s, memory: s.memory, draft: map[id.Parking]*unit{}, lost: map[id.Parking]time.Time{},
		fly: make(chan *flight), landed: make(chan *flight, 1),
		idle: make(chan struct{}, 1), nudge: make(chan struct{}, 1),
	}
}

// unit is one parking's share of a batch.
type unit struct {
	parking  id.Parking
	work     *commit.Work
	asked    commit.Rows // by Prefetch, of those that need rows to be read
	requests []*request
	results  []error    // per request: what Apply said
	last     []int      // per request: number of events after it
	done     int        // requests that were applied
	refused  []*request // on remembered rows
	writes   commit.Writes
}

func (w *worker) run(ctx context.Context) {
	w.ctx = ctx
	go func() {
		for f := range w.fly {
			w.send(ctx, f)
			w.landed <- f
		}
	}()
	defer func() {
		close(w.fly)
		if w.conn != nil {
			closeConn(w.conn)
		}
	}()
	for w.next(ctx) {
		if w.flight == nil {
			w.launch(ctx)
		}
	}
	if w.flight != nil {
		w.land(ctx, <-w.landed)
	}
	for _, r := range w.takeDraft() {
		r.answer(answer{err: stopping()})
	}
	for {
		select {
		case r := <-w.shard.queue:
			r.answer(answer{err: stopping()})
		default:
			return
		}
	}
}

// next waits until there is something to do, takes what has arrived, and
// reports whether it goes on.
func (w *worker) next(ctx context.Context) bool {
	queue := w.shard.queue
	if w.size() >= maxBatch {
		queue = nil // wait for the landing
	}
	switch {
	case w.flight == nil && w.size() == 0:
		w.idle <- struct{}{}
		var r *request
		select {
		case <-ctx.Done():
		case r = <-queue:
		case <-w.nudge:
		}
		<-w.idle
		if r != nil {
			w.take(r)
		}
	case w.flight != nil:
		select {
		case <-ctx.Done():
			return false
		case r := <-queue:
			w.take(r)
		case f := <-w.landed:
			w.land(ctx, f)
		}
	}
	for w.size() < maxBatch {
		select {
		case r := <-w.shard.queue:
			w.take(r)
		default:
			return ctx.Err() == nil
		}
	}
	return ctx.Err() == nil
}

// lend lets the caller commit a request of his by himself, if the worker has
// nothing to do and rows are remembered: handing it to another goroutine and back
// takes a tenth of the time of a commit.
func (w *worker) lend(r *request) bool {
	if !r.optimistic() {
		return false
	}
	select {
	case <-w.idle:
	default:
		return false
	}
	defer func() { w.idle <- struct{}{} }()
	r.enter()
	if w.ctx.Err() != nil || !w.guess(r) {
		return false
	}
	w.launch(w.ctx)
	if w.flight != nil {
		w.land(w.ctx, <-w.landed)
	}
	if w.size() > 0 {
		select {
		case w.nudge <- struct{}{}:
		default:
		}
	}
	return true
}

func (w *worker) size() int { return w.drawn + len(w.later) }

// takeDraft empties the draft and what waits with it.
func (w *worker) takeDraft() []*request {
	out := w.later
	for p := range w.draft {
		out = append(out, w.withdraw(p)...)
	}
	w.later = nil
	return out
}

// withdraw takes a parking out of the draft.
func (w *worker) withdraw(p id.Parking) []*request {
	u := w.draft[p]
	if u == nil {
		return nil
	}
	delete(w.draft, p)
	out := append(u.requests, u.refused...)
	for _, r := range u.refused {
		r.refusal = nil
	}
	w.drawn -= len(out)
	return out
}

// take applies a request to remembered rows, or puts it off until rows can be
// read for it.
func (w *worker) take(r *request) {
	if r.ctx.Err() != nil {
		r.answer(answer{err: gaveUp(r.ctx)})
		return
	}
	if !w.guess(r) {
		w.later = append(w.later, r)
	}
}

// optimistic reports whether the op may be applied to rows of which it is not
// sure that they are the newest, and to keys that nobody has looked up.
func (r *request) optimistic() bool {
	o, ok := r.op.(commit.Optimist)
	return ok && r.tries == 0 && !r.fresh && o.Optimistic()
}

// guess applies a request to remembered rows and reports whether that is worth
// anything.
func (w *worker) guess(r *request) bool {
	if !r.optimistic() {
		return false
	}
	p, now := r.op.Parking(), w.c.now().UTC()
	if _, lost := w.lost[p]; lost {
		return false
	}
	u := w.draft[p]
	if u == nil {
		c := w.memory.configured(p)
		if c.parking == nil || now.Sub(c.read) > configLife {
			return false
		}
		u = &unit{parking: p, work: commit.NewWork(c.parking)}
	}
	if !w.memory.recall(p, &r.rows, u.work) || !u.try(r, now) {
		return false
	}
	w.draft[p] = u
	w.drawn++
	return true
}

// try applies an optimist whose keys are assumed to be new.
func (u *unit) try(r *request, now time.Time) bool {
	switch err := u.work.Try(r.op, now); {
	case err == nil:
		u.applied(r, nil)
	case errors.Is(err, inventory.ErrSoldOut):
		r.refusal = err
		u.refused = append(u.refused, r)
	default:
		r.fresh = true
		return false
	}
	return true
}

// applied keeps what an op said, until the commit.
func (u *unit) applied(r *request, err error) {
	if err == nil {
		u.done++
	}
	u.requests = append(u.requests, r)
	u.results = append(u.results, err)
	u.last = append(u.last, u.work.Events())
}

func (u *unit) answer(base uint64) {
	for i, r := range u.requests {
		r.answer(answer{commit.Receipt{Revision: base + uint64(u.last[i])}, u.results[i]})
	}
}

// launch commits the draft together with what had to wait for rows.
func (w *worker) launch(ctx context.Context) {
	units, again, err := w.complete(ctx)
	if err != nil {
		w.later = w.failed(ctx, w.takeDraft(), err)
		return
	}
	clear(w.draft)
	w.later, w.drawn = again, 0
	f := w.pack(units)
	switch {
	case len(f.units) == 0:
		_ = w.release(ctx, false) // nothing is written
	case f.requests() <= few && len(w.shard.queue) == 0:
		// Nobody waits to be applied meanwhile: not worth a hand-over.
		w.send(ctx, f)
		w.land(ctx, f)
	default:
		w.flight = f
		w.fly <- f
	}
}

// few requests are committed without a hand-over between goroutines.
const few = 4

// complete makes the units of the next batch: the draft's, and those that need
// rows to be read. It also returns the requests that are to be applied again.
// When it fails everything is still in the draft or waits.
func (w *worker) complete(ctx context.Context) (units []*unit, again []*request, err error) {
	if err := w.readConfigs(ctx); err != nil {
		return nil, nil, err
	}
	names := map[id.Parking]bool{}
	for p := range w.draft {
		names[p] = true
	}
	for _, r := range w.later {
		names[r.op.Parking()] = true
	}
	if w.mustHold(names) {
		w.lock(names)
	}
	// Whoever needs rows of a parking is applied together with all others there.
	for _, r := range w.later {
		w.later = append(w.later, w.withdraw(r.op.Parking())...)
	}
	units, again, err = w.apply(ctx, w.later)
	if err != nil {
		return nil, nil, err
	}
	for _, u := range w.draft {
		units = append(units, u)
	}
	return units, again, nil
}

// commit commits a batch for which all rows are read, and waits for it.
func (w *worker) commit(ctx context.Context, batch []*request) []*request {
	units, again, err := w.apply(ctx, batch)
	if err != nil {
		return w.failed(ctx, batch, err)
	}
	f := w.pack(units)
	if len(f.units) == 0 {
		return again
	}
	w.send(ctx, f)
	return append(again, w.settle(ctx, f)...)
}

func contended(rows string) error {
	return fault.Newf(fault.Unavailable, CodeContended, "Too many others changed the same %s at this moment. Send the same request again.", rows)
}

// retry keeps the requests that may be tried again and answers the others,
// those that were tried too often with last.
func retry(requests []*request, last error) []*request {
	var again []*request
	for _, r := range requests {
		r.tries++
		r.refusal = nil
		switch {
		case r.answered:
		case r.ctx.Err() != nil:
			r.answer(answer{err: gaveUp(r.ctx)})
		case r.tries >= maxTries:
			r.answer(answer{err: last})
		default:
			again = append(again, r)
		}
	}
	return again
}

// failed deals with a batch whose statement failed as a whole: a lost
// connection is waited out, anything else is narrowed down to the op at fault.
func (w *worker) failed(ctx context.Context, requests []*request, err error) []*request {
	_ = w.release(ctx, false) // nothing of it was committed, or that is not known
	for _, r := range requests {
		w.memory.forget(r.op.Parking())
		r.fresh = true
	}
	u := unavailable("commit", err)
	if f := fault.From(u); !errors.Is(err, errNotStorable) && (f.Kind == fault.Unavailable || retryable(err)) {
		// Whether the commit happened is not known: the ops are applied again on
		// what is stored, and recognise their own success.
		w.memory.unconfigure()
		if f.Kind != fault.Unavailable {
			u = contended("rows")
		}
		again := retry(requests, u)
		if len(again) > 0 {
			w.c.log.Warn("commit failed, trying again", "ops", len(again), "err", err)
			pause(ctx, time.Duration(20+rand.IntN(180))*time.Millisecond) //nolint:gosec // only spreads workers over time
		}
		if ctx.Err() != nil {
			for _, r := range again {
				r.answer(answer{err: u})
			}
			return nil
		}
		return again
	}
	requests = slices.DeleteFunc(requests, func(r *request) bool { return r.answered })
	if len(requests) == 0 {
		return nil
	}
	if len(requests) == 1 {
		w.c.log.Error("an operation cannot be committed", "parking_id", requests[0].op.Parking(), "op", fmt.Sprintf("%T", requests[0].op), "err", err)
		requests[0].answer(answer{err: fmt.Errorf("commit %T: %w", requests[0].op, err)})
		return nil
	}
	half := len(requests) / 2
	again := w.commit(ctx, requests[:half])
	return append(again, w.commit(ctx, requests[half:])...)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
