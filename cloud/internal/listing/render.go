package listing

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Window is what somebody wants to park for: a time, and a space type or any.
type Window struct {
	timerange.Range
	Type id.SpaceType // empty: all types together
}

// description is what only a new description changes.
type description struct {
	ID        id.Parking    `json:"id"`
	Name      string        `json:"name"`
	Address   string        `json:"address"`
	City      string        `json:"city"`
	Latitude  float64       `json:"latitude"`
	Longitude float64       `json:"longitude"`
	Timezone  string        `json:"timezone"`
	Kind      parking.Kind  `json:"kind"`
	Capacity  *int          `json:"capacity"` // null: not known, nothing is sold
	PriceFrom *money.Amount `json:"price_from"`
}

// details is what only the full form has beside that.
type details struct {
	OpeningHours *hours.Hours   `json:"opening_hours"` // null: always open
	Tariff       *tariff.Tariff `json:"tariff"`
	Lanes        []named        `json:"lanes"` // those that have a label
	Policies     policies       `json:"policies"`
	Numbered     []numbered     `json:"numbered,omitempty"`
	Facts        *parking.Facts `json:"facts"` // null: none are told

	Pictures []parking.ShownPicture `json:"pictures"`
}

// named is a lane with what people call it.
type named struct {
	ID    id.Lane `json:"id"`
	Label string  `json:"label"`
}

// numbered is a space type whose bays have numbers.
type numbered struct {
	Type id.SpaceType `json:"type"`
	Bays []string     `json:"bays"`
}

type policies struct {
	HorizonDays      int   `json:"horizon_days"`
	MaxStayMinutes   int64 `json:"max_stay_minutes"`
	MinStayMinutes   int64 `json:"min_stay_minutes"`
	MinLeadMinutes   int64 `json:"min_lead_minutes"`
	HoldMinutes      int64 `json:"hold_minutes"`
	EarlyMinutes     int64 `json:"early_entry_minutes"`
	ExitGraceMinutes int64 `json:"exit_grace_minutes"`
	NoShowMinutes    int64 `json:"no_show_after_minutes"`

	NoShowCharge int `json:"no_show_charge_percent"` // of the price, for who does not come
	EarlyCharge  int `json:"early_charge_percent"`   // of the price at the least, for who leaves early; 100: all of it

	PayAtMachine bool                  `json:"pay_at_machine"`
	Dynamic      *parking.DynamicPrice `json:"dynamic_price,omitempty"`
}

func newLot(s Snapshot) *lot {
	p := &s.Parking
	l := &lot{Snapshot: s, text: haystack(p), vec: placeOf(p).vec()}
	// An unknown zone leaves windows without a price rather than the parking
	// out of the list.
	zone, err := p.Location()
	if err != nil {
		zone = nil
	}
	if plan, err := tariff.Compile(p.Tariff, zone); err == nil {
		l.plan = plan
	}
	d := description{
		ID: p.ID, Name: p.Name, Address: p.Address, City: p.City, Latitude: p.Latitude, Longitude: p.Longitude,
		Timezone: p.Timezone, Kind: p.Kind,
	}
	l.zone = zone
	more := details{OpeningHours: p.Policy.Hours, Lanes: []named{}, Policies: policiesOf(p.Policy), Facts: p.Policy.Facts, Pictures: parking.Shown(p.ID, p.Pictures)}
	for _, s := range p.Policy.Lanes {
		if s.Label != "" {
			more.Lanes = append(more.Lanes, named{s.Lane, s.Label})
		}
	}
	for _, t := range p.SpaceTypes {
		if len(t.Bays) > 0 {
			more.Numbered = append(more.Numbered, numbered{t.ID, t.Bays})
		}
	}
	if len(p.SpaceTypes) > 0 {
		capacity := p.Capacity()
		d.Capacity = &capacity
	}
	if p.Tariff.Validate() == nil {
		from := p.Tariff.From()
		d.PriceFrom, more.Tariff = &from, &p.Tariff
	}
	l.static, l.full = members(d), members(more)
	return l
}

func policiesOf(p parking.Policy) policies {
	minutes := func(d time.Duration) int64 { return int64(d / time.Minute) }
	return policies{p.HorizonDays, minutes(p.MaxStay), minutes(p.MinStay), minutes(p.MinLead), minutes(p.HoldTTL), minutes(p.EarlyEntry), minutes(p.ExitGrace), minutes(p.NoShowAfter), p.NoShowCharge, p.EarlyCharge, p.PayAtMachine, p.Dynamic}
}

// members is a struct's JSON without its braces.
func members(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Only a number that is not finite cannot be written, and the database
		// holds none.
		return []byte(`"error":"unreadable"`)
	}
	return b[1 : len(b)-1]
}

// fixed is the part of one parking's JSON that only a new description changes.
// Its bytes are never written again.
type fixed struct {
	id           id.Parking
	static, full []byte
	price        []byte // of the window; nil without one, or when it moves
}

