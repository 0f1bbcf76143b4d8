package postgres

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
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
	db      *DB
	log     *slog.Logger
	now     func() time.Time
	hint    func(id.Parking, uint64)
	tell    func([]feed.Event) // nil: nobody
	shards  [workers]shard
	refuser refuser
	seed    maphash.Seed
	metrics committerMetrics
	traced  bool // requests may have spans
}

// shard is a share of the parkings, and what is known about them.
type shard struct {
	queue  chan *request
	memory *memory
	worker *worker
}

var _ commit.Committer = (*Committer)(nil)

// NewCommitter makes a committer. hint is told of every parking's new
// revision after its commit; it must not block.
func NewCommitter(db *DB, log *slog.Logger, now func() time.Time, hint func(id.Parking, uint64)) *Committer {
	c := &Committer{
		db: db, log: log.With("component", "committer"), now: now, hint: hint,
		refuser: refuser{wake: make(chan struct{}, 1)}, seed: maphash.MakeSeed(),
		metrics: newCommitterMetrics(),
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.queue, s.memory = make(chan *request, queueLen), newMemory()
		s.worker = newWorker(c, s)
	}
	return c
}

// Tell makes the committer hand over the events that it has committed, each
// parking's in order; those of a batch in which a row was stale it does not. It
// must be called before Run. tell must not block.
func (c *Committer) Tell(tell func([]feed.Event)) { c.tell = tell }

// Trace makes the committer add its commits to the traces of those who asked for
// them. It must be called before Run.
func (c *Committer) Trace() { c.traced = true }

type request struct {
	ctx   context.Context //nolint:containedctx // of the caller who waits: the worker leaves out what nobody waits for
	op    commit.Op
	shard *shard
	done  chan answer  // holds one
	keys  []commit.Key // that the shard's memory knows the worker to have
	tries int
	torn  int // how often its rows looked as if read at different instants

	rows     commit.Rows // what it asked for at first
	fresh    bool        // it is not to be applied to remembered rows
	refusal  error       // what it said on remembered rows, until its keys are looked up
	answered bool
}

// answer answers once; who holds the request calls it.
func (r *request) answer(a answer) {
	if !r.answered {
		r.answered = true
		r.shard.memory.leave(r.keys)
		r.done <- a
	}
}

type answer struct {
	receipt commit.Receipt
	err     error
}

// Commit implements commit.Committer.
func (c *Committer) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	s := &c.shards[maphash.String(c.seed, string(op.Parking()))%workers]
	r := &request{ctx: ctx, op: op, shard: s, done: make(chan answer, 1)}
	switch {
	case c.refused(r):
		c.refuser.ask(r)
	case s.worker.lend(r):
	case !s.give(ctx, r):
		r.answer(answer{err: gaveUp(ctx)})
	}
	select {
	case a := <-r.done:
		return a.receipt, a.err
	case <-ctx.Done():
		// The worker may still be about to commit it.
		return commit.Receipt{}, gaveUp(ctx)
	}
}

// refused applies an optimist to remembered rows that cannot satisfy it, in the
// caller's goroutine.
func (c *Committer) refused(r *request) bool {
	o, ok := r.op.(commit.Optimist)
	if !ok || !o.Optimistic() {
		return false
	}
	o.Prefetch(&r.rows)
	now := c.now()
	w, lacks := r.shard.memory.lacks(o, &r.rows, now)
	if !lacks {
		return false
	}
	if err := w.Try(r.op, now.UTC()); errors.Is(err, inventory.ErrSoldOut) {
		r.refusal = err
	}
	return r.refusal != nil
}

// enter makes it known that the worker has the request.
func (r *request) enter() {
	if o, ok := r.op.(commit.Optimist); ok && o.Optimistic() && r.keys == nil {
		r.keys = r.rows.Keys
		r.shard.memory.enter(r.keys)
	}
}

// give hands a request to the shard's worker; it reports whether it could before
// the context ended.
func (s *shard) give(ctx context.Context, r *request) bool {
	r.enter()
	select {
	case s.queue <- r:
		return true
	case <-ctx.Done():
		return false
	}
}

func gaveUp(ctx context.Context) error {
	return fault.Wrap(context.Cause(ctx), fault.Unavailable, CodeUnavailable,
		"The answer took too long. The same request may be sent again.")
}

func stopping() error {
	return fault.New(fault.Unavailable, CodeUnavailable, "The service is stopping. The same request may be sent again.")
}

// Run works until ctx ends; what is queued then is answered with Unavailable.
func (c *Committer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range c.shards {
		g.Go(func() error {
			c.shards[i].worker.run(ctx)
			return nil
		})
	}
	g.Go(func() error {
		c.refuse(ctx)
		return nil
	})
	return g.Wait()
}
