// Command benchtariff measures what pricing a stay takes: `make bench-tariff`.
//
// The reference, in the same run, prices as one would by hand: it goes from
// interval to interval and asks the standard library for the local time of
// each. Both must come to the same price.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// document is a city's tariff by day and night, with Sundays and holidays,
// maxima of a night, a day and a week, and a price for charging spaces.
const document = `{
  "format": 1, "version": 1, "currency": "EUR",
  "rate": 200, "interval_minutes": 30,
  "steps": [{"after_minutes": 60, "rate": 150, "interval_minutes": 30}],
  "bands": [
    {"id": "night", "from": "20:00", "to": "07:00", "rate": 50, "interval_minutes": 30, "max": 600},
    {"id": "sunday", "days": ["sun", "holiday"], "from": "07:00", "to": "20:00", "rate": 100, "interval_minutes": 30}
  ],
  "holidays": ["2026-12-25", "2026-12-26", "2027-01-01"],
  "free_minutes": 10, "daily_max": 2400, "day": "calendar", "maxima": [{"hours": 168, "amount": 12000}],
  "factors": {"ev": 12500}, "re_entry_minutes": 30, "tax_basis_points": 1900
}`

// result is the last line.
type result struct {
	WeekVsReference float64 `json:"week_vs_reference"`
	YearVsReference float64 `json:"year_vs_reference"`
	WeekStay        float64 `json:"week_stay_us"`
	YearStay        float64 `json:"year_stay_us"`
	WeekTotal       float64 `json:"week_total_us"`
	AllocsWeek      float64 `json:"allocs_week"`
	AllocsYear      float64 `json:"allocs_year"`
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtariff:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	t, err := tariff.Parse([]byte(document))
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	plan, err := tariff.Compile(t, zone)
	if err != nil {
		return err
	}
	from := time.Date(2026, 11, 23, 9, 17, 23, 0, zone)
	facts := tariff.Facts{SpaceType: "ev"}
	const day = 24 * time.Hour
	week, year := timerange.Range{From: from, To: from.Add(7 * day)}, timerange.Range{From: from, To: from.Add(365 * day)}
	for _, stay := range []timerange.Range{week, year} {
		bill, err := plan.Price(stay, facts)
		if err != nil {
			return err
		}
		if byHand := reference(&t, zone, stay, 12_500); bill.Total.Minor != byHand {
			return fmt.Errorf("%v: %v, by hand %d", stay, bill.Total, byHand)
		}
		_, _ = fmt.Fprintf(out, "%3.0f days cost %s, explained in %d lines\n", stay.To.Sub(stay.From).Hours()/24, bill.Total, len(bill.Lines))
	}

	price := func(stay timerange.Range) func() {
		return func() { _, _ = plan.Price(stay, facts) } // worked above
	}
	total := func() { _, _ = plan.Total(week, facts) } // so did that
	byHand := func(stay timerange.Range) func() {
		return func() { reference(&t, zone, stay, 12_500) }
	}
	const rounds = 7
	var weeks, years, totals, weekRef, yearRef []float64
	for range rounds {
		weeks, weekRef = append(weeks, micros(price(week), 4000)), append(weekRef, micros(byHand(week), 400))
		years, yearRef = append(years, micros(price(year), 80)), append(yearRef, micros(byHand(year), 8))
		totals = append(totals, micros(total, 4000))
	}
	r := result{
		WeekVsReference: median(weekRef) / median(weeks), YearVsReference: median(yearRef) / median(years),
		WeekStay: median(weeks), YearStay: median(years), WeekTotal: median(totals),
		AllocsWeek: allocs(price(week)), AllocsYear: allocs(price(year)),
	}
	_, _ = fmt.Fprintf(out, "a week: %.1f times as fast as by hand (%.2f µs, %.1f µs); a year: %.1f times (%.0f µs, %.0f µs); medians of %d alternations\n",
		r.WeekVsReference, r.WeekStay, median(weekRef), r.YearVsReference, r.YearStay, median(yearRef), rounds)
	return json.NewEncoder(out).Encode(r)
}

// micros is how many microseconds one call takes.
func micros(f func(), calls int) float64 {
	begin := time.Now()
	for range calls {
		f()
	}
	return float64(time.Since(begin).Microseconds()) / float64(calls)
}

// allocs is how many pieces of memory one call takes.
func allocs(f func()) float64 {
	const calls = 200
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / calls
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
