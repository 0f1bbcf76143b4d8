package admission

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Time is the trusted interval of "now". Hi is zero when there is no upper
// bound.
type Time struct{ Lo, Hi time.Time }

// surelyBefore reports that t has surely not come yet.
func (n Time) surelyBefore(t time.Time) bool { return !n.Hi.IsZero() && n.Hi.Before(t) }

// surelyReached reports that t has surely come.
func (n Time) surelyReached(t time.Time) bool { return !n.Lo.Before(t) }

// Direction is which way a lane leads.
type Direction string

// The directions.
const (
	Entry Direction = "entry"
	Exit  Direction = "exit"
)

// Lane is where a credential is shown.
type Lane struct {
	ID        id.Lane
	Direction Direction
	SpaceType id.SpaceType // what a walk-in through it takes
}

// Pass is a gate pass whose signature was verified.
type Pass struct {
	Parking     id.Parking
	Reservation id.Reservation
	Generation  uint16
	SpaceType   id.SpaceType
	From, To    time.Time
	NoShowAt    time.Time
	Revision    uint64 // of the commit that confirmed it
}

// CredentialKind says what was shown.
type CredentialKind uint8

// The kinds of credential.
const (
	Unreadable   CredentialKind = iota // neither a pass nor a ticket
	Button                             // nothing: the button was pressed
	Ticket                             // a walk-in's ticket
	Genuine                            // a pass that this edge's keys verify
	UnknownKey                         // a pass signed with a key that this edge does not have
	BadSignature                       // a forged or damaged pass
)

// Credential is what was shown at a gate, already read and verified.
type Credential struct {
	Kind    CredentialKind
	Pass    Pass       // Genuine
	Session id.Session // Ticket
}

// Request is one question to Decide.
type Request struct {
	Parking    id.Parking
	Lane       Lane
	Credential Credential
	Now        Time
	Fresh      id.Session     // an id that is used if a session has to be opened
	Zone       *time.Location // for the times in the sentence
}

// Verdict is the answer. Fact is to be journalled, and the barrier opened only
// after that and only if Opens.
type Verdict struct {
	Reason   wire.Reason
	Sentence string // for the driver
	Ticket   string // to be handed to a walk-in
	Fact     Fact   // Admitted, Released or Refused
}

// Opens reports whether the barrier is to open.
func (v Verdict) Opens() bool { return v.Reason.Admits() }

// Decide answers a request from the state alone.
func Decide(s *State, r Request) Verdict {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if r.Lane.Direction == Exit {
		return decideExit(s, r)
	}
	switch r.Credential.Kind {
	case Button:
		return decideWalkin(s, r)
	case Genuine:
		return decidePass(s, r)
	case BadSignature:
		return r.refuse(wire.RefuseBadSignature, id.Reservation{}, 0, say(wire.RefuseBadSignature))
	case UnknownKey:
		if len(s.Keys) == 0 {
			return r.refuse(wire.RefuseStaleCache, id.Reservation{}, 0, say(wire.RefuseStaleCache))
		}
		return r.refuse(wire.RefuseUnknown, id.Reservation{}, 0, say(wire.RefuseUnknown))
	case Unreadable, Ticket:
	}
	return r.refuse(wire.RefuseUnknown, id.Reservation{}, 0, say(wire.RefuseUnknown))
}

func decideWalkin(s *State, r Request) Verdict {
	t := r.Lane.SpaceType
	if t == "" {
		t = id.Standard
	}
	a, ok := s.Allotments[t]
	switch {
	case !ok || a.Units == 0:
		return r.refuse(wire.RefuseFull, id.Reservation{}, 0, say(wire.RefuseFull))
	case r.Now.Hi.IsZero():
		// An allotment ends at an instant; without an upper bound it may have.
		return r.refuse(wire.RefuseClockUntrusted, id.Reservation{}, 0, say(wire.RefuseClockUntrusted))
	case !s.room(t, r.Now):
		return r.refuse(wire.RefuseFull, id.Reservation{}, 0, say(wire.RefuseFull))
	}
	bay := s.bay(t, wire.Entry{}, r.Now, time.Time{})
	v := r.admit(wire.AdmitWalkin, Fact{Allotted: true, Event: wire.Event{SpaceType: t, Bay: bay}}, sendTo(bay, say(wire.AdmitWalkin)))
	v.Ticket = TicketText(r.Fresh)
	return v
}

