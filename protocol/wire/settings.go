package wire

import (
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
)

// SettingsSince is the minor version from which on an edge is told when the parking is
// open, and what the owner has set of its lanes.
const SettingsSince = 6

// Limits of settings.
const (
	MaxOpen  = 7*hours.MaxSpans + hours.MaxDays*hours.MaxSpans
	MaxLabel = 64 // bytes of a lane's label
)

// Open is when a parking is open on a weekday, or on one day that is otherwise.
type Open struct {
	Weekday uint8  `cbor:"1,keyasint,omitempty"` // 1 Monday to 7 Sunday; 0: Day
	Day     uint32 `cbor:"2,keyasint,omitempty"` // since 1970-01-01
	From    uint16 `cbor:"3,keyasint"`           // minutes of the clock
	To      uint16 `cbor:"4,keyasint"`           // after From, 1440 at most; with both 0 a day is closed
}

// LaneMode is what a lane is to be for.
type LaneMode uint8

// The modes; none: as it is.
const (
	LaneOpen        LaneMode = 1 // to all
	LaneFull        LaneMode = 2 // no walk-ins: says that it is full
	LaneClosed      LaneMode = 3 // no walk-ins: says that it is closed
	LaneClosedToAll LaneMode = 4 // nobody comes in
)

// LaneSetting is what the owner has set of a lane.
type LaneSetting struct {
	Lane  id.Lane  `cbor:"1,keyasint"`
	Label string   `cbor:"2,keyasint,omitempty"` // what people call it
	Mode  LaneMode `cbor:"3,keyasint,omitempty"`
}

func (p *Policy) settings() error {
	if err := errors.Join(
		short("zone", p.Zone, MaxZone),
		check(p.Zone != "" || !p.Scheduled && len(p.Lanes) == 0, "what is set goes with the zone"),
		check(p.Scheduled || len(p.Open) == 0, "who is open around the clock has no opening hours"),
		check(len(p.Open) <= MaxOpen, "at most %d opening hours", MaxOpen),
		check(len(p.Lanes) <= MaxLanes, "at most %d lanes", MaxLanes),
	); err != nil {
		return err
	}
	for _, o := range p.Open {
		if err := errors.Join(
			check((o.Weekday == 0) != (o.Day == 0) && o.Weekday <= 7 && o.Day < 1<<24, "opening hours are of a weekday or of a day"),
			check(o.From < o.To && o.To <= hours.Day || o.From == 0 && o.To == 0 && o.Day > 0, "opening hours end after they begin, on the same day"),
		); err != nil {
			return err
		}
	}
	seen := map[id.Lane]bool{}
	for _, l := range p.Lanes {
		if err := errors.Join(lane(l.Lane), short("label", l.Label, MaxLabel), check(l.Mode <= LaneClosedToAll, "unknown lane mode"), check(!seen[l.Lane], "a lane is set twice")); err != nil {
			return err
		}
		seen[l.Lane] = true
	}
	return nil
}

// weekday is the day of a number from 1, Monday, to 7, Sunday.
func weekday(n uint8) time.Weekday { return time.Weekday(n % 7) }

// SetHours puts opening hours into the policy; nil: open around the clock.
func (p *Policy) SetHours(h *hours.Hours) {
	p.Scheduled, p.Open = h != nil, nil
	if h == nil {
		return
	}
	put := func(weekday uint8, day uint32, spans []hours.Span) {
		for _, s := range spans {
			p.Open = append(p.Open, Open{weekday, day, uint16(s.From), uint16(s.To)})
		}
	}
	for i := uint8(1); i <= 7; i++ {
		put(i, 0, h.Week.On(weekday(i)))
	}
	for _, e := range h.Exceptions {
		if len(e.Hours) == 0 {
			p.Open = append(p.Open, Open{Day: uint32(e.Date)})
		}
		put(0, uint32(e.Date), e.Hours)
	}
}

// Hours are the opening hours in the policy; nil: open around the clock.
func (p *Policy) Hours() *hours.Hours {
	if !p.Scheduled {
		return nil
	}
	h := &hours.Hours{}
	for _, o := range p.Open {
		s := hours.Span{From: hours.Clock(o.From), To: hours.Clock(o.To)}
		if o.Weekday > 0 {
			d := weekday(o.Weekday)
			h.Week.Put(d, append(h.Week.On(d), s))
			continue
		}
		n := len(h.Exceptions)
		if n == 0 || h.Exceptions[n-1].Date != hours.Date(o.Day) {
			h.Exceptions, n = append(h.Exceptions, hours.Exception{Date: hours.Date(o.Day)}), n+1
		}
		if o.To > 0 {
			h.Exceptions[n-1].Hours = append(h.Exceptions[n-1].Hours, s)
		}
	}
	return h
}
