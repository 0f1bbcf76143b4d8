package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

const (
	// workers is the number of batches in flight at a time. Two keep the server
	// busy while the other waits for its fsync; more fight over the same rows.
	workers = 2
	// maxBatch bounds the ops of one commit.
	maxBatch = 256
	// queueLen bounds what waits; whoever finds it full waits with its context.
	queueLen = 4096
	// maxTries bounds how often an op is applied again on fresh rows.
	maxTries = 30
	// maxTorn bounds how often an op is applied again because its rows may have
	// been read at different instants.
	maxTorn = 5
	// configTTL is how long parkings' descriptions are used without asking
	// whether the feed tells that any is new.
	configTTL = time.Second
	// configLife is how long a description is used at most. The feed tells of
	// every change; this is the net below it.
	configLife = time.Minute
)

// CodeContended is the fault code of an op that lost against others too often.
const CodeContended = "contended"

// Committer is the batching committer of this process; see package commit for
// its contract. What arrived while a batch was being committed is the next
// batch: there is no lingering.
type Committer struct {
	db     *DB
	log    *slog.Logger
	now    func() time.Time
	hint   func(id.Parking, uint64)
	queues [workers]chan *request
}

var _ commit.Committer = (*Committer)(nil)

// NewCommitter makes a committer. hint is told of every parking's new
// revision after its commit; it must not block.
func NewCommitter(db *DB, log *slog.Logger, now func() time.Time, hint func(id.Parking, uint64)) *Committer {
	c := &Committer{db: db, log: log.With("component", "committer"), now: now, hint: hint}
	for i := range c.queues {
		c.queues[i] = make(chan *request, queueLen)
	}
	return c
}

type request struct {
	ctx   context.Context //nolint:containedctx // of the caller who waits: the worker leaves out what nobody waits for
	op    commit.Op
	done  chan answer // holds one
	tries int
	torn  int // how often its rows looked as if read at different instants

	rows     commit.Rows // what it asked for at first
	fresh    bool        // it is not to be applied to remembered rows
	refusal  error       // what it said on remembered rows, while its keys are looked up
	checked  bool        // its keys were looked up
	answered bool
}

// answer answers once; the worker that holds the request calls it.
func (r *request) answer(a answer) {
	if !r.answered {
		r.answered = true
		r.done <- a
	}
}

type answer struct {
	receipt commit.Receipt
	err     error
}

// Commit implements commit.Committer.
func (c *Committer) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	r := &request{ctx: ctx, op: op, done: make(chan answer, 1)}
	h := fnv.New32a()
	_, _ = h.Write([]byte(op.Parking()))
	select {
	case c.queues[h.Sum32()%workers] <- r:
	case <-ctx.Done():
		return commit.Receipt{}, gaveUp(ctx)
	}
	select {
	case a := <-r.done:
		return a.receipt, a.err
	case <-ctx.Done():
		// The worker may still be about to commit it.
		return commit.Receipt{}, gaveUp(ctx)
	}
}

func gaveUp(ctx context.Context) error {
	return fault.Wrap(context.Cause(ctx), fault.Unavailable, CodeUnavailable,
		"The answer took too long. The same request may be sent again.")
}

// Run works until ctx ends; what is queued then is answered with Unavailable.
func (c *Committer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range c.queues {
		g.Go(func() error {
			w := &worker{c: c, configs: map[id.Parking]config{}, memory: newMemory(), lost: map[id.Parking]time.Time{}}
			w.run(ctx, c.queues[i])
			return nil
		})
	}
	return g.Wait()
}

// worker commits the batches of its share of the parkings.
type worker struct {
	c       *Committer
	configs map[id.Parking]config
	memory  *memory
	since   uint64                   // the transactions before have been looked at for new descriptions
	looked  time.Time                // when
	lost    map[id.Parking]time.Time // to another instance, and when
	held    *held                    // nil when nothing is locked
	types   *rowTypes                // nil until read
}

func (w *worker) run(ctx context.Context, queue chan *request) {
	var again []*request
	for {
		batch := again
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				drain(queue)
				return
			case r := <-queue:
				batch = append(batch, r)
			}
		}
	more:
		for len(batch) < maxBatch {
			select {
			case r := <-queue:
				batch = append(batch, r)
			default:
				break more
			}
		}
		again = w.commit(ctx, batch)
	}
}

func drain(queue chan *request) {
	for {
		select {
		case r := <-queue:
			r.answer(answer{err: fault.New(fault.Unavailable, CodeUnavailable, "The service is stopping. The same request may be sent again.")})
		default:
			return
		}
	}
}

// unit is one parking's share of a batch.
type unit struct {
	work     *commit.Work
	asked    commit.Rows // by Prefetch
	guess    bool        // the work was filled from memory
	requests []*request
	results  []error // per request: what Apply said
	last     []int   // per request: number of events after it
	done     int     // requests that were applied
}

