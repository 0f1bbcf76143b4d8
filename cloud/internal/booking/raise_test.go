package booking_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// overstayed is a stay of a reservation for 4.00 that left after seven hours, which
// cost 14.00.
func overstayed(t *testing.T, x *till, method string) (id.Reservation, func() *session.Session) {
	t.Helper()
	r, err := x.reserve("k", method)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.complete(x.Payments()[0]); err != nil {
		t.Fatal(err)
	}
	s := stored(t, x.World, r)
	x.do(t, x.gate.enter(t, &s.Reservation, s.Reservation.Window.From))
	out := s.Reservation.Window.From.Add(7 * time.Hour)
	x.c.at = out
	x.do(t, x.gate.leave(t, r, out))
	return r, func() *session.Session { return x.Session(x.gate.inside[r]) }
}

func (x *till) do(t *testing.T, op commit.Op) {
	t.Helper()
	if _, err := x.World.Commit(t.Context(), op); err != nil {
		t.Fatal(err)
	}
}

// booked is the sum of an account.
func (x *till) booked(a ledger.Account) (sum int64) {
	for _, e := range x.Entries() {
		for _, p := range e.Postings {
			if p.Account == a {
				sum += p.Amount.Minor
			}
		}
	}
	return sum
}

func newLongTill(faults func() string) *till { return tillWith(faults, 48*time.Hour) }

func always() string { return well }

// What a stay costs beyond its hold is taken with it, where the bank raises the
// hold, and else owed. Its tax is booked once.
func TestWhatIsOwedIsTakenWithTheHold(t *testing.T) {
	for method, want := range map[string]struct{ captured, owed int64 }{
		sandbox.OK: {1400, 0}, sandbox.NoIncrement: {400, 1000},
	} {
		x := newLongTill(always)
		_, stay := overstayed(t, x, method)
		if s := stay(); s.Due.Minor != 1400 || s.Owed.Minor != 1000 || x.booked(ledger.Receivable) != 1000 {
			t.Fatalf("%s: the exit: due %v, owed %v, booked %d", method, s.Due, s.Owed, x.booked(ledger.Receivable))
		}
		tax := x.booked(ledger.TaxPayable)
		if err := x.rest(); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		check(t, x.World)
		p := x.Payments()[0]
		if p.Captured != want.captured || stay().Owed.Minor != want.owed || x.booked(ledger.Receivable) != want.owed || x.booked(ledger.Provider) != want.captured {
			t.Errorf("%s: %+v, owed %v, receivable %d", method, p, stay().Owed, x.booked(ledger.Receivable))
		}
		if now := x.booked(ledger.TaxPayable); now-tax != -64 {
			t.Errorf("%s: tax %d at the exit, %d in the end", method, tax, now)
		}
		if x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -1400 {
			t.Errorf("%s: %d and %d are earned", method, x.booked(ledger.Revenue), x.booked(ledger.TaxPayable))
		}
	}
}

// What was paid at a machine, or given up, before the bank is asked is not taken.
func TestADebtThatIsPaidMeanwhileIsNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		paid, off int64
		captured  int64
	}{
		"some of it at a machine": {paid: 300, captured: 1100},
		"all of it at a machine":  {paid: 1000, captured: 400},
		"more than it":            {paid: 1200, captured: 400},
		"given up":                {off: 1000, captured: 400},
		"both":                    {paid: 400, off: 100, captured: 900},
	} {
		x := newLongTill(always)
		r, stay := overstayed(t, x, sandbox.OK)
		if c.paid > 0 {
			x.do(t, x.gate.pay(t, r, c.paid, x.c.at))
		}
		if c.off > 0 {
			x.do(t, &settlement.WriteOff{At: altmarkt, Stay: *stay(), Amount: money.New(c.off, "EUR"), By: "the owner", Reason: "a favour", ID: id.New[id.Incident](x.c.at)})
		}
		if err := x.rest(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check(t, x.World)
		if p, s := x.Payments()[0], stay(); p.Captured != c.captured || s.Owed.Minor != 0 || s.Credit != max(c.paid-1000, 0) {
			t.Errorf("%s: %d captured, owed %v, credit %d", name, p.Captured, s.Owed, s.Credit)
		}
	}
}

