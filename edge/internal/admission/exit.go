package admission

import (
	"strings"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// ticketPrefix starts the text of a walk-in's ticket.
const ticketPrefix = "TK1:"

// TicketText is what a walk-in's ticket says.
func TicketText(s id.Session) string { return ticketPrefix + s.String() }

// ParseTicket reads a walk-in's ticket. ok is false for any other text.
func ParseTicket(text string) (s id.Session, ok bool) {
	rest, ok := strings.CutPrefix(text, ticketPrefix)
	if !ok {
		return s, false
	}
	s, err := id.Parse[id.Session](rest)
	return s, err == nil
}

// decideExit decides at an exit. What is shown only decides which session
// ends: whoever has nothing that can be read presses the button, and that
// always opens.
func decideExit(s *State, r Request) Verdict {
	switch c := r.Credential; c.Kind {
	case Button:
		return r.release(wire.AdmitPolicy, Session{ID: r.Fresh})
	case UnknownKey:
		// Perhaps genuine; the reservation it names cannot be believed.
		return r.release(wire.AdmitPolicy, Session{ID: r.Fresh})
	case Ticket:
		ses, ok := s.Sessions[c.Session]
		switch {
		case !ok:
			// Admitted by this parking in a life that this edge has forgotten, or
			// gone already: the cloud, which knows the session, decides.
			return r.release(wire.AdmitSoftPassback, Session{ID: c.Session})
		case ses.Phase == Inside:
			return r.releaseKnown(ses)
		default:
			return r.refuse(wire.RefusePassback, ses.Reservation, ses.Generation, elsewhere)
		}
	case Genuine:
		return exitPass(s, r)
	case BadSignature:
		return r.refuse(wire.RefuseBadSignature, id.Reservation{}, 0, pressToLeave)
	case Unreadable:
	}
	return r.refuse(wire.RefuseUnknown, id.Reservation{}, 0, pressToLeave)
}

func exitPass(s *State, r Request) Verdict {
	p := r.Credential.Pass
	if p.Parking != r.Parking {
		return r.refuse(wire.RefuseWrongParking, id.Reservation{}, 0, pressToLeave)
	}
	pending := false
	for _, ses := range s.Sessions {
		if ses.Reservation != p.Reservation {
			continue
		}
		if ses.Phase == Inside {
			return r.releaseKnown(ses)
		}
		pending = true
	}
	if pending {
		return r.refuse(wire.RefusePassback, p.Reservation, p.Generation, elsewhere)
	}
	orphan := Session{ID: r.Fresh, Reservation: p.Reservation, Generation: p.Generation, SpaceType: p.SpaceType}
	e, cached := s.Entries[p.Reservation]
	u, known := s.Uses[p.Reservation]
	if cached && e.State == wire.EntryActive && !e.Session.IsZero() && (!known || u.Session != e.Session) {
		// It came in before this edge's memory begins; the cloud knows the session.
		orphan.ID = e.Session
		return r.release(wire.AdmitReservation, orphan)
	}
	return r.release(wire.AdmitSoftPassback, orphan)
}

func (r Request) releaseKnown(ses Session) Verdict {
	if ses.Reservation.IsZero() {
		return r.release(wire.AdmitWalkin, ses)
	}
	return r.release(wire.AdmitReservation, ses)
}

func (r Request) release(reason wire.Reason, ses Session) Verdict {
	return Verdict{Reason: reason, Sentence: goodbye, Fact: Fact{Event: wire.Event{
		Kind: wire.Released, Reason: reason, Lane: r.Lane.ID,
		Session: ses.ID, Reservation: ses.Reservation, Generation: ses.Generation, SpaceType: ses.SpaceType,
	}}}
}

// Conclude is the fact that ends an open authorisation of which nothing more
// will be seen: the barrier was told to open, or was about to be, so the car is
// taken to have passed. A pass can thus never be used twice because the agent
// died.
func Conclude(ses Session) Fact {
	kind := wire.Entered
	if ses.Phase == Leaving {
		kind = wire.Exited
	}
	return Fact{Event: wire.Event{
		Kind: kind, Inferred: true, Lane: ses.Lane, Session: ses.ID,
		Reservation: ses.Reservation, Generation: ses.Generation, SpaceType: ses.SpaceType,
	}}
}

// Ended is the fact that ends an authorisation as it was seen to end: passed,
// or backed out.
func Ended(ses Session, passed, inferred bool) Fact {
	f := Conclude(ses)
	f.Event.Inferred = inferred
	if !passed {
		f.Event.Kind = wire.BackedOut
	}
	return f
}
