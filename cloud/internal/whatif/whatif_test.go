package whatif_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/whatif"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// night is an hour before the clocks of Berlin change.
var night = time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC)

func altmarkt(t tariff.Tariff) *parking.Parking {
	return &parking.Parking{
		ID: "altmarkt", Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(), Tariff: t,
		SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: 9}},
	}
}

func prices(t *rapid.T, name string, version uint32) tariff.Tariff {
	minutes := rapid.SampledFrom([]int{1, 15, 30, 60}).Draw(t, name+" interval")
	return tariff.Tariff{
		Format: 1, Version: version, Currency: "EUR", IntervalMinutes: minutes, Rate: rapid.Int64Range(1, 500).Draw(t, name+" rate"),
		FreeMinutes: rapid.SampledFrom([]int{0, 10}).Draw(t, name+" free"), DailyMax: rapid.Int64Range(500, 3000).Draw(t, name+" max"),
		Day: rapid.SampledFrom([]tariff.Day{tariff.Calendar, tariff.Rolling}).Draw(t, name+" day"), TaxBasisPoints: 1900,
		Bands: []tariff.Band{{ID: "night", From: 20 * 60, To: 6 * 60, Rate: rapid.Int64Range(0, 100).Draw(t, name+" night"), IntervalMinutes: 60}},
	}
}

// past is a stay as it was settled by an edition.
func past(t *rapid.T, p *parking.Parking, edition tariff.Tariff) whatif.Stay {
	minute := func(name string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, name)) * time.Minute
	}
	s := whatif.Stay{Entered: night.Add(minute("in", -3000, 3000))}
	s.Left = s.Entered.Add(minute("long", 0, 3000))
	in := settlement.ExitInput{Parking: p, Tariff: &edition, SpaceType: id.Standard, EnteredAt: s.Entered, ExitedAt: s.Left}
	if rapid.Bool().Draw(t, "doubt") {
		in.ExitDoubt = minute("by", 0, 5)
	}
	if rapid.Bool().Draw(t, "reserved") {
		r := &reservation.Reservation{ID: id.New[id.Reservation](night), SpaceType: id.Standard}
		r.Window.From = s.Entered.Add(minute("late", -10, 60))
		r.Window.To = r.Window.From.Add(minute("window", 15, 3000))
		zone, err := p.Location()
		if err != nil {
			t.Fatal(err)
		}
		b, err := edition.Price(r.Window, tariff.Facts{Zone: zone, SpaceType: string(id.Standard)})
		if err != nil {
			t.Fatal(err)
		}
		if percent := rapid.SampledFrom([]int{100, 80, 130}).Draw(t, "demand"); percent != 100 {
			r.Quote.Demand = &reservation.Demand{Percent: percent}
		}
		if early := rapid.SampledFrom([]int{100, 0, 50}).Draw(t, "early"); early != 100 {
			r.Quote.EarlyCharge = &early
		}
		b = b.Demand(r.Quote.DemandPercent(), r.Window)
		r.Quote.Total, r.Quote.Tax, r.Quote.Lines, r.Quote.TariffVersion = b.Total, b.Tax, b.Lines, edition.Version
		in.Reservation, s.On = r, r
		in.Unseen = rapid.Bool().Draw(t, "unseen")
		s.Unseen = in.Unseen
	} else if rapid.IntRange(0, 9).Draw(t, "unseen entry") == 0 {
		in.EnteredAt, s.Entered = time.Time{}, time.Time{}
	}
	due := settlement.AtExit(in)
	if due.Problem != nil {
		t.Fatal(due.Problem)
	}
	s.Bill = *due.Bill(id.Reservation{}, id.Session{})
	return s
}

