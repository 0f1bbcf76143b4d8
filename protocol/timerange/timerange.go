// Package timerange holds half-open windows [From, To) of UTC instants, and
// the quarter-hour grid on which capacity is claimed.
package timerange

import (
	"errors"
	"fmt"
	"time"
)

// Range is the half-open window [From, To). A range whose end is another's
// beginning does not overlap it.
type Range struct {
	From time.Time `json:"from" cbor:"1,keyasint"`
	To   time.Time `json:"to" cbor:"2,keyasint"`
}

// ErrEmpty says that a window has no duration or ends before it begins.
var ErrEmpty = errors.New("the window is empty or reversed")

// New makes a range in UTC, or ErrEmpty.
func New(from, to time.Time) (Range, error) {
	if !from.Before(to) {
		return Range{}, ErrEmpty
	}
	return Range{from.UTC(), to.UTC()}, nil
}

// Contains reports whether t lies in the window.
func (r Range) Contains(t time.Time) bool { return !t.Before(r.From) && t.Before(r.To) }

// Overlaps reports whether the two windows share an instant.
func (r Range) Overlaps(o Range) bool { return r.From.Before(o.To) && o.From.Before(r.To) }

// Duration is the elapsed time between the ends.
func (r Range) Duration() time.Duration { return r.To.Sub(r.From) }

// String is the window as "[from, to)" in RFC 3339.
func (r Range) String() string {
	return fmt.Sprintf("[%s, %s)", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
}

// Quarter is the length of one claimable step.
const Quarter = 15 * time.Minute

// QuartersPerDay is the number of quarters of a UTC day, which never has a
// daylight-saving switch.
const QuartersPerDay = 96

// Q numbers the quarter-hours since the Unix epoch.
type Q int64

// Floor is the quarter that contains t.
func Floor(t time.Time) Q {
	s := t.Unix()
	q := s / 900
	if s%900 < 0 {
		q--
	}
	return Q(q)
}

// Ceil is the first quarter that begins at or after t.
func Ceil(t time.Time) Q {
	q := Floor(t)
	if q.Time().Before(t) {
		q++
	}
	return q
}

// Time is the instant at which the quarter begins.
func (q Q) Time() time.Time { return time.Unix(int64(q)*900, 0).UTC() }

// Day is the number of the UTC day that holds the quarter, since the Unix
// epoch.
func (q Q) Day() int32 {
	d := int64(q) / QuartersPerDay
	if int64(q)%QuartersPerDay < 0 {
		d--
	}
	return int32(d)
}

// Slot is the quarter's place in its day, 0 to 95.
func (q Q) Slot() int { return int(int64(q) - int64(q.Day())*QuartersPerDay) }

// DayStart is the first quarter of a UTC day.
func DayStart(day int32) Q { return Q(int64(day) * QuartersPerDay) }

// Quarters is a half-open run [From, To) of quarters: what a window claims.
type Quarters struct {
	From Q `json:"from_q" cbor:"1,keyasint"`
	To   Q `json:"to_q" cbor:"2,keyasint"`
}

// Claim is the window rounded outward to whole quarters.
func (r Range) Claim() Quarters { return Quarters{Floor(r.From), Ceil(r.To)} }

// Empty reports whether the run holds no quarter.
func (q Quarters) Empty() bool { return q.From >= q.To }

// Len is the number of quarters, 0 when empty.
func (q Quarters) Len() int {
	if q.Empty() {
		return 0
	}
	return int(q.To - q.From)
}

// Range is the run as a window of instants.
func (q Quarters) Range() Range { return Range{q.From.Time(), q.To.Time()} }

// Days calls yield for each UTC day the run touches, in order, with the slots
// [first, end) of that day, until yield returns false.
func (q Quarters) Days(yield func(day int32, first, end int) bool) {
	for at := q.From; at < q.To; {
		day := at.Day()
		next := DayStart(day + 1)
		end := QuartersPerDay
		if q.To < next {
			end = int(q.To - DayStart(day))
			next = q.To
		}
		if !yield(day, at.Slot(), end) {
			return
		}
		at = next
	}
}
