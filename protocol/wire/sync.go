package wire

import (
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
)

// EntryState is how the edge treats a reservation.
type EntryState uint8

// The states of a cached reservation.
const (
	EntryConfirmed EntryState = 1 // may enter
	EntryActive    EntryState = 2 // is inside, as the cloud knows it
	EntryDone      EntryState = 3 // has left
	EntryRevoked   EntryState = 4 // cancelled, voided or walked: refuse
	EntryNoShow    EntryState = 5 // declared: admit only as reinstated or from the allotment
)

// Entry is one reservation as an edge caches it. An edge has a hundred thousand in
// memory, and the order of the fields keeps one in 152 bytes.
type Entry struct {
	Reservation id.Reservation `cbor:"1,keyasint"`
	Generation  uint16         `cbor:"2,keyasint"` // the pass generation that is valid
	State       EntryState     `cbor:"7,keyasint"`
	Version     uint32         `cbor:"10,keyasint"` // of the reservation; an older one never replaces a newer
	SpaceType   id.SpaceType   `cbor:"3,keyasint"`
	From        int64          `cbor:"4,keyasint"` // Unix seconds
	To          int64          `cbor:"5,keyasint"`
	NoShowAt    int64          `cbor:"6,keyasint"`            // Unix seconds: past it, a late arrival
	Plate       string         `cbor:"8,keyasint,omitempty"`  // normalised
	Session     id.Session     `cbor:"9,keyasint,omitempty"`  // while active
	Bay         string         `cbor:"11,keyasint,omitempty"` // tentative until it is inside; none: its type has no bays, or none is free
	// Since minor version 2. Credentials are the keyed hashes of its plate, cards and
	// PIN; Plate is then left out.
	Credentials []credential.Hash `cbor:"12,keyasint,omitempty"`
	Neutral     int64             `cbor:"13,keyasint,omitempty"` // Unix milliseconds at which an operator said that it is not known whether it is inside; 0: never
	// Since minor version 5, for edges with a machine.
	Quote *Quote `cbor:"14,keyasint,omitempty"`
}

// Window is the reserved window.
func (e *Entry) Window() (from, to time.Time) {
	return time.Unix(e.From, 0).UTC(), time.Unix(e.To, 0).UTC()
}

// Allotment is capacity that the edge may give to walk-ins by itself. It was
// claimed in the cloud's inventory before it was sent.
type Allotment struct {
	SpaceType id.SpaceType `cbor:"1,keyasint"`
	Version   uint64       `cbor:"2,keyasint"`
	Units     uint16       `cbor:"3,keyasint"` // walk-ins of the type that may be inside at a time
	Until     int64        `cbor:"4,keyasint"` // Unix seconds: from then on the edge admits none by it
}

// Bays are the labels of a space type whose spaces are numbered.
type Bays struct {
	SpaceType id.SpaceType `cbor:"1,keyasint"`
	Labels    []string     `cbor:"2,keyasint"` // in the owner's order
}

// PassKey is a key that passes are verified with.
type PassKey struct {
	ID     []byte `cbor:"1,keyasint"` // 8 bytes
	Public []byte `cbor:"2,keyasint"` // Ed25519, 32 bytes
}

// Policy is what the owner decided about the gate.
type Policy struct {
	EarlyEntry uint32 `cbor:"1,keyasint"` // seconds before the window in which a guest is let in when there is room
	ExitGrace  uint32 `cbor:"2,keyasint"` // seconds after the window that cost nothing
	// Since minor version 2; zero is what an edge did before.
	EntryPassback   Passback `cbor:"3,keyasint,omitempty"` // zero: hard
	ExitPassback    Passback `cbor:"4,keyasint,omitempty"` // zero: soft
	PassbackMinutes uint16   `cbor:"5,keyasint,omitempty"` // how long timed refuses
	PayFirst        uint32   `cbor:"6,keyasint,omitempty"` // seconds: a walk-in that stayed longer is asked once, at the exit, to pay; 0: none is
	Stages          []Stage  `cbor:"7,keyasint,omitempty"` // what an edge may do by how long it has not heard from the cloud; none: DefaultStages
	// Since minor version 6: see settings.go.
	Zone      string        `cbor:"8,keyasint,omitempty"`  // IANA, the parking's; none: it was told by an earlier minor version
	Scheduled bool          `cbor:"9,keyasint,omitempty"`  // open only by Open; else around the clock
	Open      []Open        `cbor:"10,keyasint,omitempty"` // none: closed for good
	Lanes     []LaneSetting `cbor:"11,keyasint,omitempty"` // those of which something is set
	// See machine.go.
	Machines []MachineSetting `cbor:"12,keyasint,omitempty"` // those of which something is set
}

