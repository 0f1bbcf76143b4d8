package admission

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Phase is where a session stands.
type Phase uint8

// The phases of a session. Entering and Leaving are open authorisations: the
// barrier was told to open, or is about to be, and the passage was not yet seen.
const (
	Entering Phase = 1
	Inside   Phase = 2
	Leaving  Phase = 3
)

// Session is one stay as this edge knows it. It ends by leaving.
type Session struct {
	ID          id.Session     `cbor:"1,keyasint"`
	Reservation id.Reservation `cbor:"2,keyasint,omitempty"`
	Generation  uint16         `cbor:"3,keyasint,omitempty"`
	SpaceType   id.SpaceType   `cbor:"4,keyasint,omitempty"`
	Lane        id.Lane        `cbor:"5,keyasint"`           // where it was last authorised
	Since       int64          `cbor:"6,keyasint"`           // Unix milliseconds: admitted, or released when Orphan
	Phase       Phase          `cbor:"7,keyasint"`           //
	Allotted    bool           `cbor:"8,keyasint,omitempty"` // takes a unit of the allotment until it leaves
	EarlyUntil  int64          `cbor:"9,keyasint,omitempty"` // Unix seconds: until then it takes a unit, its own claim starts there
	Orphan      bool           `cbor:"10,keyasint,omitempty"`
	Reason      wire.Reason    `cbor:"11,keyasint,omitempty"` // of the newest authorisation
	Gone        bool           `cbor:"12,keyasint,omitempty"` // the cloud takes it to have left unseen: it may still leave, and stands in for nobody
	Bay         string         `cbor:"13,keyasint,omitempty"` // where it was sent, until it leaves
	Again       bool           `cbor:"14,keyasint,omitempty"` // entering, though it was thought to be inside: its pass was neutral
	Asked       int64          `cbor:"15,keyasint,omitempty"` // Unix milliseconds at which it was asked to pay first
	Paid        int64          `cbor:"16,keyasint,omitempty"` // Unix milliseconds of its last payment at a machine
	Entered     int64          `cbor:"17,keyasint,omitempty"` // Unix milliseconds from which on it pays: the latest that it can have come in; 0: not known
	Payments    []Payment      `cbor:"18,keyasint,omitempty"` // at machines, each once

	Plate credential.Hash `cbor:"19,keyasint,omitzero"` // of a walk-in, if it was read
}

// Payment is what a machine has taken for a session.
type Payment struct {
	ID     id.Payment `cbor:"1,keyasint"`
	At     int64      `cbor:"2,keyasint"` // Unix milliseconds
	Until  int64      `cbor:"3,keyasint"` // up to when it was priced; 0: At
	Amount int64      `cbor:"4,keyasint"` // minor units

	Shop uint16 `cbor:"5,keyasint,omitempty"` // that pays it
	Slip bool   `cbor:"6,keyasint,omitempty"` // it pays nothing of this stay
}

// UseState is what became of a reservation's pass at this edge.
type UseState uint8

// The states of a use.
const (
	UseInside UseState = 1 // admitted and not yet left
	UseDone   UseState = 2 // has left
	UseVoid   UseState = 3 // backed out: as if it had never been shown
)

// Use is the edge's own memory of a reservation, kept apart from the cache so
// that nothing the cloud sends can make a used pass fresh.
type Use struct {
	Reservation id.Reservation `cbor:"1,keyasint"`
	Session     id.Session     `cbor:"2,keyasint"`
	State       UseState       `cbor:"3,keyasint"`
	At          int64          `cbor:"4,keyasint"`           // Unix milliseconds of the admission, or of the leaving
	Until       int64          `cbor:"5,keyasint"`           // Unix seconds: end of the window, 0 when unknown
	Neutral     int64          `cbor:"6,keyasint,omitempty"` // the operator's reset that its last passage has used up; see wire.Entry
	Doubts      uint32         `cbor:"7,keyasint,omitempty"` // how many there had been by its last passage; see Doubt
}

// Allotment is an allotment and the version this edge has told the cloud that
// it admits by.
type Allotment struct {
	wire.Allotment
	Adopted uint64 `cbor:"5,keyasint"`
}

