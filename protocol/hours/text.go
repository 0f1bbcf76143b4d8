package hours

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Date is a day of a parking's calendar, as days since 1970-01-01.
type Date int32

const secondsOfDay = 24 * 60 * 60

// DateOf is the day that a zone's calendar shows at an instant.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay)
}

// Add is the day so many days later.
func (d Date) Add(n int) Date { return d + Date(n) }

// Weekday is what day of the week it is.
func (d Date) Weekday() time.Weekday { return time.Unix(d.seconds(0), 0).UTC().Weekday() }

// seconds is a time of the day, in seconds since 1970 as if the clock were UTC's.
func (d Date) seconds(c Clock) int64 { return int64(d)*secondsOfDay + int64(c)*60 }

// String is the day as 2027-03-28.
func (d Date) String() string { return time.Unix(d.seconds(0), 0).UTC().Format(time.DateOnly) }

// MarshalJSON writes it so.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a day such as 2027-03-28.
func (d *Date) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return errors.New("no day such as 2027-03-28")
	}
	*d = Date(t.Unix() / secondsOfDay)
	return nil
}

// String is the time as 06:30; 24:00 is the midnight at the end of the day.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalJSON writes it so.
func (c Clock) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// UnmarshalJSON reads a time such as 06:30.
func (c *Clock) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	bad := errors.New("no time of a day such as 06:30")
	if len(text) != 5 || text[2] != ':' {
		return bad
	}
	h, wrong := strconv.ParseUint(text[:2], 10, 8)
	m, also := strconv.ParseUint(text[3:], 10, 8)
	if wrong != nil || also != nil || m > 59 || h*60+m > Day {
		return bad
	}
	*c = Clock(h*60 + m)
	return nil
}

// maxNote is the longest note of a day, in bytes.
const maxNote = 80

// Problems says what cannot be so, by its place; none: nothing is wrong.
func (h *Hours) Problems() map[string]string {
	out := map[string]string{}
	if h == nil {
		return out
	}
	names := [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for i, name := range names {
		check(h.Week.On(time.Weekday(i)), "week."+name, out)
	}
	if len(h.Exceptions) > MaxDays {
		out["exceptions"] = fmt.Sprintf("are more than %d", MaxDays)
		return out
	}
	seen := map[Date]bool{}
	for i, e := range h.Exceptions {
		place := fmt.Sprintf("exceptions[%d]", i)
		check(e.Hours, place, out)
		switch {
		case seen[e.Date]:
			out[place] = "is for a day that is there twice"
		case len(e.Note) > maxNote || !utf8.ValidString(e.Note):
			out[place] = fmt.Sprintf("has a note of more than %d bytes", maxNote)
		}
		seen[e.Date] = true
	}
	return out
}

func check(all []Span, place string, out map[string]string) {
	if len(all) > MaxSpans {
		out[place] = fmt.Sprintf("has more than %d times", MaxSpans)
		return
	}
	for i, s := range all {
		switch {
		case s.From < 0 || s.To > Day || s.From >= s.To:
			out[place] = fmt.Sprintf("ends before it begins: %s to %s. What goes on past midnight ends at 24:00 and begins the next day at 00:00", s.From, s.To)
			return
		case i > 0 && s.From < all[i-1].To:
			out[place] = fmt.Sprintf("has %s before the time before it is over", s.From)
			return
		}
	}
}

// Clean is the hours as they are kept: days that are over left out, the others in order,
// and nothing missing where JSON would say null.
func (h *Hours) Clean(today Date) *Hours {
	if h == nil {
		return nil
	}
	out := &Hours{Exceptions: []Exception{}}
	for i := range 7 {
		out.Week.Put(time.Weekday(i), append([]Span{}, h.Week.On(time.Weekday(i))...))
	}
	for _, e := range h.Exceptions {
		if e.Date >= today {
			out.Exceptions = append(out.Exceptions, Exception{e.Date, append([]Span{}, e.Hours...), e.Note})
		}
	}
	slices.SortFunc(out.Exceptions, func(a, b Exception) int { return int(a.Date - b.Date) })
	return out
}
