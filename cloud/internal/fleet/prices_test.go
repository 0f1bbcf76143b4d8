package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// told is what an edge with a machine has been told: the world's snapshot, through
// the encoding.
func (w *world) told(t testing.TB) (*wire.Prices, []wire.Entry) {
	t.Helper()
	s := Snapshot{Revision: 1, Policy: w.parking.Policy, Till: &Till{
		Name: "Altmarkt", Zone: w.parking.Timezone, Editions: w.rows.Tariffs, Payments: map[id.Reservation]*payment.Payment{},
		Shops: []shop.Shop{
			{Number: 1, Name: "Kino", Gives: shop.Minutes, Value: 45, GoodUntil: noon.Add(time.Hour)},
			{Number: 2, Name: "Bäckerei", Gives: shop.Percent, Value: 33, Most: 300, GoodUntil: noon.Add(time.Hour)},
			{Number: 900, Name: "Zirkus", Gives: shop.Amount, Value: 120, Most: 200, GoodUntil: noon.Add(time.Hour)},
		},
	}}
	if len(s.Till.Editions) == 0 {
		s.Till.Editions = []parking.Edition{{Tariff: w.parking.Tariff, Adopted: noon.Add(-365 * 24 * time.Hour)}}
	}
	for _, r := range w.rows.Reservations {
		s.Reservations = append(s.Reservations, r)
	}
	for _, p := range w.rows.Payments {
		s.Till.Payments[p.Reservation] = p
	}
	all, err := s.messages(wire.Minor)
	if err != nil {
		t.Fatal(err)
	}
	var prices *wire.Prices
	var entries []wire.Entry
	for _, m := range all {
		raw, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Unmarshal[wire.Sync](raw)
		if err != nil {
			t.Fatal(err)
		}
		if got.Prices != nil {
			prices = got.Prices
		}
		entries = append(entries, got.Entries...)
	}
	return prices, entries
}

func drawTariff(rt *rapid.T, version uint32) tariff.Tariff {
	x := tariff.Tariff{
		Format: 1, Version: version, Currency: "EUR", Rate: rapid.Int64Range(1, 400).Draw(rt, "rate"), TaxBasisPoints: rapid.SampledFrom([]int{0, 700, 1900}).Draw(rt, "tax"),
		IntervalMinutes: rapid.SampledFrom([]int{1, 7, 15, 60}).Draw(rt, "interval"), FreeMinutes: rapid.SampledFrom([]int{0, 0, 10}).Draw(rt, "free"),
		ExitAfterPaymentMinutes: rapid.SampledFrom([]int{0, 10, 15}).Draw(rt, "walk"), Minimum: rapid.SampledFrom([]int64{0, 150}).Draw(rt, "minimum"),
	}
	if rapid.Bool().Draw(rt, "exact") {
		x.Charge = tariff.Exact
	}
	if rapid.Bool().Draw(rt, "maximum") {
		x.DailyMax, x.Day = 900, tariff.Calendar
	}
	if rapid.Bool().Draw(rt, "step") {
		x.Steps = []tariff.Step{{AfterMinutes: 45, Rate: rapid.Int64Range(1, 300).Draw(rt, "then"), IntervalMinutes: 30}}
	}
	return x
}

