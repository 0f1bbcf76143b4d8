package trends_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/trends"
)

// Turnover is how often each space was used: stays that ended, by what there was room for.
// Of days of which nothing is known there is none, and in particular not zero.
func TestTurnoverIsStaysByCapacity(t *testing.T) {
	zone := zoneOf(t, "Europe/Berlin")
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, zone)
	stays := func(h trends.Row, n int) trends.Row {
		h.Stays = make([]int32, n)
		return h
	}
	small := row(monday.Add(9*time.Hour), 5)
	small.Type, small.Capacity = "ev", 20
	unknown := row(monday.AddDate(0, 0, 2), 0)
	unknown.Known, unknown.Occupied = 0, 0
	half := row(monday.AddDate(0, 0, 3).Add(12*time.Hour), 0) // the capacity was halved at noon
	half.Capacity = 50
	none := row(monday.AddDate(0, 0, 4), 0)
	none.Capacity = 0
	rows := []trends.Row{
		stays(row(monday.Add(8*time.Hour), 50), 30), stays(row(monday.Add(9*time.Hour), 50), 90), stays(small, 30), // 150 by 110 on average
		row(monday.AddDate(0, 0, 1), 50), // nobody left
		unknown,
		stays(row(monday.AddDate(0, 0, 3).Add(11*time.Hour), 50), 60), stays(half, 15),
		stays(none, 3),
	}
	r := trends.Make(rows, "2026-06-01", "2026-06-05", zone, "EUR", monday.AddDate(0, 0, 7))
	for i, want := range []*float64{new(1.36), new(0.0), nil, new(1.0), nil} {
		if got := r.Days[i].Turnover; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: turnover is %v, want %v", r.Days[i].Day, show(got), show(want))
		}
	}
	// In total the same by the capacity on average over the hours that there was one of.
	if got := r.Total.Turnover; got == nil || *got != 2.4 {
		t.Errorf("in total turnover is %v, want 2.4", show(got))
	}
	if r.Before.Turnover != nil {
		t.Errorf("of days that were never counted turnover is %v", *r.Before.Turnover)
	}
}

func show(x *float64) any {
	if x == nil {
		return "unknown"
	}
	return *x
}
