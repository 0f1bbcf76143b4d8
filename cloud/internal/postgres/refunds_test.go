package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// Whatever the program believes, the database gives back no more than was taken;
// and what has still to be given back is found by the clock.
func TestRefundsInTheDatabase(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	now := time.Now().UTC()
	put := func(state string, captured, refunded int64, refunds string, at time.Time) (id.Payment, error) {
		p := id.New[id.Payment](now)
		_, err := owner.Exec(t.Context(), `insert into payment (parking, id, version, reservation, state, provider, method, currency, amount, authorized,
			capture_amount, captured, refunded, refunds, updated_at) values ('north', $1, 1, $2, $3, 'sandbox', 'pm', 'EUR', 400, 400, 400, $4, $5, nullif($6, '')::jsonb, $7)`,
			p.UUID(), id.New[id.Reservation](now).UUID(), state, captured, refunded, refunds, at)
		return p, err
	}
	for _, refunded := range []int64{-1, 401} {
		if _, err := put("captured", 400, refunded, "", now); err == nil || !strings.Contains(err.Error(), "payment_refunded_check") {
			t.Errorf("%d of 400: %v", refunded, err)
		}
	}
	back := func(state string) string {
		return `[{"reason":"walked","state":"` + state + `","amount":400,"tax":64,"at":"2026-01-01T00:00:00Z"}]`
	}
	old, recent := now.Add(-time.Hour), now.Add(-10*time.Minute)
	asked, err := put("captured", 400, 0, back("requested"), recent)
	if err != nil {
		t.Fatal(err)
	}
	pending, err := put("captured", 400, 400, back("pending"), old.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		state   string
		refunds string
		at      time.Time
	}{{"captured", back("pending"), recent}, {"captured", back("succeeded"), old}, {"captured", back("failed"), old}, {"captured", back("requested"), now}, {"captured", "", old}} {
		if _, err := put(x.state, 400, 0, x.refunds, x.at); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := postgres.NewSchedule(db).Unsettled(t.Context(), now.Add(-30*time.Second), now.Add(-2*time.Minute), 10)
	if err != nil || len(jobs) != 2 || jobs[0].Payment != pending || jobs[1].Payment != asked || jobs[0].Kind != relay.Refund || jobs[1].Kind != relay.Refund {
		t.Fatalf("%+v, %v", jobs, err)
	}
	p, err := postgres.NewPayments(db).Payment(t.Context(), "north", pending)
	if err != nil || p.Refunded != 400 || len(p.Refunds) != 1 || p.Refunds[0].State != payment.RefundPending || p.Refunds[0].Tax != 64 {
		t.Fatalf("%+v, %v", p, err)
	}
}