func (l *lot) fixed(w *Window) fixed {
	f := fixed{l.Parking.ID, l.static, l.full, nil}
	if w != nil && l.Parking.Policy.Dynamic == nil {
		f.price = l.appendPrice(make([]byte, 0, 48), w, time.Time{})
	}
	return f
}

func (l *lot) appendPrice(b []byte, w *Window, now time.Time) []byte {
	total, ok := l.price(w, now)
	if !ok {
		return append(b, `,"price":null`...)
	}
	b = append(b, `,"price":{"minor":`...)
	b = append(strconv.AppendInt(b, total.Minor, 10), `,"currency":"`...)
	return append(append(b, total.Currency...), `"}`...)
}

// rendered is the part that events and time change.
type rendered struct {
	moving   []byte // without as_of
	asOf     time.Time
	frozen   bool // asOf does not go on: the edge is away
	revision uint64
}

// render gives the members that events and time change. Their bytes are never
// written again.
func (l *lot) render(now, current time.Time, w *Window) rendered {
	m := newMoment(now, current)
	f, n := l.look(&m)
	r := rendered{revision: l.Revision}
	if w != nil {
		r.moving = l.appendWindow(make([]byte, 0, 320), f, n, w, now)
	} else {
		r.moving = bytes.Clone(f.moving())
	}
	r.asOf, r.frozen = f.asOf(current)
	return r
}

// appendMoving writes the members that events and time change, without those of a
// window, and notes in the numbers where these would be.
func (l *lot) appendMoving(b []byte, n *numbers) []byte {
	b = append(append(b, `"status":"`...), n.status...)
	b = append(b, `","available_now":`...)
	b = appendKnown(b, n.now, n.known)
	b = append(b, `,"version":`...)
	b = strconv.AppendUint(b, l.Revision, 10)
	if l.Parking.Policy.Hours != nil {
		b = appendOpens(b, n)
	}
	b = append(b, `,"space_types":[`...)
	for i := range n.types {
		t := &n.types[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"type":"`...), t.id...)
		b = append(b, `","capacity":`...)
		b = strconv.AppendInt(b, int64(t.capacity), 10)
		b = append(b, `,"available_now":`...)
		b = appendKnown(b, t.now, n.known)
		t.end = int32(len(b))
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendWindow writes the members that events and time change with those of a
// window between them. f is the lot's face, n the numbers on it.
func (l *lot) appendWindow(b []byte, f *face, n *numbers, w *Window, now time.Time) []byte {
	closed := l.zone != nil && l.Parking.Policy.CheckHours(w.Range, l.zone, false) != nil
	sold := !closed && l.Parking.Policy.CheckWindow(w.Range, now) == nil
	claim, all, from := w.Claim(), 0, f.fixed
	for i := range n.types {
		t, free := &n.types[i], 0
		if sold {
			free = t.free(claim)
		}
		if w.Type == "" || w.Type == t.id {
			all += free
		}
		b = append(append(b, f.json[from:t.end]...), `,"available":`...)
		b, from = appendKnown(b, free, !n.old), t.end
	}
	b = append(append(b, f.json[from:]...), `,"available":`...)
	b = appendKnown(b, all, !n.old)
	if l.Parking.Policy.Hours != nil {
		b = strconv.AppendBool(append(b, `,"closed_then":`...), closed)
	}
	switch {
	case l.Parking.Policy.Dynamic == nil:
	case n.old:
		b = append(b, `,"price":null`...)
	default:
		b = l.appendPrice(b, w, now)
	}
	return b
}

// appendOpens writes when a closed parking opens; null: it is open, or closed for good.
func appendOpens(b []byte, n *numbers) []byte {
	if n.opens.IsZero() {
		return append(b, `,"opens_at":null`...)
	}
	return append(appendTime(append(b, `,"opens_at":"`...), n.opens), '"')
}

func appendKnown(b []byte, n int, known bool) []byte {
	if !known {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// whole appends the object with all that holds for a query. A distance below
// zero is none.
func whole(b []byte, f fixed, r rendered, distance float64, full bool) []byte {
	b = append(append(append(b, '{'), f.static...), ',')
	b = append(r.append(b), f.price...)
	if distance >= 0 {
		b = append(b, `,"distance_m":`...)
		b = strconv.AppendInt(b, int64(distance+0.5), 10)
	}
	if full {
		b = append(append(b, ','), f.full...)
	}
	return append(b, '}')
}

// change appends the object that tells what changed.
func change(b []byte, f fixed, r rendered) []byte {
	b = append(append(append(b, `{"id":"`...), f.id...), `",`...)
	return append(r.append(b), '}')
}

func (r rendered) append(b []byte) []byte {
	b = append(b, r.moving...)
	b = append(b, `,"as_of":"`...)
	return append(appendTime(b, r.asOf), '"')
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().Truncate(time.Millisecond).AppendFormat(b, time.RFC3339Nano)
}
