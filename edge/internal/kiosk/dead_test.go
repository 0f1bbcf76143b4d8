package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// dies reports of devices that have stopped in the middle, for a while.
func (b *bench) dies(d time.Duration) {
	b.mono += d
	b.step(Input{Cash: &Cash{Seq: b.m.Seq - 1, Totals: b.total}})
	b.step(Input{Card: &Card{}})
}

// Somebody who has put in money and would rather pay by card gets it back and is asked for the
// card; where not all comes back he is not charged.
func TestPayingByCardInsteadGivesTheMoneyBackFirst(t *testing.T) {
	for _, all := range []bool{true, false} {
		b := newBench(t)
		b.tap("find")
		b.total.Inserted = 200
		b.report()
		if r := b.tap("pay_by_card"); r != "" || b.m.Phase != Returning {
			t.Fatal(r, b.m.Phase)
		}
		if b.total.Returned = 200; !all {
			b.total.Returned = 100
		}
		for range 6 {
			b.report()
		}
		if all && (b.m.Phase != Charging || b.m.Visit.Payment.IsZero()) {
			t.Errorf("all came back: %s", b.m.Phase)
		}
		if !all && (b.m.Phase != Paying || b.m.Visit.Problem != NotAllBack || len(b.m.Unsettled) != 1) {
			t.Errorf("not all came back: %s %s", b.m.Phase, b.m.Visit.Problem)
		}
	}
}

// Help can be called, and a call ended, also while money moves and when it has stopped moving.
func TestHelpIsThereWhileMoneyMoves(t *testing.T) {
	b := newBench(t)
	b.tap("find")
	b.total.Inserted = 200
	b.report()
	b.tap("give_back")
	if r := b.tap("help"); r != "" || b.m.Call == nil || b.m.Phase != Returning {
		t.Fatalf("%q, %s", r, b.m.Phase)
	}
	if r := b.tap("back"); r != "" || b.m.Call != nil || b.m.Phase != Returning {
		t.Fatalf("%q, %s", r, b.m.Phase)
	}
}

// A terminal that stops in the middle holds nobody for ever: the machine goes on, takes no
// card while it is not told what became of the charge, asks to cancel it, over a start, too,
// and what was taken is journalled once, of the stay that it was for.
func TestATerminalThatStopsHoldsNobody(t *testing.T) {
	for _, state := range []CardState{CardApproved, CardDeclined, CardStopped} {
		b := newBench(t)
		b.tap("find")
		b.tap("pay_by_card")
		charged, seen := b.m.Visit.Payment, b.stay.Session
		b.dies(deviceWaits - time.Second)
		if b.m.Phase != Charging {
			t.Fatalf("given up early: %s", b.m.Phase)
		}
		b.dies(time.Second)
		if b.m.Phase != Idle || b.m.Last != Unclear || len(b.m.Open) != 1 {
			t.Fatalf("%s %s %+v", b.m.Phase, b.m.Last, b.m.Open)
		}
		b.blind(Input{Card: &Card{Answers: true, Payment: charged, State: CardWorking}})
		b.tap("find")
		if r := b.tap("pay_by_card"); r != CardOff {
			t.Errorf("another card is taken: %q", r)
		}
		asked := false
		for _, o := range b.m.Wants() {
			asked = asked || o.Kind == OrderCancel && o.Payment == charged
		}
		if !asked {
			t.Error("nobody asks the terminal to cancel it")
		}
		var paid []wire.Event
		for range 3 {
			next, events, _ := Step(b.m, Input{Card: &Card{Answers: true, Payment: charged, State: state}}, b.env())
			b.m, paid = next, append(paid, events...)
		}
		if want := map[bool]int{true: 1}[state == CardApproved]; len(paid) != want || len(b.m.Open) != 0 {
			t.Errorf("%s: %+v, open %+v", state, paid, b.m.Open)
		}
		for _, e := range paid {
			if e.Kind != wire.Paid || e.Payment != charged || e.Session != seen || e.Amount != 510 || e.Currency != "EUR" || e.Method != wire.Card {
				t.Errorf("%+v", e)
			}
		}
	}
}