// State is what the edge knows.
type State struct {
	Revision   uint64 // the cache is complete through this one
	Policy     wire.Policy
	Keys       []wire.PassKey
	Bays       []wire.Bays // of the types that have any
	Entries    map[id.Reservation]wire.Entry
	Allotments map[id.SpaceType]Allotment
	Sessions   map[id.Session]Session
	Uses       map[id.Reservation]Use
	GateKey    credential.Key // of plates, cards and PINs; zero: none came yet
	Doubt      Doubt
	Orders     []Ordered    // that the cloud has sent, the newest last; see Had
	Prices     *wire.Prices // of stays, for a machine that takes money; nil: none came
	Machine    []byte       // what such a machine keeps, in its own words; see package kiosk
	Heard      int64        // Unix milliseconds, trusted: the cloud was surely there then; 0: unknown

	stays map[id.Reservation][]id.Session // see staysOf; nil: not asked for yet
}

// NewState is the state of an edge that has never heard from its cloud.
func NewState() *State {
	return &State{
		Entries:    map[id.Reservation]wire.Entry{},
		Allotments: map[id.SpaceType]Allotment{},
		Sessions:   map[id.Session]Session{},
		Uses:       map[id.Reservation]Use{},
	}
}

// Fact is an event together with what it means for the state beyond what the
// event says.
type Fact struct {
	Event      wire.Event
	Allotted   bool  // Admitted: takes a unit of the allotment
	EarlyUntil int64 // Admitted: Unix seconds at which the reservation's own claim starts
	Until      int64 // Admitted: Unix seconds at which the reservation's window ends
	Again      bool  // Admitted: the session goes on; its pass was neutral

	Plate credential.Hash // Admitted: what the plate of a walk-in was read as; zero: it was not

	// Machine is what a machine that takes money keeps from this fact on; nil: what it
	// kept. With no kind of event nothing else is told, and nothing is journalled.
	Machine []byte
}

// Changes names the records that an operation touched. A named record that the
// state no longer has was deleted.
type Changes struct {
	Cache      bool // revision, policy, keys, doubt, prices or the machine
	AllEntries bool // the entries were replaced as a whole
	Entries    map[id.Reservation]struct{}
	Allotments map[id.SpaceType]struct{}
	Sessions   map[id.Session]struct{}
	Uses       map[id.Reservation]struct{}
}

func touch[K comparable](m *map[K]struct{}, k K) {
	if *m == nil {
		*m = map[K]struct{}{}
	}
	(*m)[k] = struct{}{}
}

// usesKept is how long a use outlives its reservation's window. Past the window
// the pass is refused for its time anyway.
const usesKept = 48 * time.Hour

// entriesKept is how long a cached reservation outlives its window. The cloud
// leaves it out of snapshots from then on, too.
const entriesKept = 24 * time.Hour

