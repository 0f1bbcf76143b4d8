package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

var (
	begins = time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)
	ends   = begins.AddDate(0, 0, 1)
	read   = ends.Add(6 * time.Hour)
)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

// affair is one payment on both sides, and what a comparison must say about it.
type affair struct {
	ours   []reconcile.Payment
	theirs []payment.Entry
	differ []string
	onWay  int
}

func (a *affair) expect(c reconcile.Class, w reconcile.What) {
	a.differ = append(a.differ, said(c, w, a.ours, a.theirs))
}

func said(c reconcile.Class, w reconcile.What, ours []reconcile.Payment, theirs []payment.Entry) string {
	var p id.Payment
	if len(ours) > 0 {
		p = ours[0].ID
	} else {
		p, _ = reconcile.PaymentOf(theirs[0].Key)
	}
	return fmt.Sprint(c, " ", w, " ", p)
}

// sound is a payment about which both sides say the same, somewhere in its life.
// Some were placed long before the time and are found by their key alone.
func sound(t *rapid.T) *affair {
	at := begins.Add(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)-1).Draw(t, "at")))
	p := reconcile.Payment{
		Parking: "altmarkt", Reservation: id.New[id.Reservation](at), ID: id.New[id.Payment](at), Currency: "EUR",
		Held: rapid.Int64Range(2, 100_000).Draw(t, "held"), UpdatedAt: at, Due: true,
	}
	p.Ref = "hold_" + p.ID.String()
	e := payment.Entry{At: at, Key: p.ID.String() + "-hold", Parking: p.Parking, Hold: payment.Outcome{Ref: p.Ref, Authorized: eur(p.Held)}}
	if rapid.Bool().Draw(t, "placed before") {
		e.At = time.Time{}
	}
	a := &affair{}
	switch rapid.SampledFrom([]string{"authorized", "captured", "captured", "voided", "declined", "waits", "second step"}).Draw(t, "life") {
	case "authorized":
		p.State, e.Hold.State = payment.Authorized, payment.Authorized
	case "captured":
		p.State, e.Hold.State = payment.Captured, payment.Captured
		p.Captured = rapid.Int64Range(2, p.Held).Draw(t, "captured")
		e.Hold.Captured = eur(p.Captured)
		left := p.Captured
		for n := range rapid.IntRange(0, 2).Draw(t, "refunds") {
			if left < 2 {
				break
			}
			r := reconcile.Refunded{At: at, Amount: rapid.Int64Range(1, left/2).Draw(t, "refund")}
			left -= r.Amount
			p.Refunds = append(p.Refunds, r)
			ref := fmt.Sprint("refund_", p.ID, n)
			a.theirs = append(a.theirs, payment.Entry{At: at.Add(-time.Second), Key: p.ID.String() + "-" + payment.CallRefund(fmt.Sprint(n)), Refund: payment.Refund{
				Ref: ref, Hold: p.Ref, Amount: eur(r.Amount), State: payment.RefundSucceeded,
			}})
		}
		// What came back to us is no refund.
		if rapid.Bool().Draw(t, "failed refund") {
			p.Refunds = append(p.Refunds, reconcile.Refunded{At: at, Amount: 1}, reconcile.Refunded{At: at, Amount: -1})
			a.theirs = append(a.theirs, payment.Entry{At: at, Refund: payment.Refund{Ref: "failed" + p.Ref, Hold: p.Ref, Amount: eur(1), State: payment.RefundFailed}})
		}
	case "voided":
		p.State, e.Hold.State = payment.Voided, payment.Voided
	case "declined":
		p.State, e.Hold.State, e.Hold.Authorized, p.Held = payment.Declined, payment.Declined, eur(0), 0
	case "waits":
		p.State = rapid.SampledFrom([]payment.State{payment.Requested, payment.Unknown, payment.VoidRequested, payment.CaptureRequested}).Draw(t, "waits for")
		p.UpdatedAt = read.Add(-time.Hour)
		e.Hold.State = payment.Authorized
		p.Asked = p.Held
		if p.State == payment.CaptureRequested && rapid.Bool().Draw(t, "taken meanwhile") {
			e.Hold.State, e.Hold.Captured = payment.Captured, eur(p.Held)
		}
		a.onWay = 1
	case "second step":
		p.State, e.Hold.State, e.Hold.Authorized, p.Held = payment.RequiresAction, payment.RequiresAction, eur(0), 0
	}
	a.ours, a.theirs = []reconcile.Payment{p}, append(a.theirs, e)
	return a
}

