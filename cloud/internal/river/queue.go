// Package river is the job queue: jobs are rows in Postgres, inserted in the
// transactions of those who want them done, and worked by any process that
// runs workers. It is the only package that knows River.
//
// A job is done at least once. It is inserted once per event (parking,
// revision, kind), and once per period when a clock asks for it. A job that
// fails is done again with growing pauses, until its attempts are used up; one
// that ends with relay.Stop is not done again. A process that dies leaves its
// running jobs to be rescued after rescueAfter.
package river

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/schedule"
)

// The queues: a mail server that hangs must not keep SMS waiting, nor either of
// them money, nor any of these the clock.
const (
	money = "money"
	mail  = "mail"
	text  = "sms"
	clock = "clock"
)

// Timing.
const (
	// A NOTIFY takes a lock of the whole cluster until its commit. River sends at
	// most one per queue, process and cooldown.
	fetchCooldown = 50 * time.Millisecond
	fetchEvery    = 250 * time.Millisecond // when a NOTIFY got lost
	jobTimeout    = 30 * time.Second
	tickTimeout   = time.Minute
	rescueAfter   = 45 * time.Second // more than a job may take; what looks for them comes every 30 s
	softStop      = 5 * time.Second
	// A clock that asks for the same job again and again gets one in this time.
	oncePer = 2 * time.Minute
)

// Attempts of a job before it is given up. What is given up stays in the table
// for a week; stuck payments get new jobs from the clock.
const (
	moneyAttempts = 12 // about 15 minutes
	mailAttempts  = 20 // about an hour and a half
	textAttempts  = mailAttempts
	longestPause  = 5 * time.Minute
)

// Queue inserts jobs.
type Queue struct{ client *river.Client[pgx.Tx] }

// NewQueue makes a queue that inserts and works nothing.
func NewQueue(pool *pgxpool.Pool, log *slog.Logger) (*Queue, error) {
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: schema, Logger: quiet(log), FetchCooldown: fetchCooldown, FetchPollInterval: fetchEvery})
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	return &Queue{c}, nil
}

// InsertTx adds the jobs of events in the caller's transaction, each once.
func (q *Queue) InsertTx(ctx context.Context, tx pgx.Tx, jobs []relay.Job) error {
	params, err := paramsOf(jobs, river.UniqueOpts{ByArgs: true})
	if err != nil || len(params) == 0 {
		return err
	}
	_, err = q.client.InsertManyTx(ctx, tx, params)
	return err
}

// Insert adds jobs that no event asked for, the same one at most once in two
// minutes.
func (q *Queue) Insert(ctx context.Context, jobs []relay.Job) error {
	params, err := paramsOf(jobs, river.UniqueOpts{ByArgs: true, ByPeriod: oncePer})
	if err != nil || len(params) == 0 {
		return err
	}
	_, err = q.client.InsertMany(ctx, params)
	return err
}

func paramsOf(jobs []relay.Job, unique river.UniqueOpts) ([]river.InsertManyParams, error) {
	params := make([]river.InsertManyParams, 0, len(jobs))
	seen := make(map[relay.Job]bool, len(jobs))
	for _, j := range jobs {
		if seen[j] { // one statement cannot meet the same unique key twice
			continue
		}
		seen[j] = true
		a, err := argsOf(j)
		if err != nil {
			return nil, err
		}
		o := &river.InsertOpts{UniqueOpts: unique}
		switch j.Kind {
		case relay.MailConfirmation, relay.MailCancellation, relay.MailChanged, relay.MailNoShow, relay.MailWalked, relay.MailVoided, relay.MailEndsSoon, relay.MailReceipt, relay.MailUnsecured,
			relay.MailRefunded, relay.MailRefundFailed, relay.MailOwing, relay.MailAccount:
			o.Queue, o.MaxAttempts = mail, mailAttempts
		case relay.SMSEndsSoon:
			o.Queue, o.MaxAttempts = text, textAttempts
		case relay.Capture, relay.Void, relay.Refund, relay.Resolve, relay.Heed:
			o.Queue, o.MaxAttempts = money, moneyAttempts
		default:
			return nil, fmt.Errorf("no queue takes jobs of kind %q", j.Kind)
		}
		params = append(params, river.InsertManyParams{Args: a, InsertOpts: o})
	}
	return params, nil
}