// room reports whether the allotment of a type has a unit left now.
func (s *State) room(t id.SpaceType, now Time) bool {
	a, ok := s.Allotments[t]
	return ok && now.surelyBefore(time.Unix(a.Until, 0)) && s.Taken(t, now.Lo) < int(a.Units)
}

// decidePass decides an entry with a genuine pass.
func decidePass(s *State, r Request) Verdict {
	p := r.Credential.Pass
	refuse := func(code wire.Reason, args ...any) Verdict {
		return r.refuse(code, p.Reservation, p.Generation, say(code, args...))
	}
	if p.Parking != r.Parking {
		// The reservation is another parking's: it is not named in this one's journal.
		return r.refuse(wire.RefuseWrongParking, id.Reservation{}, 0, say(wire.RefuseWrongParking, p.Parking))
	}
	e, cached := s.Entries[p.Reservation]
	reason := wire.AdmitReservation
	from, to, spaceType := p.From, p.To, p.SpaceType
	switch {
	case cached && p.Generation < e.Generation:
		return refuse(wire.RefuseSuperseded)
	case cached && e.State == wire.EntryRevoked && p.Generation == e.Generation:
		return refuse(wire.RefuseRevoked)
	case cached && p.Generation == e.Generation:
		from, to = e.Window()
		spaceType = e.SpaceType
	case s.Revision >= p.Revision:
		// The cache is complete through the commit that confirmed this pass and
		// does not have it: it does not exist here.
		return refuse(wire.RefuseUnknown)
	default:
		reason = wire.AdmitPassOffline
	}
	if at, used := s.used(p.Reservation, e); used {
		return refuse(wire.RefusePassback, at.In(r.Zone))
	}
	if r.Now.surelyReached(to) {
		return refuse(wire.RefuseTooLate, to.In(r.Zone))
	}
	f := Fact{Until: to.Unix(), Event: wire.Event{Reservation: p.Reservation, Generation: p.Generation, SpaceType: spaceType}}
	if r.Now.surelyBefore(from) {
		opens := from.Add(-time.Duration(s.Policy.EarlyEntry) * time.Second)
		if r.Now.surelyBefore(opens) {
			return refuse(wire.RefuseTooEarly, from.In(r.Zone), opens.In(r.Zone))
		}
		if !s.room(spaceType, r.Now) {
			return refuse(wire.RefuseTooEarly, from.In(r.Zone))
		}
		f.EarlyUntil = from.Unix()
	}
	// Past the no-show deadline the guest is still admitted (reinstated) as long
	// as the cloud, which can only declare a no-show after hearing from this edge,
	// has not done so. Once it has, the claim is gone: only the allotment is left.
	if e.State == wire.EntryNoShow && reason == wire.AdmitReservation {
		if !s.room(spaceType, r.Now) {
			return refuse(wire.RefuseFull)
		}
		reason, f.Allotted = wire.AdmitWalkin, true
	}
	f.Event.Bay = s.bay(spaceType, e, r.Now, to)
	return r.admit(reason, f, sendTo(f.Event.Bay, say(reason)))
}

// used reports whether a reservation's pass is inside or has left, and since
// when.
func (s *State) used(r id.Reservation, e wire.Entry) (time.Time, bool) {
	u, known := s.Uses[r]
	if known && u.State != UseVoid {
		return time.UnixMilli(u.At), true
	}
	if e.State != wire.EntryActive && e.State != wire.EntryDone {
		return time.Time{}, false
	}
	// The cloud may not have heard yet that this very session backed out.
	if known && (e.Session == u.Session || e.Session.IsZero() && e.State == wire.EntryActive) {
		return time.Time{}, false
	}
	if e.Session.IsZero() {
		return time.Unix(e.From, 0), true
	}
	return e.Session.Time(), true
}

func (r Request) admit(reason wire.Reason, f Fact, sentence string) Verdict {
	f.Event.Kind, f.Event.Reason, f.Event.Lane, f.Event.Session = wire.Admitted, reason, r.Lane.ID, r.Fresh
	return Verdict{Reason: reason, Sentence: sentence, Fact: f}
}

func (r Request) refuse(reason wire.Reason, rsv id.Reservation, generation uint16, sentence string) Verdict {
	return Verdict{Reason: reason, Sentence: sentence, Fact: Fact{Event: wire.Event{
		Kind: wire.Refused, Reason: reason, Lane: r.Lane.ID, Reservation: rsv, Generation: generation,
	}}}
}
