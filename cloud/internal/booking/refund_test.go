package booking_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// driven is a till with one stay that is over, of which 400 are to be captured.
func driven(t *testing.T) (*till, booking.Target) {
	t.Helper()
	x := newTill(func() string { return well })
	r, err := x.reserve("k", sandbox.OK)
	if err != nil {
		t.Fatal(err)
	}
	x.step(t)
	s := stored(t, x.World, r)
	apply(t, x.World, x.gate.enter(t, &s.Reservation, x.c.at))
	apply(t, x.World, x.gate.leave(t, r, x.c.at.Add(time.Hour)))
	return x, booking.Target{In: altmarkt, ID: r}
}

// step lets the completer look at the payment once.
func (x *till) step(t *testing.T) payment.Payment {
	t.Helper()
	if err := x.complete(x.Payments()[0]); err != nil {
		t.Fatal(err)
	}
	check(t, x.World)
	return x.Payments()[0]
}

func TestTheOperatorGivesBackWhatWasTakenAndNoMore(t *testing.T) {
	x, at := driven(t)
	o := booking.Operator{Reservations: x.World, Commits: x.World}
	n := func(minor int64) *int64 { return &minor }
	for _, c := range []struct {
		minor  *int64
		by     string
		reason string
		back   int64
		code   string
	}{
		{n(150), "Ana", "the gate was slow", 150, ""},
		{n(150), "Ana", "the gate was slow", 150, ""}, // said twice
		{nil, "Ana", "the gate was slow", 150, ""},
		{n(100), "Ana", "the gate was slow", 0, booking.CodeRefundDiffers},
		{n(251), "Ana", "it rained", 0, booking.CodeMoreThanTaken},
		{n(0), "Ana", "it rained", 0, booking.CodeMoreThanTaken},
		{n(-1), "Ana", "it rained", 0, booking.CodeMoreThanTaken},
		{n(1), " ", "it rained", 0, booking.CodeInvalidReason},
		{n(1), "Ana", "", 0, booking.CodeInvalidReason},
		{nil, "Ana", "it rained", 250, ""},
		{nil, "Ana", "and hailed", 0, booking.CodeNothingTaken},
	} {
		events := len(x.Events(altmarkt))
		back, err := o.Refund(t.Context(), altmarkt, at.ID, false, c.minor, c.by, c.reason)
		if fault.Code(err) != c.code || c.code == "" && back.Minor != c.back {
			t.Fatalf("%+v: %s, %v", c, back, err)
		}
		if c.code != "" && len(x.Events(altmarkt)) != events {
			t.Fatalf("%+v changed something", c)
		}
	}
	if _, err := o.Refund(t.Context(), "elsewhere", at.ID, false, nil, "Ana", "why not"); fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatal(err)
	}
	if p := x.step(t); p.State != payment.Captured || p.Refunded != 0 || !p.Returns() {
		t.Fatalf("%+v", p)
	}
	p := x.step(t)
	if p.Refunded != 400 || p.Returns() || p.Refunds[0].Tax+p.Refunds[1].Tax != p.CaptureTax {
		t.Fatalf("%+v", p)
	}
	refunded := 0
	for _, class := range x.Incidents() {
		if class == booking.ClassRefunded {
			refunded++
		}
	}
	if refunded != 2 {
		t.Fatalf("on record: %v", x.Incidents())
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
}