// The same of a cash device, whatever it was doing: what nobody knows of is noted for staff,
// and what it says when it answers again is accounted for.
func TestACashDeviceThatStopsHoldsNobody(t *testing.T) {
	for _, doing := range []Phase{Keeping, Giving, Returning} {
		b := newBench(t)
		b.tap("find")
		b.total.Inserted = 600
		b.step(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total, Hoppers: []Hopper{{ID: 1, Value: 10, Count: 50}}}})
		if doing == Returning {
			b.tap("give_back")
		} else if r := b.tap("pay"); r != "" {
			t.Fatal(r)
		}
		if doing == Giving {
			b.total.Kept = 600
			b.step(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total, Hoppers: []Hopper{{ID: 1, Value: 10, Count: 50}}}})
		}
		if b.m.Phase != doing {
			t.Fatalf("%s, want %s", b.m.Phase, doing)
		}
		b.dies(deviceWaits - time.Second)
		if b.m.Phase != doing {
			t.Fatalf("%s: given up early", doing)
		}
		b.dies(time.Second)
		if b.m.Phase.Moving() {
			t.Fatalf("%s: it waits still", doing)
		}
		switch doing {
		case Giving: // it is owed, and the machine says so
			if b.m.Phase != Paid || b.m.Visit.Owed != 90 || len(b.m.Slips) != 1 {
				t.Errorf("%s, owed %d", b.m.Phase, b.m.Visit.Owed)
			}
		case Keeping, Returning:
			if u := b.m.Unsettled; len(u) != 1 || u[0].Amount != 600 || doing == Returning && b.m.Phase != Paying {
				t.Errorf("%s: %s, %+v", doing, b.m.Phase, u)
			}
		default:
		}
		// It answers again, and had done what it was told.
		b.tap(map[Phase]string{Giving: "done", Keeping: "cancel", Returning: "cancel"}[doing])
		b.total.Given, b.total.Kept = map[Phase]int64{Giving: 90}[doing], map[Phase]int64{Giving: 600, Keeping: 600}[doing]
		b.total.Returned = map[Phase]int64{Returning: 600}[doing]
		before := len(b.m.Unsettled)
		var moved []wire.Event
		for range 3 {
			next, events, _ := Step(b.m, Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total}}, b.env())
			b.m, moved = next, append(moved, events...)
		}
		if doing != Returning && (len(moved) != 1 || moved[0].Kind != wire.CashMoved || len(b.m.Unsettled) != before+1) {
			t.Errorf("%s: %+v, %+v", doing, moved, b.m.Unsettled)
		}
		if b.m.Phase != Idle {
			t.Errorf("%s: %s at the end", doing, b.m.Phase)
		}
	}
}

// What a cash device had kept of the money before it stopped is paid, and no more.
func TestWhatADeviceKeptBeforeItStoppedIsPaid(t *testing.T) {
	b := newBench(t)
	b.tap("find")
	owed := b.m.Visit.Ask.Pay
	b.total.Inserted = 600
	b.step(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total, Hoppers: []Hopper{{ID: 1, Value: 10, Count: 50}}}})
	if r := b.tap("pay"); r != "" {
		t.Fatal(r)
	}
	b.total.Kept = 200
	b.step(Input{Cash: &Cash{Answers: true, Busy: true, Seq: b.m.Seq, Totals: b.total}})
	if b.m.Phase != Keeping {
		t.Fatalf("%s while it keeps the money", b.m.Phase)
	}
	b.dies(deviceWaits)
	if v := b.m.Visit; b.m.Phase != Paying || v.PaidNow != 200 || v.Ask.Pay != owed-200 {
		t.Errorf("%s, paid %d, %d of %d left", b.m.Phase, v.PaidNow, v.Ask.Pay, owed)
	}
}

// Staff need not wait as long: whoever has a PIN unlocks a machine whose device has stopped,
// and no other.
func TestStaffUnlocksWhatHangs(t *testing.T) {
	b := newBench(t)
	b.tap("find")
	b.tap("pay_by_card")
	unlock := func() Refusal {
		env := b.env()
		env.Staff = func(_, pin string) bool { return pin == "right" }
		b.taps++
		next, _, r := Step(b.m, Input{Do: &Action{Screen: b.m.Screen, Key: time.Duration(b.taps).String(), Name: "staff_unlock", By: "anna", Pin: "right"}}, env)
		if r == "" {
			b.m = next
		}
		return r
	}
	b.dies(staffWaits - time.Second)
	if r := unlock(); r != NotNow {
		t.Errorf("a visit that goes on: %q", r)
	}
	b.dies(time.Second)
	if r := unlock(); r != "" || b.m.Phase != Serving || len(b.m.Open) != 1 {
		t.Errorf("%q, %s, %+v", r, b.m.Phase, b.m.Open)
	}
}
