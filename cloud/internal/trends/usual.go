package trends

import (
	"math"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
)

// What the usual fullness is made of: as many weeks, of which so many must be known of an
// hour before anything is said of it.
const (
	UsualWeeks = 8
	leastWeeks = 3
)

// Usual is how full a parking usually is: percent of its spaces by the day of the week,
// from Monday on, and the hour by its clock. Nil: too little is known.
type Usual [7][24]*int

// UsualSpan are the days that the usual fullness is made of: whole weeks that are over.
func UsualSpan(now time.Time, zone *time.Location) (from, to time.Time) {
	today := books.DayOf(now, zone)
	return today.Add(-7 * UsualWeeks).Begin(zone), today.Begin(zone)
}

// UsualOf is the middle of what was counted at each hour of the week, each day once: the
// hour that comes twice when clocks go back is the mean of both, and the one that is left
// out when they go forward says nothing. An hour of which less than half is known, or which
// had no spaces, says nothing either. rows are in the order of their hours.
func UsualOf(rows []Row, zone *time.Location) Usual {
	type hour struct {
		day  books.Day
		hour int
	}
	type sum struct{ percent, n float64 }
	days := map[hour]sum{}
	for len(rows) > 0 {
		at, n := rows[0].At, 0
		for n < len(rows) && rows[n].At.Equal(at) {
			n++
		}
		var known time.Duration
		for _, r := range rows[:n] {
			known = max(known, r.Known)
		}
		shown := show(at, rows[:n], zone)
		rows = rows[n:]
		if shown.Percent == nil || known < time.Hour/2 {
			continue
		}
		k := hour{shown.Day, shown.Hour}
		s := days[k]
		days[k] = sum{s.percent + min(*shown.Percent, 100), s.n + 1}
	}
	var all [7][24][]float64
	for k, s := range days {
		// Noon is on that day in whatever zone.
		weekday := (int(k.day.Begin(zone).Add(12*time.Hour).In(zone).Weekday()) + 6) % 7
		all[weekday][k.hour] = append(all[weekday][k.hour], s.percent/s.n)
	}
	var out Usual
	for d := range all {
		for h, found := range all[d] {
			if len(found) >= leastWeeks {
				out[d][h] = new(int(math.Round(middle(found))))
			}
		}
	}
	return out
}

// middle is the median.
func middle(of []float64) float64 {
	slices.Sort(of)
	n := len(of)
	if n%2 == 1 {
		return of[n/2]
	}
	return (of[n/2-1] + of[n/2]) / 2
}
