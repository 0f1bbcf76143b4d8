package listing

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A parking with opening hours is closed outside of them, whether or not its edge is
// there, says when it opens, has nothing free for somebody at the gate, and sells nothing
// that begins or ends then; without any it says nothing of the kind.
func TestAParkingIsListedAsClosedOutsideItsHours(t *testing.T) {
	h := &hours.Hours{}
	for d := range 7 {
		h.Week.Put(time.Weekday(d), []hours.Span{{From: 6 * 60, To: 22 * 60}})
	}
	p := parking.Parking{
		ID: "altmarkt", Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(), SpaceTypes: []parking.SpaceType{{ID: id.Standard, Capacity: 3}},
	}
	p.Policy.Hours, p.Policy.Lanes = h, []parking.LaneSetting{{Lane: "entry-1", Label: "Nord"}, {Lane: "entry-2", Mode: parking.LaneClosed}}
	shown := func(p parking.Parking, at time.Time, w *Window) map[string]any {
		t.Helper()
		l := newLot(Snapshot{Parking: p, Days: map[inventory.Key]*inventory.Day{}})
		var got map[string]any
		if err := json.Unmarshal(whole(nil, l.fixed(w), l.render(at, at, w), -1, true), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	at := func(text string) time.Time {
		t.Helper()
		got, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return got.UTC()
	}
	if got := shown(p, at("2026-06-11T21:59:59+02:00"), nil); got["status"] != "open" || got["opens_at"] != nil || got["available_now"] != 3.0 {
		t.Errorf("before it closes: %v", got)
	}
	got := shown(p, at("2026-06-11T22:00:00+02:00"), nil)
	if got["status"] != "closed" || got["opens_at"] != "2026-06-12T04:00:00Z" || got["available_now"] != 0.0 {
		t.Errorf("when it has closed: %v", got)
	}
	if lanes := got["lanes"].([]any); len(lanes) != 1 || lanes[0].(map[string]any)["label"] != "Nord" {
		t.Errorf("%v", lanes)
	}
	if week := got["opening_hours"].(map[string]any)["week"].(map[string]any); week["mon"].([]any)[0].(map[string]any)["from"] != "06:00" {
		t.Errorf("%v", week)
	}
	for name, c := range map[string]struct {
		from, to string
		free     float64
	}{
		"by day": {"2026-06-12T07:00:00+02:00", "2026-06-12T22:00:00+02:00", 3}, "by night": {"2026-06-12T23:00:00+02:00", "2026-06-13T01:00:00+02:00", 0},
		"over the night": {"2026-06-12T21:00:00+02:00", "2026-06-13T06:00:00+02:00", 3},
	} {
		w := &Window{Range: timerange.Range{From: at(c.from), To: at(c.to)}}
		if got := shown(p, at("2026-06-11T12:00:00+02:00"), w); got["available"] != c.free || got["closed_then"] != (c.free == 0) {
			t.Errorf("%s: %v free, closed %v", name, got["available"], got["closed_then"])
		}
	}
	p.Policy.Hours = &hours.Hours{}
	if got := shown(p, at("2026-06-11T12:00:00+02:00"), nil); got["status"] != "closed" || got["opens_at"] != nil {
		t.Errorf("closed for good: %v", got)
	}
	p.Policy.Hours = nil
	got = shown(p, at("2026-06-11T23:00:00+02:00"), nil)
	if _, there := got["opens_at"]; there || got["status"] != "open" || got["opening_hours"] != nil {
		t.Errorf("round the clock: %v", got)
	}
}
