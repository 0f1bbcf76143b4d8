package traffic

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Curve is the free spaces of one car park over a real day or week, repeated
// for ever.
type Curve struct {
	period time.Duration
	at     []time.Duration // into the period, ascending
	free   []int
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Curves are the readings of a file, by car park.
type Curves map[string]Curve

// ReadCurves reads free spaces from CSV: a column "timestamp" in UTC and one
// per car park; an empty cell means "as before". Readings that span more than a
// day and a half repeat by the week, others by the day.
func ReadCurves(r io.Reader) (Curves, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("readings: %w", err)
	}
	if len(head) < 2 || head[0] != "timestamp" {
		return nil, errors.New(`readings: the first line is not "timestamp" and the ids of car parks`)
	}
	type reading struct {
		at   time.Time
		free int
	}
	readings := make([][]reading, len(head))
	var first, last time.Time
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("readings: %w", err)
		}
		line, _ := rows.FieldPos(0)
		at, err := readingTime(row[0])
		if err != nil {
			return nil, fmt.Errorf("readings, line %d: %w", line, err)
		}
		if at.Before(last) {
			return nil, fmt.Errorf("readings, line %d: %s comes after a later time", line, row[0])
		}
		if first.IsZero() {
			first = at
		}
		last = at
		for i := 1; i < len(row); i++ {
			if row[i] == "" {
				continue
			}
			free, err := strconv.Atoi(row[i])
			if err != nil {
				return nil, fmt.Errorf("readings, line %d: %s has %q", line, head[i], row[i])
			}
			readings[i] = append(readings[i], reading{at, free})
		}
	}
	period := day
	if last.Sub(first) > day+day/2 {
		period = week
	}
	curves := Curves{}
	for i := 1; i < len(head); i++ {
		if len(readings[i]) == 0 {
			continue
		}
		if _, twice := curves[head[i]]; twice {
			return nil, fmt.Errorf("readings: two columns %q", head[i])
		}
		slices.SortStableFunc(readings[i], func(a, b reading) int { return int(into(a.at, period) - into(b.at, period)) })
		c := Curve{period: period}
		for _, r := range readings[i] {
			c.at, c.free = append(c.at, into(r.at, period)), append(c.free, r.free)
		}
		curves[head[i]] = c
	}
	return curves, nil
}

// readingTime takes minutes with or without seconds.
func readingTime(s string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04Z07:00", s); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err
}

// into is how far an instant lies in its UTC day or its week from Monday.
func into(t time.Time, period time.Duration) time.Duration { return t.Sub(t.Truncate(period)) }

// Free is the number of free spaces at the time of day, or of the week, that
// now has: between two readings it moves evenly from one to the other.
func (c Curve) Free(now time.Time) int {
	n := len(c.at)
	if n == 0 {
		return 0
	}
	at := into(now.UTC(), c.period)
	next, _ := slices.BinarySearch(c.at, at+1)
	before := (next + n - 1) % n
	next %= n
	gap := (c.at[next] - c.at[before] + c.period) % c.period
	gone := (at - c.at[before] + c.period) % c.period
	if gap == 0 {
		return c.free[before]
	}
	return c.free[before] + int(float64(c.free[next]-c.free[before])*float64(gone)/float64(gap))
}

// Occupied is how many cars are to be inside a car park of a capacity: never
// less than none or more than fit, whatever the display said.
func (c Curve) Occupied(now time.Time, capacity int) int {
	return min(max(capacity-c.Free(now), 0), capacity)
}
