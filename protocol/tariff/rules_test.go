package tariff_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

func drawZone(tb testing.TB, t *rapid.T) *time.Location {
	tb.Helper()
	return zone(tb, rapid.SampledFrom([]string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "America/Havana", "UTC",
	}).Draw(t, "zone"))
}

// Whatever rules a tariff uses, the engine agrees with counting interval after
// interval, and its lines sum exactly to what it charges.
func TestEveryRuleMatchesTheNaiveModel(t *testing.T) {
	for range 8 { // there are many rules to be drawn together
		rapid.Check(t, func(rt *rapid.T) { matchesTheNaiveModel(t, rt) })
	}
}

func matchesTheNaiveModel(t *testing.T, rt *rapid.T) {
	p, z := drawRich(rt), drawZone(t, rt)
	stays := drawStays(rt, 3)
	kind := rapid.SampledFrom([]string{"", "standard", "ev"}).Draw(rt, "type")
	last := len(stays) - 1
	plan, err := tariff.Compile(p, z)
	if err != nil {
		rt.Fatal(err)
	}
	facts := tariff.Facts{SpaceType: kind, Earlier: stays[:last]}
	b, err := plan.Price(stays[last], facts)
	if err != nil {
		rt.Fatal(err)
	}
	want := naive(p, z, kind, stays...)
	if last > 0 {
		want -= naive(p, z, kind, stays[:last]...)
	}
	if b.Total.Minor != want {
		rt.Fatalf("got %d, counted %d: %+v", b.Total.Minor, want, b.Lines)
	}
	var sum int64
	for _, l := range b.Lines {
		sum += l.Amount.Minor
		if !l.From.Before(l.To) || l.From.Before(stays[0].From) || l.To.After(stays[last].To) || l.Rule == "" {
			rt.Fatalf("a line outside the stays: %+v", l)
		}
	}
	if sum != want {
		rt.Fatalf("the lines sum to %d, the total is %d: %+v", sum, want, b.Lines)
	}
	if total, err := plan.Total(stays[last], facts); err != nil || total != b.Total {
		rt.Fatalf("total %v, %v", total, err)
	}
}

// A longer stay never costs less, under any tariff.
func TestPricesNeverFall(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, z := drawRich(rt), drawZone(t, rt)
		stays := drawStays(rt, 2)
		last := len(stays) - 1
		longer := stays[last]
		longer.To = longer.To.Add(time.Duration(rapid.OneOf(rapid.Int64Range(0, int64(time.Hour)), rapid.Int64Range(0, int64(9*24*time.Hour))).Draw(rt, "more")))
		facts := tariff.Facts{Zone: z, SpaceType: "ev", Earlier: stays[:last]}
		low, err := p.Price(stays[last], facts)
		if err != nil {
			rt.Fatal(err)
		}
		high, err := p.Price(longer, facts)
		if err != nil {
			rt.Fatal(err)
		}
		if low.Total.Minor > high.Total.Minor || low.Total.Minor < 0 {
			rt.Fatalf("%v for %v, %v for %v", low.Total, stays[last], high.Total, longer)
		}
	})
}

// Whoever leaves and comes back at once pays what staying costs, however often
// he does it; and whoever was away pays at least what one of the stays alone
// would have cost at its time.
func TestLeavingAndComingBackNeverPays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, z := drawRich(rt), drawZone(t, rt)
		whole := drawStays(rt, 1)[0]
		cuts := rapid.SliceOfN(rapid.Int64Range(0, int64(whole.To.Sub(whole.From))), 1, 4).Draw(rt, "cuts")
		slices.Sort(cuts)
		from := whole.From
		var parts []timerange.Range
		for _, c := range append(cuts, int64(whole.To.Sub(whole.From))) {
			to := whole.From.Add(time.Duration(c))
			parts = append(parts, timerange.Range{From: from, To: to})
			from = to
		}
		paid := int64(0)
		for i, part := range parts {
			b, err := p.Price(part, tariff.Facts{Zone: z, Earlier: parts[:i]})
			if err != nil {
				rt.Fatal(err)
			}
			paid += b.Total.Minor
		}
		once, err := p.Price(whole, tariff.Facts{Zone: z})
		if err != nil {
			rt.Fatal(err)
		}
		if paid != once.Total.Minor {
			rt.Fatalf("in parts %d, at once %d", paid, once.Total.Minor)
		}
	})
}

