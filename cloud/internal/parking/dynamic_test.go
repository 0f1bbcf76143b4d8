package parking_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
)

func drawDynamic(t *rapid.T) *parking.DynamicPrice {
	d := &parking.DynamicPrice{MinPercent: rapid.IntRange(1, 100).Draw(t, "min"), MaxPercent: rapid.IntRange(100, 500).Draw(t, "max")}
	add := rapid.IntRange(-99, 500)
	for from := rapid.IntRange(0, 60).Draw(t, "first"); from <= 100 && len(d.Occupancy) < 5; from += rapid.IntRange(1, 40).Draw(t, "step") {
		d.Occupancy = append(d.Occupancy, parking.OccupancyStep{From: from, Add: add.Draw(t, "add")})
	}
	for from := rapid.Int64Range(0, 2000).Draw(t, "first lead"); len(d.Lead) < 4; from += rapid.Int64Range(1, 9000).Draw(t, "step") {
		d.Lead = append(d.Lead, parking.LeadStep{From: from, Add: add.Draw(t, "add")})
	}
	return d
}

// Whatever an owner sets and whatever is asked, the price stays within the
// bounds; the same is always told for the same, and a step counts from its place
// on to the next.
func TestADynamicPriceStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDynamic(t)
		p := parking.DefaultPolicy()
		if p.Dynamic = d; p.Validate() != nil {
			t.Fatal(p.Validate())
		}
		occupancy := rapid.OneOf(rapid.IntRange(0, 100), rapid.Int()).Draw(t, "occupancy")
		lead := time.Duration(rapid.OneOf(rapid.Int64Range(0, int64(40*24*time.Hour)), rapid.Int64()).Draw(t, "lead"))
		percent := d.Percent(occupancy, lead)
		if percent < d.MinPercent || percent > d.MaxPercent || percent != d.Percent(occupancy, lead) {
			t.Fatalf("%d at %d %% and %s by %+v", percent, occupancy, lead, d)
		}
		only := &parking.DynamicPrice{MinPercent: 1, MaxPercent: 500, Occupancy: d.Occupancy}
		for i, s := range d.Occupancy {
			last := 100
			if i+1 < len(d.Occupancy) {
				last = d.Occupancy[i+1].From - 1
			}
			want := min(max(100+s.Add, 1), 500)
			if from, to := only.Percent(s.From, 0), only.Percent(last, 0); from != want || to != want {
				t.Fatalf("step %d is %d to %d", i, from, to)
			}
		}
		if len(d.Occupancy) > 0 && d.Occupancy[0].From > 0 && only.Percent(d.Occupancy[0].From-1, 0) != 100 {
			t.Fatal("a step counts before its place")
		}
	})
	if (*parking.DynamicPrice)(nil).Percent(100, 0) != 100 {
		t.Error("without a policy the price moves")
	}
}

func TestLeadIsTheSameThroughoutAQuarter(t *testing.T) {
	now := time.Date(2026, 6, 11, 8, 15, 0, 0, time.UTC)
	from := now.Add(3 * time.Hour)
	for _, after := range []time.Duration{0, time.Second, 15*time.Minute - 1} {
		if got := parking.Lead(from, now.Add(after)); got != 3*time.Hour {
			t.Errorf("%s after: %s", after, got)
		}
	}
	if got := parking.Lead(now.Add(-time.Hour), now); got != 0 {
		t.Errorf("%s for what has begun", got)
	}
}

func TestEveryWrongPartOfADynamicPriceIsNamed(t *testing.T) {
	for field, d := range map[string]parking.DynamicPrice{
		"dynamic_price.min_percent":  {MinPercent: 0, MaxPercent: 150},
		"dynamic_price.max_percent":  {MinPercent: 80, MaxPercent: 501},
		"dynamic_price":              {MinPercent: 80, MaxPercent: 150, Occupancy: make([]parking.OccupancyStep, 21)},
		"dynamic_price.occupancy[0]": {MinPercent: 80, MaxPercent: 150, Occupancy: []parking.OccupancyStep{{From: 101}}},
		"dynamic_price.occupancy[1]": {MinPercent: 80, MaxPercent: 150, Occupancy: []parking.OccupancyStep{{From: 70}, {From: 70}}},
		"dynamic_price.lead[0]":      {MinPercent: 80, MaxPercent: 150, Lead: []parking.LeadStep{{From: math.MaxInt64}}},
		"dynamic_price.lead[1]":      {MinPercent: 80, MaxPercent: 150, Lead: []parking.LeadStep{{From: 1, Add: math.MaxInt}, {From: 2, Add: -100}}},
	} {
		p := parking.DefaultPolicy()
		p.Dynamic = &d
		if f := fault.From(p.Validate()); f == nil || f.Code != parking.CodePolicyInvalid || f.Fields[field] == "" {
			t.Errorf("%s: %v", field, f)
		}
	}
}

// A file may say how prices move in its new parkings.
func TestADynamicPriceIsRead(t *testing.T) {
	with := func(d string) string {
		return collection(strings.Replace(good, `"capacity":400`, `"capacity":400,"dynamic_price":`+d, 1))
	}
	got, err := parking.ReadGeoJSON(strings.NewReader(with(`{"min_percent":80,"max_percent":150,"lead":[{"from_minutes":10080,"add_percent":-10}]}`)))
	if err != nil || got[0].Policy.Dynamic.Percent(99, 8*24*time.Hour) != 90 {
		t.Fatalf("%+v %v", got, err)
	}
	f := fault.From(func() error { _, err := parking.ReadGeoJSON(strings.NewReader(with(`{"min_percent":0}`))); return err }())
	if f == nil || !strings.Contains(f.Fields["features[0]"], "dynamic_price.max_percent") {
		t.Fatalf("%v", f)
	}
}