// Workers does jobs and runs the clock's tasks.
type Workers struct {
	client  *river.Client[pgx.Tx]
	pool    *pgxpool.Pool
	metrics *metrics
	log     *slog.Logger
}

// NewWorkers makes workers for every kind of job in handlers. Of all processes
// that have workers one, the leader, lets the clock tick; all must be given the
// same tasks.
func NewWorkers(pool *pgxpool.Pool, handlers map[relay.Kind]relay.Handler, tasks []schedule.Task, now func() time.Time, log *slog.Logger) (*Workers, error) {
	log = log.With("component", "jobs")
	workers, counts := river.NewWorkers(), newMetrics()
	for kind, add := range map[relay.Kind]func(relay.Handler){
		relay.MailConfirmation: func(h relay.Handler) {
			river.AddWorker(workers, &worker[confirmation]{handle: h, metrics: counts, log: log})
		},
		relay.MailCancellation: func(h relay.Handler) {
			river.AddWorker(workers, &worker[cancellation]{handle: h, metrics: counts, log: log})
		},
		relay.MailChanged: func(h relay.Handler) {
			river.AddWorker(workers, &worker[changed]{handle: h, metrics: counts, log: log})
		},
		relay.MailNoShow: func(h relay.Handler) { river.AddWorker(workers, &worker[noShow]{handle: h, metrics: counts, log: log}) },
		relay.MailWalked: func(h relay.Handler) { river.AddWorker(workers, &worker[walked]{handle: h, metrics: counts, log: log}) },
		relay.MailVoided: func(h relay.Handler) { river.AddWorker(workers, &worker[voided]{handle: h, metrics: counts, log: log}) },
		relay.MailEndsSoon: func(h relay.Handler) {
			river.AddWorker(workers, &worker[endsSoon]{handle: h, metrics: counts, log: log})
		},
		relay.MailReceipt: func(h relay.Handler) {
			river.AddWorker(workers, &worker[receipt]{handle: h, metrics: counts, log: log})
		},
		relay.MailUnsecured: func(h relay.Handler) {
			river.AddWorker(workers, &worker[unsecured]{handle: h, metrics: counts, log: log})
		},
		relay.MailOwing: func(h relay.Handler) { river.AddWorker(workers, &worker[owing]{handle: h, metrics: counts, log: log}) },
		relay.SMSEndsSoon: func(h relay.Handler) {
			river.AddWorker(workers, &worker[endsSoonText]{handle: h, metrics: counts, log: log})
		},
		relay.MailRefunded: func(h relay.Handler) {
			river.AddWorker(workers, &worker[refunded]{handle: h, metrics: counts, log: log})
		},
		relay.MailRefundFailed: func(h relay.Handler) {
			river.AddWorker(workers, &worker[refundFailed]{handle: h, metrics: counts, log: log})
		},
		relay.Refund: func(h relay.Handler) { river.AddWorker(workers, &worker[refund]{handle: h, metrics: counts, log: log}) },
		relay.Capture: func(h relay.Handler) {
			river.AddWorker(workers, &worker[capture]{handle: h, metrics: counts, log: log})
		},
		relay.Void: func(h relay.Handler) { river.AddWorker(workers, &worker[void]{handle: h, metrics: counts, log: log}) },
		relay.Resolve: func(h relay.Handler) {
			river.AddWorker(workers, &worker[resolve]{handle: h, metrics: counts, log: log})
		},
		relay.MailAccount: func(h relay.Handler) {
			river.AddWorker(workers, &worker[aboutAccount]{handle: h, metrics: counts, log: log})
		},
		relay.Heed: func(h relay.Handler) { river.AddWorker(workers, &worker[heed]{handle: h, metrics: counts, log: log}) },
	} {
		h, ok := handlers[kind]
		if !ok {
			return nil, fmt.Errorf("nobody does jobs of kind %q", kind)
		}
		add(h)
	}
	byName := map[string]schedule.Task{}
	var periodic []*river.PeriodicJob
	for _, t := range tasks {
		if _, twice := byName[t.Name]; twice || t.Name == "" || t.Every < time.Second || t.Run == nil {
			return nil, fmt.Errorf("task %q needs a name of its own, a period of a second or more, and something to run", t.Name)
		}
		byName[t.Name] = t
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(t.Every), func() (river.JobArgs, *river.InsertOpts) {
			// A tick that cannot run is dropped: the next one does its work.
			return tick{t.Name}, &river.InsertOpts{Queue: clock, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: t.Every}}
		}, &river.PeriodicJobOpts{ID: t.Name, RunOnStart: true}))
	}
	river.AddWorker(workers, &ticker{tasks: byName, now: now, metrics: counts, log: log})
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: schema, Logger: quiet(log), Workers: workers, PeriodicJobs: periodic,
		Queues:        map[string]river.QueueConfig{money: {MaxWorkers: 16}, mail: {MaxWorkers: 8}, text: {MaxWorkers: 8}, clock: {MaxWorkers: 8}},
		FetchCooldown: fetchCooldown, FetchPollInterval: fetchEvery,
		JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter, SoftStopTimeout: softStop,
		// A tick leaves a row each time; a day of them is enough to look at.
		CompletedJobRetentionPeriod: 24 * time.Hour,
		// The running role does not own the tables and may not rebuild indexes.
		ReindexerIndexNames: []string{},
	})
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	return &Workers{client: c, pool: pool, metrics: counts, log: log}, nil
}

