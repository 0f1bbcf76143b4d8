package kiosk

import (
	"encoding/json"
	"testing"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// blind steps while there are no prices.
func (b *bench) blind(in Input) []wire.Event {
	env := b.env()
	env.Money, env.Price = "", func(id.Session) (till.Ask, error) { return till.Ask{}, till.ErrNoPrice }
	next, events, refused := Step(b.m, in, env)
	if refused != "" {
		b.t.Fatal(refused)
	}
	raw, err := json.Marshal(next) // a start forgets the rest
	if err != nil {
		b.t.Fatal(err)
	}
	b.m = Machine{}
	if err := json.Unmarshal(raw, &b.m); err != nil {
		b.t.Fatal(err)
	}
	b.m.begun, b.m.Cash, b.m.Card, b.m.Printer = true, next.Cash, next.Card, next.Printer
	return events
}

// The prices may go away at any moment. What moves all the same is journalled in the
// currency that it was asked in.
func TestMoneyKeepsItsCurrencyWhenThePricesGo(t *testing.T) {
	b := newBench(t)
	b.tap("find")
	b.total.Inserted = 600
	b.report()
	if r := b.tap("pay", func(a *Action) { a.Credit = true }); r != "" || b.m.Phase != Keeping {
		t.Fatal(r, b.m.Phase)
	}
	b.total.Kept = 600
	events := b.blind(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total}})
	if len(events) != 2 || events[0].Amount != 510 || events[1].Amount != 90 {
		t.Fatalf("510 and a credit of 90: %+v", events)
	}
	for _, e := range events {
		if e.Currency != "EUR" {
			t.Errorf("%q is the currency of %d that were paid", e.Currency, e.Amount)
		}
	}
	if s := b.m.Visit.Slip; s == nil || s.Currency != "EUR" {
		t.Errorf("the receipt: %+v", s)
	}
	env := b.env()
	env.Money = ""
	if shown := b.m.Show(Outside{}, env); shown.Kiosk.Currency != "EUR" {
		t.Errorf("shown in %q", shown.Kiosk.Currency)
	}
	b.total.Filled = 300
	events = b.blind(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total}})
	if len(events) != 1 || events[0].Kind != wire.CashMoved || events[0].Currency != "EUR" {
		t.Errorf("filled by hand: %+v", events)
	}
}

// A device that carries an order out and moves nothing is not told for ever: what is in
// escrow is given up on, noted once, and staff can look at it. When it reports another
// sum, or works again, that is given back.
func TestADeviceThatGivesNothingBackIsNotToldForEver(t *testing.T) {
	for _, name := range []string{"give_back", "keep"} {
		b := newBench(t)
		b.tap("find")
		b.total.Inserted = 200
		if name == "keep" {
			b.total.Inserted = 510
		}
		for range 20 {
			b.report()
		}
		if name == "give_back" {
			if r := b.tap("give_back"); r != "" {
				t.Fatal(r)
			}
		} else if b.m.Phase != Paying || b.m.Seq > 6 {
			t.Fatalf("%s after %d orders", b.m.Phase, b.m.Seq)
		} else if r := b.tap("pay"); r != CashOff {
			t.Errorf("kept again: %q", r)
		} else if r := b.tap("cancel"); r != "" {
			t.Fatal(r)
		}
		for range 20 {
			b.report()
		}
		seq, screen := b.m.Seq, b.m.Screen
		if b.m.Phase.Moving() {
			t.Fatalf("%s: still %s after order %d", name, b.m.Phase, seq)
		}
		if b.m.Phase == Paying {
			if r := b.tap("give_back"); r != NotNow {
				t.Errorf("given back again: %q", r)
			}
			if b.m.TakesCash() {
				t.Error("more money is taken by a device that gives none back")
			}
			b.tap("cancel")
			screen++
		}
		for range 20 {
			b.report()
		}
		if b.m.Seq != seq || b.m.Screen != screen || b.m.Phase != Idle {
			t.Errorf("%s: %s, order %d after %d, screen %d after %d", name, b.m.Phase, b.m.Seq, seq, b.m.Screen, screen)
		}
		if u := b.m.Unsettled; len(u) != 1 || u[0].Amount != b.total.Inserted {
			t.Errorf("%s: %+v", name, u)
		}
		b.blind(Input{}) // a start tries once more, and notes nothing new
		for range 20 {
			b.report()
		}
		if len(b.m.Unsettled) != 1 || b.m.Phase != Idle {
			t.Errorf("%s, after a start: %s, %+v", name, b.m.Phase, b.m.Unsettled)
		}
		b.total.Inserted += 100
		b.report()
		if b.m.Phase != Returning {
			t.Errorf("%s: another sum does not come back: %s", name, b.m.Phase)
		}
	}
}