// A bank may accept a refund and send it back days later: then the money is ours
// again, an incident tells staff and a mail the driver, and it is not given back
// twice for the same reason.
func TestARefundThatComesBackIsBookedBack(t *testing.T) {
	x, at := driven(t)
	o := booking.Operator{Reservations: x.World, Commits: x.World}
	x.step(t)
	if _, err := o.Refund(t.Context(), altmarkt, at.ID, false, nil, "Ana", "the gate was slow"); err != nil {
		t.Fatal(err)
	}
	p := x.Payments()[0]
	for _, s := range []payment.RefundState{payment.RefundPending, payment.RefundPending, payment.RefundSucceeded, payment.RefundPending, payment.RefundFailed, payment.RefundFailed, payment.RefundSucceeded} {
		apply(t, x.World, settlement.RecordRefund{At: altmarkt, Payment: p.ID, Reason: p.Refunds[0].Reason, State: s, Ref: "re_1", Incident: id.New[id.Incident](x.c.at)})
	}
	p = x.Payments()[0]
	if p.Refunded != 0 || p.Left() != 400 || p.Refunds[0].State != payment.RefundFailed || p.Returns() {
		t.Fatalf("%+v", p)
	}
	var told []feed.Kind
	for _, e := range x.Events(altmarkt) {
		if slices.Contains([]feed.Kind{feed.RefundRequested, feed.RefundGiven, feed.RefundArrived, feed.RefundFailed}, e.Kind) {
			told = append(told, e.Kind)
		}
	}
	if !slices.Equal(told, []feed.Kind{feed.RefundRequested, feed.RefundGiven, feed.RefundArrived, feed.RefundFailed}) || !slices.Contains(x.Incidents(), settlement.RefundFailed) {
		t.Fatalf("told %v, incidents %v", told, x.Incidents())
	}
	if _, err := o.Refund(t.Context(), altmarkt, at.ID, false, nil, "Ana", "the gate was slow"); fault.Code(err) != booking.CodeRefundFailed {
		t.Errorf("a refund that failed is said to be under way: %v", err)
	}
	if back, err := o.Refund(t.Context(), altmarkt, at.ID, false, nil, "Ana", "to another card"); err != nil || back.Minor != 400 {
		t.Fatalf("%s, %v", back, err)
	}
}

// What was to be given back of a hold that turns out to be gone is neither given
// back nor owed.
func TestWhatIsToBeGivenBackIsNotOwedWhenTheHoldIsGone(t *testing.T) {
	x, at := driven(t)
	n := int64(150)
	apply(t, x.World, &booking.Refund{Target: at, Minor: &n, By: "Ana", Reason: "the gate was slow"})
	x.c.at = x.c.at.Add(7 * time.Hour)
	p := x.step(t)
	s := stored(t, x.World, at.ID)
	if owed := x.Session(s.Reservation.Session).Owed; p.State != payment.Voided || len(p.Refunds) != 0 || owed == nil || owed.Minor != 250 {
		t.Fatalf("%+v, %v is owed", p, owed)
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
}

// What a stay still owed and a card paid later is given back, too, from the payment
// that took it, with the tax in it.
func TestWhatPaidADebtIsGivenBack(t *testing.T) {
	x, r, _ := indebted(t)
	o := booking.Operator{Reservations: x.World, Commits: x.World}
	if _, err := o.Refund(t.Context(), altmarkt, r, true, nil, "Ana", "the gate was stuck"); fault.Code(err) != booking.CodeNothingTaken {
		t.Fatal(err)
	}
	v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.OK})
	if err != nil {
		t.Fatal(err)
	}
	tax := x.booked(ledger.TaxPayable)
	for range 2 {
		if back, err := o.Refund(t.Context(), altmarkt, r, true, nil, "Ana", "the gate was stuck"); err != nil || back.Minor != 1000 {
			t.Fatalf("%s, %v", back, err)
		}
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	check(t, x.World)
	for _, p := range x.Payments() {
		if want := map[bool]int64{true: 1000}[p.ID == v.Debt.ID]; p.Refunded != want {
			t.Errorf("%+v", p)
		}
	}
	if x.booked(ledger.Provider) != 400 || x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -400 || x.booked(ledger.TaxPayable)-tax != 160 {
		t.Errorf("%d with the provider, %d earned, of the tax of %d is %d left", x.booked(ledger.Provider), x.booked(ledger.Revenue), tax, x.booked(ledger.TaxPayable))
	}
}