// Apply folds a fact into the state and notes what it touched. A fact about a
// session that the state does not have changes nothing but the reservation's
// use.
func (s *State) Apply(f Fact, c *Changes) {
	e := &f.Event
	if f.Machine != nil {
		s.Machine, c.Cache = f.Machine, true
	}
	if e.Kind == 0 {
		return
	}
	if !e.Offline {
		s.Hear(time.UnixMilli(e.TrustedLo))
	}
	switch e.Kind {
	case wire.Admitted:
		s.admitted(f, c)
	case wire.Entered:
		if ses, ok := s.Sessions[e.Session]; ok {
			if ses.Again {
				s.setUse(Use{Reservation: ses.Reservation, Session: ses.ID, State: UseInside, At: e.Wall, Until: s.Uses[ses.Reservation].Until}, c)
			}
			if !ses.Again || ses.Entered == 0 {
				ses.Entered = latest(e)
			}
			ses.Phase, ses.Again = Inside, false
			s.setSession(ses, c)
		}
	case wire.BackedOut:
		s.backOut(e, c)
	case wire.Released:
		ses, ok := s.Sessions[e.Session]
		if !ok {
			ses = Session{ID: e.Session, Reservation: e.Reservation, Generation: e.Generation, SpaceType: e.SpaceType, Since: e.Wall, Orphan: true}
		}
		ses.Phase, ses.Lane, ses.Reason = Leaving, e.Lane, e.Reason
		s.setSession(ses, c)
	case wire.Exited:
		s.dropSession(e.Session, c)
		use := s.Uses[e.Reservation]
		s.setUse(Use{Reservation: e.Reservation, Session: e.Session, State: UseDone, At: e.Wall, Until: use.Until}, c)
	case wire.TimeMark, wire.Started:
		s.forget(e.TrustedLo, c)
		s.Doubt.restart(e, c)
	case wire.AllotmentAdopted:
		if a, ok := s.Allotments[e.SpaceType]; ok && a.Version == e.Version {
			a.Adopted = e.Version
			s.Allotments[e.SpaceType] = a
			touch(&c.Allotments, e.SpaceType)
		}
	case wire.Dismissed:
		if ses, ok := s.Sessions[e.Session]; ok {
			ses.Allotted = false
			s.setSession(ses, c)
		}
	case wire.LaneFault:
		s.Doubt.fault(e, c)
	case wire.Commanded:
		s.Doubt.counted(e, c)
		s.ordered(e, c)
	case wire.Refused:
		if ses, ok := s.Sessions[e.Session]; ok && e.Reason == wire.RefuseUnpaid {
			ses.Asked = e.Wall
			s.setSession(ses, c)
		}
	case wire.Paid:
		if ses, ok := s.Sessions[e.Session]; ok {
			ses.Paid = e.Wall
			if !slices.ContainsFunc(ses.Payments, func(p Payment) bool { return p.ID == e.Payment }) {
				ses.Payments = append(slices.Clip(ses.Payments), Payment{e.Payment, e.Wall, e.Until, e.Amount, e.Shop, e.Note == wire.NoteSlip})
			}
			s.setSession(ses, c)
		}
	case wire.CashMoved, wire.ShiftOpened, wire.ShiftClosed, wire.HelpCalled: // a machine's own
	}
}

// admitted opens a session, or lets one that was thought to be inside come in
// again: what it takes and since when it stays is as before, and its pass is used
// only when it is inside.
func (s *State) admitted(f Fact, c *Changes) {
	e := &f.Event
	ses := Session{
		ID: e.Session, Reservation: e.Reservation, Generation: e.Generation, SpaceType: e.SpaceType, Lane: e.Lane,
		Since: e.Wall, Phase: Entering, Allotted: f.Allotted, EarlyUntil: f.EarlyUntil, Reason: e.Reason, Bay: e.Bay, Again: f.Again,
		Plate: f.Plate,
	}
	if before, ok := s.Sessions[e.Session]; ok {
		ses.Since, ses.Allotted, ses.EarlyUntil, ses.Gone = before.Since, before.Allotted, before.EarlyUntil, before.Gone
		ses.Entered, ses.Payments, ses.Paid, ses.Plate = before.Entered, before.Payments, before.Paid, before.Plate
	}
	s.setSession(ses, c)
	if !f.Again {
		s.setUse(Use{Reservation: e.Reservation, Session: e.Session, State: UseInside, At: e.Wall, Until: f.Until}, c)
	}
}

// latest is the latest that an entry can have been, to the minute by which stays are
// priced, as the cloud counts it; 0 when nobody knows.
func latest(e *wire.Event) int64 {
	switch {
	case e.Uncertainty == wire.Uncertain:
		return 0
	case e.Uncertainty < uint32(time.Minute/time.Millisecond):
		return e.Wall
	default:
		return e.Wall + int64(e.Uncertainty)
	}
}

// Hear notes that the cloud was surely there at a trusted time.
func (s *State) Hear(lo time.Time) {
	s.Heard = max(s.Heard, lo.UnixMilli())
}

