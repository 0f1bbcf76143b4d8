package river_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/protocol/id"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// migrated is a database with River's tables.
func migrated(t *testing.T) (*postgres.DB, string) {
	t.Helper()
	db, dsn := postgrestest.New(t)
	if err := river.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	return db, dsn
}

func queue(t *testing.T, db *postgres.DB) *river.Queue {
	t.Helper()
	q, err := river.NewQueue(db.Pool(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// handlers sends every job to h.
func handlers(h relay.Handler) map[relay.Kind]relay.Handler {
	m := map[relay.Kind]relay.Handler{}
	for _, k := range []relay.Kind{
		relay.MailConfirmation, relay.MailCancellation, relay.MailChanged, relay.MailNoShow, relay.MailWalked, relay.MailVoided, relay.MailEndsSoon, relay.SMSEndsSoon, relay.MailReceipt, relay.MailUnsecured, relay.MailOwing, relay.MailRefunded, relay.MailRefundFailed, relay.Refund, relay.MailAccount,
		relay.Capture, relay.Void, relay.Resolve, relay.Heed,
	} {
		m[k] = h
	}
	return m
}

// run starts something that ends with the test.
func run(t *testing.T, what func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- what(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func work(t *testing.T, db *postgres.DB, h relay.Handler, tasks ...schedule.Task) (stop func()) {
	t.Helper()
	w, err := river.NewWorkers(db.Pool(), handlers(h), tasks, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, w.Run)
}

func TestMigratingTwiceAtOnceIsHarmless(t *testing.T) {
	_, dsn := postgrestest.New(t)
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			if err := river.Migrate(t.Context(), dsn, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

// Whatever kind of job there is, somebody does it.
func TestEveryKindOfJobIsDone(t *testing.T) {
	db, _ := migrated(t)
	done := make(chan relay.Job, 100)
	work(t, db, func(_ context.Context, j relay.Job) error { done <- j; return nil })
	missing := handlers(nil)
	var jobs []relay.Job
	for k := range missing {
		jobs = append(jobs, relay.Job{Kind: k, Parking: "a", Reservation: id.New[id.Reservation](time.Now())})
	}
	if err := queue(t, db).Insert(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	for len(missing) > 0 {
		select {
		case j := <-done:
			delete(missing, j.Kind)
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody does %v", missing)
		}
	}
}

func TestAnEventBecomesADoneJobWellWithinASecond(t *testing.T) {
	db, _ := migrated(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("a", 10))
	done := make(chan relay.Job, 100)
	work(t, db, func(_ context.Context, j relay.Job) error { done <- j; return nil })
	r := relay.New(postgres.NewRelay(db, queue(t, db)), quiet)
	run(t, r.Run)
	var waits []time.Duration
	for i := range 12 {
		want := id.New[id.Reservation](time.Now())
		body, _ := json.Marshal(feed.Body{Reservation: &feed.Reservation{ID: want}})
		var revision uint64
		if err := db.Pool().QueryRow(t.Context(), `select record_event('a', 'reservation.confirmed', $1)`, body).Scan(&revision); err != nil {
			t.Fatal(err)
		}
		committed := time.Now()
		r.Hint()
		j := <-done
		if j.Kind != relay.MailConfirmation || j.Parking != "a" || j.Reservation != want || j.Revision != revision {
			t.Fatalf("%+v", j)
		}
		if i >= 2 { // the first ones meet workers that are still starting
			waits = append(waits, time.Since(committed))
		}
	}
	// Most of them: a machine may stand still for one.
	slices.Sort(waits)
	t.Logf("10 from commit to work: %s", waits)
	if usual := waits[len(waits)/2]; usual > time.Second {
		t.Errorf("a job waits %s", usual)
	}
}

func TestTheSameEventIsInsertedOnce(t *testing.T) {
	db, dsn := migrated(t)
	q := queue(t, db)
	j := relay.Job{Kind: relay.Capture, Parking: "a", Revision: 4, Payment: id.New[id.Payment](time.Now())}
	next := j
	next.Revision = 5
	for range 3 {
		err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
			return q.InsertTx(t.Context(), tx, []relay.Job{j, j, next})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	j.Revision = 0 // the clock asks, again and again
	for range 3 {
		if err := q.Insert(t.Context(), []relay.Job{j}); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := postgrestest.Owner(t, dsn).QueryRow(t.Context(), `select count(*) from river.river_job`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n < 3 || n > 4 { // the clock's two minutes may have passed in between
		t.Fatalf("%d jobs, want one for each event and one for the clock", n)
	}
}

func TestARolledBackInsertIsNeverDone(t *testing.T) {
	db, _ := migrated(t)
	done := make(chan relay.Job, 10)
	stop := work(t, db, func(_ context.Context, j relay.Job) error { done <- j; return nil })
	q := queue(t, db)
	died := errors.New("died")
	for p, fails := range map[id.Parking]error{"rolled-back": died, "committed": nil} {
		err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
			if err := q.InsertTx(t.Context(), tx, []relay.Job{{Kind: relay.Void, Parking: p}}); err != nil {
				return err
			}
			return fails
		})
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
	}
	if j := <-done; j.Parking != "committed" {
		t.Fatalf("did %+v", j)
	}
	stop() // lets what has been fetched finish
	if len(done) > 0 {
		t.Fatalf("did %+v", <-done)
	}
}

func TestAFailedJobIsDoneAgainAndAGivenUpOneIsNot(t *testing.T) {
	db, dsn := migrated(t)
	var failures, stops, waits atomic.Int32
	recovered, waited := make(chan struct{}), make(chan struct{})
	work(t, db, func(_ context.Context, j relay.Job) error {
		switch j.Kind {
		case relay.Capture:
			if failures.Add(1) < 3 {
				return errors.New("no answer")
			}
			close(recovered)
		case relay.Resolve:
			if waits.Add(1) < 2 {
				return relay.Wait{For: 100 * time.Millisecond, Err: errors.New("too early")}
			}
			close(waited)
		default:
			stops.Add(1)
			return relay.Stop{Err: errors.New("refused for good")}
		}
		return nil
	})
	if err := queue(t, db).Insert(t.Context(), []relay.Job{{Kind: relay.Capture, Parking: "a"}, {Kind: relay.Void, Parking: "a"}, {Kind: relay.Resolve, Parking: "a"}}); err != nil {
		t.Fatal(err)
	}
	<-recovered
	<-waited
	owner := postgrestest.Owner(t, dsn)
	for state := ""; state != "cancelled"; {
		if err := owner.QueryRow(t.Context(), `select state::text from river.river_job where kind = 'payment_void'`).Scan(&state); err != nil {
			t.Fatal(err)
		}
	}
	if n := stops.Load(); n != 1 {
		t.Errorf("a job that was given up was done %d times", n)
	}
}

func TestTheClockTicksOnOneOfSeveralProcesses(t *testing.T) {
	db, _ := migrated(t)
	ticks := make(chan time.Time, 100)
	task := schedule.Task{Name: "count", Every: time.Second, Run: func(_ context.Context, now time.Time) error {
		ticks <- now
		return nil
	}}
	nothing := func(context.Context, relay.Job) error { return nil }
	stop := work(t, db, nothing, task)
	work(t, db, nothing, task)
	first := <-ticks
	var n int
	for end := first.Add(3 * time.Second); ; n++ {
		if at := <-ticks; at.After(end) {
			break
		}
	}
	if n > 4 {
		t.Errorf("%d ticks in three seconds", n)
	}
	stop() // the leader, perhaps: the other goes on
	for len(ticks) > 0 {
		<-ticks
	}
	<-ticks
}

func TestWorkersNeedAllTheirParts(t *testing.T) {
	db, _ := migrated(t)
	h := handlers(func(context.Context, relay.Job) error { return nil })
	delete(h, relay.Capture)
	if _, err := river.NewWorkers(db.Pool(), h, nil, time.Now, quiet); err == nil {
		t.Error("workers that cannot capture were accepted")
	}
	twice := schedule.Task{Name: "x", Every: time.Minute, Run: func(context.Context, time.Time) error { return nil }}
	if _, err := river.NewWorkers(db.Pool(), handlers(nil), []schedule.Task{twice, twice}, time.Now, quiet); err == nil {
		t.Error("two tasks of one name were accepted")
	}
}
