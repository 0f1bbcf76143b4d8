package fleet

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	// maxBehind is how many events an edge may be behind and still be brought
	// forward by deltas.
	maxBehind = 2000
	// deltaEntries bounds the reservations of one delta.
	deltaEntries = 256
	// partBytes bounds what the entries of one message may take.
	partBytes = 60 << 10
	// entryBytes is what an entry takes beside its plate, credentials and quote, at
	// most, hashBytes what one of the credentials does, and quoteBytes a quote.
	entryBytes = 150
	hashBytes  = 17
	quoteBytes = 40
)

// Snapshot is all that an edge caches, read at one instant.
type Snapshot struct {
	Revision     uint64
	Reservations []*reservation.Reservation // confirmed or active, and not long over; no-shows that may still come
	Allotments   []*commit.Allotment
	Keys         []wire.PassKey
	Policy       parking.Policy
	Zone         string              // of the parking
	Gone         []id.Session        // walk-ins that are presumed gone and that the edge still counts
	Bays         []parking.SpaceType // with their policy: the types that have bays
	Gate
	Till *Till // when it was asked for
}

// Gate is what is told of reservations' passes at the gate, since minor version 2.
type Gate struct {
	Key   credential.Key
	Notes map[id.Reservation]Note
}

// Note is what is known of a reservation at the gate beside the reservation itself.
type Note struct {
	Cards   []credential.Hash
	Neutral time.Time // when an operator said that it is not known whether it is inside; zero: never
}

// Changes is what happened to a parking after a revision, read at one instant.
type Changes struct {
	Complete     bool   // every event after the revision is still there
	Behind       int    // events between the revision and the parking's newest, or more than maxBehind
	Through      uint64 // the rows below are at this revision or newer
	More         bool   // there are events beyond Through
	Reservations []*reservation.Reservation
	Allotments   []*commit.Allotment
	Keys         []wire.PassKey      // the set, when it may have changed
	Policy       *parking.Policy     // when it may have changed
	Zone         string              // goes with Policy
	Gone         []id.Session        // walk-ins that are presumed gone by an event of the range
	Bays         []parking.SpaceType // goes with Policy
	Gate                             // with Reservations or Policy
	Till         *Till               // when it was asked for; editions with Policy
	Traces       []string            // W3C traceparents of what the events were committed for, at most wire.MaxTraces
}

// entry is a reservation as the edge caches it; ok is false for one that is
// none of its business yet.
func entry(r *reservation.Reservation) (e wire.Entry, ok bool) {
	e = wire.Entry{
		Reservation: r.ID, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From.Unix(), To: r.Window.To.Unix(), NoShowAt: r.NoShowAt.Unix(),
		Plate: r.Plate, Version: uint32(r.Version), Bay: r.Space,
	}
	switch r.State {
	case reservation.Confirmed:
		e.State = wire.EntryConfirmed
	case reservation.Active:
		e.State, e.Session = wire.EntryActive, r.Session
	case reservation.Completed:
		e.State = wire.EntryDone
	case reservation.NoShow:
		e.State = wire.EntryNoShow
	case reservation.Expired, reservation.Cancelled, reservation.Walked, reservation.Voided:
		e.State = wire.EntryRevoked
	case reservation.Held:
		return e, false
	default:
		return e, false
	}
	return e, true
}

func entries(rs []*reservation.Reservation, g Gate, minor uint8) []wire.Entry {
	out := make([]wire.Entry, 0, len(rs))
	for _, r := range rs {
		if e, ok := entry(r); ok {
			if minor < 1 {
				e.Bay = ""
			}
			if minor >= 2 {
				g.describe(&e)
			}
			out = append(out, e)
		}
	}
	return out
}

// describe puts hashes in the place of the plate.
func (g *Gate) describe(e *wire.Entry) {
	e.Credentials = append(e.Credentials, g.Key.PIN(g.Key.Code(e.Reservation, e.Generation)))
	if plate, ok := credential.NormalPlate(e.Plate); ok {
		e.Credentials = append(e.Credentials, g.Key.Plate(plate))
	}
	n := g.Notes[e.Reservation]
	e.Plate, e.Credentials = "", append(e.Credentials, n.Cards...)
	if !n.Neutral.IsZero() {
		e.Neutral = n.Neutral.UnixMilli()
	}
}

// key is what goes with a policy.
func (g *Gate) key(minor uint8) []byte {
	if minor < 2 {
		return nil
	}
	return g.Key[:]
}

func allotments(as []*commit.Allotment) []wire.Allotment {
	out := make([]wire.Allotment, 0, len(as))
	for _, a := range as {
		out = append(out, wire.Allotment{
			SpaceType: a.SpaceType, Version: uint64(a.Version), Units: uint16(max(a.Granted, 0)), Until: a.Until.Time().Unix(),
		})
	}
	return out
}

