package wire

import (
	"errors"
	"time"

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

// Entry is one reservation as an edge caches it.
type Entry struct {
	Reservation id.Reservation `cbor:"1,keyasint"`
	Generation  uint16         `cbor:"2,keyasint"` // the pass generation that is valid
	SpaceType   id.SpaceType   `cbor:"3,keyasint"`
	From        int64          `cbor:"4,keyasint"` // Unix seconds
	To          int64          `cbor:"5,keyasint"`
	NoShowAt    int64          `cbor:"6,keyasint"` // Unix seconds: past it, a late arrival
	State       EntryState     `cbor:"7,keyasint"`
	Plate       string         `cbor:"8,keyasint,omitempty"`  // normalised
	Session     id.Session     `cbor:"9,keyasint,omitempty"`  // while active
	Version     uint64         `cbor:"10,keyasint"`           // of the reservation; an older one never replaces a newer
	Bay         string         `cbor:"11,keyasint,omitempty"` // tentative until it is inside; none: its type has no bays, or none is free
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
	return errors.Join(
		check(!e.Reservation.IsZero() && e.Generation > 0, "an entry names reservation and generation"),
		check(e.From < e.To, "an entry's window is empty or reversed"),
		check(e.State >= EntryConfirmed && e.State <= EntryNoShow, "unknown entry state"),
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
