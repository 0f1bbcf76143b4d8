package main

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// reference prices the stay from interval to interval, as far as the measured
// tariff needs.
func reference(t *tariff.Tariff, zone *time.Location, stay timerange.Range, factor int64) int64 {
	type window struct {
		what string
		when int64
	}
	spent := map[window]int64{}
	hold := func(w window, amount, limit int64) int64 {
		amount = min(amount, limit-spent[w])
		spent[w] += amount
		return amount
	}
	kind := func(date time.Time) tariff.DayKind {
		if slices.Contains(t.Holidays, tariff.Date(date.Unix()/86400)) {
			return tariff.Holiday
		}
		return []tariff.DayKind{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}[date.Weekday()]
	}
	total := int64(0)
	for at := stay.From; at.Before(stay.To); {
		local := at.In(zone)
		y, m, d := local.Date()
		today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		clock := tariff.Clock(local.Hour()*60 + local.Minute())
		rate, minutes := t.Rate, t.IntervalMinutes
		for _, s := range t.Steps {
			if at.Sub(stay.From) >= time.Duration(s.AfterMinutes)*time.Minute {
				rate, minutes = s.Rate, s.IntervalMinutes
			}
		}
		for _, b := range t.Bands {
			on := func(date time.Time) bool { return len(b.Days) == 0 || slices.Contains(b.Days, kind(date)) }
			begun := today
			switch {
			case on(today) && clock >= b.From && (b.To <= b.From || clock < b.To):
			case b.To <= b.From && clock < b.To && on(today.AddDate(0, 0, -1)):
				begun = today.AddDate(0, 0, -1)
			default:
				continue
			}
			rate, minutes = b.Rate, b.IntervalMinutes
			if b.Max > 0 {
				rate = hold(window{b.ID, begun.Unix()}, rate, b.Max)
			}
			break
		}
		rate = hold(window{"day", today.Unix()}, rate, t.DailyMax)
		for _, m := range t.Maxima {
			rate = hold(window{"hours", int64(at.Sub(stay.From) / (time.Duration(m.Hours) * time.Hour))}, rate, m.Amount)
		}
		total += rate
		at = at.Add(time.Duration(minutes) * time.Minute)
	}
	return (total*factor + 5_000) / 10_000
}