// Passback is what happens when a pass is shown in the state that it is in
// already: at an entry though it is inside, at an exit though it has left.
type Passback uint8

// The modes. An exit opens to the button in each of them.
const (
	PassbackHard  Passback = 1 // refused
	PassbackSoft  Passback = 2 // let through, and an incident follows
	PassbackTimed Passback = 3 // refused for PassbackMinutes after its last passage, then as soft
	PassbackOff   Passback = 4 // let through
)

// Allow is what an edge may do, as a set.
type Allow uint8

// What an edge may do. A cached reservation always enters on its pass, and exits
// are in no set: they always open.
const (
	AllowWalkins   Allow = 1  // walk-ins, and guests who need a unit of the allotment
	AllowUnknown   Allow = 2  // passes that the cache does not know, on their signature
	AllowUnsigned  Allow = 4  // plates, cards and PINs
	AllowCloudUses Allow = 8  // believe the cloud's word that a pass is inside or has left: else that is a soft passback
	allowAll       Allow = 15 // of this minor version
)

// Stage says what an edge may do from an age of its cache on, up to the next stage.
type Stage struct {
	After uint32 `cbor:"1,keyasint"` // seconds since it last heard from the cloud
	Allow Allow  `cbor:"2,keyasint"`
}

// DefaultStages hold where a policy has none: for ten minutes everything; for four
// hours no word of the cloud about who is inside is the last one; for three days
// no walk-ins; from then on only who is in the cache, on a pass.
func DefaultStages() []Stage {
	return []Stage{
		{0, allowAll},
		{10 * 60, AllowWalkins | AllowUnknown | AllowUnsigned},
		{4 * 60 * 60, AllowUnknown | AllowUnsigned},
		{72 * 60 * 60, 0},
	}
}

func (p *Policy) validate() error {
	err := errors.Join(
		check(p.EntryPassback <= PassbackOff && p.ExitPassback <= PassbackOff, "unknown passback mode"),
		check(len(p.Stages) <= MaxStages, "at most %d stages", MaxStages),
		p.settings(), p.machines(),
	)
	for i, s := range p.Stages {
		if err == nil {
			err = errors.Join(
				check(i > 0 || s.After == 0, "the first stage begins at once"),
				check(i == 0 || s.After > p.Stages[i-1].After, "stages come one after another"),
				check(s.Allow <= allowAll, "unknown permission"),
			)
		}
	}
	return err
}

// SyncKind tells a snapshot from a delta.
type SyncKind uint8

// The kinds of sync.
const (
	Snapshot SyncKind = 1 // replaces the whole cache once all its parts have come
	Delta    SyncKind = 2 // applies to a cache that is complete through Base or later
)

// Sync brings an edge's cache from one revision to another.
type Sync struct {
	Kind       SyncKind    `cbor:"1,keyasint"`
	Base       uint64      `cbor:"2,keyasint"` // delta: follows on from this revision; snapshot: 0
	Through    uint64      `cbor:"3,keyasint"` // the cache is complete through this one afterwards
	Part       uint16      `cbor:"4,keyasint"` // 0-based
	Parts      uint16      `cbor:"5,keyasint"`
	Entries    []Entry     `cbor:"6,keyasint,omitempty"`
	Allotments []Allotment `cbor:"7,keyasint,omitempty"` // those that changed; in a snapshot all, in part 0
	Keys       []PassKey   `cbor:"8,keyasint,omitempty"` // when not empty, the whole set
	Policy     *Policy     `cbor:"9,keyasint,omitempty"`
	// Gone are walk-ins that nobody saw leave and that the cloud takes to have
	// left. Minor version 1.
	Gone []id.Session `cbor:"10,keyasint,omitempty"`
	Bays []Bays       `cbor:"11,keyasint,omitempty"` // goes with Policy: then it is the whole list
	// GateKey is what Credentials are hashed with, 32 bytes; when there it replaces
	// the one before. Minor version 2.
	GateKey []byte `cbor:"12,keyasint,omitempty"`
	// Traces are those in which the cloud sends this: what the commits that it tells
	// of, or some of them, were traced by. Minor version 3.
	Traces []Trace `cbor:"13,keyasint,omitempty"`
	Prices *Prices `cbor:"14,keyasint,omitempty"` // goes with Policy. Minor version 5, for edges with a machine
}

