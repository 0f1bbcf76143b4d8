package booking_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// payKey is a key to pay with.
const payKey = "a-key-to-pay-with-1"

// indebted is a stay that left owing 10.00, of which the bank raised no hold.
func indebted(t *testing.T) (*till, id.Reservation, func() *session.Session) {
	t.Helper()
	x := newLongTill(always)
	r, stay := overstayed(t, x, sandbox.NoIncrement)
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	if s := stay(); s.Owed.Minor != 1000 || x.booked(ledger.Receivable) != 1000 {
		t.Fatalf("owed %v, booked %d", s.Owed, x.booked(ledger.Receivable))
	}
	return x, r, stay
}

// card makes the reservation's later payments be made with another card.
func (x *till) card(t *testing.T, r id.Reservation, method string) {
	t.Helper()
	x.do(t, &plant{stored(t, x.World, r).Payment.ID, method})
}

// taken is what the provider has taken in all.
func (x *till) taken(t *testing.T) (sum int64, holds int) {
	t.Helper()
	held, err := x.bank.Holds(t.Context(), altmarkt, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		if h.Captured > 0 {
			sum, holds = sum+h.Captured, holds+1
		}
	}
	return sum, holds
}

// settledUp checks that nothing is owed, and that it was taken once and earned once.
func (x *till) settledUp(t *testing.T, s *session.Session) {
	t.Helper()
	check(t, x.World)
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	if sum, holds := x.taken(t); sum != 1400 || holds != 2 {
		t.Errorf("%d taken from %d holds", sum, holds)
	}
	if s.Owed.Minor != 0 || !s.Paying.IsZero() || x.booked(ledger.Receivable) != 0 || x.booked(ledger.Provider) != 1400 || x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -1400 {
		t.Errorf("owed %v, receivable %d, provider %d, earned %d and %d", s.Owed, x.booked(ledger.Receivable), x.booked(ledger.Provider), x.booked(ledger.Revenue), x.booked(ledger.TaxPayable))
	}
}

// What a stay owes is taken from the card that it was paid with while its driver is
// away: once, however often the clock asks.
func TestWhatIsOwedIsTakenWhileTheDriverIsAway(t *testing.T) {
	x, r, stay := indebted(t)
	for range 3 {
		if err := x.sell.Collect(t.Context(), altmarkt, r); err != nil {
			t.Fatal(err)
		}
	}
	x.settledUp(t, stay())
}

// A bank that says no while the driver is away is asked once; he pays himself.
func TestWhatIsOwedIsAskedForOnce(t *testing.T) {
	for _, card := range []string{sandbox.Declined, sandbox.Absent} {
		x, r, stay := indebted(t)
		x.card(t, r, card)
		for range 3 {
			if err := x.sell.Collect(t.Context(), altmarkt, r); err != nil {
				t.Fatal(err)
			}
		}
		check(t, x.World)
		v, err := x.sell.Get(t.Context(), r)
		if err != nil || stay().Owed.Minor != 1000 || v.Owed.Minor != 1000 || v.Debt.State != payment.Declined || v.Debt.DeclineCode == "" || len(x.Payments()) != 2 {
			t.Fatalf("%s: %+v, %d payments, %v", card, v.Debt, len(x.Payments()), err)
		}
		if v, err = x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.OK}); err != nil || v.Debt.State != payment.Captured || v.Owed.Minor != 0 {
			t.Fatalf("%s: %+v, %v", card, v.Debt, err)
		}
		x.settledUp(t, stay())
	}
}

