package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/protocol/id"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// plant writes a reservation and its payment as some commit left them.
func plant(t *testing.T, owner *pgx.Conn, state reservation.State, holdUntil time.Time, pay payment.State, updated time.Time) (id.Reservation, id.Payment) {
	t.Helper()
	r, p := id.New[id.Reservation](updated), id.New[id.Payment](updated)
	_, err := owner.Exec(t.Context(), `insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
		quote, payment, email, hold_until, no_show_at, created_at, updated_at)
		values ('altmarkt', $1, 1, $2, 1, 'standard', now(), now() + interval '2 hours', 1, 2, '{}', $3, 'x@example.org', $4, now(), now(), now())`,
		r.UUID(), state, p.UUID(), holdUntil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = owner.Exec(t.Context(), `insert into payment (parking, id, version, reservation, state, provider, method, currency, amount, updated_at)
		values ('altmarkt', $1, 1, $2, $3, 'sandbox', 'pm', 'EUR', 400, $4)`, p.UUID(), r.UUID(), pay, updated)
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

type recorder struct {
	mu      sync.Mutex
	expired []id.Reservation
	asked   []id.Payment
	jobs    []relay.Job
	fail    id.Reservation
}

func (r *recorder) Expire(_ context.Context, _ id.Parking, i id.Reservation) (time.Time, error) {
	if i == r.fail {
		return time.Time{}, errors.New("contended")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expired = append(r.expired, i)
	return time.Time{}, nil
}

func (r *recorder) Resolve(_ context.Context, _ id.Parking, p id.Payment) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.expired) > 0 {
		return errors.New("asked after it had expired")
	}
	r.asked = append(r.asked, p)
	return nil
}

func (r *recorder) Review(context.Context, id.Parking, id.Payment) error { return nil }

func (r *recorder) Renew(context.Context, id.Parking, id.Reservation) error { return nil }

func (r *recorder) Insert(_ context.Context, jobs []relay.Job) error {
	r.jobs = append(r.jobs, jobs...)
	return nil
}

func TestTheClockFindsWhatIsDueAndNothingElse(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	postgrestest.Import(t, db, now, postgrestest.Parking("altmarkt", 5))
	owner := postgrestest.Owner(t, dsn)

	over, lately := now.Add(-time.Second), now.Add(-time.Hour)
	late, _ := plant(t, owner, reservation.Held, over, payment.Declined, now)
	broken, _ := plant(t, owner, reservation.Held, over.Add(-time.Minute), payment.Declined, now)
	later, _ := plant(t, owner, reservation.Held, over.Add(-time.Second), payment.Declined, now)
	_, soon := plant(t, owner, reservation.Held, now.Add(time.Second), payment.RequiresAction, now)
	plant(t, owner, reservation.Held, now.Add(2*time.Minute), payment.RequiresAction, now)
	plant(t, owner, reservation.Confirmed, over, payment.Authorized, lately)
	plant(t, owner, reservation.Expired, over, payment.Voided, lately)

	want := map[id.Payment]relay.Kind{}
	for _, c := range []struct {
		state payment.State
		since time.Duration
		kind  relay.Kind // what is asked for; none: left alone
	}{
		{payment.Requested, 31 * time.Second, relay.Resolve},
		{payment.Requested, 29 * time.Second, ""},
		{payment.Unknown, 31 * time.Second, relay.Resolve},
		{payment.Unknown, 29 * time.Second, ""},
		{payment.CaptureRequested, 121 * time.Second, relay.Capture},
		{payment.CaptureRequested, 119 * time.Second, ""},
		{payment.VoidRequested, 121 * time.Second, relay.Void},
		{payment.VoidRequested, 119 * time.Second, ""},
		{payment.RequiresAction, time.Hour, ""},
		{payment.Captured, time.Hour, ""},
	} {
		_, p := plant(t, owner, reservation.Completed, over, c.state, now.Add(-c.since))
		if c.kind != "" {
			want[p] = c.kind
		}
	}

	due, err := postgres.NewSchedule(db).DueHolds(t.Context(), now, 2)
	if err != nil || len(due) != 2 || due[0].Reservation != broken || due[1].Reservation != later {
		t.Errorf("due %v, want the longest due first: %s, %s; %v", due, broken, later, err)
	}

	rec := &recorder{fail: broken}
	tasks := schedule.Payments(postgres.NewSchedule(db), rec, rec, rec, quiet)
	for range 2 { // a tick too many does no harm
		rec.expired, rec.jobs, rec.asked = nil, nil, nil
		for _, task := range tasks {
			err := task.Run(t.Context(), now)
			if (err != nil) != (task.Name == "expire_holds") { // one reservation fails, and is told
				t.Errorf("%s: %v", task.Name, err)
			}
		}
		if len(rec.expired) != 2 || !slices.Contains(rec.expired, later) || !slices.Contains(rec.expired, late) {
			t.Errorf("expired %v, want the others in spite of %s: %s, %s", rec.expired, broken, later, late)
		}
		if len(rec.asked) != 1 || rec.asked[0] != soon {
			t.Errorf("asked about the second steps of %v, want %s, whose time is about to end", rec.asked, soon)
		}
		got := map[id.Payment]relay.Kind{}
		for _, j := range rec.jobs {
			if j.Parking != "altmarkt" || j.Revision != 0 || j.Reservation.IsZero() {
				t.Errorf("%+v", j)
			}
			got[j.Payment] = j.Kind
		}
		if len(got) != len(want) || len(rec.jobs) != len(want) {
			t.Errorf("asked for %v, want %v", got, want)
		}
		for p, kind := range want {
			if got[p] != kind {
				t.Errorf("%s gets %q, want %q", p, got[p], kind)
			}
		}
	}
}
