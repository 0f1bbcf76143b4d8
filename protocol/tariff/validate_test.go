package tariff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// An owner is told the line, the field and what is wrong with it, for
// everything that is wrong, in the order of the document.
func TestProblemsByLine(t *testing.T) {
	document := `{
  "format": 1, "version": 1, "currency": "EUR",
  "rate": -5, "interval_minutes": 60,
  "steps": [
    {"after_minutes": 60, "rate": 100, "interval_minutes": 30},
    {"after_minutes": 60, "rate": 100}
  ],
  "bands": [
    {"id": "night", "from": "20:00", "to": "06:00", "rate": 1, "interval_minutes": 60},
    {"id": "early", "from": "05:00", "to": "08:00", "rate": 1, "interval_minutes": 60},
    {"id": "night", "from": "25:00", "to": "8", "rate": 1, "interval_minutes": 60, "colour": "blue"}
  ],
  "events": [{"id": "fair", "from": "2026-05-30 16:00", "to": "2026-05-30T17:00:00+02:00", "rate": 1, "interval_minutes": 60}],
  "holidays": ["2026-02-30"],
  "factors": {"EV!": 1}
}`
	var got []string
	for _, p := range tariff.Problems([]byte(document)) {
		got = append(got, fmt.Sprintf("%d %s %s", p.Line, p.Field, p.Says))
	}
	want := []string{
		"3 rate must be 0 to 100000000 minor units",
		"6 steps[1].after_minutes must be above 60, where the step before begins, and below 576000",
		"6 steps[1].interval_minutes is missing",
		`11 bands[2].colour is not a field of bands[2]`,
		"11 bands[2].from there is no 25:00 in a day",
		`11 bands[2].id is that of bands[0], too`,
		`11 bands[2].to a time of day is HH:MM, not "8"`,
		"13 events[0].from must be an instant with its offset, such as 2026-05-30T16:00:00+02:00",
		`14 holidays[0] a date is YYYY-MM-DD, not "2026-02-30"`,
		"15 factors.EV! is not the name of a space type",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p := tariff.Problems([]byte(city)); len(p) != 0 {
		t.Errorf("a sound tariff: %v", p)
	}
	if p := tariff.Problems([]byte("{\n\"format\": 1,\n}")); len(p) != 1 || p[0].Line != 3 || !strings.Contains(p[0].Says, "line 3") {
		t.Errorf("no JSON: %v", p)
	}
	// All on one line, and one field's name is the begin of another's.
	got = nil
	for _, p := range tariff.Problems([]byte(`{"format":1,"version":1,"currency":"EUR","rate":-1,"rates":2,"day":"none","day_x":"","daily_max":"x","free_minutes":-1}`)) {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Field))
	}
	if want := []string{"1 daily_max", "1 day", "1 day_x", "1 free_minutes", "1 interval_minutes", "1 rate", "1 rates"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	deep := strings.Repeat("[", 50_000)
	if p := tariff.Problems([]byte(deep)); len(p) != 1 || !strings.Contains(p[0].Says, "nests") {
		t.Errorf("a deep document: %v", p)
	}
}

