package tariff_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// naive prices by going from interval to interval and asking the standard
// library for everything about each. It shares no code with the engine. Exact
// charging needs rates that divide by their minutes.
func naive(t tariff.Tariff, zone *time.Location, spaceType string, stays ...timerange.Range) int64 {
	type run struct {
		id    string
		begun string
	}
	exact := t.Charge == tariff.Exact
	inside := time.Duration(0)
	for _, s := range stays {
		inside += s.To.Sub(s.From)
	}
	if inside <= time.Duration(max(t.FreeMinutes, t.ConsiderationMinutes))*time.Minute {
		return 0
	}
	runs, total := map[run]int64{}, int64(0)
	windows := make([]map[string]int64, 1+len(t.Maxima))
	for i := range windows {
		windows[i] = map[string]int64{}
	}
	origin := stays[0].From
	cursor, skipped, end := origin, time.Duration(0), origin
	for _, s := range stays {
		if exact {
			gap := s.From.Sub(end)
			cursor, skipped = cursor.Add(gap), skipped+gap
		} else if s.From.After(cursor) {
			skipped += s.From.Sub(cursor)
			cursor = s.From
		}
		end = s.To
		for cursor.Before(end) {
			if exact && end.Sub(cursor) < time.Minute {
				break
			}
			id, begun, rate, minutes, steps, maximum := holds(t, cursor.In(zone))
			for _, st := range steps {
				if cursor.Sub(origin)-skipped >= time.Duration(st.AfterMinutes)*time.Minute {
					rate, minutes = st.Rate, st.IntervalMinutes
				}
			}
			length := time.Duration(minutes) * time.Minute
			if exact {
				rate, length = rate/int64(minutes), time.Minute
			}
			if maximum > 0 {
				key := run{id, begun}
				rate = min(rate, maximum-runs[key])
				runs[key] += rate
			}
			hold := func(i int, key string, limit int64) {
				rate = min(rate, limit-windows[i][key])
				windows[i][key] += rate
			}
			if t.DailyMax > 0 {
				key := cursor.In(zone).Format(time.DateOnly)
				if t.Day == tariff.Rolling {
					key = (cursor.Sub(origin) / (24 * time.Hour)).String()
				}
				hold(0, key, t.DailyMax)
			}
			for i, m := range t.Maxima {
				hold(i+1, (cursor.Sub(origin) / (time.Duration(m.Hours) * time.Hour)).String(), m.Amount)
			}
			total += rate
			cursor = cursor.Add(length)
		}
	}
	total = max(total, t.Minimum)
	if f, has := t.Factors[spaceType]; has {
		total = (total*int64(f)*2 + 10_000) / 20_000
	}
	return total
}

// holds is the rate at a local time, whose run of what it is and when that
// began.
func holds(t tariff.Tariff, local time.Time) (id, begun string, rate int64, minutes int, steps []tariff.Step, maximum int64) {
	for _, e := range t.Events {
		if !local.Before(e.From) && local.Before(e.To) {
			return e.ID, "", e.Rate, e.IntervalMinutes, e.Steps, e.Max
		}
	}
	kind := func(date time.Time) tariff.DayKind {
		for _, h := range t.Holidays {
			if text, _ := h.MarshalText(); string(text) == date.Format(time.DateOnly) {
				return tariff.Holiday
			}
		}
		return []tariff.DayKind{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}[date.Weekday()]
	}
	begins := func(b tariff.Band, date time.Time) bool {
		return len(b.Days) == 0 || slices.Contains(b.Days, kind(date))
	}
	y, m, d := local.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // the date alone
	yesterday := today.AddDate(0, 0, -1)
	clock := tariff.Clock(local.Hour()*60 + local.Minute())
	for _, b := range t.Bands {
		over := b.To <= b.From
		if begins(b, today) && clock >= b.From && (over || clock < b.To) {
			return b.ID, today.Format(time.DateOnly), b.Rate, b.IntervalMinutes, b.Steps, b.Max
		}
	}
	for _, b := range t.Bands {
		if b.To <= b.From && begins(b, yesterday) && clock < b.To {
			return b.ID, yesterday.Format(time.DateOnly), b.Rate, b.IntervalMinutes, b.Steps, b.Max
		}
	}
	return "", "", t.Rate, t.IntervalMinutes, t.Steps, 0
}