// plant makes the two sides differ in one way that the affair has room for.
func (a *affair) plant(t *rapid.T) {
	p, isHold := &a.ours[0], func(e payment.Entry) bool { return e.Hold.Ref != "" }
	e := &a.theirs[slices.IndexFunc(a.theirs, isHold)]
	e.At = p.UpdatedAt // or only ours would say that it is in the time
	if a.onWay > 0 {   // it has waited for too long
		p.UpdatedAt, a.onWay = read.Add(-25*time.Hour), 0
		a.expect(reconcile.OtherState, reconcile.Hold)
		return
	}
	refund := slices.IndexFunc(a.theirs, func(e payment.Entry) bool { return e.Refund.State == payment.RefundSucceeded })
	ways := []string{"missing with us", "another state"}
	if p.State == payment.Authorized {
		ways = append(ways, "missing there", "twice", "another amount")
	}
	if p.State == payment.Captured {
		ways = append(ways, "missing there", "twice", "another amount", "refund nowhere booked", "refund there twice")
		if refund >= 0 {
			ways = append(ways, "refund not there", "refund of another amount")
		}
	}
	switch rapid.SampledFrom(ways).Draw(t, "difference") {
	case "missing with us":
		a.expect(reconcile.MissingHere, reconcile.Hold)
		declined := e.Hold.State == payment.Declined
		for _, x := range a.theirs {
			if x.Refund.State == payment.RefundSucceeded {
				a.expect(reconcile.MissingHere, reconcile.Refund)
			}
		}
		a.theirs = slices.DeleteFunc(a.theirs, func(x payment.Entry) bool { return x.Refund.State == payment.RefundFailed })
		if declined {
			a.differ = nil
		}
		for i := range a.theirs {
			a.theirs[i].At = p.UpdatedAt
		}
		a.ours = nil
	case "another state":
		a.expect(reconcile.OtherState, reconcile.Hold)
		e.Hold.State, e.Hold.Captured = map[payment.State]payment.State{
			payment.Authorized: payment.Voided, payment.Captured: payment.Authorized, payment.Voided: payment.Authorized,
			payment.Declined: payment.Authorized, payment.RequiresAction: payment.Captured,
		}[p.State], eur(0)
	case "missing there":
		what := reconcile.Hold
		if p.Captured > 0 {
			what = reconcile.Capture
		}
		a.expect(reconcile.MissingThere, what)
		a.theirs = slices.DeleteFunc(a.theirs, isHold)
	case "twice":
		a.expect(reconcile.Twice, reconcile.Hold)
		another := *e
		another.Hold.Ref += "x"
		a.theirs = slices.Insert(a.theirs, 0, another)
	case "another amount":
		if p.State == payment.Captured {
			a.expect(reconcile.OtherAmount, reconcile.Capture)
			e.Hold.Captured.Minor--
		} else {
			a.expect(reconcile.OtherAmount, reconcile.Hold)
			e.Hold.Authorized.Minor++
		}
	case "refund nowhere booked":
		a.expect(reconcile.MissingHere, reconcile.Refund)
		a.theirs = append(a.theirs, payment.Entry{At: p.UpdatedAt, Refund: payment.Refund{Ref: "by hand" + p.Ref, Hold: p.Ref, Amount: eur(p.Captured + 1), State: payment.RefundPending}})
	case "refund there twice":
		made := payment.Entry{At: p.UpdatedAt, Key: p.ID.String() + "-refund-x", Refund: payment.Refund{Ref: "one" + p.Ref, Hold: p.Ref, Amount: eur(1), State: payment.RefundSucceeded}}
		again := made
		again.Refund.Ref = "two" + p.Ref
		p.Refunds = append(p.Refunds, reconcile.Refunded{At: p.UpdatedAt, Amount: 1})
		a.theirs = append(a.theirs, made, again)
		a.expect(reconcile.Twice, reconcile.Refund)
	case "refund not there":
		a.expect(reconcile.MissingThere, reconcile.Refund)
		a.theirs = slices.Delete(a.theirs, refund, refund+1)
	case "refund of another amount":
		a.expect(reconcile.OtherAmount, reconcile.Refund)
		a.theirs[refund].Refund.Amount.Minor += 1_000_000
		a.theirs[refund].At = p.UpdatedAt
	}
}

