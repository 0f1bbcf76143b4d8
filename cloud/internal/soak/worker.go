package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// worker is one process of the run.
type worker struct {
	job
	db        *postgres.DB
	committer commit.Committer
	places    []place
	edges     []*edge // those that this worker plays
	pool      pool

	mu  sync.Mutex // orders notes
	out io.Writer
}

// errIdle says that there is nothing an operation could be done to.
var errIdle = errors.New("nothing to do it to")

// Work is the worker's whole life: it reads its job from in and works until in
// ends. Notes go to out.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	w := &worker{out: out, places: places()}
	if err := json.Unmarshal(first, &w.job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, lines) // whatever ends the pipe ends the work
		stop()
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	err = w.insist(ctx, func(ctx context.Context) (err error) {
		w.db, err = postgres.Open(ctx, w.DSN, log, postgres.Options{MaxConns: 8})
		return err
	})
	if ctx.Err() != nil && w.db == nil {
		return nil // it was to end before it had begun
	}
	if err != nil {
		return err
	}
	defer w.db.Close()
	// The committer outlives the clients, so that what they began is answered.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	committer := postgres.NewCommitter(w.db, log, w.Clock.now, func(id.Parking, uint64) {})
	ended := make(chan error, 1)
	go func() { ended <- committer.Run(running) }()
	w.committer = committer
	err = w.work(ctx)
	if ctx.Err() != nil {
		err = nil // it was to end before it had begun
	}
	end()
	return errors.Join(err, <-ended)
}

func (w *worker) work(ctx context.Context) error {
	for i, p := range w.places {
		if !p.edge || i%w.Workers != w.Worker {
			continue
		}
		e, err := w.openEdge(p)
		if err == nil {
			err = w.insist(ctx, func(ctx context.Context) error { return e.resume(ctx, w) })
		}
		if err != nil {
			return fmt.Errorf("the edge of %s: %w", p.ID, err)
		}
		w.edges = append(w.edges, e)
	}
	if err := errors.Join(w.insist(ctx, w.look), w.insist(ctx, w.keep)); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.every(ctx, time.Second, w.look) })
	g.Go(func() error { return w.every(ctx, time.Second, w.keep) })
	table := operations()
	total := 0
	for _, o := range table {
		total += o.weight
	}
	for n := range w.Clients {
		rnd := rand.New(rand.NewPCG(w.Seed, uint64(n))) //nolint:gosec // a repeatable choice of work
		g.Go(func() error {
			for ctx.Err() == nil {
				w.run(context.WithoutCancel(ctx), pick(table, rnd.IntN(total)), rnd)
			}
			return nil
		})
	}
	return g.Wait()
}

func pick(table []operation, at int) operation {
	for _, o := range table {
		if at -= o.weight; at < 0 {
			return o
		}
	}
	return table[0]
}

// run does one operation and says what came of it.
func (w *worker) run(ctx context.Context, o operation, rnd *rand.Rand) {
	n, err := o.run(ctx, w, rnd)
	if errors.Is(err, errIdle) {
		return
	}
	n.op = o.name
	w.tell(n, err)
}

// tell writes a note; err is the answer to the operation.
func (w *worker) tell(n note, err error) {
	n.result = accepted
	if err != nil {
		n.result, n.why = judge(err)
	}
	if n.row == "" {
		n.row = noRow
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.out.Write(n.line()) // a parent that is gone has closed our input, too
}

// judge tells an answer that the rules give from one that nobody must ever get.
func judge(err error) (result, string) {
	var f *fault.Fault
	switch {
	case !errors.As(err, &f):
		return wrong, err.Error()
	case f.Kind == fault.Unavailable:
		return unanswered, f.Code
	case refusals()[f.Code]:
		return refused, f.Code
	}
	return wrong, err.Error()
}

// commit commits an op, several times when the answer does not come: that it is
// done once whatever happens is what ops promise.
func (w *worker) commit(ctx context.Context, op commit.Op) (uint64, error) {
	const tries = 4
	var last error
	for range tries {
		receipt, err := w.committer.Commit(ctx, op)
		if err == nil || fault.From(err).Kind != fault.Unavailable {
			return receipt.Revision, err
		}
		last = err
	}
	return 0, last
}

// every calls do at every step, until the context ends.
func (w *worker) every(ctx context.Context, step time.Duration, do func(context.Context) error) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := w.insist(ctx, do); err != nil {
				return err
			}
		}
	}
}

// patience is how long the database may be away.
const patience = 30 * time.Second

// insist calls do until it succeeds: while the database is away it cannot. When
// ctx ends, it is called once more. What the database itself refuses is final.
func (w *worker) insist(ctx context.Context, do func(context.Context) error) error {
	began, last := time.Now(), false
	for {
		err := do(context.WithoutCancel(ctx))
		if err == nil || !w.Crashes || last || time.Since(began) > patience || final(err) {
			return err
		}
		select {
		case <-ctx.Done():
			last = true
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// final reports whether the database has refused a statement, and not only gone
// away or come back.
func final(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && !slices.Contains([]string{"08", "53", "57"}, pg.Code[:2])
}