// The steps go on where the earlier stay ended, and a paid interval is good to
// its end.
func TestComingBackByHand(t *testing.T) {
	p := hourly()
	p.FreeMinutes, p.DailyMax, p.Day = 0, 0, ""
	p.Steps = []tariff.Step{{AfterMinutes: 60, Rate: 50, IntervalMinutes: 30}, {AfterMinutes: 180, Rate: 1, IntervalMinutes: 1}}
	stay := func(from, to string) timerange.Range {
		return timerange.Range{From: at(t, "2026-06-01T"+from+":00Z"), To: at(t, "2026-06-01T"+to+":00Z")}
	}
	for name, c := range map[string]struct {
		earlier, stay timerange.Range
		want          int64
	}{
		"within the paid hour":      {stay("10:00", "10:20"), stay("10:30", "11:00"), 0},
		"beyond it":                 {stay("10:00", "10:20"), stay("10:30", "11:10"), 50},
		"hours later, at the step":  {stay("10:00", "11:00"), stay("14:00", "14:31"), 100},
		"hours later, in the first": {stay("10:00", "10:01"), stay("14:00", "14:31"), 100}, // the first hour was paid, and is over
	} {
		b, err := p.Price(c.stay, tariff.Facts{Zone: time.UTC, Earlier: []timerange.Range{c.earlier}})
		if err != nil {
			t.Fatal(err)
		}
		if b.Total != euros(c.want) {
			t.Errorf("%s: %v, want %v: %+v", name, b.Total, euros(c.want), b.Lines)
		}
	}
}

