package fleet

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

func (j *journal) pay(t testing.TB, at time.Time, s id.Session, p id.Payment, minor int64, m wire.Method) {
	t.Helper()
	j.add(t, at, wire.Event{Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: p, Amount: minor, Currency: "EUR", Method: m, Offline: true})
}

// books fails unless the accounts hold this: what drivers owe, the cash boxes,
// the terminals, and what is kept for drivers.
func (w *world) books(t testing.TB, owed, cash, terminal, kept int64) {
	t.Helper()
	s := w.sums()
	if s[0] != owed || s[3] != cash || s[4] != terminal || -s[5] != kept {
		t.Fatalf("%d owed, %d cash, %d by card, %d kept; not %d, %d, %d, %d", s[0], s[3], s[4], -s[5], owed, cash, terminal, kept)
	}
}

func TestWhatIsPaidAtAMachineCountsAtTheExit(t *testing.T) {
	for name, c := range map[string]struct {
		paid             int64
		owed, kept       int64
		incidents        []string
		method           wire.Method
		cash, byTerminal int64
	}{
		"all of it": {paid: 400, method: wire.Cash, cash: 400},
		"a part":    {paid: 150, owed: 250, method: wire.Card, byTerminal: 150},
		"too much":  {paid: 500, kept: 100, method: wire.Cash, cash: 500, incidents: []string{"X9"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 2)
			s := j.enterAs(t, noon.Add(-90*time.Minute), none, wire.AdmitWalkin)
			w.allot(t)
			one := id.New[id.Payment](noon)
			for range 3 { // the same, told again in a new journal
				j.pay(t, noon, s, one, c.paid, c.method)
			}
			j.applyAll(t, w)
			w.books(t, 0, c.cash, c.byTerminal, c.paid)
			j.exit(t, noon, s, none)
			j.applyAll(t, w)
			w.balance(t)
			w.books(t, c.owed, c.cash, c.byTerminal, c.kept)
			if got := w.rows.Sessions[s]; got.Due.Minor != 400 || got.Owed.Minor != c.owed || got.Credit != c.kept {
				t.Fatalf("%v, %v owed, %d kept", got.Due, got.Owed, got.Credit)
			}
			w.raised(t, append([]string{}, c.incidents...)...)
		})
	}
}

// X9: the cloud had closed and captured the stay before it heard of the payment.
// What is still owed is less by it; the rest is kept for the driver and on record.
func TestX9PaidForAStayThatWasSettled(t *testing.T) {
	w, j := start(t, 2)
	r := w.reserve(t, noon.Add(-2*time.Hour), noon)
	s := j.enter(t, noon.Add(-2*time.Hour), r.ID)
	j.exit(t, noon.Add(time.Hour), s, r.ID) // 600, of which 400 are held
	w.later(2 * time.Hour)
	j.applyAll(t, w)
	w.settle(t, r.ID)
	w.books(t, 200, 0, 0, 0)
	one, two := id.New[id.Payment](noon), id.New[id.Payment](noon)
	j.pay(t, noon.Add(30*time.Minute), s, one, 150, wire.Cash)
	j.applyAll(t, w)
	w.books(t, 50, 150, 0, 0)
	j.pay(t, noon.Add(40*time.Minute), s, two, 600, wire.Card)
	j.pay(t, noon.Add(40*time.Minute), s, one, 150, wire.Cash)
	j.applyAll(t, w)
	w.books(t, 0, 150, 600, 550)
	w.raised(t, "X9")
	if p := w.rows.Payments[r.Payment]; p.Captured != 400 {
		t.Fatalf("%+v: a hold is captured once", p)
	}
	if got := w.rows.Sessions[s]; got.Owed.Minor != 0 || got.Credit != 550 || len(got.Payments) != 2 {
		t.Fatalf("%+v", got)
	}
}

// Nothing is lost of a payment for a stay that nobody knows, or in other money.
func TestAPaymentThatFitsNothingIsKept(t *testing.T) {
	w, j := start(t, 2)
	s := id.New[id.Session](noon)
	j.pay(t, noon, s, id.New[id.Payment](noon), 300, wire.Cash)
	j.applyAll(t, w)
	w.books(t, 0, 300, 0, 300)
	w.raised(t, "X9")
	if got := w.rows.Sessions[s]; got.State != session.OnlyPaid || got.Credit != 300 {
		t.Fatalf("%+v", got)
	}
	// It turns out that the vehicle was there: his entry is told, and his exit.
	j.enterAs(t, noon, none, "")
	j.events[len(j.events)-1].Session = s
	last := j.events[len(j.events)-1]
	j.events, j.raw = j.events[:len(j.events)-1], j.raw[:len(j.raw)-1]
	j.add(t, noon, last)
	j.exit(t, noon.Add(30*time.Minute), s, none)
	w.later(time.Hour)
	j.applyAll(t, w)
	w.balance(t)
	w.books(t, 0, 300, 0, 100)

	other := id.New[id.Session](noon)
	j.add(t, noon, wire.Event{Kind: wire.Paid, Lane: "kiosk-1", Session: other, Payment: id.New[id.Payment](noon), Amount: 700, Currency: "CHF", Method: wire.Cash})
	j.applyAll(t, w)
	if got := w.rows.Sessions[other]; got.Credit != 0 || got.Payments[0].Amount != money.New(700, "CHF") {
		t.Fatalf("%+v: francs are no euros", got)
	}
	w.books(t, 0, 1000, 0, 800) // by the minor unit, whatever it is of
}