// Only what an ended stay owes is asked for, where no hold can pay it any more.
func TestNothingIsAskedForThatIsNotOwed(t *testing.T) {
	x := newLongTill(always)
	r, stay := overstayed(t, x, sandbox.NoIncrement)
	collect := func() int {
		t.Helper()
		if err := x.sell.Collect(t.Context(), altmarkt, r); err != nil {
			t.Fatal(err)
		}
		return len(x.Payments())
	}
	if n := collect(); n != 1 {
		t.Fatalf("asked for before the hold was taken: %d payments", n)
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	x.do(t, &settlement.WriteOff{At: altmarkt, Stay: *stay(), Amount: money.New(1000, "EUR"), By: "the owner", Reason: "a favour", ID: id.New[id.Incident](x.c.at)})
	if n := collect(); n != 1 {
		t.Fatalf("asked for although it was given up: %d payments", n)
	}
	for _, method := range []string{"", sandbox.OK} {
		if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: method}); fault.Code(err) != booking.CodeNothingOwed {
			t.Fatal(err)
		}
	}
	inside, err := x.reserve("k2", sandbox.OK)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.sell.Pay(t.Context(), inside, booking.PayRequest{Key: payKey}); fault.Code(err) != booking.CodeNothingOwed {
		t.Fatal(err)
	}
}

// Whoever pays twice, with one key or with many, at once or one after the other,
// pays once.
func TestPayingTwicePaysOnce(t *testing.T) {
	x, r, stay := indebted(t)
	var wg sync.WaitGroup
	codes := make([]string, 20)
	for i := range codes {
		wg.Go(func() {
			_, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey + string(rune('a'+i%4)), Method: sandbox.OK})
			codes[i] = fault.Code(err)
		})
	}
	wg.Wait()
	for _, code := range codes {
		switch code {
		case "", booking.CodeInProgress, booking.CodePaying, booking.CodeNothingOwed:
		default:
			t.Errorf("answered %s", code)
		}
	}
	again, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey + "z", Method: sandbox.OK})
	if fault.Code(err) != booking.CodeNothingOwed {
		t.Errorf("%+v, %v", again.Debt, err)
	}
	if err := x.sell.Collect(t.Context(), altmarkt, r); err != nil {
		t.Fatal(err)
	}
	x.settledUp(t, stay())
}

// A key belongs to its request, and finds what it did before.
func TestAKeyToPayWithIsOnePayment(t *testing.T) {
	x, r, stay := indebted(t)
	first, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.OK})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.OK}); err != nil || again.Debt.ID != first.Debt.ID {
		t.Fatalf("%+v, %v", again.Debt, err)
	}
	if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey}); fault.Code(err) != booking.CodeKeyReused {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"": booking.CodeKeyMissing, "short": booking.CodeKeyInvalid} {
		if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: key}); fault.Code(err) != want {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey + "2", Method: "4242424242424242"}); fault.Code(err) != booking.CodeRequestInvalid {
		t.Error(err)
	}
	x.settledUp(t, stay())
}

// The second step of paying is taken, refused, never taken, or taken after another
// card has paid.
func TestPayingTakesASecondStep(t *testing.T) {
	start := func() (*till, id.Reservation, func() *session.Session, booking.View) {
		x, r, stay := indebted(t)
		v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.SecondFactor})
		if err != nil || v.Debt.State != payment.RequiresAction || v.Debt.NextAction == "" || v.Owed.Minor != 0 || v.Pending() {
			t.Fatalf("%+v, %v", v.Debt, err)
		}
		return x, r, stay, v
	}
	x, r, stay, v := start()
	if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, true); err != nil {
		t.Fatal(err)
	}
	if v, err := x.sell.Confirm(t.Context(), r); err != nil || v.Debt.State != payment.Captured {
		t.Fatalf("%+v, %v", v.Debt, err)
	}
	x.settledUp(t, stay())

	x, r, stay, v = start()
	if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, false); err != nil {
		t.Fatal(err)
	}
	if _, err := x.sell.Confirm(t.Context(), r); fault.Code(err) != booking.CodeDeclined || stay().Owed.Minor != 1000 {
		t.Fatalf("%v, owed %v", err, stay().Owed)
	}
	check(t, x.World)

	x, r, stay, v = start()
	x.c.at = x.c.at.Add(booking.PayWithin - 1)
	if err := x.sell.DropDebt(t.Context(), altmarkt, v.Debt.ID); err != nil || stay().Owed.Minor != 0 {
		t.Fatalf("dropped too soon: %v", err)
	}
	x.c.at = x.c.at.Add(1)
	if err := x.sell.DropDebt(t.Context(), altmarkt, v.Debt.ID); err != nil || stay().Owed.Minor != 1000 {
		t.Fatalf("never dropped: %v", err)
	}
	if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.SecondFactor}); fault.Code(err) != booking.CodePaymentGone {
		t.Fatal(err)
	}
	check(t, x.World)

	x, r, stay, v = start()
	if other, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey + "2", Method: sandbox.OK}); err != nil || other.Debt.State != payment.Captured {
		t.Fatalf("%+v, %v", other.Debt, err)
	}
	if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, true); err != nil {
		t.Fatal(err)
	}
	x.settledUp(t, stay())
}

