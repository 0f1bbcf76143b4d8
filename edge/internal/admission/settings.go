package admission

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// zone is whose clock the opening hours go by: the parking's, or the edge's own where it
// does not know that one.
func (s *State) zone(own *time.Location) *time.Location {
	if own == nil {
		own = time.UTC
	}
	if s.Policy.Zone == "" || s.Policy.Zone == own.String() {
		return own
	}
	if z, err := time.LoadLocation(s.Policy.Zone); err == nil {
		return z
	}
	return own
}

// Shut reports whether the parking may be outside its opening hours: it is open only when
// it surely is, at each instant that may be now. Where there is no upper bound it is not
// said: nobody who would have to be kept out comes in without one. opens is when it opens;
// zero: never.
func (s *State) Shut(now Time, own *time.Location) (shut bool, opens time.Time) {
	h := s.Policy.Hours()
	if h == nil || now.Hi.IsZero() {
		return false, opens
	}
	z := s.zone(own)
	if h.Throughout(now.Lo, now.Hi, z) {
		return false, opens
	}
	opens, _ = h.Opens(now.Hi, z)
	return true, opens
}

// Setting is what the owner has set of a lane; the zero value: nothing.
func (s *State) Setting(l id.Lane) wire.LaneSetting {
	for _, x := range s.Policy.Lanes {
		if x.Lane == l {
			return x
		}
	}
	return wire.LaneSetting{}
}

// SetMode is the mode that the owner has set; ok is false when he has set none.
func SetMode(m wire.LaneMode) (mode Mode, ok bool) {
	if m < wire.LaneOpen || m > wire.LaneClosedToAll {
		return Open, false
	}
	return Mode(m - wire.LaneOpen), true
}

// whileShut refuses a walk-in outside the opening hours, and says when they begin.
func (r Request) whileShut(opens time.Time) Verdict {
	if opens.IsZero() {
		return r.refuseOwn(wire.RefuseLaneClosed)
	}
	at, layout := opens.In(r.Zone), clockTime
	if at.Sub(r.Now.Lo) > 20*time.Hour {
		layout = "2 January, 15:04"
		if r.Lane.Language == wire.German {
			layout = "02.01., 15:04"
		}
	}
	return r.refuse(wire.RefuseLaneClosed, id.Reservation{}, 0, r.say(shutUntil, at.Format(layout)))
}