// Who paid and goes straight to the exit does not pay for the way.
func TestTheWayFromTheMachineToTheExitIsFree(t *testing.T) {
	for way, due := range map[time.Duration]int64{15 * time.Minute: 400, 16 * time.Minute: 600} {
		w, j := start(t, 2)
		p := *w.parking
		p.Tariff.ExitAfterPaymentMinutes = 15
		w.parking = &p
		s := j.enterAs(t, noon.Add(-2*time.Hour), none, wire.AdmitWalkin)
		j.pay(t, noon, s, id.New[id.Payment](noon), 400, wire.Card)
		j.exit(t, noon.Add(way), s, none)
		w.later(time.Hour)
		j.applyAll(t, w)
		if got := w.rows.Sessions[s]; got.Due.Minor != due || got.Owed.Minor != due-400 {
			t.Errorf("after %s: %v", way, got.Due)
		}
	}
}

// In whatever order the payments, the exit, the cloud's presumption and the
// provider's answer come, the driver pays the same, the same is kept for him, and
// the same is on record. Only a hold that turns out to be gone may use up a credit
// that was on record before.
func TestPaymentsAndExitInAnyOrderEndTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, j := start(t, 2)
		p := *one.parking
		p.Tariff.ExitAfterPaymentMinutes = rapid.SampledFrom([]int{0, 15, 60}).Draw(rt, "walk")
		one.parking = &p
		about := none
		if rapid.Bool().Draw(rt, "reserved") {
			about = one.reserve(t, noon.Add(-2*time.Hour), noon).ID
		}
		in := noon.Add(-time.Duration(rapid.IntRange(0, 180).Draw(rt, "in")) * time.Minute)
		s := j.enter(t, in, about)
		j.applyAll(t, one)
		one.later(4 * time.Hour)
		type told struct {
			at     time.Time
			id     id.Payment
			amount int64
			method wire.Method
		}
		var pays []told
		for range rapid.IntRange(1, 3).Draw(rt, "payments") {
			pays = append(pays, told{
				in.Add(time.Duration(rapid.IntRange(0, 240).Draw(rt, "at")) * time.Minute), id.New[id.Payment](noon),
				rapid.Int64Range(1, 900).Draw(rt, "amount"), rapid.SampledFrom([]wire.Method{wire.Cash, wire.Card}).Draw(rt, "method"),
			})
		}
		out := in.Add(time.Duration(rapid.IntRange(0, 240).Draw(rt, "out")) * time.Minute)
		lost := rapid.Bool().Draw(rt, "lost")
		order := rapid.Permutation([]int{-1, 0, 1, 2})
		play := func(w *world, order []int) {
			k := &journal{id: j.id, boot: j.boot, epoch: j.epoch, events: slices.Clone(j.events), raw: slices.Clone(j.raw)}
			exited := false
			for _, i := range order {
				switch {
				case i < 0:
					k.exit(t, out, s, about)
					exited = true
				case i < len(pays):
					k.pay(t, pays[i].at, s, pays[i].id, pays[i].amount, pays[i].method)
				}
				k.applyAll(t, w)
				if exited && lost && !about.IsZero() {
					w.lose(t, about)
				}
			}
			w.balance(t)
		}
		other := one.copy()
		a, b := order.Draw(rt, "one"), order.Draw(rt, "other")
		play(one, a)
		play(other, b)
		x, y := one.rows.Sessions[s], other.rows.Sessions[s]
		if *x.Due != *y.Due || *x.Owed != *y.Owed || x.Credit != y.Credit {
			rt.Fatalf("%v: due %v owed %v kept %d\n%v: due %v owed %v kept %d", a, x.Due, x.Owed, x.Credit, b, y.Due, y.Owed, y.Credit)
		}
		if one.sums() != other.sums() {
			rt.Fatalf("the ledger says\n%v\n%v", one.sums(), other.sums())
		}
		if n, m := one.count("X9"), other.count("X9"); !lost && (n != m || (n > 0) != (x.Credit > 0)) {
			rt.Fatalf("%d and %d incidents, %d kept", n, m, x.Credit)
		}
		sum := int64(0)
		for _, n := range pays {
			sum += n.amount
		}
		if s := one.sums(); s[3]+s[4] != sum || s[0] != x.Owed.Minor || -s[5] != x.Credit {
			rt.Fatalf("%d paid: %v", sum, s)
		}
	})
}

func (w *world) count(class string) (n int) {
	for _, c := range w.classes() {
		if c == class {
			n++
		}
	}
	return n
}
