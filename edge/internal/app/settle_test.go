package app

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/protocol/wire"
)

// set replaces what the cloud sends by the same with settings of the owner's.
func (s *site) set(through uint64, p wire.Policy) {
	now := time.Now()
	p.EarlyEntry, p.Zone = 900, "UTC"
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: through, Parts: 1, Entries: []wire.Entry{s.guest}, GateKey: gateKey[:], Policy: &p,
		Keys:       []wire.PassKey{{ID: s.key.Public().ID, Public: s.key.Public().Public}},
		Allotments: []wire.Allotment{{SpaceType: "standard", Version: 1, Units: 1, Until: now.Add(time.Hour).Unix()}},
	})
}

// beats waits for a beat that says something of a lane.
func (s *site) beats(what string, of func(wire.LaneStatus) bool) {
	s.t.Helper()
	s.cloud.Wait(what, func(c *cloudtest.Cloud) bool {
		for _, b := range c.Beats {
			if slices.ContainsFunc(b.Lanes, of) {
				return true
			}
		}
		return false
	})
}

// What the owner sets of a lane is in force and told within a moment, holds with the cloud
// gone and over a start, and gives way to what the staff command later, until he sets
// another.
func TestWhatTheOwnerSetsOfALaneHolds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(10, wire.Policy{Lanes: []wire.LaneSetting{{Lane: "entry-2", Label: "Einfahrt Süd", Mode: wire.LaneClosedToAll}, {Lane: "entry-9", Label: "is not here"}}})
	s.start(true)
	s.beats("the lane has its label and mode", func(l wire.LaneStatus) bool {
		return l.Lane == "entry-2" && l.Label == "Einfahrt Süd" && l.Mode == "closed_to_all"
	})
	s.net.Cut()
	s.stop()
	s.start(false)
	s.board.arrive(entry2)
	s.board.show(entry2, s.pass(s.guest.Reservation, 5))
	s.board.toldAt(entry2)
	s.board.stillShut()
	s.must(s.order("entry-2", "mode_open"))
	s.stop()
	s.start(false)
	s.board.show(entry2, s.pass(s.guest.Reservation, 6))
	s.board.opened(entry2) // the staff's word is the later one, over a start too
}

// A parking that closes lets no walk-in in from then on and says so in its beats, without
// any word of the cloud.
func TestAParkingClosesByItself(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(10, wire.Policy{Scheduled: true}) // closed for good
	s.start(true)
	s.beats("the entry is outside its hours", func(l wire.LaneStatus) bool { return l.Lane == "entry-1" && l.Closed })
	s.beats("no exit is", func(l wire.LaneStatus) bool { return l.Lane == "exit-1" && !l.Closed })
	s.net.Cut()
	s.board.arrive(entry1)
	s.board.show(entry1, "")
	s.board.toldAt(entry1)
	s.board.stillShut()
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry1)
}

// An edge whose policy is of an earlier minor version asks for all of it.
func TestAPolicyOfAnEarlierVersionIsAskedForAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.guests("DDOL1") // with a gate key, without a zone
	s.start(true)
	s.stop()
	s.set(10, wire.Policy{})
	before := len(hellos(s))
	s.start(false)
	s.cloud.Wait("a hello with nothing cached", func(c *cloudtest.Cloud) bool {
		for _, h := range c.Hellos[before:] {
			if h.Revision == 0 {
				return true
			}
		}
		return false
	})
	s.beats("it has the policy of this version", func(wire.LaneStatus) bool { return true })
}

func hellos(s *site) (out []wire.Hello) {
	s.cloud.Wait("a hello", func(c *cloudtest.Cloud) bool { out = append([]wire.Hello{}, c.Hellos...); return len(out) > 0 })
	return out
}
