package parking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// DynamicPrice moves what a reservation costs by how full the parking is in the
// window that is asked for, and by how far ahead it is booked, within bounds.
type DynamicPrice struct {
	MinPercent int             `json:"min_percent"` // of the tariff's price: never less
	MaxPercent int             `json:"max_percent"` // never more
	Occupancy  []OccupancyStep `json:"occupancy,omitempty"`
	Lead       []LeadStep      `json:"lead,omitempty"`
}

// OccupancyStep counts from an occupancy on, up to the next step.
type OccupancyStep struct {
	From int `json:"from_percent"` // of the spaces are not for sale any more, in the fullest quarter-hour
	Add  int `json:"add_percent"`  // to the tariff's 100; negative: a reduction
}

// LeadStep counts from a lead time on, up to the next step.
type LeadStep struct {
	From int64 `json:"from_minutes"` // before the window begins
	Add  int   `json:"add_percent"`
}

// maxSteps bounds each list of steps.
const maxSteps = 20

// Percent is the whole percentage of the tariff's price that a window costs: 100
// and what the steps add, within the bounds. It is 100 without a policy.
func (d *DynamicPrice) Percent(occupancy int, lead time.Duration) int {
	if d == nil {
		return 100
	}
	byOccupancy, byLead := 0, 0
	for _, s := range d.Occupancy {
		if occupancy >= s.From {
			byOccupancy = s.Add
		}
	}
	for _, s := range d.Lead {
		if int64(lead/time.Minute) >= s.From {
			byLead = s.Add
		}
	}
	return min(max(100+byOccupancy+byLead, d.MinPercent), d.MaxPercent)
}

// Lead is how far ahead a window begins, as prices count it: from the beginning of
// the present quarter-hour, so that all who ask in it are told the same.
func Lead(from, now time.Time) time.Duration { return max(from.Sub(timerange.Floor(now).Time()), 0) }

// check names what is wrong, by its place in the policy.
func (d *DynamicPrice) check(wrong map[string]string) {
	if d == nil {
		return
	}
	const name = "dynamic_price"
	if d.MinPercent < 1 || d.MinPercent > 100 {
		wrong[name+".min_percent"] = "is not from 1 to 100 percent"
	}
	if d.MaxPercent < 100 || d.MaxPercent > tariff.MaxDemand {
		wrong[name+".max_percent"] = fmt.Sprintf("is not from 100 to %d percent", tariff.MaxDemand)
	}
	adds := func(add int) bool { return -100 < add && add <= tariff.MaxDemand }
	if len(d.Occupancy) > maxSteps || len(d.Lead) > maxSteps {
		wrong[name] = fmt.Sprintf("has more than %d steps of a kind", maxSteps)
		return
	}
	for i, s := range d.Occupancy {
		if s.From < 0 || s.From > 100 || i > 0 && s.From <= d.Occupancy[i-1].From || !adds(s.Add) {
			wrong[fmt.Sprintf("%s.occupancy[%d]", name, i)] = fmt.Sprintf("is not from 0 to 100 percent and above the step before, adding -99 to %d", tariff.MaxDemand)
		}
	}
	for i, s := range d.Lead {
		if s.From < 0 || s.From > MaxHorizonDays*24*60 || i > 0 && s.From <= d.Lead[i-1].From || !adds(s.Add) {
			wrong[fmt.Sprintf("%s.lead[%d]", name, i)] = fmt.Sprintf("is not from 0 minutes to %d days and above the step before, adding -99 to %d", MaxHorizonDays, tariff.MaxDemand)
		}
	}
}
