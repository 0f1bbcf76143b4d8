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
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/soak/check"
)

// run is the parent's side.
type run struct {
	Config
	clock clock
	db    *postgres.DB
	conn  *pgx.Conn
	rnd   *rand.Rand
	began time.Time

	mu       sync.Mutex
	children []*child
	notes    []note // accepted ones, to be found in the end
	ops      map[string]int
	results  map[result]int
	wrong    []string
	texts    map[string]string
	kills    int
	crashes  int           // of the database
	atCrash  int           // the operations when it was last killed
	failed   chan struct{} // closed with the first thing that is wrong
	enough   chan struct{} // closed when there were enough operations
	report   check.Report  // all that the checks found
	checks   int
}

// child is one worker process.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when it has ended and all its notes are read
	gone  bool          // it was waited for
	notes atomic.Int64  // what it has said
}

// What is killed has been at work: on a slow machine starting takes longer than
// the time between two kills, and nothing would ever be interrupted.
const (
	atWork      = 5  // notes of a worker
	betweenEach = 50 // operations between two kills of the database
)

// Run soaks and says what came of it. An error means that it could not be run;
// whether anything was wrong is in the result.
func Run(ctx context.Context, cfg Config) (Result, error) {
	r := &run{
		Config: cfg, clock: clock{Start: time.Now().Round(0), Speed: cfg.Speed}, began: time.Now(),
		rnd: rand.New(rand.NewPCG(cfg.Seed, 0)), //nolint:gosec // a repeatable choice of victims
		ops: map[string]int{}, results: map[result]int{}, texts: map[string]string{},
		failed: make(chan struct{}), enough: make(chan struct{}),
	}
	if err := r.open(ctx); err != nil {
		return Result{}, err
	}
	defer r.db.Close()
	defer func() { _ = r.conn.Close(context.WithoutCancel(ctx)) }() // it only read
	for n := range r.Workers {
		c, err := r.start(ctx, n)
		if err != nil {
			return Result{}, errors.Join(err, r.stop())
		}
		r.children = append(r.children, c)
	}
	err := r.watch(ctx)
	if err = errors.Join(err, r.stop()); err != nil {
		return Result{}, err
	}
	if err := r.check(ctx); err != nil {
		return Result{}, err
	}
	if err := r.verify(ctx); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

func (r *run) open(ctx context.Context) (err error) {
	log := slog.New(slog.DiscardHandler)
	if r.db, err = postgres.Open(ctx, r.DSN, log, postgres.Options{MaxConns: 2}); err != nil {
		return err
	}
	var list []parking.Parking
	for _, p := range places() {
		list = append(list, p.Parking)
	}
	if _, err := r.db.ImportParkings(ctx, "Soak", list, r.clock.now()); err != nil {
		return err
	}
	return r.connect(ctx)
}

func (r *run) connect(ctx context.Context) (err error) {
	r.conn, err = pgx.Connect(ctx, r.DSN)
	return err
}

// start starts a worker and reads its notes until it ends, however it ends.
func (r *run) start(ctx context.Context, n int) (*child, error) {
	line, err := json.Marshal(job{
		DSN: r.DSN, Dir: r.Dir, Clock: r.clock, Worker: n, Workers: r.Workers, Clients: r.Clients, Seed: r.rnd.Uint64(),
		Crashes: r.CrashEvery > 0,
	})
	if err != nil {
		return nil, err
	}
	// It ends with its input, not with the context: in good order.
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), r.Command[0], r.Command[1:]...), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), r.Env...)
	c.cmd.Stderr = r.Out
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	go func() {
		defer close(c.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			r.note(lines.Text())
			c.notes.Add(1)
		}
	}()
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		return nil, errors.Join(fmt.Errorf("tell a worker its job: %w", err), c.cmd.Process.Kill(), ctx.Err())
	}
	return c, nil
}

// note takes down what a worker said.
func (r *run) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := parseNote(line, r.texts)
	if err != nil {
		r.complain("a worker says what it must not: " + err.Error())
		return
	}
	r.ops[n.op]++
	r.results[n.result]++
	switch n.result {
	case accepted:
		r.notes = append(r.notes, n)
	case wrong:
		r.complain(fmt.Sprintf("%s in %s: %s", n.op, n.parking, n.why))
	case refused, unanswered:
	}
	if total := r.total(); total == r.Operations {
		close(r.enough)
	}
}

func (r *run) total() int { return r.results[accepted] + r.results[refused] + r.results[unanswered] }

