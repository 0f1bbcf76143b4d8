package hours_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/hours"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func read(t testing.TB, text string) *hours.Hours {
	t.Helper()
	h := new(hours.Hours)
	if err := json.Unmarshal([]byte(text), h); err != nil {
		t.Fatal(err)
	}
	if wrong := h.Problems(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return h
}

const daily = `{"week":{"mon":[%[1]s],"tue":[%[1]s],"wed":[%[1]s],"thu":[%[1]s],"fri":[%[1]s],"sat":[%[1]s],"sun":[%[1]s]},"exceptions":[]}`

func at(t testing.TB, text string) time.Time {
	t.Helper()
	got, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// When it opens and closes on days on which clocks change: a time that is skipped is the
// one at which the clock goes on, one that comes twice begins the first time and ends the
// second time.
func TestClocksThatChange(t *testing.T) {
	for name, c := range map[string]struct{ zone, span, near, opens, closes string }{
		"an ordinary day":         {"Europe/Berlin", `{"from":"06:00","to":"22:00"}`, "2026-06-01T00:00:00Z", "2026-06-01T04:00:00Z", "2026-06-01T20:00:00Z"},
		"begins in the skipped":   {"Europe/Berlin", `{"from":"02:30","to":"05:00"}`, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"},
		"ends in the skipped":     {"Europe/Berlin", `{"from":"00:30","to":"02:30"}`, "2026-03-28T23:00:00Z", "2026-03-28T23:30:00Z", "2026-03-29T01:00:00Z"},
		"begins in the repeated":  {"Europe/Berlin", `{"from":"02:30","to":"05:00"}`, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z"},
		"ends in the repeated":    {"Europe/Berlin", `{"from":"00:30","to":"02:30"}`, "2026-10-24T22:00:00Z", "2026-10-24T22:30:00Z", "2026-10-25T01:30:00Z"},
		"New York, repeated":      {"America/New_York", `{"from":"01:30","to":"03:00"}`, "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T08:00:00Z"},
		"Lord Howe, half an hour": {"Australia/Lord_Howe", `{"from":"02:15","to":"03:00"}`, "2026-10-03T14:00:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"},
		"a midnight that is not":  {"America/Santiago", `{"from":"00:00","to":"01:30"}`, "2026-09-06T03:00:00Z", "2026-09-06T04:00:00Z", "2026-09-06T04:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			h, z := read(t, fmt.Sprintf(daily, c.span)), zone(t, c.zone)
			opens, ok := h.Opens(at(t, c.near), z)
			if !ok || !opens.Equal(at(t, c.opens)) {
				t.Errorf("opens %s", opens.UTC())
			}
			closes, ok := h.Closes(opens, z)
			if !ok || !closes.Equal(at(t, c.closes)) {
				t.Errorf("closes %s", closes.UTC())
			}
			if h.Open(opens.Add(-time.Second), z) || !h.Open(opens, z) || !h.Open(closes.Add(-time.Second), z) || h.Open(closes, z) {
				t.Error("it is not open from when it opens until it closes, and only then")
			}
		})
	}
}

// A window may end when it closes and when it opens, and begin only when it is open; what
// goes on past midnight is open through it, and Christmas Eve is otherwise.
func TestDays(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	h := read(t, `{"week":{"mon":[],"tue":[],"wed":[],"thu":[{"from":"08:00","to":"12:00"},{"from":"14:00","to":"20:00"}],"fri":[{"from":"18:00","to":"24:00"}],"sat":[{"from":"00:00","to":"02:00"}],"sun":[]},
		"exceptions":[{"date":"2026-12-24","hours":[{"from":"08:00","to":"12:00"}],"note":"Christmas Eve"},{"date":"2026-12-25","hours":[]}]}`)
	for text, want := range map[string]struct{ open, ends bool }{
		"2026-12-17T07:59:59+01:00": {false, false}, "2026-12-17T08:00:00+01:00": {true, true}, "2026-12-17T12:00:00+01:00": {false, true},
		"2026-12-17T13:00:00+01:00": {false, false}, "2026-12-17T20:00:00+01:00": {false, true}, "2026-12-18T23:59:59+01:00": {true, true},
		"2026-12-19T00:00:00+01:00": {true, true}, "2026-12-19T02:00:00+01:00": {false, true}, "2026-12-20T12:00:00+01:00": {false, false},
		"2026-12-24T11:00:00+01:00": {true, true}, "2026-12-24T15:00:00+01:00": {false, false}, "2026-12-25T19:00:00+01:00": {false, false},
	} {
		if got := h.Open(at(t, text), z); got != want.open {
			t.Errorf("%s: open %t", text, got)
		}
		if got := h.MayEnd(at(t, text), z); got != want.ends {
			t.Errorf("%s: may end %t", text, got)
		}
	}
	if closes, ok := h.Closes(at(t, "2026-12-18T20:00:00+01:00"), z); !ok || !closes.Equal(at(t, "2026-12-19T02:00:00+01:00")) {
		t.Errorf("on Friday evening it closes %s", closes)
	}
	if opens, ok := h.Opens(at(t, "2026-12-24T13:00:00+01:00"), z); !ok || !opens.Equal(at(t, "2026-12-26T00:00:00+01:00")) {
		t.Errorf("after Christmas Eve it opens %s", opens)
	}
}

// Hours of a parking that is closed for good open never, those of one that is open around
// the clock close never, and no hours are open.
func TestForGood(t *testing.T) {
	z, now := zone(t, "Europe/Berlin"), at(t, "2026-10-24T12:00:00Z")
	shut, wide := read(t, fmt.Sprintf(daily, "")), read(t, fmt.Sprintf(daily, `{"from":"00:00","to":"24:00"}`))
	if _, ok := shut.Opens(now, z); ok || shut.Open(now, z) || shut.Throughout(now, now, z) {
		t.Error("what is closed for good opens")
	}
	if _, ok := wide.Closes(now, z); ok || !wide.Throughout(now, now.Add(48*time.Hour), z) {
		t.Error("what is open around the clock closes")
	}
	var none *hours.Hours
	if _, ok := none.Closes(now, z); ok || !none.Open(now, z) || !none.MayEnd(now, z) || !none.Throughout(now, now.Add(time.Hour), z) || len(none.Problems()) > 0 || none.Clean(0) != nil {
		t.Error("no hours are not open")
	}
}

// Open, Opens and Closes say the same, second by second around changes of clocks, whatever
// the hours are.
func TestTheyAgree(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "America/Havana", "Asia/Kolkata", "UTC"}
	days := []string{"2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2026-09-06", "2026-06-15"}
	rapid.Check(t, func(r *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		h := &hours.Hours{}
		for i := range 7 {
			at := 0
			var spans []hours.Span
			for range rapid.IntRange(0, hours.MaxSpans).Draw(r, "spans") {
				if at >= hours.Day {
					break
				}
				from := rapid.IntRange(at, hours.Day-1).Draw(r, "from")
				at = rapid.IntRange(from+1, hours.Day).Draw(r, "to")
				spans = append(spans, hours.Span{From: hours.Clock(from), To: hours.Clock(at)})
			}
			h.Week.Put(time.Weekday(i), spans)
		}
		if wrong := h.Problems(); len(wrong) > 0 {
			r.Fatal(wrong)
		}
		start, err := time.Parse(time.DateOnly, rapid.SampledFrom(days).Draw(r, "day"))
		if err != nil {
			r.Fatal(err)
		}
		now := start.Add(time.Duration(rapid.IntRange(-86400, 2*86400).Draw(r, "second")) * time.Second)
		opens, ok := h.Opens(now, z)
		if ok && (!h.Open(opens, z) || opens.Before(now)) {
			r.Fatalf("it opens at %s and is closed then", opens)
		}
		if ok && opens.After(now) && h.Open(opens.Add(-time.Second), z) {
			r.Fatalf("it opens at %s and is open before", opens)
		}
		if !h.Open(now, z) {
			return
		}
		closes, ok := h.Closes(now, z)
		if !ok {
			return
		}
		if h.Open(closes, z) || !closes.After(now) || !h.Throughout(now, closes.Add(-time.Second), z) || h.Throughout(now, closes, z) {
			r.Fatalf("it closes at %s", closes)
		}
		if between := now.Add(time.Duration(rapid.Int64Range(0, int64(closes.Sub(now)/time.Second)-1).Draw(r, "between")) * time.Second); !h.Open(between, z) {
			r.Fatalf("it is closed at %s, between %s and %s", between, now, closes)
		}
		if !h.MayEnd(closes, z) {
			r.Fatal("nothing may end when it closes")
		}
	})
}

// What cannot be is refused, with its place.
func TestNonsense(t *testing.T) {
	for text, place := range map[string]string{
		`{"week":{"mon":[{"from":"22:00","to":"06:00"}]}}`:                                   "week.mon",
		`{"week":{"tue":[{"from":"08:00","to":"12:00"},{"from":"11:00","to":"13:00"}]}}`:     "week.tue",
		`{"week":{"wed":[{"from":"08:00","to":"08:00"}]}}`:                                   "week.wed",
		`{"exceptions":[{"date":"2026-12-24","hours":[]},{"date":"2026-12-24","hours":[]}]}`: "exceptions[1]",
		`{"exceptions":[{"date":"2026-12-24","hours":[{"from":"09:00","to":"08:00"}]}]}`:     "exceptions[0]",
		`{"week":{"sun":[{"from":"01:00","to":"02:00"},{"from":"03:00","to":"04:00"},{"from":"05:00","to":"06:00"},{"from":"07:00","to":"08:00"},{"from":"09:00","to":"10:00"}]}}`: "week.sun",
	} {
		h := new(hours.Hours)
		if err := json.Unmarshal([]byte(text), h); err != nil {
			t.Fatal(err)
		}
		if h.Problems()[place] == "" {
			t.Errorf("%s: %v", text, h.Problems())
		}
	}
	for _, text := range []string{`"6:00"`, `"24:01"`, `"12:60"`, `"ab:cd"`, `"-1:00"`, `"+1:00"`, `600`, `null7`} {
		if json.Unmarshal([]byte(text), new(hours.Clock)) == nil {
			t.Errorf("%s is a time of a day", text)
		}
	}
	for _, text := range []string{`"2026-02-30"`, `"24.12.2026"`, `7`, `"1969-12-31"`} {
		if json.Unmarshal([]byte(text), new(hours.Date)) == nil {
			t.Errorf("%s is a day", text)
		}
	}
}