// What a machine asks for, from what it was told, is what the cloud finds owed when
// the vehicle leaves in that moment, to the minor unit and with the same tax; and who
// pays it and leaves in time owes nothing, however long putting in the coins took.
func TestAMachineAsksForWhatTheExitCharges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, j := start(t, 4)
		p := *w.parking
		p.Policy.ExitGrace = time.Duration(rapid.IntRange(0, 20).Draw(rt, "grace")) * time.Minute
		p.Tariff = drawTariff(rt, 1)
		w.parking = &p
		w.rows.Tariffs = []parking.Edition{{Tariff: p.Tariff, Adopted: noon.Add(-365 * 24 * time.Hour)}}
		in := noon.Add(-time.Duration(rapid.IntRange(0, 12*60*60).Draw(rt, "seconds")) * time.Second)
		var r *reservation.Reservation
		if rapid.Bool().Draw(rt, "reserved") {
			r = w.booked(t, rt, in)
		}
		for v := range rapid.IntRange(0, 2).Draw(rt, "changes") { // of the tariff
			next := p
			next.Tariff, next.TariffSince = drawTariff(rt, uint32(v+2)), noon.Add(-time.Duration(rapid.IntRange(60*(2-v), 60*(3-v)*2).Draw(rt, "changed"))*time.Minute)
			if !w.rows.Tariffs[0].Adopted.Before(next.TariffSince) {
				next.TariffSince = w.rows.Tariffs[0].Adopted.Add(time.Minute)
			}
			w.parking, p = &next, next
			w.rows.Tariffs = append([]parking.Edition{{Tariff: next.Tariff, Adopted: next.TariffSince}}, w.rows.Tariffs...)
		}
		about := none
		if r != nil {
			about = r.ID
		}
		w.now = noon.Add(48 * time.Hour)
		s := j.enter(t, in, about)
		w.allot(t)
		j.applyAll(t, w)

		prices, entries := w.told(t)
		zone, err := time.LoadLocation(prices.Zone)
		if err != nil {
			t.Fatal(err)
		}
		book, err := till.Open(prices, w.parking.Policy.ExitGrace, zone, noon)
		if err != nil {
			rt.Fatal(err)
		}
		stay := till.Stay{SpaceType: id.Standard, EnteredAt: in}
		if r != nil {
			stay.Entry = &entries[0]
		}
		at := noon
		for range rapid.IntRange(0, 3).Draw(rt, "payments") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40*60).Draw(rt, "later")) * time.Second)
			ask, err := book.Ask(stay, at)
			if err != nil {
				rt.Fatal(err)
			}
			if ask.Pay == 0 {
				continue
			}
			if rapid.IntRange(0, 2).Draw(rt, "code") == 0 {
				shop := prices.Shops[rapid.IntRange(0, len(prices.Shops)-1).Draw(rt, "shop")]
				off, err := book.Discount(stay, ask, shop)
				if err != nil || off > ask.Pay || off < 0 {
					rt.Fatalf("%+v takes %d off %d, %v", shop, off, ask.Pay, err)
				}
				if off > 0 {
					j.add(t, at, wire.Event{
						Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: id.New[id.Payment](at), Amount: off, Currency: "EUR", Method: wire.ShopPays,
						Shop: shop.Number, Serial: 1, Until: ask.Until.UnixMilli(),
					})
					stay.Payments = append(stay.Payments, till.Payment{At: at, Until: ask.Until, Amount: off, Shop: shop.Number})
				}
				continue
			}
			if rapid.IntRange(0, 3).Draw(rt, "slip") == 0 { // change that could not be given
				j.add(t, at, wire.Event{
					Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: id.New[id.Payment](at), Amount: 70, Currency: "EUR", Method: wire.Cash, Note: wire.NoteSlip, Until: ask.Until.UnixMilli(),
				})
				stay.Payments = append(stay.Payments, till.Payment{At: at, Until: ask.Until, Amount: 70, Slip: true})
				continue
			}
			paid := min(ask.Pay, rapid.Int64Range(1, 2000).Draw(rt, "pays"))
			done := at.Add(time.Duration(rapid.IntRange(0, 5*60).Draw(rt, "coins")) * time.Second)
			j.add(t, done, wire.Event{
				Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: id.New[id.Payment](done), Amount: paid, Currency: "EUR", Method: wire.Cash, Until: ask.Until.UnixMilli(),
			})
			stay.Payments = append(stay.Payments, till.Payment{At: done, Until: ask.Until, Amount: paid})
			at = done
			if paid == ask.Pay {
				walk := at.Add(book.Walk())
				if again, err := book.Ask(stay, walk); err != nil || again.Pay != 0 {
					rt.Fatalf("who paid %d is asked for %d on the way, %v", paid, again.Pay, err)
				}
			}
		}
		out := at.Add(time.Duration(rapid.IntRange(0, 60*60).Draw(rt, "out")) * time.Second)
		ask, err := book.Ask(stay, out)
		if err != nil {
			rt.Fatal(err)
		}
		j.exit(t, out, s, about)
		j.applyAll(t, w)
		got := w.rows.Sessions[s]
		if got.Due.Minor != ask.Total.Minor || got.Owed.Minor != ask.Pay {
			rt.Fatalf("the machine asks for %d of %d up to %s, covered %d, paid %d; the exit charges %d, of which %d are owed (%d credit)",
				ask.Pay, ask.Total.Minor, ask.Until, ask.Covered, ask.Paid, got.Due.Minor, got.Owed.Minor, got.Credit)
		}
		var sum int64
		for _, l := range ask.Lines {
			sum += l.Amount.Minor
		}
		if sum != ask.Total.Minor || ask.Tax.Minor < 0 || ask.Tax.Minor > ask.Total.Minor {
			rt.Fatalf("lines of %d, tax of %d in %d", sum, ask.Tax.Minor, ask.Total.Minor)
		}
	})
}

