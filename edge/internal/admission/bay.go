package admission

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// walkinStay is how far ahead a walk-in is kept off the bays that reservations
// count on: nobody knows how long he stays.
const walkinStay = 4 * time.Hour

// bay fixes where somebody who comes in now is sent: to the tentative bay of e,
// his reservation as it is cached, unless somebody stands there or is on his
// way; otherwise to a free one of the type, rather one that no other reservation
// counts on up to the time to. Empty: the type has no bays, or none is free.
// An exact bay is a type of one: its guest gets that one or none.
func (s *State) bay(t id.SpaceType, e wire.Entry, now Time, to time.Time) string {
	i := slices.IndexFunc(s.Bays, func(b wire.Bays) bool { return b.SpaceType == t })
	if i < 0 {
		return ""
	}
	taken := map[string]bool{}
	for _, ses := range s.Sessions {
		if !ses.Gone { // whom nobody saw leave and the cloud takes to have left
			taken[ses.Bay] = true
		}
	}
	for r, other := range s.Entries { // inside as the cloud knows it, and forgotten here
		if other.State == wire.EntryActive && other.SpaceType == t && s.Uses[r].State != UseDone && s.Uses[r].State != UseVoid {
			taken[other.Bay] = true
		}
	}
	labels := s.Bays[i].Labels
	if e.SpaceType == t && e.Bay != "" && !taken[e.Bay] && slices.Contains(labels, e.Bay) {
		return e.Bay
	}
	if to.IsZero() {
		to = now.Lo.Add(walkinStay)
	}
	// The earliest that a reservation counts on each bay; none: it is the best.
	next := map[string]int64{}
	for _, other := range s.Entries {
		coming := other.State == wire.EntryConfirmed && other.Reservation != e.Reservation && other.SpaceType == t
		// Whoever has not come by the end of his window does not come.
		if !coming || other.Bay == "" || other.To <= now.Lo.Unix() || s.Uses[other.Reservation].State == UseInside || s.Uses[other.Reservation].State == UseDone {
			continue
		}
		if from, ok := next[other.Bay]; !ok || other.From < from {
			next[other.Bay] = other.From
		}
	}
	best, latest := "", int64(0)
	for _, b := range labels {
		from, counted := next[b]
		switch {
		case taken[b]:
		case !counted || from >= to.Unix():
			return b
		case best == "" || from > latest:
			best, latest = b, from
		}
	}
	return best
}
