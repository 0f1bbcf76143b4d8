package settlement_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/settlement"
)

// A refund is written by the functions that commit, made once however many ask for
// it at the same time, and booked once.
func TestSomethingIsGivenBackOnce(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.leave(v)
	if err := w.settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	o := booking.Operator{Reservations: postgres.NewBooking(w.db), Commits: w.committer}
	some := int64(50)
	for _, minor := range []*int64{&some, nil} {
		reason := "some of it"
		if minor == nil {
			reason = "the rest"
		}
		if _, err := o.Refund(t.Context(), here, v.Reservation.ID, false, minor, "Ana", reason); err != nil {
			t.Fatal(err)
		}
	}
	// This provider cannot give back what it is asked for; the other one can.
	giver := settlement.NewService(postgres.NewPayments(w.db), w.committer, w.booking, time.Now, slog.New(slog.DiscardHandler), w.sandbox)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := giver.Refund(t.Context(), here, v.Payment.ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p := w.payment(v)
	if p.Refunded != p.Captured || p.Returns() || len(p.Refunds) != 2 || p.Refunds[0].Amount != 50 || p.Refunds[0].Tax+p.Refunds[1].Tax != p.CaptureTax {
		t.Fatalf("%+v", p)
	}
	var entries int
	if err := w.owner.QueryRow(t.Context(), `select count(distinct txn) from ledger_entry where kind = 'refund'`).Scan(&entries); err != nil || entries != 2 {
		t.Fatalf("%d refunds are booked, %v", entries, err)
	}
	w.balanced()
}