// Whatever differs between two random books is found, and nothing else is said.
func TestWhatDiffersIsFoundAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := reconcile.Books{Provider: "sandbox", From: begins, To: ends, ReadAt: read}
		var want []string
		onWay := 0
		for range rapid.IntRange(1, 12).Draw(t, "payments") {
			a := sound(t)
			if rapid.IntRange(0, 3).Draw(t, "differs") == 0 {
				a.plant(t)
			}
			if len(a.theirs) > 0 && rapid.Bool().Draw(t, "listed twice") { // by one page and the next
				a.theirs = append(a.theirs, rapid.SampledFrom(a.theirs).Draw(t, "again"))
			}
			b.Ours, b.Theirs = append(b.Ours, a.ours...), append(b.Theirs, a.theirs...)
			want, onWay = append(want, a.differ...), onWay+a.onWay
		}
		if rapid.IntRange(0, 3).Draw(t, "by hand") == 0 { // somebody took money at the provider's own page
			b.Theirs = append(b.Theirs, payment.Entry{At: begins, Hold: payment.Outcome{Ref: "by hand", State: payment.Captured, Authorized: eur(5), Captured: eur(5)}})
			want = append(want, fmt.Sprint(reconcile.MissingHere, " ", reconcile.Hold, " ", id.Payment{}))
		}
		b.Theirs = rapid.Permutation(b.Theirs).Draw(t, "order")
		r := reconcile.Compare(b)
		var got []string
		for _, d := range r.Differences {
			got = append(got, fmt.Sprint(d.Class, " ", d.What, " ", d.Payment))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("found %q\nplanted %q\n%v", got, want, r.Differences)
		}
		if len(r.OnTheWay) != onWay {
			t.Fatalf("%d are on their way: %v", onWay, r.OnTheWay)
		}
	})
}

// What is outside of the time is another comparison's, on either side of it.
func TestTheEndsOfATimeAreNoDifference(t *testing.T) {
	b := reconcile.Books{Provider: "sandbox", From: begins, To: ends, ReadAt: read}
	p := reconcile.Payment{ID: id.New[id.Payment](begins), Ref: "h", State: payment.Captured, Currency: "EUR", Held: 9, Captured: 9, UpdatedAt: begins, Due: true}
	hold := payment.Outcome{Ref: "h", State: payment.Captured, Authorized: eur(9), Captured: eur(9)}
	// Placed a moment before the time and booked in it; given back in it and booked
	// a moment after.
	p.Refunds = []reconcile.Refunded{{At: begins, Amount: 1}, {At: ends.Add(time.Second), Amount: 2}, {At: ends.Add(time.Hour), Amount: 3}}
	b.Theirs = []payment.Entry{
		{At: begins.Add(-time.Second), Key: p.ID.String() + "-hold", Hold: hold},
		{At: begins.Add(-time.Second), Key: p.ID.String() + "-refund-a", Refund: payment.Refund{Ref: "a", Hold: "h", Amount: eur(1), State: payment.RefundSucceeded}},
		{At: ends.Add(-time.Second), Key: p.ID.String() + "-refund-b", Refund: payment.Refund{Ref: "b", Hold: "h", Amount: eur(2), State: payment.RefundSucceeded}},
		{At: begins.Add(-time.Minute), Key: "of somebody", Hold: payment.Outcome{Ref: "x", State: payment.Authorized, Authorized: eur(1)}},
	}
	b.Ours = []reconcile.Payment{p}
	if r := reconcile.Compare(b); len(r.Differences)+len(r.OnTheWay) > 0 || r.Lines != 1 || r.Payments != 1 {
		t.Fatalf("%+v", r)
	}
	// The same line in the time, and a refund in it that is not booked.
	b.From, b.To = begins.Add(-time.Hour), ends
	if r := reconcile.Compare(b); len(r.Differences) != 1 || r.Differences[0].Class != reconcile.MissingHere || r.Differences[0].Ref != "x" {
		t.Fatalf("%+v", r.Differences)
	}
}