// drawRich draws a valid tariff that may use every rule.
func drawRich(t *rapid.T) tariff.Tariff {
	minutes := func(label string) int {
		return rapid.SampledFrom([]int{1, 7, 10, 15, 20, 30, 60, 90, 1440}).Draw(t, label)
	}
	amount := func(label string) int64 {
		return rapid.OneOf(rapid.Int64Range(0, 40), rapid.Int64Range(0, 900)).Draw(t, label)
	}
	rates := func(label string) (int64, int, []tariff.Step) {
		var steps []tariff.Step
		after := 0
		for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, label+" steps") {
			after += rapid.SampledFrom([]int{1, 45, 60, 600, 3000}).Draw(t, label+" after")
			m := minutes(label + " step minutes")
			steps = append(steps, tariff.Step{AfterMinutes: after, Rate: amount(label+" step") * int64(m), IntervalMinutes: m})
		}
		m := minutes(label + " minutes")
		return amount(label) * int64(m), m, steps
	}
	p := tariff.Tariff{
		Format: 1, Version: 3, Currency: "EUR",
		Charge:               rapid.SampledFrom([]tariff.Charge{"", tariff.Started, tariff.Exact}).Draw(t, "charge"),
		FreeMinutes:          rapid.SampledFrom([]int{0, 0, 15}).Draw(t, "free"),
		ConsiderationMinutes: rapid.SampledFrom([]int{0, 0, 5, 20}).Draw(t, "consideration"),
		Minimum:              rapid.SampledFrom([]int64{0, 0, 250}).Draw(t, "minimum"),
		ReEntryMinutes:       rapid.SampledFrom([]int{0, 60, 1440}).Draw(t, "re-entry"),
		TaxBasisPoints:       1900,
	}
	p.Rate, p.IntervalMinutes, p.Steps = rates("base")
	for _, cut := range rapid.SampledFrom([][]tariff.Clock{nil, {0, 1440}, {480, 1200}, {1200, 480}, {1320, 360, 600, 900}, {600, 600}, {0, 300, 1380, 1440}}).Draw(t, "bands") {
		if n := len(p.Bands); n > 0 && p.Bands[n-1].To < 0 {
			p.Bands[n-1].To = cut
			continue
		}
		b := tariff.Band{ID: string(rune('a' + len(p.Bands))), From: cut, To: -1}
		b.Rate, b.IntervalMinutes, b.Steps = rates("band")
		b.Max = rapid.SampledFrom([]int64{0, 0, 300, 5000}).Draw(t, "band max")
		if rapid.Bool().Draw(t, "some days") {
			b.Days = rapid.SampledFrom([][]tariff.DayKind{{"sat", "sun"}, {"holiday"}, {"mon", "tue", "wed", "thu", "fri"}, {"sun", "holiday", "wed"}}).Draw(t, "days")
		}
		p.Bands = append(p.Bands, b)
	}
	for range rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "holidays") {
		d := tariff.Date(20454 + rapid.IntRange(0, 365).Draw(t, "holiday")) // 2026
		if !slices.Contains(p.Holidays, d) {
			p.Holidays = append(p.Holidays, d)
		}
	}
	from := time.Unix(1767225600+rapid.Int64Range(0, 365*24).Draw(t, "event")*3600, 0)
	for i := range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "events") {
		e := tariff.Event{ID: "event-" + string(rune('0'+i)), From: from, To: from.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "hours")) * time.Hour)}
		e.Rate, e.IntervalMinutes, e.Steps = rates("event")
		e.Max = rapid.SampledFrom([]int64{0, 1500}).Draw(t, "event max")
		p.Events = append(p.Events, e)
		from = e.To.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "between")) * time.Hour)
	}
	p.DailyMax = rapid.SampledFrom([]int64{0, 900, 20000}).Draw(t, "daily max")
	if p.DailyMax > 0 {
		p.Day = rapid.SampledFrom([]tariff.Day{tariff.Calendar, tariff.Rolling}).Draw(t, "day")
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "maxima") {
		p.Maxima = append(p.Maxima, tariff.Maximum{
			Hours: rapid.SampledFrom([]int{1, 5, 24, 168}).Draw(t, "hours"), Amount: rapid.Int64Range(1, 60_000).Draw(t, "maximum"),
		})
	}
	if rapid.Bool().Draw(t, "factors") {
		p.Factors = map[string]int{"ev": rapid.IntRange(0, 30_000).Draw(t, "ev")}
	}
	if err := p.Validate(); err != nil {
		t.Fatalf("the tariff that was drawn is not valid: %v", err)
	}
	return p
}

// drawStays draws stays one after the other in the tariff's year.
func drawStays(t *rapid.T, most int) []timerange.Range {
	at := time.Unix(1767225600+rapid.Int64Range(0, 360*86400).Draw(t, "from"), rapid.SampledFrom([]int64{0, 0, 1, 999_999_999}).Draw(t, "nano"))
	var stays []timerange.Range
	for range rapid.IntRange(1, most).Draw(t, "stays") {
		length := time.Duration(rapid.OneOf(
			rapid.Int64Range(1, int64(2*time.Hour)), rapid.Int64Range(1, int64(9*24*time.Hour))).Draw(t, "stay"))
		if rapid.Bool().Draw(t, "whole minutes") {
			length = max(length.Truncate(time.Minute), time.Minute)
		}
		stays = append(stays, timerange.Range{From: at, To: at.Add(length)})
		at = at.Add(length + time.Duration(rapid.SampledFrom([]int64{0, 1, int64(time.Minute), int64(50 * time.Minute)}).Draw(t, "gap")))
	}
	return stays
}

func euros(minor int64) money.Amount { return money.New(minor, "EUR") }