func TestInvalidTariffs(t *testing.T) {
	event := func(id, from, to string) tariff.Event {
		return tariff.Event{ID: id, From: at(t, from), To: at(t, to), Rate: 1, IntervalMinutes: 60}
	}
	band := func(id string, from, to tariff.Clock, days ...tariff.DayKind) tariff.Band {
		return tariff.Band{ID: id, From: from, To: to, Days: days, Rate: 1, IntervalMinutes: 60}
	}
	for name, c := range map[string]struct {
		change func(p *tariff.Tariff)
		field  string
		says   string
	}{
		"bands overlap on a day": {
			func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("a", 0, 600), band("b", 599, 700, "tue")} },
			"bands[1].from", `overlaps band "a" on tue from 09:59`,
		},
		"a night overlaps the next morning": {func(p *tariff.Tariff) {
			p.Bands = []tariff.Band{band("a", 1200, 360, "mon"), band("b", 359, 700, "tue")}
		}, "bands[1].from", `overlaps band "a" on tue from 05:59`},
		"nothing covers an hour": {func(p *tariff.Tariff) {
			p.Rate, p.IntervalMinutes = 0, 0
			p.Bands = []tariff.Band{band("a", 0, 720), band("b", 780, 1440)}
		}, "bands", "leave sun from 12:00 to 13:00 without a rate"},
		"nothing covers a holiday": {func(p *tariff.Tariff) {
			p.Rate, p.IntervalMinutes = 0, 0
			p.Bands = []tariff.Band{band("a", 0, 1440, "mon", "tue", "wed", "thu", "fri", "sat", "sun")}
		}, "bands", "leave holiday from 00:00 to 24:00 without a rate"},
		"events overlap": {func(p *tariff.Tariff) {
			p.Events = []tariff.Event{event("a", "2026-05-01T10:00:00Z", "2026-05-01T12:00:00Z"), event("b", "2026-05-01T11:59:59Z", "2026-05-01T13:00:00Z")}
		}, "events[1].from", `overlaps event "a"`},
		"an event ends before it begins": {func(p *tariff.Tariff) {
			p.Events = []tariff.Event{event("a", "2026-05-01T10:00:00Z", "2026-05-01T09:00:00Z")}
		}, "events[0].to", "must be after from"},
		"an event of half a second": {func(p *tariff.Tariff) {
			p.Events = []tariff.Event{event("a", "2026-05-01T10:00:00.5Z", "2026-05-01T11:00:00Z")}
		}, "events[0].from", "whole second"},
		"two of one name":         {func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("a", 0, 60), band("a", 60, 120)} }, "bands[1].id", "is that of bands[0]"},
		"a name for no bill":      {func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("Night!", 0, 60)} }, "bands[0].id", "a-z"},
		"a day of no week":        {func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("a", 0, 60, "day")} }, "bands[0].days[0]", "must be one of"},
		"a day twice":             {func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("a", 0, 60, "mon", "mon")} }, "bands[0].days[1]", "twice"},
		"a band beyond the day":   {func(p *tariff.Tariff) { p.Bands = []tariff.Band{band("a", 0, 1441)} }, "bands[0].to", "24:00"},
		"steps out of order":      {func(p *tariff.Tariff) { p.Steps = []tariff.Step{{60, 1, 1}, {30, 1, 1}} }, "steps[1].after_minutes", "above 60"},
		"a step at once":          {func(p *tariff.Tariff) { p.Steps = []tariff.Step{{0, 1, 1}} }, "steps[0].after_minutes", "above 0"},
		"a maximum of nothing":    {func(p *tariff.Tariff) { p.Maxima = []tariff.Maximum{{24, 0}} }, "maxima[0].amount", "must be 1"},
		"a maximum of no hours":   {func(p *tariff.Tariff) { p.Maxima = []tariff.Maximum{{0, 5}} }, "maxima[0].hours", "must be 1"},
		"an absurd factor":        {func(p *tariff.Tariff) { p.Factors = map[string]int{"ev": 100_001} }, "factors.ev", "basis points"},
		"a holiday twice":         {func(p *tariff.Tariff) { p.Holidays = []tariff.Date{20454, 20454} }, "holidays[1]", "twice"},
		"an unknown way":          {func(p *tariff.Tariff) { p.Charge = "guess" }, "charge", "must be"},
		"a minimum below nothing": {func(p *tariff.Tariff) { p.Minimum = -1 }, "minimum", "must be"},
		"an unknown profile":      {func(p *tariff.Tariff) { p.Profile = "XX" }, "profile", "must be one of ES, FR, GB, PT"},
	} {
		p := hourly()
		c.change(&p)
		if f := fault.From(p.Validate()); f == nil || f.Code != "invalid_tariff" || !strings.Contains(f.Fields[c.field], c.says) {
			t.Errorf("%s: want a complaint about %s (%s), got %v", name, c.field, c.says, f)
		}
	}
	p := hourly() // a holiday's band gives no offence to the night before
	p.Bands = []tariff.Band{band("night", 1200, 360), band("holiday", 360, 1200, "holiday")}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