// booked is a reservation with a quote and a hold of any size, around an entry.
func (w *world) booked(t testing.TB, rt *rapid.T, in time.Time) *reservation.Reservation {
	from := in.Add(-time.Duration(rapid.IntRange(0, 40).Draw(rt, "before")) * time.Minute).Truncate(time.Minute)
	r := w.reserve(t, from, from.Add(time.Duration(rapid.IntRange(15, 9*60).Draw(rt, "reserved for"))*time.Minute))
	w.must(t, does{func(work *commit.Work) error {
		x, err := work.Reservation(r.ID)
		if err != nil {
			return err
		}
		total := rapid.Int64Range(0, 1500).Draw(rt, "quoted")
		x.Quote.Total, x.Quote.Tax = money.New(total, "EUR"), money.New(total/7, "EUR")
		if rapid.Bool().Draw(rt, "early") {
			kept := rapid.IntRange(0, 100).Draw(rt, "kept")
			x.Quote.EarlyCharge = &kept
		}
		if rapid.Bool().Draw(rt, "demand") {
			x.Quote.Demand = &reservation.Demand{Percent: rapid.IntRange(50, 200).Draw(rt, "percent")}
		}
		work.PutReservation(x)
		p, err := work.Payment(r.Payment)
		if err != nil {
			return err
		}
		p.Authorized = rapid.SampledFrom([]int64{0, total / 2, total, total + 300}).Draw(rt, "held")
		if p.Authorized == 0 {
			p.State = payment.Lapsed
		}
		work.PutPayment(p)
		work.Emit("test", feed.Body{})
		return nil
	}})
	return w.rows.Reservations[r.ID]
}

// Prices go to edges that have a machine and speak of it, quotes too; the first
// edition ever holds from the beginning of time, and what does not fit is left out at
// the old end.
func TestPricesAreToldToMachinesOnly(t *testing.T) {
	for machine, minors := range map[wire.Machine]map[uint8]bool{
		wire.NoMachine: {4: false, 5: false}, wire.MachineNoPrice: {4: false, 5: true}, wire.MachinePriced: {4: false, 5: true},
	} {
		for minor, want := range minors {
			var d down
			d.start(7, minor, machine)
			if d.priced() != want || (d.sent == 0) != (want && machine == wire.MachineNoPrice) {
				t.Errorf("machine %d at 1.%d: priced %v, from revision %d", machine, minor, d.priced(), d.sent)
			}
		}
	}
	till := &Till{Name: strings.Repeat("ä", 200), Zone: "Europe/Berlin"}
	for v := range uint32(40) {
		x := tariff.Tariff{Format: 1, Version: 40 - v, Currency: "EUR", Rate: 200, IntervalMinutes: 60}
		till.Editions = append(till.Editions, parking.Edition{Tariff: x, Adopted: noon.Add(-time.Duration(v) * time.Hour)})
	}
	p, err := till.prices(wire.Minor)
	if err != nil || len(p.Editions) != wire.MaxEditions || p.Editions[wire.MaxEditions-1].Since == 0 || len(p.Name) > wire.MaxText || strings.ContainsRune(p.Name, 0xFFFD) {
		t.Fatalf("%d editions of %q, %v", len(p.Editions), p.Name, err)
	}
	till.Editions = till.Editions[:3]
	if p, err = till.prices(wire.Minor); err != nil || !slices.Equal([]int64{noon.UnixMilli(), noon.Add(-time.Hour).UnixMilli(), 0}, []int64{p.Editions[0].Since, p.Editions[1].Since, p.Editions[2].Since}) {
		t.Fatalf("%+v, %v", p, err)
	}
	for i := range till.Editions {
		for range 400 {
			till.Editions[i].Tariff.Holidays = append(till.Editions[i].Tariff.Holidays, tariff.Date(0))
		}
	}
	if p, err = till.prices(wire.Minor); err != nil || bytesOf(p) > wire.MaxDocuments || bytesOf(p) < pricesInline {
		t.Fatalf("%d bytes, %v", bytesOf(p), err)
	}
}
