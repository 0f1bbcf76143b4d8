package notify

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/locale"
)

// Wishes are what a driver has asked for: a guest by the language that he booked in,
// whoever has an account by what it says.
type Wishes struct {
	Language   string    // of locale; empty: English
	TwelveHour bool      // the hours are counted twice
	Quiet      []Channel // by which he does not want to be reminded
}

// Reader is how the driver reads.
func (w Wishes) Reader() locale.Reader {
	return locale.Reader{Language: w.Language, TwelveHour: w.TwelveHour}
}

// German reports whether the driver is written to in German.
func (w Wishes) German() bool { return w.Reader().German() }

// EndsAt is the end of the window as a driver reads it: the time of the day, with
// its day when it is another than the one that the window begins on.
func (m Mail) EndsAt() string {
	from, to := m.Window.From.In(m.Zone), m.Window.To.In(m.Zone)
	return m.Wishes.Clock(to, from)
}

// Clock is a time of the day, with its day when that is another than the reader
// expects.
func (w Wishes) Clock(t, expected time.Time) string {
	r := w.Reader()
	if SameDay(t, expected) {
		return r.Hour(t)
	}
	return r.Weekday(t) + " " + r.Hour(t)
}

// Span is the window with its day, or days.
func (m Mail) Span() string {
	from, to := m.Window.From.In(m.Zone), m.Window.To.In(m.Zone)
	r := m.Wishes.Reader()
	if SameDay(from, to) {
		return r.Day(from) + ", " + r.Hour(from) + " – " + r.Hour(to)
	}
	return r.Day(from) + " " + r.Hour(from) + " – " + r.Day(to) + " " + r.Hour(to)
}
