package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func TestEventsAskForTheirJobs(t *testing.T) {
	r, p := id.New[id.Reservation](time.Now()), id.New[id.Payment](time.Now())
	of := func(s payment.State) feed.Body {
		return feed.Body{Payment: &feed.Payment{ID: p, Reservation: r, State: string(s)}}
	}
	away := func(s payment.State) feed.Body {
		b := of(s)
		b.Payment.Away = true
		return b
	}
	res := feed.Body{Reservation: &feed.Reservation{ID: r}}
	for _, c := range []struct {
		kind feed.Kind
		body feed.Body
		want relay.Kind
	}{
		{feed.ReservationConfirmed, res, relay.MailConfirmation},
		{feed.ReservationCancelled, res, relay.MailCancellation},
		{feed.ReservationChanged, res, relay.MailChanged},
		{feed.ChangeHeld, res, ""},
		{feed.ChangeDropped, res, ""},
		{feed.ReservationNoShow, res, relay.MailNoShow},
		{feed.ReservationWalked, res, relay.MailWalked},
		{feed.ReservationVoided, res, relay.MailVoided},
		{feed.ReservationEndsSoon, res, relay.MailEndsSoon},
		{feed.ReservationEndsSoon, feed.Body{}, ""},
		{feed.ReservationCompleted, res, ""},
		{feed.ReservationHeld, res, ""},
		{feed.ReservationExpired, res, ""},
		{feed.PaymentChanged, of(payment.CaptureRequested), relay.Capture},
		{feed.PaymentChanged, of(payment.VoidRequested), relay.Void},
		{feed.PaymentChanged, of(payment.Unknown), relay.Resolve},
		{feed.PaymentChanged, of(payment.Lapsed), relay.MailUnsecured},
		{feed.PaymentChanged, of(payment.MethodKept), relay.MailUnsecured},
		{feed.PaymentChanged, away(payment.Declined), relay.MailOwing},
		{feed.PaymentChanged, away(payment.RequiresAction), relay.MailOwing},
		{feed.PaymentChanged, away(payment.Captured), relay.MailReceipt},
		{feed.PaymentChanged, away(payment.CaptureRequested), relay.Capture},
		{feed.PaymentChanged, of(payment.Authorized), ""},
		{feed.PaymentChanged, of(payment.Captured), relay.MailReceipt},
		{feed.PaymentChanged, feed.Body{}, ""},
		{feed.RefundRequested, of(payment.CaptureRequested), relay.Refund},
		{feed.RefundGiven, of(payment.Captured), relay.MailRefunded},
		{feed.RefundArrived, of(payment.Captured), ""},
		{feed.RefundFailed, of(payment.Captured), relay.MailRefundFailed},
		{feed.ParkingImported, feed.Body{}, ""},
	} {
		jobs := relay.Jobs(feed.Event{Parking: "a", Revision: 7, Kind: c.kind, Body: c.body})
		if c.want == relay.MailEndsSoon && len(jobs) == 2 { // a job of its own for each channel
			if want := (relay.Job{Kind: relay.SMSEndsSoon, Parking: "a", Revision: 7, Reservation: r}); jobs[1] != want {
				t.Errorf("%s: %+v, want %+v", c.kind, jobs[1], want)
			}
			jobs = jobs[:1]
		} else if c.want == relay.MailEndsSoon {
			t.Errorf("%s: %+v, want two jobs", c.kind, jobs)
		}
		switch {
		case c.want == "" && len(jobs) == 0:
		case c.want == "" || len(jobs) != 1 || jobs[0].Kind != c.want || jobs[0].Parking != "a" || jobs[0].Revision != 7 || jobs[0].Reservation != r:
			t.Errorf("%s: %+v, want %q", c.kind, jobs, c.want)
		case c.kind == feed.PaymentChanged && jobs[0].Payment != p:
			t.Errorf("%s names payment %s", c.kind, jobs[0].Payment)
		}
	}
}

// ledger takes jobs into a table without any uniqueness of its own.
type ledger struct {
	fail func(context.Context, pgx.Tx) error
}

func (l ledger) InsertTx(ctx context.Context, tx pgx.Tx, jobs []relay.Job) error {
	for _, j := range jobs {
		if _, err := tx.Exec(ctx, `insert into job_seen (parking, revision) values ($1, $2)`, string(j.Parking), int64(j.Revision)); err != nil {
			return err
		}
	}
	if l.fail != nil {
		return l.fail(ctx, tx)
	}
	return nil
}

type bench struct {
	db    *postgres.DB
	owner *pgx.Conn
}

func newBench(t *testing.T, parkings ...id.Parking) bench {
	t.Helper()
	db, dsn := postgrestest.New(t)
	for _, p := range parkings {
		postgrestest.Import(t, db, time.Now(), postgrestest.Parking(p, 10))
	}
	b := bench{db, postgrestest.Owner(t, dsn)}
	if _, err := b.owner.Exec(t.Context(), `create table job_seen (parking text, revision bigint); grant insert on job_seen to openlot_app`); err != nil {
		t.Fatal(err)
	}
	return b
}

const record = `select record_event($1, 'reservation.confirmed', $2)`

func body() []byte {
	b, _ := json.Marshal(feed.Body{Reservation: &feed.Reservation{ID: id.New[id.Reservation](time.Now())}})
	return b
}

func (b bench) emit(t *testing.T, p id.Parking) {
	t.Helper()
	if _, err := b.db.Pool().Exec(t.Context(), record, string(p), body()); err != nil {
		t.Fatal(err)
	}
}

