package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

// What is journalled by a step is known to the price from the next one on: a price that is
// over in the very step in which a part was paid is not asked for before that.
func TestAPriceThatIsOverDoesNotForgetWhatWasJustPaid(t *testing.T) {
	now := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	stay := Found{Session: id.New[id.Session](now)}
	asked := till.Ask{Total: money.New(100, "EUR"), Pay: 100, Until: now}
	env := Env{
		Now: now, Money: "EUR", Lane: "kiosk-1", Fresh: [2]id.Payment{id.New[id.Payment](now), id.New[id.Payment](now)},
		Price: func(id.Session) (till.Ask, error) { return asked, nil }, // as the journal had it before
	}
	m := Machine{Phase: Keeping, Seq: 1, Known: true, Visit: Visit{
		Stay: &stay, Ask: asked, Asked: now.Add(-2 * priceHolds), Payment: env.Fresh[0], Credit: env.Fresh[1], Retries: maxRetries,
		Base: Totals{},
	}, Settled: Totals{}}
	// The power went while it was kept: a coin was in the box, the rest sprang back.
	m, events, refused := Step(m, Input{Cash: &Cash{Answers: true, Seq: 1, Totals: Totals{Inserted: 110, Kept: 10, Returned: 100}}}, env)
	if refused != "" || len(events) != 1 || events[0].Amount != 10 {
		t.Fatalf("%v, %q", events, refused)
	}
	if m.Phase != Paying || m.Visit.Ask.Pay != 90 {
		t.Errorf("%s: %d are asked for after 10 of 100", m.Phase, m.Visit.Ask.Pay)
	}
}