// What the bank says of a payment that was given up changes nothing but that a hold is
// given back: that it declines, or holds all the same.
func TestWhatIsSaidTooLateOfADebtChangesNothing(t *testing.T) {
	x, r, stay := indebted(t)
	said := func(o payment.Outcome, of id.Payment) {
		t.Helper()
		if err := x.RecordHold(t.Context(), altmarkt, r, of, o); err != nil {
			t.Fatal(err)
		}
		check(t, x.World)
		if s := stay(); s.Owed.Minor != 1000 || !s.Paying.IsZero() {
			t.Fatalf("owed %v, and it waits for %s", s.Owed, s.Paying)
		}
	}
	pay := func(key string) payment.Payment {
		t.Helper()
		v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: key, Method: sandbox.SecondFactor})
		if err != nil {
			t.Fatal(err)
		}
		return *v.Debt
	}
	dropped := pay(payKey)
	x.c.at = x.c.at.Add(booking.PayWithin)
	if err := x.sell.DropDebt(t.Context(), altmarkt, dropped.ID); err != nil {
		t.Fatal(err)
	}
	said(payment.Outcome{Ref: dropped.Ref, State: payment.Declined, DeclineCode: "too late"}, dropped.ID)

	declined := pay(payKey + "2")
	said(payment.Outcome{Ref: declined.Ref, State: payment.Declined, DeclineCode: "it said"}, declined.ID)
	o, err := x.bank.Complete(t.Context(), declined.Ref, true)
	if err != nil {
		t.Fatal(err)
	}
	said(o, declined.ID)
	if _, err := x.bank.Complete(t.Context(), dropped.Ref, false); err != nil {
		t.Fatal(err)
	}
	if err := x.rest(); err != nil { // which compares our books with the bank's
		t.Fatal(err)
	}
	if sum, _ := x.taken(t); sum != 400 {
		t.Errorf("%d were taken", sum)
	}
}

// What was paid at a machine while the bank was asked is not taken from the card.
func TestWhoPaysAtAMachineWhileHisCardIsAskedPaysOnce(t *testing.T) {
	for paid, want := range map[int64]int64{300: 1100, 1000: 400, 1200: 400} {
		x, r, stay := indebted(t)
		v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.SecondFactor})
		if err != nil {
			t.Fatal(err)
		}
		x.do(t, x.gate.pay(t, r, paid, x.c.at))
		if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, true); err != nil {
			t.Fatal(err)
		}
		if _, err := x.sell.Confirm(t.Context(), r); err != nil && paid < 1000 {
			t.Fatal(err)
		}
		if err := x.rest(); err != nil {
			t.Fatal(err)
		}
		check(t, x.World)
		if sum, _ := x.taken(t); sum != want || stay().Owed.Minor != 0 || stay().Credit != max(paid-1000, 0) {
			t.Errorf("%d at the machine, %d from cards, owed %v, credit %d", paid, sum, stay().Owed, stay().Credit)
		}
	}
}