func policy(p parking.Policy, zone string, minor uint8) *wire.Policy {
	out := &wire.Policy{EarlyEntry: uint32(p.EarlyEntry.Seconds()), ExitGrace: uint32(p.ExitGrace.Seconds())}
	if minor < 2 {
		return out
	}
	out.EntryPassback, out.ExitPassback = passback(p.EntryPassback), passback(p.ExitPassback)
	out.PassbackMinutes, out.PayFirst = uint16(p.PassbackAfter.Minutes()), uint32(p.PayFirst.Seconds())
	if p.Offline != nil {
		for _, s := range p.Offline.Stages {
			out.Stages = append(out.Stages, wire.Stage{After: uint32(s.After * 60), Allow: allow(s.Allow)})
		}
	}
	if minor < wire.SettingsSince {
		return out
	}
	out.Zone = zone
	out.SetHours(p.Hours)
	for _, l := range p.Lanes {
		out.Lanes = append(out.Lanes, l.Wire())
	}
	for _, k := range p.Kiosks {
		out.Machines = append(out.Machines, k.Wire())
	}
	return out
}

func passback(p parking.Passback) wire.Passback {
	switch p {
	case parking.PassbackHard:
		return wire.PassbackHard
	case parking.PassbackSoft:
		return wire.PassbackSoft
	case parking.PassbackTimed:
		return wire.PassbackTimed
	case parking.PassbackOff:
		return wire.PassbackOff
	default:
		return 0 // what holds unless the owner says otherwise
	}
}

func allow(names []parking.Permission) (out wire.Allow) {
	for _, n := range names {
		switch n {
		case parking.AllowWalkins:
			out |= wire.AllowWalkins
		case parking.AllowUnknown:
			out |= wire.AllowUnknown
		case parking.AllowUnsigned:
			out |= wire.AllowUnsigned
		case parking.AllowCloudUses:
			out |= wire.AllowCloudUses
		}
	}
	return out
}

func bays(types []parking.SpaceType, minor uint8) []wire.Bays {
	if minor < 1 {
		return nil
	}
	var out []wire.Bays
	for _, t := range types {
		if len(t.Bays) > 0 {
			out = append(out, wire.Bays{SpaceType: t.ID, Labels: t.Bays})
		}
	}
	return out
}

// parts divides entries so that each part stays below the limits of a message.
// There is at least one part.
func parts(all []wire.Entry) [][]wire.Entry {
	out := [][]wire.Entry{nil}
	size := 0
	for _, e := range all {
		last := len(out) - 1
		n := entryBytes + len(e.Plate) + hashBytes*len(e.Credentials)
		if e.Quote != nil {
			n += quoteBytes
		}
		if len(out[last]) == wire.MaxEntries || size+n > partBytes {
			out = append(out, nil)
			last, size = last+1, 0
		}
		out[last] = append(out[last], e)
		size += n
	}
	return out
}

// gone are the sessions that one message names. What is beyond its limit is told
// by the next snapshot, when the edge has dismissed some; an edge of an earlier
// minor version is not told.
func gone(all []id.Session, minor uint8) []id.Session {
	if minor < 1 {
		return nil
	}
	return all[:min(len(all), wire.MaxGone)]
}

// messages are the parts of a snapshot, in a minor version of the protocol. Prices
// are with the policy in a first part without reservations.
func (s *Snapshot) messages(minor uint8) ([]*wire.Sync, error) {
	all := entries(s.Reservations, s.Gate, minor)
	prices, err := s.Till.prices(minor)
	if err != nil {
		return nil, err
	}
	if s.Till != nil {
		s.Till.quotes(all, s.Reservations)
	}
	split := parts(all)
	if prices != nil {
		split = append([][]wire.Entry{nil}, split...)
	}
	out := make([]*wire.Sync, len(split))
	for i, p := range split {
		out[i] = &wire.Sync{Kind: wire.Snapshot, Through: s.Revision, Part: uint16(i), Parts: uint16(len(split)), Entries: p}
	}
	out[0].Prices = prices
	out[0].Gone = gone(s.Gone, minor)
	out[0].Allotments, out[0].Keys, out[0].Policy = allotments(s.Allotments), s.Keys, policy(s.Policy, s.Zone, minor)
	out[0].Bays, out[0].GateKey = bays(s.Bays, minor), s.key(minor)
	return out, nil
}

// message is a delta on base, in a minor version of the protocol.
func (c *Changes) message(base uint64, minor uint8) (*wire.Sync, error) {
	m := &wire.Sync{
		Kind: wire.Delta, Base: base, Through: c.Through, Parts: 1,
		Entries: entries(c.Reservations, c.Gate, minor), Allotments: allotments(c.Allotments), Keys: c.Keys,
		Gone: gone(c.Gone, minor),
	}
	if c.Policy != nil {
		m.Policy, m.Bays = policy(*c.Policy, c.Zone, minor), bays(c.Bays, minor)
		m.GateKey = c.key(minor)
	}
	if c.Till == nil {
		return m, nil
	}
	c.Till.quotes(m.Entries, c.Reservations)
	if c.Policy == nil {
		return m, nil
	}
	var err error
	m.Prices, err = c.Till.prices(minor)
	return m, err
}
