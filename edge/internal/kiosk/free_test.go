package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

// Where nothing is to be paid, who typed a plate gets a ticket, a few times; who names a
// time alone could be anybody and gets none.
func TestATicketForNothingIsForAPlateAndCounts(t *testing.T) {
	t.Parallel()
	m, stay := Machine{}, Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-time.Minute), Lane: "entry-1"}
	env := Env{
		Now: noon, Mono: time.Hour, Money: "EUR", Lane: "kiosk-1", Zone: time.UTC,
		Price:    func(id.Session) (till.Ask, error) { return till.Ask{Total: money.New(0, "EUR"), Until: noon}, nil },
		Entrance: Entrance{Text: func(id.Session) string { return "T-1" }},
	}
	step := func(in Input) Refusal {
		next, _, refused := Step(m, in, env)
		if refused == "" {
			m = next
		}
		return refused
	}
	taps := 0
	do := func(a Action) Refusal {
		taps++
		a.Key, a.Screen = time.Duration(taps).String(), m.Screen
		return step(Input{Do: &a, Found: []Found{stay}})
	}
	step(Input{Printer: &Printer{Answers: true, Paper: true}})
	find := func() Refusal {
		m.Phase, m.Visit = Idle, Visit{}
		return do(Action{Name: "find", By: ByPlate})
	}
	if do(Action{Name: "lost"}); do(Action{Name: "find_lost"}) != "" || do(Action{Name: "choose", Stay: stay.Session.String()}) != "" || m.Phase != Paid {
		t.Fatalf("by a time: %s %+v", m.Phase, m.Visit)
	}
	if m.Visit.Slip != nil {
		t.Errorf("by a time alone: %+v", m.Visit.Slip)
	}
	printed := 0
	for find() == "" {
		if m.Visit.Slip == nil || m.Visit.Slip.Ticket != "T-1" {
			t.Fatalf("by a plate: %+v", m.Visit)
		}
		if printed++; printed > 2*maxTries {
			t.Fatal("paper without end")
		}
	}
	if got := find(); got != TooManyTries || printed == 0 {
		t.Errorf("after %d tickets: %q", printed, got)
	}
}
