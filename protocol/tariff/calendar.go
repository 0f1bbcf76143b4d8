package tariff

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// DayKind is what a calendar day is to a tariff: a weekday, or a holiday
// whatever its weekday.
type DayKind string

// The kinds of calendar day, in the order of time.Weekday.
const (
	Sunday    DayKind = "sun"
	Monday    DayKind = "mon"
	Tuesday   DayKind = "tue"
	Wednesday DayKind = "wed"
	Thursday  DayKind = "thu"
	Friday    DayKind = "fri"
	Saturday  DayKind = "sat"
	Holiday   DayKind = "holiday"
)

// kinds is the number of kinds of day; holidayKind the index of the last.
const (
	kinds       = 8
	holidayKind = 7
)

func dayKinds() [kinds]DayKind {
	return [kinds]DayKind{Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Holiday}
}

// index is the kind's place in dayKinds, or -1.
func (k DayKind) index() int {
	all := dayKinds()
	return slices.Index(all[:], k)
}

// Clock is a time of day on the wall, in minutes from 00:00 to 24:00. Its text
// form is "HH:MM".
type Clock int

const dayMinutes = 24 * 60

// MarshalText makes "HH:MM".
func (c Clock) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%02d:%02d", int(c)/60, int(c)%60), nil
}

// UnmarshalText reads "HH:MM", from "00:00" to "24:00".
func (c *Clock) UnmarshalText(text []byte) error {
	digit := func(i int) int { return int(text[i]) - '0' }
	if len(text) != 5 || text[2] != ':' {
		return fmt.Errorf("a time of day is HH:MM, not %q", text)
	}
	for _, i := range []int{0, 1, 3, 4} {
		if d := digit(i); d < 0 || d > 9 {
			return fmt.Errorf("a time of day is HH:MM, not %q", text)
		}
	}
	hour, minute := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
	if minute > 59 || hour*60+minute > dayMinutes {
		return fmt.Errorf("there is no %s in a day", text)
	}
	*c = Clock(hour*60 + minute)
	return nil
}

// Date is a calendar date in days since 1970-01-01. Its text form is
// "2006-01-02".
type Date int32

// MarshalText makes "2006-01-02".
func (d Date) MarshalText() ([]byte, error) {
	return time.Unix(int64(d)*daySeconds, 0).UTC().AppendFormat(nil, time.DateOnly), nil
}

// UnmarshalText reads "2006-01-02".
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("a date is YYYY-MM-DD, not %q", text)
	}
	*d = Date(t.Unix() / daySeconds)
	if t.Unix() < 0 {
		return fmt.Errorf("%q is before 1970", text)
	}
	return nil
}

const daySeconds = 24 * 60 * 60

// wall follows a zone's offset along increasing instants. It asks the zone
// once for each of its offsets, not once for each instant.
type wall struct {
	zone       *time.Location
	offset     int64 // seconds east of UTC
	start, end int64 // Unix seconds between which the offset holds
}

func newWall(zone *time.Location) wall {
	return wall{zone: zone, start: 1, end: 0}
}

// at is the local time of an instant as seconds since 1970-01-01 00:00 on the
// wall.
func (w *wall) at(unix int64) int64 {
	if unix < w.start || unix >= w.end {
		t := time.Unix(unix, 0).In(w.zone)
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		w.offset, w.start, w.end = int64(offset), math.MinInt64, math.MaxInt64
		if !start.IsZero() {
			w.start = start.Unix()
		}
		if !end.IsZero() {
			w.end = end.Unix()
		}
	}
	return unix + w.offset
}

// day is the date and the second of the day of a local time.
func day(local int64) (date, second int64) {
	date = local / daySeconds
	if local%daySeconds < 0 {
		date--
	}
	return date, local - date*daySeconds
}

// kind is the date's kind; holidays are sorted.
func kind(date int64, holidays []Date) int {
	if len(holidays) > 0 && date >= 0 && date <= math.MaxInt32 {
		if _, is := slices.BinarySearch(holidays, Date(date)); is {
			return holidayKind
		}
	}
	weekday := (date + 4) % 7 // 1970-01-01 was a Thursday
	if weekday < 0 {
		weekday += 7
	}
	return int(weekday)
}
