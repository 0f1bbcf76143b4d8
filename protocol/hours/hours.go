// Package hours says when a parking is open: by the week, by its own clock, with days
// that are otherwise. Cloud and edge ask the same rule, so that nobody is sold what the
// gate would not let in.
//
// A time of the day is one of the parking's clock, and a day may have 23 or 25 hours. What
// begins at a time that the clock skips begins when the clock goes on; what begins at a
// time that comes twice begins the first time, and what ends at one ends the second time:
// in the driver's favour. So a stretch is always one, and on each day there is an instant
// at which it begins and one at which it ends.
//
// Everything here is pure. No Hours (nil) are open around the clock.
package hours

import (
	"slices"
	"time"
)

// Limits of hours.
const (
	MaxSpans = 4  // of a day
	MaxDays  = 60 // that are otherwise
)

// Day is how long a day is by the clock, in minutes.
const Day = 24 * 60

// Clock is a time of the day, in minutes since midnight by the clock; Day is the midnight
// at its end.
type Clock int

// Span is open from a time of a day and until another one of the same day. What goes on
// past midnight is two of them.
type Span struct {
	From Clock `json:"from"`
	To   Clock `json:"to"`
}

// Week are the open times of each weekday; none: closed.
type Week struct {
	Monday    []Span `json:"mon"`
	Tuesday   []Span `json:"tue"`
	Wednesday []Span `json:"wed"`
	Thursday  []Span `json:"thu"`
	Friday    []Span `json:"fri"`
	Saturday  []Span `json:"sat"`
	Sunday    []Span `json:"sun"`
}

// On are the open times of a weekday.
func (w *Week) On(d time.Weekday) []Span { return *w.day(d) }

func (w *Week) day(d time.Weekday) *[]Span {
	return [...]*[]Span{&w.Sunday, &w.Monday, &w.Tuesday, &w.Wednesday, &w.Thursday, &w.Friday, &w.Saturday}[d]
}

// Put sets the open times of a weekday.
func (w *Week) Put(d time.Weekday, s []Span) { *w.day(d) = s }

// Exception is a day that is otherwise than its weekday.
type Exception struct {
	Date  Date   `json:"date"`
	Hours []Span `json:"hours"`          // none: closed
	Note  string `json:"note,omitempty"` // for people, such as Christmas Eve
}

// Hours are when a parking is open.
type Hours struct {
	Week       Week        `json:"week"`
	Exceptions []Exception `json:"exceptions"`
}

// on are the open times of a day.
func (h *Hours) on(d Date) []Span {
	if i := slices.IndexFunc(h.Exceptions, func(e Exception) bool { return e.Date == d }); i >= 0 {
		return h.Exceptions[i].Hours
	}
	return h.Week.On(d.Weekday())
}

// stretch is when it is open, from an instant and until another.
type stretch struct{ from, to time.Time }

// stretches are those of a day, in order; two that follow one another are still two.
func (h *Hours) stretches(d Date, zone *time.Location) []stretch {
	spans := h.on(d)
	out := make([]stretch, 0, len(spans))
	for _, s := range spans {
		x := stretch{first(zone, d.seconds(s.From)), last(zone, d.seconds(s.To))}
		if x.from.Before(x.to) {
			out = append(out, x)
		}
	}
	return out
}

// Open reports whether it is open at an instant.
func (h *Hours) Open(t time.Time, zone *time.Location) bool {
	return h == nil || slices.ContainsFunc(h.stretches(DateOf(t, zone), zone), func(s stretch) bool { return !t.Before(s.from) && t.Before(s.to) })
}

// MayEnd reports whether a window may end at an instant: it is open just before, or from
// then on.
func (h *Hours) MayEnd(t time.Time, zone *time.Location) bool {
	return h.Open(t, zone) || h.Open(t.Add(-time.Nanosecond), zone)
}

// Throughout reports whether it is open from an instant up to another one, both included.
func (h *Hours) Throughout(from, to time.Time, zone *time.Location) bool {
	if h == nil {
		return true
	}
	closes, ok := h.Closes(from, zone)
	return h.Open(from, zone) && (!ok || to.Before(closes))
}

// horizon is how many days ahead an opening or a closing is looked for.
const horizon = 400

// Opens is when it is open next: t itself when it is open then. There is none within 400
// days of a parking that is closed for good.
func (h *Hours) Opens(t time.Time, zone *time.Location) (time.Time, bool) {
	if h.Open(t, zone) {
		return t, true
	}
	for d, n := DateOf(t, zone), 0; n < horizon; d, n = d.Add(1), n+1 {
		for _, s := range h.stretches(d, zone) {
			if !s.from.Before(t) {
				return s.from.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// Closes is when it closes next: t itself when it is closed then. What is open around the
// clock for 400 days does not close.
func (h *Hours) Closes(t time.Time, zone *time.Location) (time.Time, bool) {
	if h == nil {
		return time.Time{}, false
	}
	if !h.Open(t, zone) {
		return t, true
	}
	end := t
	for d, n := DateOf(t, zone), 0; n < horizon; d, n = d.Add(1), n+1 {
		for _, s := range h.stretches(d, zone) {
			switch {
			case s.to.Before(end) || s.to.Equal(end):
			case s.from.After(end):
				return end.UTC(), true
			default:
				end = s.to
			}
		}
		if end.Before(first(zone, d.Add(1).seconds(0))) {
			return end.UTC(), true
		}
	}
	return time.Time{}, false
}

// reach is beyond every difference between a zone and UTC.
const reach = 26 * time.Hour

// segments calls yield with the runs of one offset around a time of a zone's clock, which
// is given in seconds since 1970 as if the clock were UTC's.
func segments(zone *time.Location, clock int64, yield func(from, to time.Time, offset int64)) {
	at, end := time.Unix(clock, 0).Add(-reach), time.Unix(clock, 0).Add(reach)
	for at.Before(end) {
		local := at.In(zone)
		_, offset := local.Zone()
		_, next := local.ZoneBounds()
		if next.IsZero() || next.After(end) {
			next = end
		}
		yield(at, next, int64(offset))
		at = next
	}
}

// first is the first instant at which a zone's clock shows a time or a later one.
func first(zone *time.Location, clock int64) (found time.Time) {
	segments(zone, clock, func(from, to time.Time, offset int64) {
		at := time.Unix(clock-offset, 0)
		if at.Before(from) {
			at = from
		}
		if found.IsZero() && at.Before(to) {
			found = at
		}
	})
	return found
}

// last is the first instant from which on a zone's clock never shows a time before this
// one again.
func last(zone *time.Location, clock int64) (found time.Time) {
	segments(zone, clock, func(from, to time.Time, offset int64) {
		at := time.Unix(clock-offset, 0)
		if at.After(to) {
			at = to
		}
		if at.After(from) {
			found = at
		}
	})
	return found
}
