package admission

import (
	"slices"
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
	SpaceType id.SpaceType   // what a walk-in through it takes
	Only      []id.SpaceType // whose guests fit through it; none: all do
	Language  wire.Language  // of its drivers; empty: English
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
	Plate                              // what a camera read
	Card                               // the token of a card
	PIN                                // what was typed
	Manual                             // nothing: a person opens
	Evacuation                         // nothing: an alarm opens
)

// Credential is what was shown at a gate, already read and verified.
type Credential struct {
	Kind    CredentialKind
	Pass    Pass       // Genuine
	Session id.Session // Ticket
	Text    string     // Plate, Card, PIN; it is hashed and gets into no fact
}

// Request is one question to Decide.
type Request struct {
	Parking    id.Parking
	Lane       Lane
	Mode       Mode
	Credential Credential
	Now        Time
	Online     bool           // the cloud is there now
	Blocked    bool           // no PIN is looked at now; see Guard
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
	switch k := r.Credential.Kind; {
	case k == Manual:
		return byHand(r, wire.AdmitManual)
	case k == Evacuation:
		return byHand(r, wire.AdmitEmergency)
	case r.Mode == ClosedToAll:
		return r.refuseOwn(wire.RefuseLaneClosed)
	}
	shut, opens := s.Shut(r.Now, r.Zone)
	if shut { // as if the lane were closed: who has reserved comes in
		r.Mode = max(r.Mode, Closed)
	}
	switch r.Credential.Kind {
	case Button:
		if shut {
			return r.whileShut(opens)
		}
		return decideWalkin(s, r)
	case Genuine:
		return decidePass(s, r, r.Credential.Pass)
	case Plate, Card, PIN:
		return decideUnsigned(s, r)
	case BadSignature:
		return r.refuseOwn(wire.RefuseBadSignature)
	case UnknownKey:
		if len(s.Keys) == 0 {
			return r.refuse(wire.RefuseStaleCache, id.Reservation{}, 0, r.say(noKeys))
		}
	case Unreadable, Ticket, Manual, Evacuation:
	}
	return r.refuseOwn(wire.RefuseUnknown)
}

// walkinType is the space type that a walk-in through the lane takes.
func (r Request) walkinType() id.SpaceType {
	if r.Lane.SpaceType == "" {
		return id.Standard
	}
	return r.Lane.SpaceType
}

// byHand lets somebody in because a person, or an alarm, says so. What he takes is
// counted, free or not.
func byHand(r Request, reason wire.Reason) Verdict {
	return r.admit(reason, Fact{Allotted: true, Event: wire.Event{SpaceType: r.walkinType()}}, r.own(reason))
}

func decideWalkin(s *State, r Request) Verdict {
	t := r.walkinType()
	a, ok := s.Allotments[t]
	switch no := s.noUnit(t, r); {
	case !ok || a.Units == 0 || no == wire.RefuseFull:
		return r.refuseOwn(wire.RefuseFull)
	case no == wire.RefuseStaleCache:
		return r.refuse(no, id.Reservation{}, 0, r.say(noWalkins))
	case no == wire.RefuseClockUntrusted:
		return r.refuse(no, id.Reservation{}, 0, r.say(noClock))
	case no != "":
		return r.refuseOwn(no)
	}
	bay := s.bay(t, wire.Entry{}, r.Now, time.Time{})
	v := r.admit(wire.AdmitWalkin, Fact{Allotted: true, Event: wire.Event{SpaceType: t, Bay: bay}}, r.sendTo(bay, r.say(welcomeWalkin)))
	v.Ticket = TicketText(r.Fresh)
	return v
}

// noUnit is why no unit of a type's allotment can be taken now; empty: one can.
func (s *State) noUnit(t id.SpaceType, r Request) wire.Reason {
	switch {
	case r.Mode == Full:
		return wire.RefuseFull
	case r.Mode != Open:
		return wire.RefuseLaneClosed
	case !s.may(wire.AllowWalkins, r):
		return wire.RefuseStaleCache
	case r.Now.Hi.IsZero():
		// An allotment ends at an instant; without an upper bound it may have.
		return wire.RefuseClockUntrusted
	case !s.room(t, r.Now):
		return wire.RefuseFull
	}
	return ""
}

// room reports whether the allotment of a type has a unit left now.
func (s *State) room(t id.SpaceType, now Time) bool {
	a, ok := s.Allotments[t]
	return ok && now.surelyBefore(time.Unix(a.Until, 0)) && s.Taken(t, now.Lo) < int(a.Units)
}