// A hold that is gone before it was taken leaves the debt where it was.
func TestADebtWhoseHoldIsGoneIsOwed(t *testing.T) {
	x, r, stay := indebted(t)
	v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.SecondFactor})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, true); err != nil {
		t.Fatal(err)
	}
	if err := x.settle.Resolve(t.Context(), altmarkt, v.Debt.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := x.bank.Void(t.Context(), v.Debt.Ref, "by hand"); err != nil {
		t.Fatal(err)
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	check(t, x.World)
	if s := stay(); s.Owed.Minor != 1000 || x.booked(ledger.Receivable) != 1000 || x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -1400 {
		t.Errorf("owed %v, receivable %d", s.Owed, x.booked(ledger.Receivable))
	}
}

// Somebody takes the whole hold of a debt by hand, of which a machine has paid some
// meanwhile: what is more goes back, and the payment comes to its end.
func TestADebtThatIsTakenByHandIsPaidOnce(t *testing.T) {
	x, r, stay := indebted(t)
	v, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.SecondFactor})
	if err != nil {
		t.Fatal(err)
	}
	x.do(t, x.gate.pay(t, r, 200, x.c.at))
	if _, err := x.bank.Complete(t.Context(), v.Debt.Ref, true); err != nil {
		t.Fatal(err)
	}
	if err := x.settle.Resolve(t.Context(), altmarkt, v.Debt.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := x.bank.Capture(t.Context(), v.Debt.Ref, money.New(1000, "EUR"), "by hand"); err != nil {
		t.Fatal(err)
	}
	if err := x.rest(); err != nil {
		t.Fatal(err)
	}
	check(t, x.World)
	i := slices.IndexFunc(x.Payments(), func(p payment.Payment) bool { return p.ID == v.Debt.ID })
	p := x.Payments()[i]
	if s := stay(); s.Owed.Minor != 0 || s.Credit != 0 || !s.Paying.IsZero() || p.Captured != 1000 || p.Refunded != 200 ||
		x.booked(ledger.Receivable) != 0 || x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -1400 {
		t.Errorf("owed %v, credit %d, %+v, receivable %d, earned %d", s.Owed, s.Credit, p, x.booked(ledger.Receivable), x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable))
	}
}

// The process dies, or an answer is lost, at any call or commit while a debt is paid,
// by its driver or while he is away: it is taken once.
func TestADeathWhileADebtIsPaidChangesNothing(t *testing.T) {
	for _, who := range []string{"the driver", "the clock"} {
		for _, how := range []string{before, after, temporary, twice} {
			for at := 1; ; at++ {
				x, r, stay := indebted(t)
				calls := 0
				x.fault = func() string {
					if calls++; calls == at {
						return how
					}
					return well
				}
				ask := func() error {
					if who == "the clock" {
						return x.sell.Collect(t.Context(), altmarkt, r)
					}
					_, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey, Method: sandbox.OK})
					return err
				}
				_ = ask() // a death is seen by what it leaves
				check(t, x.World)
				met := calls >= at
				if err := x.rest(); err != nil {
					t.Fatalf("%s, %s at %d: %v", who, how, at, err)
				}
				check(t, x.World)
				x.c.at = x.c.at.Add(settlement.Quiet)
				if err := ask(); err != nil && fault.Code(err) != booking.CodeDeclined {
					t.Fatalf("%s, %s at %d, again: %v", who, how, at, err)
				}
				if stay().Owed.Minor > 0 { // it never reached the bank: that key is spent
					if _, err := x.sell.Pay(t.Context(), r, booking.PayRequest{Key: payKey + "2", Method: sandbox.OK}); err != nil {
						t.Fatal(err)
					}
				}
				x.settledUp(t, stay())
				if !met {
					if at < 5 {
						t.Fatalf("only %d calls", calls)
					}
					break
				}
			}
		}
	}
}
