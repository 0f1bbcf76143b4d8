package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

// A slip has the currency of the money that it was given for, keeps it in what is left of it,
// and pays for no stay in another one, which leaves it as it was. One of before slips had a
// currency is of the stay's.
func TestASlipPaysInItsOwnCurrencyOnly(t *testing.T) {
	t.Parallel()
	given := id.New[id.Payment](noon)
	for _, x := range []struct {
		of   money.Currency
		want Refusal
		left money.Currency
	}{{"EUR", "", "EUR"}, {"", "", "EUR"}, {"CHF", SlipForeign, ""}} {
		m := Machine{Money: "EUR", Phase: Validating, Slips: []Slipped{{Payment: given, Session: id.New[id.Session](noon), Amount: 500, Currency: x.of, Until: noon.Add(time.Hour)}}}
		m.Visit = Visit{Stay: &Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-time.Hour)}, Ask: till.Ask{Total: money.New(200, "EUR"), Pay: 200, Until: noon}}
		m.Printer = Printer{Answers: true, Paper: true}
		s := step{m: &m, env: Env{Now: noon, Zone: time.UTC, Lane: "kiosk-1", Fresh: [2]id.Payment{id.New[id.Payment](noon), id.New[id.Payment](noon)}}}
		if got := s.redeem(till.CreditCode(given)); got != x.want {
			t.Fatalf("%q: %q, want %q", x.of, got, x.want)
		}
		if x.want != "" {
			if m.Slips[0].Used || len(m.Slips) != 1 || len(s.events) != 0 || m.Visit.Ask.Pay != 200 {
				t.Errorf("%q: something was done: %+v %+v", x.of, m.Slips, s.events)
			}
			continue
		}
		if len(m.Slips) != 2 || m.Slips[1].Currency != x.left || m.Slips[1].Amount != 300 || len(s.events) != 2 || s.events[0].Currency != "EUR" {
			t.Errorf("%q: %+v %+v", x.of, m.Slips, s.events)
		}
	}
	m := Machine{Money: "CHF"}
	m.Visit = Visit{Stay: &Found{Session: id.New[id.Session](noon)}, Credit: given, Ask: till.Ask{Total: money.New(0, "CHF")}}
	s := step{m: &m, env: Env{Now: noon, Zone: time.UTC}}
	if s.owe(70); len(m.Slips) != 1 || m.Slips[0].Currency != "CHF" || m.Slips[0].Amount != 70 {
		t.Errorf("%+v", m.Slips)
	}
}