// commit applies and writes one batch and returns the requests to try again.
func (w *worker) commit(ctx context.Context, batch []*request) []*request {
	if w.mustHold(batch, w.c.now()) {
		if err := w.hold(ctx, batch); err != nil {
			return w.failed(ctx, batch, err)
		}
		defer func() { _ = w.release(ctx, false) }() // what is committed by then is released
	}
	units, again, err := w.apply(ctx, batch)
	if err != nil {
		return w.failed(ctx, batch, err)
	}
	var args batchArgs
	now := w.c.now().UTC()
	written := map[id.Parking]*unit{}
	changed := make(map[id.Parking]commit.Writes, len(units))
	// commit_batch wants the parkings in order.
	for _, p := range slices.Sorted(maps.Keys(units)) {
		u := units[p]
		x := u.work.Writes()
		if x.Empty() {
			u.answer(0)
			continue
		}
		args.add(p, x, now)
		written[p], changed[p] = u, x
	}
	if len(written) == 0 {
		return again
	}
	heads, err := w.write(ctx, &args)
	if err == nil {
		err = w.release(ctx, true)
	}
	if err != nil {
		return append(again, w.failed(ctx, requestsOf(written), err)...)
	}
	for i, p := range args.parkings {
		u, x, h := written[p], changed[p], heads[i]
		if h.problem != "" {
			delete(w.configs, p)
			w.memory.forget(p)
			w.lost[p] = w.c.now()
			again = append(again, retry(u.requests, contended(h.problem))...)
			continue
		}
		u.answer(h.base)
		for k, d := range x.Days {
			d.Version++
			w.memory.put(p, k, d, now)
		}
		if n := len(x.Events); n > 0 {
			w.c.hint(p, h.base+uint64(n))
		}
	}
	return again
}

func requestsOf(units map[id.Parking]*unit) []*request {
	var out []*request
	for _, u := range units {
		out = append(out, u.requests...)
	}
	return out
}

func (u *unit) answer(base uint64) {
	for i, r := range u.requests {
		r.answer(answer{commit.Receipt{Revision: base + uint64(u.last[i])}, u.results[i]})
	}
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

// apply finds the rows and runs the ops on them until none misses a row. It
// also returns the requests that are to be applied again, to stored rows.
func (w *worker) apply(ctx context.Context, batch []*request) (_ map[id.Parking]*unit, again []*request, _ error) {
	if err := w.readConfigs(ctx, batch); err != nil {
		return nil, nil, err
	}
	units, pending := w.gather(batch)
	asked := map[id.Parking]commit.Rows{}
	for p, u := range units {
		if u.guess = u.guess && w.memory.recall(p, u.asked, u.work); !u.guess {
			asked[p] = u.asked
		}
	}
	for len(pending) > 0 {
		loaded, err := w.load(ctx, units, asked)
		if err != nil {
			return nil, nil, err
		}
		asked = map[id.Parking]commit.Rows{}
		now := w.c.now().UTC()
		var missing []*request
		for _, r := range pending {
			p := r.op.Parking()
			u := units[p]
			if r.refusal != nil && r.standing(loaded[p]) {
				u.result(r, r.refusal)
				continue
			}
			err := u.work.Try(r.op, now)
			rows := u.work.Missing()
			switch {
			case errors.Is(err, commit.ErrMissing) && !rows.Empty():
				asked[p] = union(asked[p], rows)
				missing = append(missing, r)
			case err != nil && u.guess && !r.checked:
				rows := asked[p]
				if w.doubt(u, r, err, now, &rows) {
					asked[p] = rows
					missing = append(missing, r)
				} else {
					again = append(again, r)
				}
			case errors.Is(err, inventory.ErrOverReturn) && r.torn < maxTorn:
				// The rows of an op are read by several statements. What somebody else
				// released between two of them looks like claims that were never made;
				// an op that fails writes nothing, so that no version would tell.
				r.torn++
				again = append(again, r)
			default:
				u.result(r, err)
			}
		}
		pending = missing
	}
	return units, again, nil
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
		cfg, ok := w.configs[p]
		if !ok {
			r.answer(answer{err: fault.New(fault.NotFound, "parking_not_found", "There is no such parking.")})
			continue
		}
		u := units[p]
		if u == nil {
			u = &unit{work: commit.NewWork(cfg.parking), guess: true}
			units[p] = u
		}
		r.rows, r.refusal, r.checked = commit.Rows{}, nil, false
		r.op.Prefetch(&r.rows)
		u.asked = union(u.asked, r.rows)
		u.guess = u.guess && w.held == nil && r.guessable()
		pending = append(pending, r)
	}
	return units, pending
}

// load reads rows into the units, and remembers the days.
func (w *worker) load(ctx context.Context, units map[id.Parking]*unit, asked map[id.Parking]commit.Rows) (map[id.Parking]commit.Loaded, error) {
	if len(asked) == 0 {
		return nil, nil
	}
	begun := w.c.now()
	loaded, err := load(ctx, w.rows(), asked)
	if err != nil {
		return nil, err
	}
	for p, rows := range asked {
		units[p].work.Load(rows, loaded[p])
		for k, d := range loaded[p].Days {
			w.memory.put(p, k, d, begun)
		}
	}
	return loaded, nil
}

// result keeps what an op said, until the commit. A refusal that is founded on
// stored rows alone does not wait for it.
func (u *unit) result(r *request, err error) {
	if err != nil && u.done == 0 {
		r.answer(answer{err: err})
		return
	}
	if err == nil {
		u.done++
	}
	u.requests = append(u.requests, r)
	u.results = append(u.results, err)
	u.last = append(u.last, u.work.Events())
}

func union(a, b commit.Rows) commit.Rows {
	return commit.Rows{
		Days: append(a.Days, b.Days...), Reservations: append(a.Reservations, b.Reservations...),
		Payments: append(a.Payments, b.Payments...), Sessions: append(a.Sessions, b.Sessions...),
		Blocks: append(a.Blocks, b.Blocks...), Keys: append(a.Keys, b.Keys...), Watermark: a.Watermark || b.Watermark, Allotments: a.Allotments || b.Allotments, Tariffs: a.Tariffs || b.Tariffs,
	}
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
		clear(w.configs)
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
