package notify

import (
	"fmt"
	"strings"
	"time"
)

// Wishes are what a driver with an account has asked for: of reminders, which are
// words and times that he reads in a hurry.
type Wishes struct {
	Language   string    // de: German; else English
	TwelveHour bool      // the hours are counted twice
	Quiet      []Channel // by which he does not want to be reminded
}

// German reports whether a reminder is in German.
func (w Wishes) German() bool { return w.Language == "de" }

// EndsAt is the end of the window as a driver reads it: the time of the day, with
// its day when it is another than the one that the window begins on.
func (m Mail) EndsAt() string {
	from, to := m.Window.From.In(m.Zone), m.Window.To.In(m.Zone)
	if SameDay(from, to) {
		return m.Wishes.hour(to)
	}
	return m.Wishes.weekday(to) + " " + m.Wishes.hour(to)
}

// Span is the window with its day, or days.
func (m Mail) Span() string {
	from, to := m.Window.From.In(m.Zone), m.Window.To.In(m.Zone)
	w := m.Wishes
	if SameDay(from, to) {
		return w.day(from) + ", " + w.hour(from) + " – " + w.hour(to)
	}
	return w.day(from) + " " + w.hour(from) + " – " + w.day(to) + " " + w.hour(to)
}

func (w Wishes) hour(t time.Time) string {
	if w.TwelveHour {
		return t.Format("3:04 PM")
	}
	return t.Format("15:04")
}

// germanDays and germanMonths begin where time's do.
var (
	germanDays   = strings.Fields("So Mo Di Mi Do Fr Sa")
	germanMonths = strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")
)

func (w Wishes) weekday(t time.Time) string {
	if w.German() {
		return germanDays[t.Weekday()]
	}
	return t.Format("Mon")
}

func (w Wishes) day(t time.Time) string {
	if w.German() {
		return fmt.Sprintf("%s %d. %s", w.weekday(t), t.Day(), germanMonths[t.Month()-1])
	}
	return t.Format("Mon 2 January")
}
