package admission

import (
	"errors"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// ErrGap says that a delta does not follow on from the cache: the edge has to
// say hello again.
var ErrGap = errors.New("the delta does not follow on from the cache")

// ErrTooLong says that a snapshot has more parts than an edge takes.
var ErrTooLong = errors.New("the snapshot has too many parts")

// MaxParts bounds a snapshot: 1024 parts hold half a million reservations.
const MaxParts = 1024

// Staging collects the parts of a snapshot until all have come.
type Staging struct {
	through uint64
	parts   []*wire.Sync
	missing int
}

// Add takes one part. It returns the parts in order once all have come, and
// nil before. A part of another snapshot begins anew.
func (g *Staging) Add(m *wire.Sync) ([]*wire.Sync, error) {
	if m.Parts > MaxParts {
		return nil, ErrTooLong
	}
	if g.parts == nil || g.through != m.Through || len(g.parts) != int(m.Parts) {
		*g = Staging{through: m.Through, parts: make([]*wire.Sync, m.Parts), missing: int(m.Parts)}
	}
	if g.parts[m.Part] == nil {
		g.missing--
	}
	g.parts[m.Part] = m
	if g.missing > 0 {
		return nil, nil
	}
	whole := g.parts
	*g = Staging{}
	return whole, nil
}

// ApplySnapshot replaces the cache. A snapshot that is older than the cache is
// a late duplicate and changes nothing.
func (s *State) ApplySnapshot(parts []*wire.Sync, c *Changes) {
	if len(parts) == 0 || parts[0].Through < s.Revision {
		return
	}
	s.Entries = make(map[id.Reservation]wire.Entry)
	c.AllEntries = true
	for t := range s.Allotments {
		touch(&c.Allotments, t)
	}
	before := s.Allotments
	s.Allotments = map[id.SpaceType]Allotment{}
	for _, p := range parts {
		for _, e := range p.Entries {
			s.Entries[e.Reservation] = e
		}
		for _, a := range p.Allotments {
			s.Allotments[a.SpaceType] = Allotment{Allotment: a, Adopted: before[a.SpaceType].Adopted}
			touch(&c.Allotments, a.SpaceType)
		}
		s.settings(p)
		s.gone(p, c)
	}
	s.Revision, c.Cache = parts[0].Through, true
}

// ApplyDelta brings the cache forward. A delta that ends before the cache's
// revision is a duplicate and changes nothing; one that starts after it is
// ErrGap.
func (s *State) ApplyDelta(m *wire.Sync, c *Changes) error {
	if m.Base > s.Revision {
		return ErrGap
	}
	if m.Through <= s.Revision {
		return nil
	}
	for _, e := range m.Entries {
		if old, ok := s.Entries[e.Reservation]; ok && old.Version > e.Version {
			continue
		}
		s.Entries[e.Reservation] = e
		touch(&c.Entries, e.Reservation)
	}
	for _, a := range m.Allotments {
		old := s.Allotments[a.SpaceType]
		if old.Version > a.Version {
			continue
		}
		s.Allotments[a.SpaceType] = Allotment{Allotment: a, Adopted: old.Adopted}
		touch(&c.Allotments, a.SpaceType)
	}
	s.settings(m)
	s.gone(m, c)
	s.Revision, c.Cache = m.Through, true
	return nil
}

func (s *State) settings(m *wire.Sync) {
	if len(m.Keys) > 0 {
		s.Keys = m.Keys
	}
	if m.Policy != nil {
		s.Policy, s.Bays, s.Prices = *m.Policy, m.Bays, m.Prices
	}
	if len(m.GateKey) == len(s.GateKey) {
		s.GateKey = credential.Key(m.GateKey)
	}
}

// Distrust is what is left of the cache when the cloud says that this edge's
// memory is older than what the cloud has applied: nothing counts as complete,
// and no walk-in is admitted by an allotment that may have been given back
// since. Reservations, keys and policy stay until the snapshot replaces them,
// so that guests who are on their way still get in.
func (s *State) Distrust(c *Changes) {
	for t := range s.Allotments {
		touch(&c.Allotments, t)
	}
	s.Allotments = map[id.SpaceType]Allotment{}
	s.Revision, c.Cache = 0, true
}