// jobs is how many jobs were inserted, and for how many different events.
func (b bench) jobs(t *testing.T) (all, distinct int) {
	t.Helper()
	err := b.owner.QueryRow(t.Context(), `select count(*), count(distinct (parking, revision)) from job_seen`).Scan(&all, &distinct)
	if err != nil {
		t.Fatal(err)
	}
	return all, distinct
}

func (b bench) exactly(t *testing.T, want int) {
	t.Helper()
	if all, distinct := b.jobs(t); all != want || distinct != want {
		t.Fatalf("%d jobs for %d events, want one for each of %d", all, distinct, want)
	}
}

// relayAll steps until there is nothing left.
func relayAll(t *testing.T, src relay.Source) (events int) {
	t.Helper()
	for {
		s, err := src.Relay(t.Context(), relay.Jobs)
		if err != nil {
			t.Fatal(err)
		}
		if s == (relay.Step{}) {
			return events
		}
		events += s.Events
	}
}

func TestDyingBetweenInsertAndCursorLosesAndDoublesNothing(t *testing.T) {
	b := newBench(t, "a")
	for range 20 {
		b.emit(t, "a")
	}
	died := errors.New("died")
	for name, fail := range map[string]func(context.Context, pgx.Tx) error{
		"an error": func(context.Context, pgx.Tx) error { return died },
		"a lost connection": func(ctx context.Context, tx pgx.Tx) error {
			return tx.Conn().Close(ctx)
		},
	} {
		if s, err := postgres.NewRelay(b.db, ledger{fail}).Relay(t.Context(), relay.Jobs); err == nil {
			t.Fatalf("%s went unnoticed: %+v", name, s)
		}
		b.exactly(t, 0)
	}
	src := postgres.NewRelay(b.db, ledger{})
	relayAll(t, src)
	b.exactly(t, 20)
	relayAll(t, src)
	b.exactly(t, 20)
}

func TestABacklogOfManyPagesIsRelayedOnceEach(t *testing.T) {
	b := newBench(t, "a")
	// 300 events in transactions of their own, then 700 in one: a page ends
	// inside of it.
	for range 300 {
		b.emit(t, "a")
	}
	err := pgx.BeginFunc(t.Context(), b.db.Pool(), func(tx pgx.Tx) error {
		for range 700 {
			if _, err := tx.Exec(t.Context(), record, "a", body()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		b.emit(t, "a")
	}
	if n := relayAll(t, postgres.NewRelay(b.db, ledger{})); n != 1301 { // with parking.imported
		t.Errorf("%d events", n)
	}
	b.exactly(t, 1300)
}

func TestATransactionThatCommitsLateIsNotPassedOver(t *testing.T) {
	b := newBench(t, "early", "late")
	src := postgres.NewRelay(b.db, ledger{})
	relayAll(t, src)
	late, err := b.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.Background()) }()
	if _, err := late.Exec(t.Context(), record, "late", body()); err != nil {
		t.Fatal(err)
	}
	b.emit(t, "early")
	s, err := src.Relay(t.Context(), relay.Jobs)
	if err != nil || s.Events != 0 || !s.Behind {
		t.Fatalf("an event above a running transaction was taken, or not noticed: %+v, %v", s, err)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	relayAll(t, src)
	b.exactly(t, 2)
}

// Several relays, some of whose steps are aborted, while events are written:
// each event gets one job.
func TestRelaysAtOnceDoNotDouble(t *testing.T) {
	parkings := []id.Parking{"a", "b", "c", "d"}
	b := newBench(t, parkings...)
	const each = 100
	var step atomic.Int64
	flaky := ledger{func(context.Context, pgx.Tx) error {
		if step.Add(1)%3 == 0 {
			return errors.New("died")
		}
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var relays sync.WaitGroup
	defer relays.Wait()
	defer cancel()
	for range 3 {
		relays.Go(func() {
			src := postgres.NewRelay(b.db, flaky)
			for ctx.Err() == nil {
				_, _ = src.Relay(ctx, relay.Jobs)
			}
		})
	}
	var writers sync.WaitGroup
	for _, p := range parkings {
		writers.Go(func() {
			for range each {
				if _, err := b.db.Pool().Exec(t.Context(), record, string(p), body()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	for all := 0; all < each*len(parkings); all, _ = b.jobs(t) {
		if t.Context().Err() != nil {
			t.Fatal("not all events were relayed")
		}
	}
	cancel()
	relays.Wait()
	relayAll(t, postgres.NewRelay(b.db, ledger{}))
	b.exactly(t, each*len(parkings))
}

// scripted is a source that reports what it is asked for.
type scripted struct {
	asked   chan struct{}
	answers chan error
}

func (s scripted) Relay(ctx context.Context, _ func(feed.Event) []relay.Job) (relay.Step, error) {
	select {
	case s.asked <- struct{}{}:
	case <-ctx.Done():
		return relay.Step{}, ctx.Err()
	}
	select {
	case err := <-s.answers:
		return relay.Step{}, err
	case <-ctx.Done():
		return relay.Step{}, ctx.Err()
	}
}

func TestAHintIsFollowedAndAFailureSurvived(t *testing.T) {
	synctest.Test(t, hintAndFailure)
}

func hintAndFailure(t *testing.T) {
	src := scripted{make(chan struct{}), make(chan error, 1)}
	r := relay.New(src, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	<-src.asked // at the start
	src.answers <- fmt.Errorf("the database is away")
	began := time.Now()
	r.Hint()
	<-src.asked
	if waited := time.Since(began); waited != 0 {
		t.Errorf("a hint waited %s", waited)
	}
	src.answers <- nil
	<-src.asked // nobody hinted: the sweep
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
