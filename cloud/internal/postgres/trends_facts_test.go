package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// doing is an op that does one thing.
type doing struct {
	at id.Parking
	q  timerange.Quarters
	do func(w *commit.Work, now time.Time) error
}

func (d *doing) Parking() id.Parking                       { return d.at }
func (d *doing) Prefetch(r *commit.Rows)                   { r.Quarters(id.Standard, d.q) }
func (d *doing) Apply(w *commit.Work, now time.Time) error { return d.do(w, now) }
func reservedFor(r *reservation.Reservation) *feed.Reservation {
	return &feed.Reservation{ID: r.ID, State: string(r.State), Generation: 1, SpaceType: r.SpaceType, From: r.Window.From, To: r.Window.To}
}

// What was reserved, missed, sold again, left early, turned away and taken is in the
// hour to which it belongs, and what is given back is taken from there.
func TestWhatAnHourSays(t *testing.T) {
	db, dsn := postgrestest.New(t)
	clock := &shown{}
	day := time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)
	at := func(h, m int) time.Time { return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute) }
	move := func(to time.Time) { clock.forward(to.Sub(clock.now())) }
	move(at(9, 0))
	postgrestest.Import(t, db, clock.now(), postgrestest.Parking("altmarkt", 10))
	c := committerAt(t, db, clock.now)
	g := newGate(t, db, c, clock, "altmarkt")
	g.must(&fleet.Allot{Lot: "altmarkt", Inside: g.inside()})

	sell := func(from, to, missed time.Time, state reservation.State) *reservation.Reservation {
		now := clock.now()
		total := money.New(2000, "EUR")
		r := &reservation.Reservation{
			ID: id.New[id.Reservation](now), Parking: "altmarkt", State: state, Generation: 1, SpaceType: id.Standard, Window: timerange.Range{From: from, To: to},
			Quote: reservation.Quote{Total: total, TariffVersion: 1, Lines: []tariff.Line{{Rule: tariff.RuleRate, Amount: total}}}, Email: "driver@example.org",
			HoldUntil: now, NoShowAt: missed, CreatedAt: now, UpdatedAt: now,
		}
		r.Claim = r.Window.Claim()
		g.must(&doing{at: "altmarkt", q: r.Claim, do: func(w *commit.Work, now time.Time) error {
			if err := w.Claim(id.Standard, r.Claim, 1); err != nil {
				return err
			}
			p := &payment.Payment{ID: id.New[id.Payment](now), Reservation: r.ID, State: payment.Authorized, Provider: "test", Method: "m", Amount: total, Authorized: 2000, UpdatedAt: now}
			r.Payment = p.ID
			w.PutPayment(p)
			w.PutReservation(r)
			kind := feed.ReservationConfirmed
			if state == reservation.NoShow {
				kind = feed.ReservationNoShow
			}
			w.Emit(kind, feed.Body{Reservation: reservedFor(r)})
			return w.Book(ledger.HoldPlaced(r.ID, p.ID, total))
		}})
		return r
	}
	came := sell(at(10, 0), at(14, 0), at(12, 0), reservation.Confirmed)
	sell(at(10, 0), at(14, 0), at(11, 0), reservation.NoShow)
	sell(at(10, 15), at(14, 0), at(11, 30), reservation.NoShow)
	sell(at(10, 30), at(14, 0), at(23, 0), reservation.Confirmed) // nobody knows yet whether he comes

	move(at(12, 30))
	guest := id.New[id.Session](at(10, 5))
	g.tell(at(10, 5), wire.Event{Kind: wire.Entered, Session: guest, Reservation: came.ID, Generation: 1, SpaceType: id.Standard, Reason: wire.AdmitReservation})
	for range 2 {
		g.tell(at(11, 10), wire.Event{Kind: wire.Refused, SpaceType: id.Standard, Reason: wire.RefuseFull})
	}
	g.tell(at(11, 11), wire.Event{Kind: wire.Refused, Reason: wire.RefuseUnknown})
	walkIn := g.enters(at(11, 45))
	g.tell(at(12, 0), wire.Event{Kind: wire.Exited, Session: guest, Reservation: came.ID, Reason: wire.AdmitReservation})
	money2000, tax := money.New(2000, "EUR"), money.New(319, "EUR")
	g.must(&doing{at: "altmarkt", do: func(w *commit.Work, _ time.Time) error {
		w.Emit(feed.PaymentChanged, feed.Body{Payment: &feed.Payment{ID: came.Payment, Reservation: came.ID, State: "captured"}})
		return w.Book(ledger.Captured(came.ID, guest, came.Payment, money2000, tax))
	}})
	demand := &trends.Demand{Store: postgres.NewTrends(db), Now: clock.now, Log: slog.New(slog.DiscardHandler)}
	for _, key := range []string{"one", "one", "another"} {
		demand.Refused("altmarkt", id.Standard, at(12, 20), key)
	}
	demand.Refused("nowhere", id.Standard, at(12, 20), "a third")
	demand.Flush(t.Context())

	b := &lotBed{t: t, db: db, owner: postgrestest.Owner(t, dsn), clock: clock, in: "altmarkt", store: postgres.NewTrends(db)}
	b.count = trends.Service{Store: b.store, Log: slog.New(slog.DiscardHandler)}
	b.run()
	type says struct{ due, noShows, resold, refused, early int32 }
	check := func(what string, h int, want says, cash int64) {
		t.Helper()
		r := b.rows()[at(h, 0)]
		if got := (says{r.Due, r.NoShows, r.Resold, r.Refused, r.Early}); got != want || r.Cash != cash {
			t.Errorf("%s, %d h: %+v and %d, want %+v and %d", what, h, got, r.Cash, want, cash)
		}
	}
	check("at noon", 10, says{due: 3, noShows: 2, resold: 1}, 0)
	check("at noon", 11, says{refused: 2}, 0)
	check("at noon", 12, says{refused: 2, early: 1}, 2000)

	// A day later: something is given back, another walk-in turns out to have come when one
	// place of the missing was left, and the capacity of the day is another.
	move(at(36, 0))
	g.must(&doing{at: "altmarkt", do: func(w *commit.Work, _ time.Time) error {
		w.Emit(feed.RefundGiven, feed.Body{Payment: &feed.Payment{ID: came.Payment, Reservation: came.ID, State: "captured"}})
		return w.Book(ledger.Refunded(came.ID, guest, came.Payment, money.New(500, "EUR"), money.New(80, "EUR")))
	}})
	g.tell(at(13, 0), wire.Event{Kind: wire.Exited, Session: walkIn, Reason: wire.AdmitWalkin})
	g.enters(at(13, 30))
	g.must(&capacity.Change{In: "altmarkt", SpaceType: id.Standard, Capacity: 8})
	b.run()
	check("a day later", 10, says{due: 3, noShows: 2, resold: 2}, 0)
	check("a day later", 12, says{refused: 2, early: 1}, 1500)
	rows := b.rows()
	if n := rows[at(12, 0)].Capacity; n != 10 {
		t.Errorf("the day before it was changed has %d", n)
	}
	if n := rows[at(26, 0)].Capacity; n != 8 {
		t.Errorf("the day from which it was changed has %d", n)
	}
	if r := rows[at(14, 0)]; r.Known != 0 || r.Late {
		t.Errorf("the edge has told nothing of this hour: %+v", r)
	}
	if _, err := b.owner.Exec(t.Context(), `truncate trend_hour, trend_money, trend_touched, trend_head; update feed_cursor set xid = '0' where name = 'trends'`); err != nil {
		t.Fatal(err)
	}
	b.run()
	for h, was := range rows {
		is := b.rows()[h]
		is.Late, was.Late, is.Told, was.Told = false, false, nil, nil
		if is != was {
			t.Errorf("%s from nothing: %+v, was %+v", h, is, was)
		}
	}
}