func (r *run) complain(what string) {
	if len(r.wrong) == 0 {
		close(r.failed)
	}
	if r.wrong = append(r.wrong, what); len(r.wrong) <= maxExamples {
		_, _ = fmt.Fprintln(r.Out, "WRONG", what)
	}
}

// maxExamples bounds what is printed of one kind of mistake.
const maxExamples = 5

// watch kills, checks and tells until it is enough, or something is wrong.
func (r *run) watch(ctx context.Context) error {
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	kill, look, crash, end := alarm(r.jitter(r.KillEvery)), alarm(r.CheckEvery), alarm(r.jitter(r.CrashEvery)), alarm(r.For)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.failed:
			return nil
		case <-r.enough:
			return nil
		case <-end:
			return nil
		case <-tell.C:
			r.tell()
		case <-kill:
			if err := r.kill(ctx); err != nil {
				return err
			}
			kill = alarm(r.jitter(r.KillEvery))
		case <-crash:
			if err := r.crash(ctx); err != nil {
				return err
			}
			crash = alarm(r.jitter(r.CrashEvery))
		case <-look:
			if err := r.check(ctx); err != nil {
				return err
			}
			if !r.report.OK() {
				return nil
			}
			look = alarm(r.CheckEvery)
		}
	}
}

// tellEvery is how often there is a line of progress.
const tellEvery = 5 * time.Second

func alarm(d time.Duration) <-chan time.Time {
	if d <= 0 {
		return nil
	}
	return time.After(d)
}

func (r *run) jitter(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (0.5 + r.rnd.Float64()))
}

// crash ends the database under everybody's hands, and waits until it is there
// again; unless nothing was done since the last time.
func (r *run) crash(ctx context.Context) error {
	r.mu.Lock()
	rested := r.total()-r.atCrash < betweenEach
	r.mu.Unlock()
	if rested {
		return nil
	}
	if err := r.Crash(ctx); err != nil {
		return fmt.Errorf("kill the database: %w", err)
	}
	r.mu.Lock()
	r.crashes++
	r.atCrash = r.total()
	r.mu.Unlock()
	_ = r.conn.Close(ctx) // it is cut
	r.db.Pool().Reset()
	return r.connect(ctx)
}

// kill ends a worker as a crash does, and starts it again, if the one chosen has
// been at work.
func (r *run) kill(ctx context.Context) error {
	n := r.rnd.IntN(len(r.children))
	victim := r.children[n]
	if victim.notes.Load() < atWork {
		return nil
	}
	if err := victim.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill a worker: %w", err)
	}
	<-victim.done
	victim.gone = true
	if err := victim.cmd.Wait(); victim.cmd.ProcessState.Exited() {
		return fmt.Errorf("a worker has ended by itself: %w", err)
	}
	r.kills++
	c, err := r.start(ctx, n)
	if err != nil {
		return err
	}
	r.children[n] = c
	return nil
}

// stop ends the workers in good order.
func (r *run) stop() error {
	var all []error
	for _, c := range r.children {
		_ = c.stdin.Close() // one that has ended by itself has closed it
	}
	for _, c := range r.children {
		<-c.done
		if c.gone {
			continue
		}
		if err := c.cmd.Wait(); err != nil {
			all = append(all, fmt.Errorf("a worker has failed: %w", err))
		}
	}
	return errors.Join(all...)
}

// check checks everything that is stored, and seeds the days that time has come
// to.
func (r *run) check(ctx context.Context) error {
	if _, err := r.db.SeedHorizon(ctx, r.clock.now()); err != nil {
		return err
	}
	rows, err := check.Read(ctx, r.conn, r.clock.now)
	if err != nil {
		return err
	}
	found := check.Check(rows)
	r.checks++
	for k, n := range found.Counts {
		for range n {
			r.report.Add(k, "%s", found.Examples[k][0])
		}
	}
	r.report.Looked = found.Looked
	if !found.OK() {
		_, _ = fmt.Fprintln(r.Out, found)
	}
	return nil
}

func (r *run) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := time.Since(r.began)
	_, _ = fmt.Fprintf(r.Out, "%4.0f s, there it is %s: %d operations (%.0f/s; %d accepted, %d refused, %d unanswered), %d kills and %d of Postgres, %d checks\n",
		took.Seconds(), r.clock.now().Format("Mon 15:04"), r.total(), float64(r.total())/took.Seconds(),
		r.results[accepted], r.results[refused], r.results[unanswered], r.kills, r.crashes, r.checks)
}
