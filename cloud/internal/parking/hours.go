package parking

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// CodeClosed is the fault of a window that begins or ends outside the opening hours. It is
// part of the API.
const CodeClosed = "closed"

// LaneSetting is what the owner has set of a lane. How it is wired is the installer's.
type LaneSetting struct {
	Lane  id.Lane  `json:"lane"`
	Label string   `json:"label,omitempty"` // what people call it
	Mode  LaneMode `json:"mode,omitempty"`  // empty: as the staff leave it
}

// LaneMode is what a lane is for.
type LaneMode string

// The modes.
const (
	LaneOpen        LaneMode = "open"
	LaneFull        LaneMode = "full"          // no walk-ins: there is no room
	LaneClosed      LaneMode = "closed"        // no walk-ins; who has reserved comes in
	LaneClosedToAll LaneMode = "closed_to_all" // nobody comes in
)

// laneModes are the modes with what an edge calls them.
var laneModes = map[LaneMode]wire.LaneMode{"": 0, LaneOpen: wire.LaneOpen, LaneFull: wire.LaneFull, LaneClosed: wire.LaneClosed, LaneClosedToAll: wire.LaneClosedToAll}

// Wire is the setting as an edge is told it.
func (s LaneSetting) Wire() wire.LaneSetting {
	return wire.LaneSetting{Lane: s.Lane, Label: s.Label, Mode: laneModes[s.Mode]}
}

// checkSettings names what is wrong about opening hours and lanes, by its place.
func (p *Policy) checkSettings(wrong map[string]string) {
	for place, says := range p.Hours.Problems() {
		wrong["opening_hours."+place] = says
	}
	if p.Hours != nil && len(wrong) == 0 {
		// What is free is counted by quarters of an hour, and shown by them.
		odd := func(place string, spans []hours.Span) {
			for _, s := range spans {
				if s.From%15 != 0 || s.To%15 != 0 {
					wrong["opening_hours."+place] = fmt.Sprintf("%s to %s is not in quarters of an hour", s.From, s.To)
				}
			}
		}
		for i, name := range [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
			odd("week."+name, p.Hours.Week.On(time.Weekday(i)))
		}
		for i, e := range p.Hours.Exceptions {
			odd(fmt.Sprintf("exceptions[%d]", i), e.Hours)
		}
	}
	if len(p.Lanes) > wire.MaxLanes {
		wrong["lanes"] = fmt.Sprintf("are more than %d", wire.MaxLanes)
		return
	}
	seen := map[id.Lane]bool{}
	for i, l := range p.Lanes {
		place := fmt.Sprintf("lanes[%d]", i)
		_, unnamed := id.ParseLane(string(l.Lane))
		_, known := laneModes[l.Mode]
		switch {
		case unnamed != nil:
			wrong[place+".lane"] = "is no lane's name"
		case seen[l.Lane]:
			wrong[place+".lane"] = "is there twice"
		case !known:
			wrong[place+".mode"] = "is not open, full, closed or closed_to_all"
		case len(l.Label) > wire.MaxLabel || !utf8.ValidString(l.Label) || strings.ContainsFunc(l.Label, func(r rune) bool { return r < ' ' }):
			wrong[place+".label"] = fmt.Sprintf("has at most %d bytes, on one line", wire.MaxLabel)
		case l.Label == "" && l.Mode == "":
			wrong[place] = "sets nothing"
		}
		seen[l.Lane] = true
	}
}

// Clean is the policy as it is kept: without days of the opening hours that are over, and
// without facts that say nothing.
func (p Policy) Clean(now time.Time) Policy {
	p.Facts = p.Facts.clean()
	p.Hours = p.Hours.Clean(hours.DateOf(now, time.UTC).Add(-1)) // it may be yesterday there
	return p
}

// Affected says how a window stands to opening hours.
type Affected struct {
	Begins, Ends bool // while it is closed
}

// Against reports whether a window begins or ends while a parking is closed. What it
// spans in between does not count: who stays over night stays.
func Against(h *hours.Hours, w timerange.Range, zone *time.Location) Affected {
	return Affected{!h.Open(w.From, zone), !h.MayEnd(w.To, zone)}
}

// CheckHours is whether a window may be sold by the opening hours; begun: it has begun
// already, and only its end counts. Its fault has CodeClosed and says when it opens.
func (p Policy) CheckHours(w timerange.Range, zone *time.Location, begun bool) error {
	if p.Hours == nil {
		return nil
	}
	a := Against(p.Hours, w, zone)
	switch {
	case a.Begins && !begun:
		return closed(p.Hours, "from", w.From, zone)
	case a.Ends:
		return closed(p.Hours, "to", w.To, zone)
	}
	return nil
}

func closed(h *hours.Hours, field string, at time.Time, zone *time.Location) error {
	opens, ever := h.Opens(at, zone)
	if !ever {
		return fault.New(fault.Invalid, CodeClosed, "This parking is closed until further notice.").WithField(field, "is when the parking is closed")
	}
	return fault.Newf(fault.Invalid, CodeClosed, "This parking is closed then. It opens again on %s.", opens.In(zone).Format("2 January 2006 at 15:04")).
		WithField(field, "is when the parking is closed").WithField("opens_at", opens.In(zone).Format(time.RFC3339))
}