// Run works until the context ends. Jobs that are running then have five
// seconds to finish.
func (w *Workers) Run(ctx context.Context) error {
	if err := w.client.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is how it is told to stop
		}
		return fmt.Errorf("start the job workers: %w", err)
	}
	<-w.client.Stopped()
	return nil
}

type worker[T args] struct {
	river.WorkerDefaults[T]
	handle  relay.Handler
	metrics *metrics
	log     *slog.Logger
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error {
	job := j.Args.named().job(j.Kind)
	began := time.Now()
	err := w.handle(ctx, job)
	w.metrics.worked(j.Kind, time.Since(began), err, j.Attempt >= j.MaxAttempts)
	log := w.log.With("job", j.Kind, "parking_id", job.Parking, "revision", job.Revision, "reservation_id", job.Reservation,
		"attempt", j.Attempt, "took", time.Since(began))
	var stop relay.Stop
	var wait relay.Wait
	switch {
	case err == nil:
		log.Info("job done")
		return nil
	case errors.As(err, &stop):
		log.Error("job given up", "err", err)
		return river.JobCancel(err)
	case errors.As(err, &wait):
		log.Info("job waits", "for", wait.For, "err", err)
		return river.JobSnooze(wait.For)
	case j.Attempt >= j.MaxAttempts:
		log.Error("job failed for the last time", "err", err)
	default:
		log.Warn("job failed, it is done again", "err", err)
	}
	return err
}

// NextRetry implements river.Worker: half a second, doubled each time.
func (w *worker[T]) NextRetry(j *river.Job[T]) time.Time {
	pause := longestPause
	if n := len(j.Errors); n < 10 {
		pause = min(pause, 500*time.Millisecond<<n)
	}
	return time.Now().Add(pause)
}

type ticker struct {
	river.WorkerDefaults[tick]
	tasks   map[string]schedule.Task
	now     func() time.Time
	metrics *metrics
	log     *slog.Logger
}

// Work implements river.Worker.
func (w *ticker) Work(ctx context.Context, j *river.Job[tick]) error {
	t, ok := w.tasks[j.Args.Task]
	if !ok {
		return river.JobCancel(fmt.Errorf("no task %q here", j.Args.Task))
	}
	began := time.Now()
	err := t.Run(ctx, w.now().UTC())
	w.metrics.ticked(t.Name, time.Since(began), err)
	if err != nil && ctx.Err() == nil {
		w.log.Error("a scheduled task failed; it runs again", "task", t.Name, "err", err)
	}
	return err
}

// Timeout implements river.Worker.
func (w *ticker) Timeout(*river.Job[tick]) time.Duration { return tickTimeout }

var _ rivertype.JobArgs = tick{}

// quiet lets River's warnings through: what its jobs do is logged here.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }
func (w warnings) WithGroup(g string) slog.Handler      { return warnings{w.Handler.WithGroup(g)} }
