package schedule_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
)

// hasty is a provider at which somebody captures a hold by hand just before another
// one is placed.
type hasty struct {
	payment.Provider
	once    sync.Once
	capture func()
}

func (h *hasty) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	h.once.Do(h.capture)
	return h.Provider.Authorize(ctx, r)
}

// repaid says what was given back, and checks that both books do.
func (w *till) repaid(v booking.View) (back int) {
	w.t.Helper()
	if books := w.count(`select coalesce(sum(refunded), 0) from payment`); books != w.count(`select coalesce(sum(refunded), 0) from sandbox.hold`) {
		w.t.Errorf("%d is given back by the books, and not by the bank", books)
	}
	if sum := w.count(`select coalesce(sum(amount), 0) from ledger_entry where account = 'provider'`); sum != w.count(`select sum(captured - refunded) from sandbox.hold`) {
		w.t.Errorf("the books have %d with the provider", sum)
	}
	return w.count(`select coalesce(sum(refunded), 0) from sandbox.hold where reservation = $1`, v.Reservation.ID.String())
}

// Between our look at a hold and its renewal somebody captures it by hand: what was
// taken by hand is given back, and the stay is paid once.
func TestAHoldThatIsTakenByHandDuringItsRenewalIsPaidOnce(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.enter(&v.Reservation)
	price := int(v.Reservation.Quote.Total.Minor)
	w.wires.Provider = &hasty{Provider: w.wires.Provider, capture: func() {
		if _, err := w.bank.Capture(t.Context(), v.Payment.Ref, v.Reservation.Quote.Total, "by hand"); err != nil {
			t.Error(err)
		}
	}}
	w.on(55*time.Minute, nil)
	w.depart(v)
	taken, _ := w.settled(v)
	if back := w.repaid(v); taken-back != price || back != price {
		t.Fatalf("%d taken, %d given back, the price is %d", taken, back, price)
	}
	if n := w.count(`select count(*) from incident where class = 'taken_elsewhere'`); n != 1 {
		t.Errorf("%d incidents", n)
	}
}

// Somebody captures by hand what was cancelled a moment ago, also where nobody had
// heard that the hold was placed.
func TestWhatIsTakenByHandFromACancelledHoldIsGivenBack(t *testing.T) {
	for _, method := range []string{sandbox.OK, sandbox.Timeout} {
		w := newTill(t)
		v := w.book(method, time.Hour, time.Hour)
		if _, err := w.sell.Cancel(t.Context(), v.Reservation.ID); err != nil {
			t.Fatal(err)
		}
		ref := ""
		if err := w.owner.QueryRow(t.Context(), `select ref from sandbox.hold where reservation = $1`, v.Reservation.ID.String()).Scan(&ref); err != nil {
			t.Fatal(err)
		}
		if _, err := w.bank.Capture(t.Context(), ref, v.Payment.Amount, "by hand"); err != nil {
			t.Fatal(err)
		}
		w.on(5*time.Minute, nil)
		taken, _ := w.settled(v)
		if back := w.repaid(v); back != taken || taken == 0 {
			t.Fatalf("%s: %d taken, %d given back", method, taken, back)
		}
	}
}
