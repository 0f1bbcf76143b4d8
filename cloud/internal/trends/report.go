package trends

import (
	"math"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/protocol/money"
)

// MaxDays is how many days are reported at once.
const MaxDays = 92

// Full is from what share of the capacity on an hour counts as full, in percent.
const Full = 97

// Row is an hour of a type as it is kept.
type Row struct {
	Hour
	Late      bool // it was shown as something else
	CountedAt time.Time
}

// Kept is what there is to report about a parking's hours.
type Kept struct {
	Zone       string
	Currency   money.Currency
	Capacity   int        // now
	KnownUntil *time.Time // up to where the edge has told; nil: there was never one
	Rows       []Row      // in the order of their hours
}

// Sums are what there is to say about some hours.
type Sums struct {
	Reserved, WalkIn money.Amount // what was taken, less what was given back
	Stays            int
	Median           *int     // minutes; nil: nobody left
	Turnover         *float64 // stays by the capacity on average; nil: nothing is known, or there is no room
	Due              int
	NoShows          int
	Early            int
	Resold           int
	Refused          int
	FullHours        int
	UnknownHours     int

	lengths  []int32
	room     int  // the capacity, summed over the hours that have any
	roomed   int  // how many those are
	anything bool // is known
}

// Shown is an hour of all types together.
type Shown struct {
	At       time.Time
	Day      books.Day
	Hour     int
	Repeated bool     // the second of its name that day
	Percent  *float64 // of the capacity; nil: not known, or there is none
	Occupied *float64 // on average; nil: not known
	Capacity int
	Arrivals *int     // nil: not known
	Left     *int     // nil: not known
	Turnover *float64 // as in Sums
	Refused  int
	Late     bool
}

// DaySums are those of one day.
type DaySums struct {
	Day   books.Day
	Hours int // that it has: 24, or 23 and 25 where clocks change
	Sums
}

// Length is how many stays were no longer than so many minutes, and longer than those
// before.
type Length struct {
	UpTo  *int // nil: whatever is longer
	Stays int
}

// Report is what there is to say about a run of days.
type Report struct {
	From, To  books.Day // both included
	Hours     []Shown
	Days      []DaySums
	Total     Sums
	Lengths   []Length
	Before    Sums       // of as many days before them
	ToldAt    *time.Time // when the newest fact of them was heard
	CountedAt *time.Time
}

// lengths are the limits of the stays' lengths, in minutes.
func lengths() []int { return []int{15, 30, 60, 120, 180, 240, 360, 480, 720, 1440} }

// Span is the run of days and as many before them, as instants.
func Span(from, to books.Day, zone *time.Location) (before, begins, ends time.Time) {
	n := 0
	for d := from; d <= to; d = d.Add(1) {
		n++
	}
	return from.Add(-n).Begin(zone), from.Begin(zone), to.End(zone)
}

// Make reports on rows of the span, in the order of their hours. Of hours that have
// not begun by now there is nothing. In a zone that is off by half an hour a day's first
// hour is the one that begins at its half.
func Make(rows []Row, from, to books.Day, zone *time.Location, currency money.Currency, now time.Time) Report {
	_, begins, ends := Span(from, to, zone)
	r := Report{From: from, To: to, Hours: []Shown{}, Lengths: []Length{}}
	r.Total, r.Before = none(currency), none(currency)
	for d := from; d <= to; d = d.Add(1) {
		r.Days = append(r.Days, DaySums{Day: d, Hours: int(d.End(zone).Sub(d.Begin(zone)) / time.Hour), Sums: none(currency)})
	}
	before, _, _ := Span(from, to, zone)
	for at := before; at.Before(ends) && at.Before(now); at = at.Add(time.Hour) {
		n := 0
		for n < len(rows) && rows[n].At.Before(at.Add(time.Hour)) {
			n++
		}
		hour := rows[:n]
		rows = rows[n:]
		shown := show(at, hour, zone)
		if at.Before(begins) {
			r.Before.add(hour, shown)
			continue
		}
		if k := len(r.Hours); k > 0 {
			last := r.Hours[k-1]
			shown.Repeated = last.Day == shown.Day && last.Hour == shown.Hour
		}
		r.Hours = append(r.Hours, shown)
		r.Total.add(hour, shown)
		if i := slices.IndexFunc(r.Days, func(d DaySums) bool { return d.Day == shown.Day }); i >= 0 {
			r.Days[i].add(hour, shown)
		}
		for _, h := range hour {
			r.CountedAt = latest(r.CountedAt, h.CountedAt)
			r.ToldAt = latest(r.ToldAt, h.ToldAt)
		}
	}
	for i := range r.Days {
		r.Days[i].finish()
	}
	r.Total.finish()
	r.Before.finish()
	r.Lengths = byLength(r.Total.lengths)
	return r
}