// A payment of which nothing is to be held yet is not missing there; one that is
// held all the same is a difference.
func TestAPaymentWithoutAHoldIsNotMissing(t *testing.T) {
	p := reconcile.Payment{ID: id.New[id.Payment](begins), State: "method_saved", Currency: "EUR", UpdatedAt: begins, Due: true}
	b := reconcile.Books{Provider: "sandbox", From: begins, To: ends, ReadAt: read, Ours: []reconcile.Payment{p}}
	if r := reconcile.Compare(b); len(r.Differences)+len(r.OnTheWay) > 0 {
		t.Fatalf("%+v", r)
	}
	for state, differ := range map[payment.State]int{payment.Declined: 0, payment.Voided: 0, payment.Authorized: 1, payment.Captured: 1} {
		b.Theirs = []payment.Entry{{At: begins, Key: p.ID.String() + "-hold", Hold: payment.Outcome{Ref: "h", State: state, Authorized: eur(5)}}}
		if r := reconcile.Compare(b); len(r.Differences) != differ {
			t.Fatalf("%s: %+v", state, r)
		}
	}
}

// The second step of saving a method is in no books; that of a hold is missing only
// when it has waited for too long.
func TestASecondStepThatWaitsIsOnItsWay(t *testing.T) {
	p := reconcile.Payment{ID: id.New[id.Payment](begins), State: payment.RequiresAction, Ref: "seti_1", Currency: "EUR", UpdatedAt: begins, Due: true}
	b := reconcile.Books{Provider: "sandbox", From: begins, To: ends, ReadAt: begins.Add(time.Hour), Ours: []reconcile.Payment{p}}
	if r := reconcile.Compare(b); len(r.Differences) != 0 || len(r.OnTheWay) != 1 {
		t.Fatalf("%+v", r)
	}
	b.ReadAt = begins.Add(reconcile.Patience)
	if r := reconcile.Compare(b); len(r.Differences) != 1 {
		t.Fatalf("%+v", r)
	}
}

// What moved while the books were read is not a difference yet.
func TestWhatMovesWhileBooksAreReadIsOnItsWay(t *testing.T) {
	p := reconcile.Payment{ID: id.New[id.Payment](begins), Ref: "h", State: payment.Captured, Currency: "EUR", Held: 9, Captured: 9, UpdatedAt: read.Add(time.Second), Due: true}
	b := reconcile.Books{Provider: "sandbox", From: begins, To: ends, ReadAt: read, Ours: []reconcile.Payment{p}, Theirs: []payment.Entry{
		{At: begins, Key: p.ID.String() + "-hold", Hold: payment.Outcome{Ref: "h", State: payment.Authorized, Authorized: eur(9)}},
	}}
	if r := reconcile.Compare(b); len(r.Differences) != 0 || len(r.OnTheWay) != 1 {
		t.Fatalf("%+v", r)
	}
	b.Ours[0].UpdatedAt = read.Add(-reconcile.Moving - time.Second)
	if r := reconcile.Compare(b); len(r.Differences) != 1 || len(r.OnTheWay) != 0 {
		t.Fatalf("%+v", r)
	}
}