// A bill takes two pieces of memory, however long the stay: its lines, and
// nothing else that grows.
func TestABillAllocatesOnce(t *testing.T) {
	plan, err := tariff.Compile(parsed(t, city), zone(t, "Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	from := at(t, "2026-06-03T09:17:23+02:00")
	for _, days := range []int{1, 7, 365} {
		stay := timerange.Range{From: from, To: from.AddDate(0, 0, days)}
		if n := testing.AllocsPerRun(20, func() { _, _ = plan.Price(stay, tariff.Facts{}) }); n > 2 {
			t.Errorf("%d days: %v allocations", days, n)
		}
		if n := testing.AllocsPerRun(20, func() { _, _ = plan.Total(stay, tariff.Facts{}) }); n > 1 {
			t.Errorf("the total of %d days: %v allocations", days, n)
		}
	}
}

func TestLinked(t *testing.T) {
	p := hourly()
	at := func(minute int) time.Time { return time.Unix(int64(minute)*60, 0) }
	stay := func(from, to int) timerange.Range { return timerange.Range{From: at(from), To: at(to)} }
	stays := []timerange.Range{stay(0, 10), stay(100, 110), stay(130, 150)}
	for _, c := range []struct{ window, entry, want int }{
		{0, 151, 0}, {30, 180, 2}, {30, 181, 0}, {90, 180, 3}, {89, 180, 2}, {30, 140, 0}, // inside still: no entry of this visitor
	} {
		p.ReEntryMinutes = c.window
		if got := p.Linked(stays, at(c.entry)); len(got) != c.want {
			t.Errorf("window %d, entry %d: goes on with %d stays, want %d", c.window, c.entry, len(got), c.want)
		}
	}
}

// city is a tariff as a city's car park has it: by day and night, dearer for
// the first hour, its own price on Sundays and holidays, a football night.
const city = `{
  "format": 1, "version": 12, "currency": "EUR",
  "rate": 200, "interval_minutes": 60,
  "steps": [{"after_minutes": 60, "rate": 100, "interval_minutes": 30}],
  "bands": [
    {"id": "night", "from": "20:00", "to": "07:00", "rate": 100, "interval_minutes": 60, "max": 500},
    {"id": "sunday", "days": ["sun", "holiday"], "from": "07:00", "to": "20:00", "rate": 150, "interval_minutes": 60}
  ],
  "holidays": ["2026-12-25", "2026-12-26"],
  "events": [{"id": "cup-final", "from": "2026-05-30T16:00:00+02:00", "to": "2026-05-30T23:30:00+02:00", "rate": 1500, "interval_minutes": 60, "max": 1500}],
  "free_minutes": 10, "minimum": 100, "daily_max": 1800, "day": "calendar",
  "maxima": [{"hours": 168, "amount": 9000}],
  "factors": {"ev": 12000}, "re_entry_minutes": 30, "tax_basis_points": 1900
}`

func parsed(t testing.TB, document string) tariff.Tariff {
	t.Helper()
	p, err := tariff.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCityByHand(t *testing.T) {
	berlin, p := zone(t, "Europe/Berlin"), parsed(t, city)
	for name, c := range map[string]struct {
		from, to, kind string
		want           int64
	}{
		"turned round":                      {"2026-06-03T10:00:00+02:00", "2026-06-03T10:10:00+02:00", "", 0},
		"one hour of a Wednesday":           {"2026-06-03T10:00:00+02:00", "2026-06-03T11:00:00+02:00", "", 200},
		"then half hours":                   {"2026-06-03T10:00:00+02:00", "2026-06-03T12:10:00+02:00", "", 200 + 3*100},
		"the day's maximum":                 {"2026-06-03T08:00:00+02:00", "2026-06-03T20:00:00+02:00", "", 1800},
		"an evening":                        {"2026-06-03T19:00:00+02:00", "2026-06-03T23:00:00+02:00", "", 200 + 3*100},
		"a night, at its maximum":           {"2026-06-03T20:00:00+02:00", "2026-06-04T07:00:00+02:00", "", 500},
		"an interval runs on into the day":  {"2026-06-04T06:30:00+02:00", "2026-06-04T07:30:00+02:00", "", 100},
		"a Sunday":                          {"2026-06-07T09:00:00+02:00", "2026-06-07T12:00:00+02:00", "", 450},
		"a holiday on a Friday":             {"2026-12-25T09:00:00+01:00", "2026-12-25T12:00:00+01:00", "", 450},
		"the night before the cup final":    {"2026-05-30T15:00:00+02:00", "2026-05-30T22:00:00+02:00", "", 200 + 1500},
		"its last hour runs on to midnight": {"2026-05-30T16:00:00+02:00", "2026-05-31T02:00:00+02:00", "", 1500 + 200},
		"a charging space":                  {"2026-06-03T10:00:00+02:00", "2026-06-03T11:00:00+02:00", "ev", 240},
		"a week has a maximum of its own":   {"2026-06-01T00:00:00+02:00", "2026-06-08T00:00:00+02:00", "", 9000},
		"and the second week one, too":      {"2026-06-01T00:00:00+02:00", "2026-06-15T00:00:00+02:00", "", 18000},
		"the night in which clocks go back": {"2026-10-24T20:00:00+02:00", "2026-10-25T07:00:00+01:00", "", 500},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := p.Price(timerange.Range{From: at(t, c.from), To: at(t, c.to)}, tariff.Facts{Zone: berlin, SpaceType: c.kind})
			if err != nil {
				t.Fatal(err)
			}
			if b.Total != euros(c.want) {
				t.Errorf("got %v, want %v: %+v", b.Total, euros(c.want), b.Lines)
			}
		})
	}
}

func TestLeastPriceAndExactMinutes(t *testing.T) {
	p := hourly()
	p.Minimum, p.Rate = 300, 200
	from := at(t, "2026-06-01T10:00:00Z")
	if b := price(t, p, from, from.Add(time.Hour), time.UTC); b.Total != euros(300) || b.Lines[1].Rule != tariff.RuleMinimum || b.Lines[1].Amount.Minor != 100 {
		t.Errorf("the least price: %+v", b)
	}
	p = hourly()
	p.Charge, p.FreeMinutes, p.Rate = tariff.Exact, 0, 250
	for length, want := range map[time.Duration]int64{
		59 * time.Second: 0, time.Minute: 4, 90 * time.Minute: 375, 91*time.Minute + 59*time.Second: 379,
	} {
		if b := price(t, p, from, from.Add(length), time.UTC); b.Total != euros(want) {
			t.Errorf("%v costs %v, want %v", length, b.Total, euros(want))
		}
	}
}

func TestLabels(t *testing.T) {
	berlin, p := zone(t, "Europe/Berlin"), parsed(t, city)
	p.FreeMinutes, p.Minimum = 0, 12_000
	earlier := []timerange.Range{{From: at(t, "2026-06-01T09:30:00+02:00"), To: at(t, "2026-06-01T09:45:00+02:00")}}
	b, err := p.Price(timerange.Range{From: at(t, "2026-06-01T10:00:00+02:00"), To: at(t, "2026-06-08T10:00:00+02:00")},
		tariff.Facts{Zone: berlin, SpaceType: "ev", Earlier: earlier})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range b.Lines {
		got = append(got, l.Label+"  "+l.Amount.Decimal())
	}
	want := []string{
		"1 × 60 min at 2.00 EUR  2.00",
		"19 × 30 min at 1.00 EUR  19.00",
		"night: 4 × 60 min at 1.00 EUR  4.00",
		"At most 18.00 EUR on 2026-06-01  -7.00",
		"night: 28 × 60 min at 1.00 EUR, 4 days  28.00", // from midnight on, Tuesday to Friday
		"104 × 30 min at 1.00 EUR, 4 days  104.00",
		"night: 16 × 60 min at 1.00 EUR, 4 days  16.00",
		"night: At most 5.00 EUR, 4 days  -24.00",
		"At most 18.00 EUR a day, 4 days  -52.00",
		"night: 7 × 60 min at 1.00 EUR  7.00", // Saturday
		"26 × 30 min at 1.00 EUR  26.00",
		"night: 4 × 60 min at 1.00 EUR  4.00",
		"night: At most 5.00 EUR  -6.00",
		"At most 18.00 EUR on 2026-06-06  -13.00",
		"At most 90.00 EUR in 168 hours  -18.00",
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("labels:\n%q", got)
	}
	if last := got[len(got)-3:]; last[0] != "At least 120.00 EUR  29.00" || last[1] != "ev: 120 % of the price  24.00" ||
		last[2] != "Charged before, for the stay that this one goes on with  -144.00" {
		t.Errorf("the last labels: %q", last)
	}
}
