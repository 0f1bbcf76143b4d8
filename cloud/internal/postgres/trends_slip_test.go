package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// With empty hoppers 20.00 are put in for 3.20: 3.20 are earned. What the slip is for is
// earned when it pays for a stay, and what is left of it is not.
func TestChangeThatIsKeptIsNoRevenue(t *testing.T) {
	db, dsn := postgrestest.New(t)
	clock := &shown{}
	day := time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)
	at := func(h, m int) time.Time { return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute) }
	clock.forward(at(9, 0).Sub(clock.now()))
	postgrestest.Import(t, db, clock.now(), postgrestest.Parking("altmarkt", 10))
	g := newGate(t, db, committerAt(t, db, clock.now), clock, "altmarkt")
	g.must(&fleet.Allot{Lot: "altmarkt", Inside: g.inside()})
	clock.forward(at(14, 30).Sub(clock.now()))

	pays := func(when time.Time, e wire.Event) id.Payment {
		e.Kind, e.Lane, e.Currency, e.Payment = wire.Paid, "kiosk-1", "EUR", id.New[id.Payment](when)
		g.tell(when, e)
		return e.Payment
	}
	first := g.enters(at(9, 30))
	pays(at(12, 10), wire.Event{Session: first, Amount: 320, Method: wire.Cash})
	slip := pays(at(12, 10), wire.Event{Session: first, Amount: 1680, Method: wire.Cash, Note: wire.NoteSlip})
	second := g.enters(at(12, 30))
	pays(at(13, 20), wire.Event{Session: second, Amount: 500, Method: wire.CreditPays, Credit: slip, CreditOf: first})
	pays(at(13, 20), wire.Event{Session: second, Amount: 1180, Method: wire.CreditPays, Credit: slip, CreditOf: first, Note: wire.NoteSlip})

	b := &lotBed{t: t, db: db, owner: postgrestest.Owner(t, dsn), clock: clock, in: "altmarkt", store: postgres.NewTrends(db)}
	b.count = trends.Service{Store: b.store, Log: slog.New(slog.DiscardHandler)}
	b.run()
	rows := b.rows()
	if rows[at(12, 0)].Cash != 320 || rows[at(13, 0)].Cash != 500 {
		t.Errorf("%d and %d are earned, want 320 and 500", rows[at(12, 0)].Cash, rows[at(13, 0)].Cash)
	}
}
