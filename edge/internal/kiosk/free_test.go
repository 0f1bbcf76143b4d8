package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
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

// Without paper, what stands for the ticket is on the screen: for who typed his plate, whether
// he had to pay or not, and for who paid by a time alone. It counts as a try where nothing was
// paid, is on no screen while paper has it, and a time alone for nothing still shows nothing.
func TestWithoutPaperTheScreenHasWhatToLeaveBy(t *testing.T) {
	t.Parallel()
	stay := Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-time.Minute), Lane: "entry-1"}
	for _, x := range []struct {
		name     string
		by       By
		owes     int64
		paper    bool
		leaves   bool
		isBooked bool
		byCode   bool // what is owed is paid by a shop and a slip
	}{
		{name: "a plate, nothing to pay", by: ByPlate, leaves: true},
		{name: "a plate, nothing to pay, with paper", by: ByPlate, paper: true},
		{name: "a plate, paid", by: ByPlate, owes: 200, leaves: true},
		{name: "a plate, paid, with paper", by: ByPlate, owes: 200, paper: true},
		{name: "a time alone, nothing to pay", by: ByTime},
		{name: "a time alone, paid", by: ByTime, owes: 200, leaves: true},
		{name: "a time alone, paid by codes", by: ByTime, owes: 200, byCode: true, leaves: true},
		{name: "a time alone, paid by codes, with paper", by: ByTime, owes: 200, byCode: true, paper: true},
		{name: "with the ticket", by: ByTicket},
		{name: "a plate with a reservation", by: ByPlate, isBooked: true},
	} {
		one := stay
		if x.isBooked {
			one.Reservation = id.New[id.Reservation](noon)
		}
		env := Env{
			Now: noon, Mono: time.Hour, Money: "EUR", Lane: "kiosk-1", Zone: time.UTC, Fresh: [2]id.Payment{id.New[id.Payment](noon), id.New[id.Payment](noon)},
			Price: func(id.Session) (till.Ask, error) {
				return till.Ask{Total: money.New(x.owes, "EUR"), Pay: x.owes, Until: noon}, nil
			},
			Entrance: Entrance{Text: func(id.Session) string { return "T-1" }},
		}
		m := Machine{}
		m.Printer = Printer{Answers: x.paper, Paper: x.paper}
		m.Phase, m.Visit = Searching, Visit{By: x.by}
		s := step{m: &m, env: env}
		s.choose(one)
		if x.byCode {
			m.Visit.Gifts, m.Visit.Redeemed, m.Visit.Payment = []Gift{{Shop: 1, Amount: 50}}, 150, id.New[id.Payment](noon)
			m.Visit.PaidAt, m.Visit.Ask.Paid, m.Visit.Ask.Pay = noon, x.owes, 0
			s.finish(noon)
			if slip := m.Visit.Slip; slip == nil || slip.Leave != "T-1" || slip.Code == "" || slip.Method != string(wire.CreditPays) {
				t.Errorf("%s: the receipt is %+v", x.name, slip)
			}
		} else if x.owes > 0 {
			m.Visit.PaidNow, m.Visit.PaidAt, m.Visit.Ask.Paid, m.Visit.Ask.Pay = x.owes, noon, x.owes, 0
			s.finish(noon)
		}
		shown := shower{m: &m, env: env}.paid()
		leave, _ := shown["leave"].(string)
		if m.Phase != Paid || (leave == "T-1") != x.leaves || !x.leaves && leave != "" {
			t.Errorf("%s: shown is %v", x.name, shown)
		}
		if tried := x.owes == 0 && x.by == ByPlate && !x.isBooked; (m.tries == 1) != tried {
			t.Errorf("%s: %d tries", x.name, m.tries)
		}
	}
}