// decidePass decides an entry with a genuine pass, or with what stands for one.
func decidePass(s *State, r Request, p Pass) Verdict {
	refuse := func(code wire.Reason) Verdict { return r.refuse(code, p.Reservation, p.Generation, r.own(code)) }
	if p.Parking != r.Parking {
		// The reservation is another parking's: it is not named in this one's journal.
		return r.refuse(wire.RefuseWrongParking, id.Reservation{}, 0, r.say(otherParking, p.Parking))
	}
	e, cached := s.Entries[p.Reservation]
	a := arrival{pass: p, entry: e, reason: wire.AdmitReservation, from: p.From, to: p.To, spaceType: p.SpaceType}
	switch {
	case cached && p.Generation < e.Generation:
		return refuse(wire.RefuseSuperseded)
	case cached && e.State == wire.EntryRevoked && p.Generation == e.Generation:
		return refuse(wire.RefuseRevoked)
	case cached && p.Generation == e.Generation:
		a.from, a.to = e.Window()
		a.spaceType = e.SpaceType
	case s.Revision >= p.Revision:
		// The cache is complete through the commit that confirmed this pass and
		// does not have it: it does not exist here.
		return refuse(wire.RefuseUnknown)
	case !s.may(wire.AllowUnknown, r):
		return refuse(wire.RefuseStaleCache)
	default:
		a.reason = wire.AdmitPassOffline
	}
	if len(r.Lane.Only) > 0 && !slices.Contains(r.Lane.Only, a.spaceType) {
		return refuse(wire.RefuseVehicleClass)
	}
	return s.arrive(r, a)
}

// arrival is somebody with a right to come in: what is left to ask is whether he
// is inside, whether it is his time, and whether there is room where he needs it.
type arrival struct {
	pass      Pass
	entry     wire.Entry // zero when it is not cached
	reason    wire.Reason
	from, to  time.Time
	spaceType id.SpaceType
}

func (s *State) arrive(r Request, a arrival) Verdict {
	p := a.pass
	refuse := func(code wire.Reason, p phrase, args ...any) Verdict {
		return r.refuse(code, a.pass.Reservation, a.pass.Generation, r.say(p, args...))
	}
	f := Fact{Until: a.to.Unix(), Event: wire.Event{Reservation: p.Reservation, Generation: p.Generation, SpaceType: a.spaceType}}
	unit := false // he stands on no claim of his own
	where, since, session, hearsay := s.whereIs(p.Reservation, a.entry)
	switch where {
	case never:
	case passing:
		return refuse(wire.RefusePassback, elsewhere)
	case neutral:
		f.Event.Session, f.Again, unit = session, !session.IsZero(), session.IsZero()
	case inside, left:
		reason := s.passback(s.Policy.EntryPassback, wire.PassbackHard, since, hearsay, r)
		if reason == "" {
			return refuse(wire.RefusePassback, usedSince, since.In(r.Zone).Format(clockTime))
		}
		a.reason, unit = reason, where == left
	}
	from := a.from.In(r.Zone).Format(clockTime)
	if r.Now.surelyReached(a.to) {
		return refuse(wire.RefuseTooLate, ended, a.to.In(r.Zone).Format(clockTime))
	}
	if r.Now.surelyBefore(a.from) {
		opens := a.from.Add(-time.Duration(s.Policy.EarlyEntry) * time.Second)
		if r.Now.surelyBefore(opens) {
			return refuse(wire.RefuseTooEarly, startsLater, from, opens.In(r.Zone).Format(clockTime))
		}
		if s.noUnit(a.spaceType, r) != "" {
			return refuse(wire.RefuseTooEarly, startsSoonFull, from)
		}
		f.EarlyUntil = a.from.Unix()
	}
	// Past the no-show deadline the guest is still admitted (reinstated) as long
	// as the cloud, which can only declare a no-show after hearing from this edge,
	// has not done so. Once it has, the claim is gone: only the allotment is left.
	if a.entry.State == wire.EntryNoShow && a.reason != wire.AdmitPassOffline {
		unit = true
	}
	if unit {
		if no := s.noUnit(a.spaceType, r); no != "" {
			return r.refuse(no, p.Reservation, p.Generation, r.own(no))
		}
		a.reason, f.Allotted = wire.AdmitWalkin, true
	}
	f.Event.Bay = s.bay(a.spaceType, a.entry, r.Now, a.to)
	if ses, ok := s.Sessions[session]; ok && f.Again {
		f.Event.Bay = ses.Bay // where he stands, or stood
	}
	welcome := r.own(a.reason)
	if a.reason == wire.AdmitReservation || a.reason == wire.AdmitPassOffline {
		welcome = r.say(welcomeGuest)
	}
	return r.admit(a.reason, f, r.sendTo(f.Event.Bay, welcome))
}

func (r Request) admit(reason wire.Reason, f Fact, sentence string) Verdict {
	f.Event.Kind, f.Event.Reason, f.Event.Lane = wire.Admitted, reason, r.Lane.ID
	if !f.Again {
		f.Event.Session = r.Fresh
	}
	return Verdict{Reason: reason, Sentence: sentence, Fact: f}
}

// refuseOwn refuses with the reason's own sentence, whoever it is.
func (r Request) refuseOwn(reason wire.Reason) Verdict {
	return r.refuse(reason, id.Reservation{}, 0, r.own(reason))
}

func (r Request) refuse(reason wire.Reason, rsv id.Reservation, generation uint16, sentence string) Verdict {
	return Verdict{Reason: reason, Sentence: sentence, Fact: Fact{Event: wire.Event{
		Kind: wire.Refused, Reason: reason, Lane: r.Lane.ID, Reservation: rsv, Generation: generation,
	}}}
}
