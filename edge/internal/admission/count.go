package admission

import (
	"slices"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Count is how many vehicles are inside: the stays that are known, and the bounds
// within which the truth lies, as each passage that nobody could see may be one more
// or one less.
type Count struct {
	Low  int `json:"low"`
	Best int `json:"best"`
	High int `json:"high"`
}

// Inside counts who is inside.
func (s *State) Inside() Count {
	c := Count{}
	for _, ses := range s.Sessions {
		if ses.Phase == Inside || ses.Phase == Leaving {
			c.Best++
		}
	}
	doubts := int(s.Doubt.Count - s.Doubt.Known)
	c.Low, c.High = max(c.Best-doubts, 0), c.Best+doubts
	return c
}

// Reserved counts those inside who have a reservation.
func (s *State) Reserved() int {
	n := 0
	for _, ses := range s.Sessions {
		if ses.Phase != Entering && !ses.Reservation.IsZero() {
			n++
		}
	}
	return n
}

// counted settles the doubts: somebody has counted.
func (d *Doubt) counted(e *wire.Event, c *Changes) {
	if _, _, count := wire.ParseCountNote(e.Note); count && d.Known != d.Count {
		d.Known, c.Cache = d.Count, true
	}
}

// Recount are the facts that bring those inside to a number that somebody has
// counted: who is missing came in as a walk-in without a ticket, who is too many has
// left, those first who have been inside for longest. Guests' stays are not ended by
// a count, so that is, how many are inside by then, may be more than n. note is the
// count's; fresh makes the sessions.
func Recount(s *State, r Request, n int, note string, fresh func() id.Session) (facts []Fact, is int) {
	have := s.Inside().Best
	for ; have < n; have++ {
		r.Fresh = fresh()
		facts = append(facts, Strayed(s, r, true, note)...)
	}
	var walkins []Session
	for _, ses := range s.Sessions {
		if ses.Phase == Inside && ses.Reservation.IsZero() && !ses.Gone {
			walkins = append(walkins, ses)
		}
	}
	slices.SortFunc(walkins, func(a, b Session) int { return int(max(min(a.Since-b.Since, 1), -1)) })
	for _, ses := range walkins {
		if have <= n {
			break
		}
		have--
		released := r.release(wire.AdmitPolicy, ses).Fact
		released.Event.Note = note
		facts = append(facts, released, seen(released, Leaving))
	}
	return facts, have
}
