package webhook_test

import (
	"context"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/settlement"
)

func TestARefundByHandIsToldOnce(t *testing.T) {
	w := newWorld(t)
	p := w.reserve(sandbox.OK).Payment
	_, err := w.owner.Exec(t.Context(), `update payment set state = 'captured', captured = authorized, capture_amount = authorized where id = $1`, p.ID.UUID())
	if err != nil {
		t.Fatal(err)
	}
	w.hooks.Providers = map[string]payment.Announcer{sandbox.Name: told{payment.Notice{Event: "evt_1", Kind: "refund", Ref: p.Ref, About: payment.AboutRefund, At: time.Now()}}}
	w.take("evt_1", nil)
	for _, dies := range []bool{true, false, false} {
		w.commits.after = dies
		if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_1"); (err != nil) != dies {
			t.Fatal(err)
		}
	}
	if n := w.count(`select count(*) from incident where class = 'refunded_elsewhere'`); n != 1 {
		t.Fatalf("%d incidents", n)
	}
}

// bounced is a bank that has sent back what it had accepted.
type bounced struct{ *sandbox.Provider }

func (b bounced) FindRefund(ctx context.Context, hold, key string) (payment.Refund, error) {
	r, err := b.Provider.FindRefund(ctx, hold, key)
	r.State = payment.RefundFailed
	return r, err
}

// A refund that had arrived comes back days later: the webhook that tells of it has
// it booked back, with an incident, however often it comes.
func TestARefundThatCameBackIsHeardOf(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	p := v.Payment
	if _, err := w.bank.Capture(t.Context(), p.Ref, p.Amount, p.Key("capture")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.owner.Exec(t.Context(), `update payment set state = 'captured', captured = authorized, capture_amount = authorized where id = $1`, p.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	payments := postgres.NewPayments(w.db)
	settle := func(with payment.Provider) *settlement.Service {
		return settlement.NewService(payments, w.commits, w.sell, w.now, quiet, with)
	}
	op := booking.Operator{Reservations: postgres.NewBooking(w.db), Commits: w.commits}
	if _, err := op.Refund(t.Context(), here, v.Reservation.ID, false, nil, "Ana", "the gate was slow"); err != nil {
		t.Fatal(err)
	}
	if err := settle(w.bank).Refund(t.Context(), here, p.ID); err != nil {
		t.Fatal(err)
	}
	given := w.get(v.Reservation.ID).Payment
	if given.Refunded != p.Amount.Minor || len(given.Refunds) != 1 || given.Refunds[0].State != payment.RefundSucceeded {
		t.Fatalf("%+v", given)
	}
	w.ahead += 10 * 24 * time.Hour
	w.hooks.Payments = settle(bounced{w.bank})
	for _, event := range []string{"evt_1", "evt_2"} {
		n := payment.Notice{
			Event: event, Kind: "refund.failed", Parking: here, Key: p.Key(payment.CallRefund(given.Refunds[0].Reason)), Ref: p.Ref, About: payment.AboutRefund, At: w.now(),
		}
		w.hooks.Providers = map[string]payment.Announcer{sandbox.Name: told{n}}
		w.take(event, nil)
		if err := w.hooks.Heed(t.Context(), sandbox.Name, event); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.get(v.Reservation.ID).Payment; got.Refunded != 0 || got.Refunds[0].State != payment.RefundFailed {
		t.Fatalf("%+v", got)
	}
	if n := w.count(`select count(*) from incident where class = 'refund_failed'`); n != 1 {
		t.Fatalf("%d incidents", n)
	}
}

// told is a provider that says what it is told to.
type told struct{ n payment.Notice }

func (a told) Notice(func(string) string, []byte, time.Time) (payment.Notice, error) { return a.n, nil }