// Priced by the edition that priced them, past stays cost what they were charged, each to
// the minor unit; and what one edition takes more than another the other takes less.
func TestTheEditionInForceReproducesWhatWasCharged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edition, draft := prices(t, "now", 1), prices(t, "draft", 2)
		p := altmarkt(edition)
		now, err := whatif.Compile(p, edition)
		if err != nil {
			t.Fatal(err)
		}
		then, err := whatif.Compile(p, draft)
		if err != nil {
			t.Fatal(err)
		}
		same, forth, back := whatif.Compare(p, now, now), whatif.Compare(p, now, then), whatif.Compare(p, then, now)
		n := rapid.IntRange(1, 20).Draw(t, "stays")
		for range n {
			s := past(t, p, edition)
			if got, err := now.Price(p, &s); err != nil || got != s.Bill.Due.Minor {
				t.Fatalf("%s of %s was charged %d and is priced at %d: %v\n%+v", s.Bill.Basis, s.Left.Sub(s.Entered), s.Bill.Due.Minor, got, err, s)
			}
			same.Add(&s)
			forth.Add(&s)
			back.Add(&s)
		}
		same.Done()
		forth.Done()
		back.Done()
		if same.Real != same.Now || same.Now != same.Draft || same.Same != n || same.Unpriced != 0 {
			t.Fatalf("by itself: %+v", same)
		}
		stays, difference := 0, int64(0)
		for _, b := range forth.Bands {
			stays, difference = stays+b.Stays, difference+b.Difference
		}
		if stays != n || difference != forth.Draft-forth.Now || forth.Same+forth.More+forth.Less != n {
			t.Fatalf("the bands do not sum up: %+v", forth)
		}
		if forth.Now != back.Draft || forth.More != back.Less || forth.MostMore != back.MostLess || forth.MostLess != back.MostMore {
			t.Fatalf("there and back: %+v, %+v", forth, back)
		}
	})
}

// A stay of two hours for a walk-in, and a reservation that ended in time, by hand.
func TestADearerDraft(t *testing.T) {
	cheap := tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 60, Rate: 200, TaxBasisPoints: 1900}
	dear := cheap
	dear.Version, dear.Rate = 2, 300
	p := altmarkt(cheap)
	now, err := whatif.Compile(p, cheap)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := whatif.Compile(p, dear)
	if err != nil {
		t.Fatal(err)
	}
	c := whatif.Compare(p, now, draft)
	eur := func(n int64) money.Amount { return money.New(n, "EUR") }
	two := timerange.Range{From: night, To: night.Add(2 * time.Hour)}
	c.Add(&whatif.Stay{Entered: two.From, Left: two.To, Bill: bill.Bill{Basis: bill.Used, Due: eur(400), Parts: []bill.Part{{SpaceType: id.Standard, From: two.From, To: two.To}}}})
	r := &reservation.Reservation{SpaceType: id.Standard, Window: two}
	r.Quote.Total = eur(400)
	c.Add(&whatif.Stay{Entered: two.From, Left: two.To.Add(-time.Hour), On: r, Bill: bill.Bill{Basis: bill.Quoted, Due: eur(400)}})
	c.Add(&whatif.Stay{Left: two.To, Bill: bill.Bill{Basis: bill.NotSeen, Due: eur(0)}})
	// One whose reservation is lost counts as it was charged.
	c.Add(&whatif.Stay{Entered: two.From, Left: two.To, Bill: bill.Bill{Basis: bill.Quoted, Due: eur(150)}})
	c.Done()
	if c.Stays != 4 || c.Unpriced != 1 || c.Real != 950 || c.Now != 950 || c.Draft != 1350 || c.More != 2 || c.Same != 2 || c.MostMore != 200 || c.MostLess != 0 {
		t.Fatalf("%+v", c)
	}
	for _, b := range c.Bands {
		if b.UpTo == 2*time.Hour && (b.Stays != 2 || b.MedianNow != 150 || b.MedianDraft != 150 || b.Difference != 200) {
			t.Errorf("%+v", b)
		}
	}
	curve, err := c.Curve(night, id.Standard)
	if err != nil || len(curve) != 97 || curve[0].Now != 0 || curve[4].Now != 200 || curve[4].Draft != 300 || curve[96].Draft != 7200 {
		t.Errorf("%v, %v", curve, err)
	}
}
