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
