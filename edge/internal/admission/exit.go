package admission

import (
	"bytes"
	"strings"
	"time"

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
// always opens. One vehicle leaves, so one stay is to end: where what is shown
// names none that is inside, standIn chooses it.
func decideExit(s *State, r Request) Verdict {
	switch c := r.Credential; c.Kind {
	case Button:
		return standIn(s, r, wire.AdmitPolicy, Session{ID: r.Fresh})
	case Manual:
		return standIn(s, r, wire.AdmitManual, Session{ID: r.Fresh})
	case Evacuation:
		return standIn(s, r, wire.AdmitEmergency, Session{ID: r.Fresh})
	case UnknownKey:
		// Perhaps genuine; the reservation it names cannot be believed.
		return standIn(s, r, wire.AdmitPolicy, Session{ID: r.Fresh})
	case Ticket:
		return exitTicket(s, r)
	case Genuine:
		return exitPass(s, r, c.Pass)
	case Plate, Card, PIN:
		return exitUnsigned(s, r)
	case BadSignature:
		return r.refuse(wire.RefuseBadSignature, id.Reservation{}, 0, r.say(pressToLeave))
	case Unreadable:
	}
	return r.refuse(wire.RefuseUnknown, id.Reservation{}, 0, r.say(pressToLeave))
}

func exitTicket(s *State, r Request) Verdict {
	shown := r.Credential.Session
	ses, ok := s.Sessions[shown]
	switch {
	case !ok:
		// Gone already, or admitted by this parking in a life that this edge has
		// forgotten: if nobody is inside, the cloud, which knows the session,
		// decides.
		return standIn(s, r, wire.AdmitSoftPassback, Session{ID: shown})
	case ses.Phase == Inside && s.toPayFirst(ses, r.Now):
		v := r.refuseOwn(wire.RefuseUnpaid)
		v.Fact.Event.Session = ses.ID
		return v
	case ses.Phase == Inside:
		return r.releaseKnown(ses)
	case ses.Phase == Leaving && ses.stoodIn():
		// Another vehicle is leaving on it right now: this one must leave too.
		return standIn(s, r, wire.AdmitSoftPassback, Session{ID: r.Fresh})
	default:
		return r.refuse(wire.RefusePassback, ses.Reservation, ses.Generation, r.say(elsewhere))
	}
}

// toPayFirst reports whether a walk-in is to be asked to pay before he leaves.
// He is asked once: nobody is kept in by what he owes, or by a clock.
func (s *State) toPayFirst(ses Session, now Time) bool {
	return s.Policy.PayFirst > 0 && ses.Reservation.IsZero() && ses.Asked == 0 && ses.Paid == 0 && !now.Hi.IsZero() &&
		now.Lo.Sub(time.UnixMilli(ses.Since)) > time.Duration(s.Policy.PayFirst)*time.Second
}

func exitPass(s *State, r Request, p Pass) Verdict {
	if p.Parking != r.Parking {
		return r.refuse(wire.RefuseWrongParking, id.Reservation{}, 0, r.say(pressToLeave))
	}
	var own Session // the first of those inside on this reservation
	pending := false
	for ses := range s.staysOf(p.Reservation) {
		switch {
		case ses.Phase != Inside:
			pending = true
		case own.ID.IsZero() || ses.before(own):
			own = ses
		}
	}
	if !own.ID.IsZero() {
		return r.releaseKnown(own)
	}
	if pending {
		return r.refuse(wire.RefusePassback, p.Reservation, p.Generation, r.say(elsewhere))
	}
	orphan := Session{ID: r.Fresh, Reservation: p.Reservation, Generation: p.Generation, SpaceType: p.SpaceType}
	e, cached := s.Entries[p.Reservation]
	u, known := s.Uses[p.Reservation]
	if cached && e.State == wire.EntryActive && !e.Session.IsZero() && (!known || u.Session != e.Session) {
		// It came in before this edge's memory begins; the cloud knows the session.
		orphan.ID = e.Session
		return r.release(wire.AdmitReservation, orphan)
	}
	reason := wire.AdmitSoftPassback
	if where, since, _, hearsay := s.whereIs(p.Reservation, e); where == left {
		if reason = s.passback(s.Policy.ExitPassback, wire.PassbackSoft, since, hearsay, r); reason == "" {
			return r.refuse(wire.RefusePassback, p.Reservation, p.Generation, r.say(usedToLeave))
		}
	}
	return standIn(s, r, reason, orphan)
}

// before tells which of two sessions began first.
func (ses Session) before(other Session) bool {
	return ses.Since < other.Since || ses.Since == other.Since && bytes.Compare(ses.ID.Bytes(), other.ID.Bytes()) < 0
}

// standIn releases a vehicle whose own stay cannot be told, for a reason that
// says so: in place of the walk-in that has been inside for longest, so that
// the count of those inside stays right and no unit of the allotment is lost.
// Only if no walk-in is inside is it released as orphan.
func standIn(s *State, r Request, reason wire.Reason, orphan Session) Verdict {
	oldest := orphan
	for _, ses := range s.Sessions {
		if ses.Phase != Inside || !ses.Reservation.IsZero() || ses.Gone {
			continue
		}
		if oldest.ID == orphan.ID || ses.before(oldest) {
			oldest = ses
		}
	}
	return r.release(reason, oldest)
}

// stoodIn reports that the session was last released by standIn.
func (ses Session) stoodIn() bool {
	switch ses.Reason {
	case wire.AdmitPolicy, wire.AdmitSoftPassback, wire.AdmitManual, wire.AdmitEmergency:
		return true
	default:
		return false
	}
}

func (r Request) releaseKnown(ses Session) Verdict {
	if ses.Reservation.IsZero() {
		return r.release(wire.AdmitWalkin, ses)
	}
	return r.release(wire.AdmitReservation, ses)
}

func (r Request) release(reason wire.Reason, ses Session) Verdict {
	return Verdict{Reason: reason, Sentence: r.say(goodbye), Fact: Fact{Event: wire.Event{
		Kind: wire.Released, Reason: reason, Lane: r.Lane.ID,
		Session: ses.ID, Reservation: ses.Reservation, Generation: ses.Generation, SpaceType: ses.SpaceType,
	}}}
}

// Conclude is the fact that ends an open authorisation of which nothing more
// will be seen: the barrier was told to open, or was about to be, so the car is
// taken to have passed. A pass can thus never be used twice because the agent
// died.
func Conclude(ses Session) Fact {
	kind, bay := wire.Entered, ses.Bay
	if ses.Phase == Leaving {
		kind, bay = wire.Exited, ""
	}
	return Fact{Event: wire.Event{
		Kind: kind, Inferred: true, Lane: ses.Lane, Session: ses.ID, Reason: ses.Reason,
		Reservation: ses.Reservation, Generation: ses.Generation, SpaceType: ses.SpaceType, Bay: bay,
	}}
}

// Ended is the fact that ends an authorisation as it was seen to end: passed,
// or backed out.
func Ended(ses Session, passed, inferred bool) Fact {
	f := Conclude(ses)
	f.Event.Inferred = inferred
	if !passed {
		f.Event.Kind, f.Event.Bay = wire.BackedOut, ""
	}
	return f
}
