package admission

import (
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/wire"
)

// A walk-in's plate, where a camera has read it, is kept as the hash that the plates of
// reservations are kept as, and only while the stay is inside: nothing here, in the
// journal or in a log says whose car it is.

// Sighting is what a plate was read as, hashed: as it was read, and with one character
// taken for one that looks like it. The zero value is none.
type Sighting struct {
	own  credential.Hash
	near map[credential.Hash]bool // nil: none
}

// Sight hashes a plate; ok is false for what is none, and while there is no key.
func (s *State) Sight(text string) (g Sighting, ok bool) {
	plate, ok := credential.NormalPlate(text)
	if !ok || s.GateKey == (credential.Key{}) {
		return g, false
	}
	g.own, g.near = s.GateKey.Plate(plate), map[credential.Hash]bool{}
	for _, m := range credential.Misreadings(plate) {
		g.near[s.GateKey.Plate(m)] = true
	}
	return g, true
}

// Is reports whether a hash is that of the plate as it was read.
func (g Sighting) Is(h credential.Hash) bool { return g.near != nil && h == g.own }

// Like reports whether a hash is that of a plate for which this one may be misread.
func (g Sighting) Like(h credential.Hash) bool { return g.near[h] }

// Seen is a verdict that keeps the plate of the walk-in whom it lets in, if it was read.
func (v Verdict) Seen(g Sighting) Verdict {
	if e := v.Fact.Event; e.Kind == wire.Admitted && e.Reservation.IsZero() && !v.Fact.Again {
		v.Fact.Plate = g.own
	}
	return v
}