func (s *State) backOut(e *wire.Event, c *Changes) {
	ses, ok := s.Sessions[e.Session]
	if !ok {
		return
	}
	if ses.Phase == Leaving && !ses.Orphan || ses.Again {
		ses.Phase, ses.Again = Inside, false
		s.setSession(ses, c)
		return
	}
	s.dropSession(e.Session, c)
	if use, ok := s.Uses[ses.Reservation]; ok && use.Session == e.Session {
		use.State, use.At = UseVoid, e.Wall
		s.setUse(use, c)
	}
}

func (s *State) setUse(u Use, c *Changes) {
	if u.Reservation.IsZero() {
		return
	}
	u.Doubts = s.Doubt.Count
	if e, ok := s.Entries[u.Reservation]; ok {
		u.Until, u.Neutral = max(u.Until, e.To), e.Neutral
	}
	s.Uses[u.Reservation] = u
	touch(&c.Uses, u.Reservation)
}

// forget drops uses and cached reservations whose window ended so long ago that
// the pass is surely refused. Whoever is inside still needs his to leave.
func (s *State) forget(lo int64, c *Changes) {
	s.forgetEntries(time.UnixMilli(lo).Add(-entriesKept), c)
	edge := time.UnixMilli(lo).Add(-usesKept)
	for r, u := range s.Uses {
		old := u.Until != 0 && time.Unix(u.Until, 0).Before(edge) ||
			u.Until == 0 && time.UnixMilli(u.At).Before(edge.Add(-365*24*time.Hour))
		if u.State != UseInside && old {
			delete(s.Uses, r)
			touch(&c.Uses, r)
		}
	}
}

func (s *State) forgetEntries(edge time.Time, c *Changes) {
	staying := make(map[id.Reservation]bool, len(s.Sessions))
	for _, ses := range s.Sessions {
		staying[ses.Reservation] = true
	}
	for r, e := range s.Entries {
		// The cloud may know somebody to be inside whom this edge has forgotten.
		active := e.State == wire.EntryActive && s.Uses[r].State != UseDone
		if time.Unix(e.To, 0).Before(edge) && !staying[r] && !active {
			delete(s.Entries, r)
			touch(&c.Entries, r)
		}
	}
}

// Taken is how many units of a type's allotment are in use at time lo.
func (s *State) Taken(t id.SpaceType, lo time.Time) int {
	n := 0
	for _, ses := range s.Sessions {
		if ses.SpaceType == t && (ses.Allotted || ses.EarlyUntil > lo.Unix()) {
			n++
		}
	}
	return n
}

// Pending lists the open authorisations, for a start after a crash.
func (s *State) Pending() []Session {
	var out []Session
	for _, ses := range s.Sessions {
		if ses.Phase != Inside {
			out = append(out, ses)
		}
	}
	return out
}

// Adoptions are the facts that tell the cloud which allotments this edge now
// admits by. A smaller allotment binds admission at once, but is adopted only
// when no more than its units are in use: until then the cloud must not sell
// what it takes back.
func (s *State) Adoptions(lo time.Time) []Fact {
	var out []Fact
	for t, a := range s.Allotments {
		if a.Adopted != a.Version && s.Taken(t, lo) <= int(a.Units) {
			out = append(out, Fact{Event: wire.Event{Kind: wire.AllotmentAdopted, SpaceType: t, Version: a.Version, Units: a.Units}})
		}
	}
	return out
}

// Dismissals are the facts that tell the cloud of whom it takes to have left that
// they take no unit of the allotment any more.
func (s *State) Dismissals() []Fact {
	var out []Fact
	for _, ses := range s.Sessions {
		if ses.Gone && ses.Allotted {
			out = append(out, Fact{Event: wire.Event{Kind: wire.Dismissed, Lane: ses.Lane, Session: ses.ID, SpaceType: ses.SpaceType}})
		}
	}
	return out
}

// gone notes whom the cloud takes to have left unseen. Whoever did not leaves as
// before: only the count is corrected.
func (s *State) gone(m *wire.Sync, c *Changes) {
	for _, i := range m.Gone {
		if ses, ok := s.Sessions[i]; ok && !ses.Gone {
			ses.Gone = true
			s.setSession(ses, c)
		}
	}
}
