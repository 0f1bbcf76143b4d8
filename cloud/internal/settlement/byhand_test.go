package settlement_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/settlement"
)

// half is a leave of which half the price is due.
type half struct{ leave }

func (o half) Apply(w *commit.Work, now time.Time) error {
	if err := o.leave.Apply(w, now); err != nil {
		return err
	}
	p, err := w.Payment(o.p)
	if err == nil {
		p.CaptureAmount, p.CaptureTax = p.CaptureAmount/2, p.CaptureTax/2
		w.PutPayment(p)
	}
	return err
}

// Somebody may take a hold by hand before we do: all of it, where less is due. What
// is more goes back to its driver, once, and nothing but what is due is earned.
func TestWhatWasTakenByHandBeyondWhatIsDueIsGivenBack(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	whole := v.Reservation.Quote.Total
	if _, err := w.committer.Commit(t.Context(), half{leave{v.Reservation.ID, v.Payment.ID, v.Reservation.Window.To}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sandbox.Capture(t.Context(), v.Payment.Ref, whole, "by hand"); err != nil {
		t.Fatal(err)
	}
	settle := settlement.NewService(postgres.NewPayments(w.db), w.committer, w.booking, time.Now, slog.New(slog.DiscardHandler), w.sandbox)
	for range 2 {
		if err := settle.Capture(t.Context(), here, v.Payment.ID); err != nil {
			t.Fatal(err)
		}
		if err := settle.Refund(t.Context(), here, v.Payment.ID); err != nil {
			t.Fatal(err)
		}
	}
	var earned, tax, incidents int64
	if err := w.owner.QueryRow(t.Context(), `select -sum(amount), -coalesce(sum(amount) filter (where account = 'tax_payable'),0),
		(select count(*) from incident where class = $1) from ledger_entry where account in ('revenue', 'tax_payable')`, settlement.TakenElsewhere).Scan(&earned, &tax, &incidents); err != nil {
		t.Fatal(err)
	}
	p := w.payment(v)
	if p.State != payment.Captured || p.Captured != whole.Minor || p.Captured-p.Refunded != p.CaptureAmount || earned != p.CaptureAmount || tax != p.CaptureTax || incidents != 1 {
		t.Fatalf("%+v; earned %d, of which tax %d; %d incidents", p, earned, tax, incidents)
	}
	w.balanced()
}
