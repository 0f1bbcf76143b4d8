package tariff_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func price(t testing.TB, p tariff.Tariff, from, to time.Time, z *time.Location) tariff.Bill {
	t.Helper()
	b, err := p.Price(timerange.Range{From: from, To: to}, tariff.Facts{Zone: z})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hourly costs 2.00 an hour, at most 12.00 a calendar day, and 15 minutes are
// free.
func hourly() tariff.Tariff {
	return tariff.Tariff{
		Format: 1, Version: 7, Currency: "EUR", Rate: 200, IntervalMinutes: 60, FreeMinutes: 15,
		DailyMax: 1200, Day: tariff.Calendar, TaxBasisPoints: 1900,
	}
}

func TestPriceByHand(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	noMax, rolling, perMinute := hourly(), hourly(), hourly()
	noMax.DailyMax, noMax.Day = 0, ""
	rolling.Day = tariff.Rolling
	perMinute.IntervalMinutes, perMinute.Rate, perMinute.DailyMax, perMinute.Day = 1, 3, 0, ""
	flat := hourly()
	flat.DailyMax = 150 // below the rate: a price per day

	for name, c := range map[string]struct {
		tariff   tariff.Tariff
		from, to string
		want     int64
		lines    int
	}{
		"no time at all":                {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T10:00:00+02:00", 0, 0},
		"exactly the free minutes":      {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T10:15:00+02:00", 0, 1},
		"a second more counts whole":    {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T10:15:01+02:00", 200, 1},
		"exactly an hour":               {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T11:00:00+02:00", 200, 1},
		"an hour and a second":          {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T11:00:01+02:00", 400, 1},
		"exactly the maximum":           {hourly(), "2026-06-01T10:00:00+02:00", "2026-06-01T16:00:00+02:00", 1200, 1},
		"above the maximum":             {hourly(), "2026-06-01T08:00:00+02:00", "2026-06-01T18:00:00+02:00", 1200, 2},
		"over midnight, calendar":       {hourly(), "2026-06-01T18:00:00+02:00", "2026-06-02T06:00:00+02:00", 2400, 1},
		"over midnight, rolling":        {rolling, "2026-06-01T18:00:00+02:00", "2026-06-02T06:00:00+02:00", 1200, 2},
		"25 hours, rolling":             {rolling, "2026-06-01T18:00:00+02:00", "2026-06-02T19:00:00+02:00", 1400, 3},
		"an interval over midnight":     {hourly(), "2026-06-01T23:30:00+02:00", "2026-06-02T00:30:00+02:00", 200, 1},
		"three days":                    {hourly(), "2026-06-01T00:00:00+02:00", "2026-06-04T00:00:00+02:00", 3600, 2},
		"no maximum":                    {noMax, "2026-06-01T00:00:00+02:00", "2026-06-04T00:00:00+02:00", 14400, 1},
		"by the minute":                 {perMinute, "2026-06-01T10:00:00+02:00", "2026-06-01T11:01:30+02:00", 62 * 3, 1},
		"a maximum below the rate":      {flat, "2026-06-01T10:00:00+02:00", "2026-06-01T10:30:00+02:00", 150, 2},
		"fraction of a second, started": {perMinute, "2026-06-01T10:00:00+02:00", "2026-06-01T10:16:00.000000001+02:00", 51, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := price(t, c.tariff, at(t, c.from), at(t, c.to), berlin)
			if b.Total != money.New(c.want, "EUR") || len(b.Lines) != c.lines {
				t.Errorf("got %v in %d lines, want %d in %d: %+v", b.Total, len(b.Lines), c.want, c.lines, b.Lines)
			}
		})
	}
}

// A stay is as long as it really was, whatever the clocks on the wall did.
func TestDaylightSavingStays(t *testing.T) {
	p := hourly()
	p.FreeMinutes, p.IntervalMinutes, p.Rate, p.DailyMax, p.Day = 0, 30, 100, 0, ""
	for _, c := range []struct {
		zone, from, to string
		halfHours      int64
	}{
		{"Europe/Berlin", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", 2},
		{"Europe/Berlin", "2026-10-25T01:30:00+02:00", "2026-10-25T03:30:00+01:00", 6},
		{"America/New_York", "2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", 2},
		{"America/New_York", "2026-11-01T00:30:00-04:00", "2026-11-01T02:30:00-05:00", 6},
		{"Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", "2026-10-04T03:00:00+11:00", 3},
		{"Asia/Kolkata", "2026-03-29T01:30:00+05:30", "2026-03-29T03:30:00+05:30", 4},
	} {
		z := zone(t, c.zone)
		from, to := at(t, c.from), at(t, c.to)
		if got := from.In(z).Format(time.RFC3339); got != c.from {
			t.Fatalf("the vector's own offset is wrong: %s is %s", c.from, got)
		}
		if b := price(t, p, from, to, z); b.Total.Minor != 100*c.halfHours {
			t.Errorf("%s %s: %v, want %d half hours", c.zone, c.from, b.Total, c.halfHours)
		}
	}
}

// A calendar day has the hours that it has: with a price per hour and a
// maximum that only a 25-hour day reaches, the bill shows the day's length.
func TestCalendarDaysHaveTheirOwnLength(t *testing.T) {
	p := hourly()
	p.FreeMinutes, p.Rate, p.DailyMax = 0, 100, 1_000_000
	for _, c := range []struct {
		zone, midday string
		hours        int
	}{
		{"Europe/Berlin", "2026-03-29T12:00:00+02:00", 23},
		{"Europe/Berlin", "2026-10-25T12:00:00+01:00", 25},
		{"America/New_York", "2026-03-08T12:00:00-04:00", 23},
		{"Asia/Kolkata", "2026-03-29T12:00:00+05:30", 24},
		{"Africa/Cairo", "2026-04-24T12:00:00+03:00", 23},      // the day has no 00:00
		{"America/Havana", "2026-11-01T12:00:00-05:00", 25},    // the day has two
		{"America/Sao_Paulo", "2018-11-04T12:00:00-02:00", 23}, // no 00:00
		{"America/Sao_Paulo", "2018-02-17T12:00:00-02:00", 25}, // the evening before has two 23:00
		{"Pacific/Apia", "2011-12-31T12:00:00+14:00", 24},      // the day before does not exist
	} {
		z := zone(t, c.zone)
		noon := at(t, c.midday)
		b := price(t, p, noon.Add(-40*time.Hour), noon.Add(40*time.Hour), z)
		found := false
		for _, l := range b.Lines {
			if !l.From.After(noon) && l.To.After(noon) {
				found = true
				if hours := l.Quantity / max(l.Days, 1); hours != c.hours {
					t.Errorf("%s %s: %d hours, want %d", c.zone, c.midday, hours, c.hours)
				}
			}
		}
		if !found {
			t.Errorf("%s %s: the day is not on the bill: %+v", c.zone, c.midday, b.Lines)
		}
	}
}

func TestBillExplainsItself(t *testing.T) {
	b := price(t, hourly(), at(t, "2026-06-01T08:00:00+02:00"), at(t, "2026-06-01T17:30:00+02:00"), zone(t, "Europe/Berlin"))
	if len(b.Lines) != 2 {
		t.Fatalf("lines: %+v", b.Lines)
	}
	rate, maximum := b.Lines[0], b.Lines[1]
	if rate.Rule != tariff.RuleRate || rate.Quantity != 10 || rate.Amount.Minor != 2000 || rate.Label != "10 × 60 min at 2.00 EUR" {
		t.Errorf("rate line: %+v", rate)
	}
	if !rate.To.Equal(at(t, "2026-06-01T17:30:00+02:00")) {
		t.Errorf("the last interval is cut at the end of the stay: %v", rate.To)
	}
	if maximum.Rule != tariff.RuleDailyMax || maximum.Amount.Minor != -800 || maximum.Label != "At most 12.00 EUR on 2026-06-01" {
		t.Errorf("maximum line: %+v", maximum)
	}
	if b.Tax.Minor != 192 || b.TaxBasisPoints != 1900 || b.TariffVersion != 7 { // 12.00 / 1.19 * 0.19 = 1.916
		t.Errorf("tax %v, %d, version %d", b.Tax, b.TaxBasisPoints, b.TariffVersion)
	}
}

func TestPriceRefuses(t *testing.T) {
	start := at(t, "2026-06-01T08:00:00Z")
	berlin := zone(t, "Europe/Berlin")
	for code, c := range map[string]struct {
		tariff tariff.Tariff
		to     time.Time
		zone   *time.Location
	}{
		"invalid_window": {hourly(), start.Add(-time.Nanosecond), berlin},
		"stay_too_long":  {hourly(), start.Add(tariff.MaxStay + 1), berlin},
		"zone_missing":   {hourly(), start.Add(time.Hour), nil},
		"invalid_tariff": {tariff.Tariff{}, start.Add(time.Hour), berlin},
	} {
		_, err := c.tariff.Price(timerange.Range{From: start, To: c.to}, tariff.Facts{Zone: c.zone})
		if fault.Code(err) != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	farAway := timerange.Range{From: time.Date(-200000, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(200000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := hourly().Price(farAway, tariff.Facts{Zone: berlin}); fault.Code(err) != "stay_too_long" {
		t.Errorf("a saturated duration: %v", err)
	}
}

// The dearest tariff and the longest stay stay far inside an amount's range.
func TestLimitsLeaveRoom(t *testing.T) {
	p := tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: tariff.MaxRate, IntervalMinutes: 1, TaxBasisPoints: tariff.MaxTaxBasisPoints}
	start := at(t, "2026-06-01T08:00:00Z")
	b := price(t, p, start, start.Add(tariff.MaxStay), nil)
	if want := int64(400*24*60) * tariff.MaxRate; b.Total.Minor != want || b.Tax.Minor != want/2 {
		t.Errorf("total %v tax %v, want %d", b.Total, b.Tax, want)
	}
}

func TestFrom(t *testing.T) {
	p := hourly()
	if p.From() != money.New(200, "EUR") {
		t.Errorf("from %v", p.From())
	}
	p.DailyMax = 150
	if p.From() != money.New(150, "EUR") {
		t.Errorf("from %v with a lower maximum", p.From())
	}
}

func TestParse(t *testing.T) {
	want := hourly()
	doc, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tariff.Parse(doc); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("round trip: %+v, %v", got, err)
	}
	const good = `"format":1,"version":1,"currency":"EUR","rate":100,"interval_minutes":30`
	if _, err := tariff.Parse([]byte(`{` + good + `}`)); err != nil {
		t.Fatalf("the least tariff: %v", err)
	}
	for doc, field := range map[string]string{
		`{` + good + `,"rates":5}`:                                                            "rates",
		`{` + good + `,"Rate":5}`:                                                             "Rate",
		`{` + good + `,"rate":200}`:                                                           "rate",
		`{` + good + `,"daily_max":null}`:                                                     "daily_max",
		`{` + good + `,"daily_max":1.5}`:                                                      "daily_max",
		`{` + good + `,"daily_max":"12"}`:                                                     "daily_max",
		`{` + good + `,"daily_max":1200}`:                                                     "day",
		`{` + good + `,"daily_max":1200,"day":"lunar"}`:                                       "day",
		`{` + good + `,"daily_max":-1,"day":"rolling"}`:                                       "daily_max",
		`{` + good + `,"daily_max":9223372036854775808}`:                                      "daily_max",
		`{` + good + `,"tax_basis_points":10001}`:                                             "tax_basis_points",
		`{` + good + `,"free_minutes":-1}`:                                                    "free_minutes",
		`{"format":1}`:                                                                        "currency",
		`{"format":2,"version":1,"currency":"EUR","rate":1,"interval_minutes":1}`:             "format",
		`{"format":1,"version":1,"currency":"eur","rate":1,"interval_minutes":1}`:             "currency",
		`{"format":1,"version":1,"currency":"EUR","rate":100000001,"interval_minutes":1}`:     "rate",
		`{"format":1,"version":1,"currency":"EUR","rate":1,"interval_minutes":0}`:             "interval_minutes",
		`{"format":1,"version":4294967296,"currency":"EUR","rate":1,"interval_minutes":1}`:    "version",
		`{"format":1,"version":0,"currency":"EUR","rate":-1,"interval_minutes":1441}`:         "version",
		`{"format":1,"currency":"EUR","rate":1,"interval_minutes":1,"free_minutes":9,"x":{}}`: "x",
	} {
		_, err := tariff.Parse([]byte(doc))
		var f *fault.Fault
		if !errors.As(err, &f) || f.Code != "invalid_tariff" || f.Kind != fault.Invalid || f.Fields[field] == "" {
			t.Errorf("%s: want a complaint about %s, got %v", doc, field, err)
		}
	}
	for _, doc := range []string{``, `null`, `[]`, `1`, `{`, `{"format":1`, `{` + good + `} {}`, `{` + good + `}x`, `{"a"}`, strings.Repeat(" ", 20<<10)} {
		if _, err := tariff.Parse([]byte(doc)); fault.Code(err) != "invalid_tariff" {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

// An owner who got three things wrong is told three things.
func TestValidateReportsEverything(t *testing.T) {
	p := hourly()
	p.Currency, p.Rate, p.Day = "XXX", -1, "week"
	f := fault.From(p.Validate())
	if len(f.Fields) != 3 || !strings.Contains(f.Detail, "currency") || !strings.Contains(f.Detail, "rate") || !strings.Contains(f.Detail, "day") {
		t.Errorf("%v %v", f, f.Fields)
	}
}

func drawTariff(t *rapid.T) tariff.Tariff {
	p := tariff.Tariff{
		Format: 1, Version: 1,
		Currency:        rapid.SampledFrom([]money.Currency{"EUR", "JPY", "KWD"}).Draw(t, "currency"),
		Rate:            rapid.Int64Range(0, 5000).Draw(t, "rate"),
		IntervalMinutes: rapid.OneOf(rapid.SampledFrom([]int{1, 15, 30, 60}), rapid.IntRange(1, 1440)).Draw(t, "interval"),
		FreeMinutes:     rapid.SampledFrom([]int{0, 0, 5, 15, 90}).Draw(t, "free"),
		DailyMax:        rapid.SampledFrom([]int64{0, 1, 999, 2500, 40000}).Draw(t, "max"),
		Day:             rapid.SampledFrom([]tariff.Day{tariff.Calendar, tariff.Rolling}).Draw(t, "day"),
		TaxBasisPoints:  rapid.IntRange(0, 10000).Draw(t, "tax"),
	}
	return p
}

func TestPriceProperties(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "America/Havana"} {
		zones = append(zones, zone(t, name))
	}
	epoch := at(t, "2026-01-01T00:00:00Z").Unix()
	rapid.Check(t, func(t *rapid.T) {
		p := drawTariff(t)
		facts := tariff.Facts{Zone: rapid.SampledFrom(zones).Draw(t, "zone")}
		from := time.Unix(epoch+rapid.Int64Range(0, 365*86400).Draw(t, "from"), 0)
		shorter := time.Duration(rapid.Int64Range(0, int64(12*24*time.Hour)).Draw(t, "shorter"))
		more := time.Duration(rapid.OneOf(rapid.Int64Range(0, int64(time.Hour)), rapid.Int64Range(0, int64(5*24*time.Hour))).Draw(t, "more"))
		bill := func(d time.Duration) tariff.Bill {
			b, err := p.Price(timerange.Range{From: from, To: from.Add(d)}, facts)
			if err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, l := range b.Lines {
				sum += l.Amount.Minor
				if l.Amount.Currency != p.Currency || !l.From.Before(l.To) || l.From.Before(from) || l.To.After(from.Add(d)) {
					t.Fatalf("a line outside the stay or the currency: %+v", l)
				}
			}
			if sum != b.Total.Minor {
				t.Fatalf("lines sum to %d, total %v", sum, b.Total)
			}
			if b.Total.Minor < 0 || b.Tax.Minor < 0 || b.Tax.Minor > b.Total.Minor {
				t.Fatalf("total %v, tax %v", b.Total, b.Tax)
			}
			return b
		}
		low, high := bill(shorter), bill(shorter+more)
		if low.Total.Minor > high.Total.Minor {
			t.Fatalf("a longer stay costs less: %v after %v, %v after %v", low.Total, shorter, high.Total, shorter+more)
		}
		if zero := bill(0); zero.Total.Minor != 0 || len(zero.Lines) != 0 {
			t.Fatalf("no stay costs %v", zero.Total)
		}
	})
}

// The engine agrees with counting interval after interval.
func TestPriceMatchesNaiveModel(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	epoch := at(t, "2026-01-01T00:00:00Z").Unix()
	rapid.Check(t, func(t *rapid.T) {
		p := drawTariff(t)
		p.IntervalMinutes = max(p.IntervalMinutes, 10)
		from := time.Unix(epoch+rapid.Int64Range(0, 365*86400).Draw(t, "from"), 0)
		stay := time.Duration(rapid.Int64Range(1, int64(5*24*time.Hour)).Draw(t, "stay"))
		days := map[string]int64{}
		for passed := time.Duration(0); passed < stay; passed += time.Duration(p.IntervalMinutes) * time.Minute {
			day := from.Add(passed).In(berlin).Format(time.DateOnly)
			if p.Day == tariff.Rolling {
				day = (passed / (24 * time.Hour)).String()
			}
			days[day] += p.Rate
		}
		var want int64
		for _, cost := range days {
			if p.DailyMax > 0 {
				cost = min(cost, p.DailyMax)
			}
			want += cost
		}
		if stay <= time.Duration(p.FreeMinutes)*time.Minute {
			want = 0
		}
		b, err := p.Price(timerange.Range{From: from, To: from.Add(stay)}, tariff.Facts{Zone: berlin})
		if err != nil {
			t.Fatal(err)
		}
		if b.Total.Minor != want {
			t.Fatalf("got %d, counted %d", b.Total.Minor, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"version":1,"currency":"EUR","rate":100,"interval_minutes":30,"daily_max":1200,"day":"calendar"}`))
	f.Add([]byte(`{"format":1,"format":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := tariff.Parse(doc)
		if err == nil && p.Validate() != nil {
			t.Errorf("accepted an invalid tariff: %+v", p)
		}
	})
}
