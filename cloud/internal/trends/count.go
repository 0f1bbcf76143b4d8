package trends

import (
	"cmp"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Facts are what happened at a parking in a run of whole hours.
type Facts struct {
	Span       timerange.Range
	Types      []id.SpaceType
	Capacities []Capacity
	Known      []timerange.Range // of which the edge has told everything
	Stays      []Stay            // that touch the span
	Refusals   []Refusal
	SoldOut    []SoldOut
	Due        []Due
	Money      []Money
	Told       map[time.Time]time.Time // by hour: when the newest fact in it was heard
}

// Capacity is that of a type from a UTC day on.
type Capacity struct {
	Type     id.SpaceType
	Day      int64 // since the epoch
	Capacity int32
}

// Stay is a vehicle that was inside.
type Stay struct {
	Type id.SpaceType
	In   time.Time
	Out  time.Time // zero: it is inside
	// Early says that it stood on a reservation and left a quarter of an hour or more
	// before the end.
	Early bool
}

// Refusal is somebody whom a gate turned away because nothing was free.
type Refusal struct {
	Type id.SpaceType
	At   time.Time
}

// SoldOut is how many wanted to book from an hour on and found nothing.
type SoldOut struct {
	Type id.SpaceType
	Hour time.Time
	N    int32
}

// Due is a reservation that began, and of which it is known whether somebody came.
type Due struct {
	Type   id.SpaceType
	From   time.Time
	NoShow bool
	Resold bool // the place of a no-show was taken by somebody who came later
}

// Money is what was taken at a time, less what of that was given back since.
type Money struct {
	Type     id.SpaceType
	At       time.Time
	Reserved bool // for a reservation; else for a walk-in
	Amount   money.Amount
}

// Hour is what there is to say about an hour of a space type. Two of the same facts
// are equal but for Stays, which are compared by their elements.
type Hour struct {
	Type       id.SpaceType
	At         time.Time
	Known      time.Duration // of the hour, that the edge has told of
	Occupied   time.Duration // by all vehicles together, in that
	Capacity   int32
	Arrivals   int32
	Departures int32
	Refused    int32
	Due        int32
	NoShows    int32
	Resold     int32
	Early      int32
	Stays      []int32   // minutes of those that ended, the shortest first
	ToldAt     time.Time // when the newest fact was heard; zero: there is none
	Takings    []Taking  // by currency
}

// Taking is what was taken in an hour in a currency, in minor units.
type Taking struct {
	Currency money.Currency
	Reserved int64
	WalkIn   int64
}

// slot names an hour; instants of different zones are no equal keys.
type slot struct {
	t  id.SpaceType
	at int64
}

// Count counts every hour of the span for every type, by type and then by time.
func Count(f Facts) []Hour {
	byType := make(map[slot]*Hour)
	out := make([]Hour, 0, len(f.Types)*int(f.Span.To.Sub(f.Span.From)/time.Hour))
	for _, t := range slices.Sorted(slices.Values(f.Types)) {
		for at := f.Span.From; at.Before(f.Span.To); at = at.Add(time.Hour) {
			out = append(out, Hour{Type: t, At: at, Known: f.known(at), Capacity: f.capacity(t, at), ToldAt: f.Told[at]})
		}
	}
	for i := range out {
		byType[slot{out[i].Type, out[i].At.Unix()}] = &out[i]
	}
	in := func(t id.SpaceType, at time.Time) *Hour {
		if h := byType[slot{t, at.Truncate(time.Hour).Unix()}]; h != nil {
			return h
		}
		return &Hour{} // outside of the span, or of a type that there is not any more
	}
	for i := range f.Stays {
		f.stay(&f.Stays[i], in)
	}
	for _, r := range f.Refusals {
		in(r.Type, r.At).Refused++
	}
	for _, s := range f.SoldOut {
		in(s.Type, s.Hour).Refused += s.N
	}
	for _, d := range f.Due {
		h := in(d.Type, d.From)
		h.Due++
		if d.NoShow {
			h.NoShows++
			if d.Resold {
				h.Resold++
			}
		}
	}
	for _, m := range f.Money {
		in(m.Type, m.At).take(m)
	}
	for i := range out {
		slices.Sort(out[i].Stays)
		slices.SortFunc(out[i].Takings, func(a, b Taking) int { return cmp.Compare(a.Currency, b.Currency) })
	}
	return out
}

// stay counts where a vehicle came, was and went.
func (f *Facts) stay(s *Stay, in func(id.SpaceType, time.Time) *Hour) {
	in(s.Type, s.In).Arrivals++
	end := s.Out
	if end.IsZero() {
		end = f.Span.To
	} else {
		h := in(s.Type, s.Out)
		h.Departures++
		h.Stays = append(h.Stays, int32(min(max(s.Out.Sub(s.In), 0)/time.Minute, 1<<30)))
		if s.Early {
			h.Early++
		}
	}
	from, to := later(s.In, f.Span.From), sooner(end, f.Span.To)
	for at := from.Truncate(time.Hour); at.Before(to); at = at.Add(time.Hour) {
		h := in(s.Type, at)
		for _, k := range f.Known {
			h.Occupied += overlap(timerange.Range{From: later(from, at), To: sooner(to, at.Add(time.Hour))}, k)
		}
	}
}

func (f *Facts) known(at time.Time) (d time.Duration) {
	for _, k := range f.Known {
		d += overlap(timerange.Range{From: at, To: at.Add(time.Hour)}, k)
	}
	return d
}

func (f *Facts) capacity(t id.SpaceType, at time.Time) (n int32) {
	day, since := at.Unix()/86400, int64(-1)
	for _, c := range f.Capacities {
		if c.Type == t && c.Day <= day && c.Day > since {
			n, since = c.Capacity, c.Day
		}
	}
	return n
}

func (h *Hour) take(m Money) {
	i := slices.IndexFunc(h.Takings, func(t Taking) bool { return t.Currency == m.Amount.Currency })
	if i < 0 {
		i = len(h.Takings)
		h.Takings = append(h.Takings, Taking{Currency: m.Amount.Currency})
	}
	if m.Reserved {
		h.Takings[i].Reserved += m.Amount.Minor
	} else {
		h.Takings[i].WalkIn += m.Amount.Minor
	}
}

func overlap(a, b timerange.Range) time.Duration {
	return max(sooner(a.To, b.To).Sub(later(a.From, b.From)), 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