// Who pays at a machine while his bank is being asked gets a credit, which pays the
// debt if the bank says no.
func TestWhoPaysWhileTheBankIsAskedPaysOnce(t *testing.T) {
	for method, credit := range map[string]int64{sandbox.OK: 1000, sandbox.NoIncrement: 0} {
		x := newLongTill(always)
		r, stay := overstayed(t, x, method)
		x.fault = func() string { return before }
		p := x.Payments()[0]
		x.do(t, settlement.AskRaise{At: altmarkt, Payment: p.ID})
		if err := x.complete(p); err == nil {
			t.Fatal("nobody was asked")
		}
		if s := stay(); s.Owed.Minor != 0 {
			t.Fatalf("%v is owed beside what is being taken", s.Owed)
		}
		x.do(t, x.gate.pay(t, r, 1000, x.c.at))
		if err := x.rest(); err != nil {
			t.Fatal(err)
		}
		check(t, x.World)
		if s := stay(); s.Owed.Minor != 0 || s.Credit != credit || x.booked(ledger.Receivable) != 0 {
			t.Errorf("%s: owed %v, credit %d", method, s.Owed, s.Credit)
		}
	}
}

// The process dies at any call or commit while a hold is raised and taken: it is
// raised once and the whole taken once; what is given back meanwhile is no debt.
func TestADeathWhileAHoldIsRaisedChangesNothing(t *testing.T) {
	for _, method := range []string{sandbox.OK, sandbox.NoIncrement} {
		for _, how := range []string{before, after, temporary, twice} {
			for at := 1; ; at++ {
				x := newLongTill(always)
				_, stay := overstayed(t, x, method)
				calls := 0
				x.fault = func() string {
					if calls++; calls == at {
						return how
					}
					return well
				}
				for range 5 {
					if p := x.Payments()[0]; p.State == payment.CaptureRequested {
						_ = x.complete(p) // a death is seen by what it leaves
						check(t, x.World)
					}
				}
				if err := x.rest(); err != nil {
					t.Fatalf("%s %s at %d: %v", method, how, at, err)
				}
				check(t, x.World)
				p, s := x.Payments()[0], stay()
				if p.State != payment.Captured || p.Captured+s.Owed.Minor != 1400 || (p.Captured == 1400) != (method == sandbox.OK) {
					t.Fatalf("%s %s at %d: %+v, owed %v", method, how, at, p, s.Owed)
				}
				if calls < at {
					if at < 5 {
						t.Fatalf("only %d calls", calls)
					}
					break
				}
			}
		}
	}
}

// A hold that was raised and is gone when it is to be taken leaves all of it owed,
// without what was to be given back.
func TestARaisedHoldThatIsGoneIsOwed(t *testing.T) {
	for back, want := range map[int64]int64{0: 1400, 150: 1250, 1400: 0} {
		x := newLongTill(always)
		_, stay := overstayed(t, x, sandbox.OK)
		p := x.Payments()[0]
		x.do(t, settlement.AskRaise{At: altmarkt, Payment: p.ID})
		if _, err := x.bank.Increment(t.Context(), p.Ref, money.New(1400, "EUR"), p.Key(payment.CallRaise)); err != nil {
			t.Fatal(err)
		}
		x.do(t, settlement.RecordRaise{At: altmarkt, Payment: p.ID, Made: true})
		check(t, x.World)
		if back > 0 {
			x.do(t, &booking.Refund{Target: booking.Target{In: altmarkt, ID: p.Reservation}, Minor: &back, By: "the owner", Reason: "a favour"})
		}
		if _, err := x.bank.Void(t.Context(), p.Ref, "by hand"); err != nil {
			t.Fatal(err)
		}
		if err := x.rest(); err != nil {
			t.Fatal(err)
		}
		check(t, x.World)
		if s := stay(); s.Owed.Minor != want || x.booked(ledger.Receivable) != want || x.booked(ledger.Revenue)+x.booked(ledger.TaxPayable) != -want {
			t.Errorf("%d back: owed %v, receivable %d", back, s.Owed, x.booked(ledger.Receivable))
		}
	}
}