// Each jurisdiction's limits, at the limit and one beyond it.
func TestProfiles(t *testing.T) {
	with := func(profile string, change func(*tariff.Tariff)) tariff.Tariff {
		p := hourly()
		p.Profile, p.FreeMinutes = profile, 0
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		tariff tariff.Tariff
		field  string // "" for a tariff that keeps the rules
	}{
		"ES, exact":                {with("ES", func(p *tariff.Tariff) { p.Charge = tariff.Exact }), ""},
		"ES, started hours":        {with("ES", func(*tariff.Tariff) {}), "charge"},
		"ES, a least price":        {with("ES", func(p *tariff.Tariff) { p.Charge, p.Minimum = tariff.Exact, 1 }), "minimum"},
		"FR, quarters":             {with("FR", func(p *tariff.Tariff) { p.IntervalMinutes = 15 }), ""},
		"FR, 16 minutes":           {with("FR", func(p *tariff.Tariff) { p.IntervalMinutes = 16 }), "interval_minutes"},
		"FR, hours after 12 hours": {with("FR", func(p *tariff.Tariff) { p.IntervalMinutes, p.Steps = 15, []tariff.Step{{720, 1, 60}} }), ""},
		"FR, hours before that":    {with("FR", func(p *tariff.Tariff) { p.IntervalMinutes, p.Steps = 15, []tariff.Step{{719, 1, 60}} }), "steps[0].interval_minutes"},
		"FR, a night by the hour": {with("FR", func(p *tariff.Tariff) {
			p.IntervalMinutes, p.Bands = 15, []tariff.Band{{ID: "night", From: 1200, To: 360, Rate: 1, IntervalMinutes: 60}}
		}), "bands[0].interval_minutes"},
		"PT, hours after 12 hours": {with("PT", func(p *tariff.Tariff) { p.IntervalMinutes, p.Steps = 15, []tariff.Step{{720, 1, 60}} }), "steps[0].interval_minutes"},
		"GB, five minutes":         {with("GB", func(p *tariff.Tariff) { p.ConsiderationMinutes = 5 }), ""},
		"GB, five free minutes":    {with("GB", func(p *tariff.Tariff) { p.FreeMinutes = 5 }), ""},
		"GB, four minutes":         {with("GB", func(p *tariff.Tariff) { p.ConsiderationMinutes = 4 }), "consideration_minutes"},
	} {
		f := fault.From(c.tariff.Validate())
		switch {
		case c.field == "" && f != nil:
			t.Errorf("%s: %v", name, f)
		case c.field != "" && (f == nil || f.Fields[c.field] == "" || len(f.Fields) != 1):
			t.Errorf("%s: want a complaint about %s, got %v", name, c.field, f)
		}
	}
	gb := tariff.Profiles()["GB"]
	if wrong := gb.Check(tariff.Grace{Consideration: 5 * time.Minute, EndOfStay: 10 * time.Minute}); len(wrong) != 0 {
		t.Errorf("what the code asks for: %v", wrong)
	}
	if wrong := gb.Check(tariff.Grace{Consideration: 5*time.Minute - 1, EndOfStay: 10*time.Minute - 1}); len(wrong) != 2 {
		t.Errorf("a moment less: %v", wrong)
	}
}

// A grace is forgiven up to its last moment; beyond it, only what is beyond is
// charged, unless the parking says otherwise.
func TestGrace(t *testing.T) {
	minute := func(m int) time.Time { return time.Unix(int64(m)*60, 0) }
	window := timerange.Range{From: minute(100), To: minute(200)}
	for name, c := range map[string]struct {
		from, to         int
		charge           tariff.ChargeFrom
		wantFrom, wantTo int
	}{
		"used in part":              {120, 150, "", 100, 200},
		"early and late, in grace":  {85, 210, "", 100, 200},
		"early beyond it":           {80, 200, "", 95, 200},
		"late beyond it":            {100, 211, "", 100, 201},
		"late, from the boundary":   {100, 211, tariff.Boundary, 100, 211},
		"early, from the boundary":  {80, 200, tariff.Boundary, 80, 200},
		"in grace, at the boundary": {85, 210, tariff.Boundary, 100, 200},
	} {
		g := tariff.Grace{EarlyEntry: 15 * time.Minute, EndOfStay: 10 * time.Minute, ChargeFrom: c.charge}
		got := g.Billable(window, timerange.Range{From: minute(c.from), To: minute(c.to)})
		if !got.From.Equal(minute(c.wantFrom)) || !got.To.Equal(minute(c.wantTo)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRemarks(t *testing.T) {
	document := []byte(`{
  "format": 1, "version": 1, "currency": "EUR",
  "rate": 100, "interval_minutes": 60,
  "steps": [{"after_minutes": 60, "rate": 150, "interval_minutes": 60}],
  "bands": [
    {"id": "night", "from": "20:00", "to": "06:00", "rate": 100, "interval_minutes": 60, "max": 99},
    {"id": "noon", "from": "12:00", "to": "13:00", "rate": 100, "interval_minutes": 30, "max": 200}
  ],
  "free_minutes": 10, "daily_max": 900000, "day": "rolling"
}`)
	p := parsed(t, string(document))
	var got []string
	for _, r := range tariff.Located(document, p.Remarks()) {
		got = append(got, fmt.Sprintf("%d %s", r.Line, r.Field))
	}
	want := []string{"4 steps[0].rate", "6 bands[0].max", "7 bands[1].max", "9 daily_max", "0 re_entry_minutes"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if all := parsed(t, city).Remarks(); len(all) != 0 {
		t.Errorf("the city's tariff: %v", all)
	}
}