func none(c money.Currency) Sums { return Sums{Reserved: money.New(0, c), WalkIn: money.New(0, c)} }

// show is one hour over all types; without any it was never counted, and nothing of it
// is known. What is known is so of all: it is told by one edge.
func show(at time.Time, all []Row, zone *time.Location) Shown {
	local := at.In(zone)
	s := Shown{At: at.UTC(), Day: books.DayOf(at, zone), Hour: local.Hour()}
	var known time.Duration
	var occupied, room float64
	arrivals, left, stays := 0, 0, 0
	for _, h := range all {
		known = max(known, h.Known)
		occupied += h.Occupied.Seconds()
		room += float64(h.Capacity) * h.Known.Seconds()
		s.Capacity += int(h.Capacity)
		s.Refused += int(h.Refused)
		arrivals, left = arrivals+int(h.Arrivals), left+int(h.Departures)
		stays += len(h.Stays)
		s.Late = s.Late || h.Late
	}
	if s.Capacity > 0 && (known > 0 || stays > 0) {
		s.Turnover = new(float64(stays) / float64(s.Capacity))
	}
	if known > 0 {
		s.Arrivals, s.Left = &arrivals, &left
		s.Occupied = new(tenths(occupied / known.Seconds()))
		if room > 0 {
			s.Percent = new(tenths(100 * occupied / room))
		}
	}
	return s
}

func tenths(x float64) float64 { return math.Round(x*10) / 10 }

func (s *Sums) add(all []Row, shown Shown) {
	for _, h := range all {
		for _, t := range h.Takings {
			if t.Currency == s.Reserved.Currency {
				s.Reserved.Minor += t.Reserved
				s.WalkIn.Minor += t.WalkIn
			}
		}
		s.Due, s.NoShows, s.Early, s.Resold = s.Due+int(h.Due), s.NoShows+int(h.NoShows), s.Early+int(h.Early), s.Resold+int(h.Resold)
		s.Refused += int(h.Refused)
		s.lengths = append(s.lengths, h.Stays...)
	}
	if shown.Capacity > 0 {
		s.room, s.roomed = s.room+shown.Capacity, s.roomed+1
	}
	s.anything = s.anything || shown.Occupied != nil
	if shown.Percent != nil && *shown.Percent >= Full {
		s.FullHours++
	}
	if shown.Occupied == nil {
		s.UnknownHours++
	}
}

func (s *Sums) finish() {
	slices.Sort(s.lengths)
	s.Stays = len(s.lengths)
	if n := len(s.lengths); n > 0 {
		s.Median = new(int(s.lengths[(n-1)/2]))
	}
	if s.room > 0 && (s.anything || s.Stays > 0) {
		s.Turnover = new(math.Round(100*float64(s.Stays)*float64(s.roomed)/float64(s.room)) / 100)
	}
}

// byLength divides sorted lengths.
func byLength(all []int32) []Length {
	out := []Length{}
	done := 0
	for _, limit := range lengths() {
		n := 0
		for done+n < len(all) && int(all[done+n]) <= limit {
			n++
		}
		done += n
		out = append(out, Length{UpTo: new(limit), Stays: n})
	}
	return append(out, Length{Stays: len(all) - done})
}

func latest(a *time.Time, b time.Time) *time.Time {
	if b.IsZero() || a != nil && !b.After(*a) {
		return a
	}
	b = b.UTC()
	return &b
}