// Validate implements the check of every message.
func (s *Sync) Validate() error {
	err := errors.Join(
		check(s.Kind == Snapshot || s.Kind == Delta, "unknown kind of sync"),
		check(s.Parts > 0 && s.Part < s.Parts, "part %d of %d", s.Part, s.Parts),
		check(s.Kind == Snapshot || s.Parts == 1, "a delta has one part"),
		check(s.Kind == Delta || s.Base == 0, "a snapshot follows on from nothing"),
		check(s.Base <= s.Through, "a sync does not go back"),
		check(len(s.Entries) <= MaxEntries, "at most %d entries a part", MaxEntries),
		check(len(s.Allotments) <= MaxTypes, "at most %d allotments", MaxTypes),
		check(len(s.Keys) <= MaxKeys, "at most %d keys", MaxKeys),
		check(len(s.Gone) <= MaxGone, "at most %d sessions that are gone", MaxGone),
	)
	if err == nil && s.Policy != nil {
		err = s.Policy.validate()
	}
	if err == nil && s.Prices != nil {
		err = errors.Join(check(s.Policy != nil, "prices come with the policy"), s.Prices.validate())
	}
	err = errors.Join(err, traces(s.Traces), check(len(s.GateKey) == 0 || len(s.GateKey) == len(credential.Key{}), "a gate key has 32 bytes"))
	// The first bad item ends the check: a message of nothing but bad items must
	// not turn into an error longer than itself.
	for i := range s.Entries {
		if err == nil {
			err = s.Entries[i].validate()
		}
	}
	for i := range s.Allotments {
		a := &s.Allotments[i]
		if err == nil {
			err = errors.Join(spaceType(a.SpaceType), check(a.Version > 0, "an allotment has a version"))
		}
	}
	if err == nil {
		err = s.validateBays()
	}
	for _, k := range s.Keys {
		if err == nil {
			err = check(len(k.ID) == 8 && len(k.Public) == 32, "a pass key has 8 and 32 bytes")
		}
	}
	for _, g := range s.Gone {
		if err == nil {
			err = check(!g.IsZero(), "who is gone has a session")
		}
	}
	return err
}

func (s *Sync) validateBays() error {
	n := 0
	seen := map[string]bool{}
	if err := errors.Join(
		check(len(s.Bays) <= MaxTypes, "bays of at most %d types", MaxTypes),
		check(len(s.Bays) == 0 || s.Policy != nil, "bays come with the policy"),
	); err != nil {
		return err
	}
	for _, b := range s.Bays {
		n += len(b.Labels)
		if err := errors.Join(spaceType(b.SpaceType), check(len(b.Labels) > 0, "a type with bays has one"), check(n <= MaxBays, "at most %d bays", MaxBays)); err != nil {
			return err
		}
		for _, l := range b.Labels {
			if err := errors.Join(check(l != "" && !seen[l], "a bay's label is empty or there twice"), short("bay", l, MaxBay)); err != nil {
				return err
			}
			seen[l] = true
		}
	}
	return nil
}

func (e *Entry) validate() error {
	if e.Quote != nil {
		if err := e.Quote.validate(); err != nil {
			return err
		}
	}
	return errors.Join(
		check(!e.Reservation.IsZero() && e.Generation > 0, "an entry names reservation and generation"),
		check(e.From < e.To, "an entry's window is empty or reversed"),
		check(e.State >= EntryConfirmed && e.State <= EntryNoShow, "unknown entry state"),
		check(len(e.Credentials) <= MaxCredentials, "at most %d credentials", MaxCredentials),
		check(e.Neutral >= 0 && e.Neutral < 1<<43, "the time of a reset is out of range"),
		short("plate", e.Plate, MaxPlate), short("bay", e.Bay, MaxBay), spaceType(e.SpaceType),
	)
}

// Applied acknowledges syncs: the cache is complete through Revision.
type Applied struct {
	Journal  id.Journal `cbor:"1,keyasint"`
	Revision uint64     `cbor:"2,keyasint"`
}

// Validate implements the check of every message.
func (a *Applied) Validate() error {
	return check(!a.Journal.IsZero(), "an acknowledgement names the journal")
}
