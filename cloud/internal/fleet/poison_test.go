package fleet_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// SPEC 8.6: an event that is malformed becomes an incident with its bytes on
// record, and the watermark moves on.
func TestAMalformedEventHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	e.enter(none)
	e.raw = append(e.raw, []byte{0xa1, 0x18, 0x63, 0x01}) // a map with the unknown key 99
	e.enter(none)
	e.send(topic.Events, &wire.EventBatch{Journal: e.journal, Epoch: e.epoch, First: 1, Events: e.raw})
	e.ack(s, 3)
	if n := s.count(`select count(*) from session where state = 'inside'`); n != 2 {
		t.Errorf("%d inside, want 2", n)
	}
	if n := s.count(`select count(*) from observation where seq = 2 and raw = '\xa1186301'`); n != 1 {
		t.Error("the bytes are not on record")
	}
	if n := s.count(`select count(*) from incident`); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
}

// An event that the database refuses is found within its batch and treated the
// same way.
func TestAnEventThatCannotBeCommittedHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	if _, err := s.owner.Exec(t.Context(), `alter table session add constraint poison check (entry_lane <> 'poison-1')`); err != nil {
		t.Fatal(err)
	}
	e := s.edge(s.enroll())
	e.greet()
	e.enter(none)
	e.add(wire.Event{Kind: wire.Entered, Lane: "poison-1", Session: id.New[id.Session](time.Now()), SpaceType: id.Standard})
	e.enter(none)
	e.batch(0, 3)
	for e.acked < 3 {
		e.ack(s, e.acked+1)
	}
	if n := s.count(`select count(*) from session where state = 'inside'`); n != 2 {
		t.Errorf("%d inside, want 2", n)
	}
	if n := s.count(`select count(*) from incident where class = 'unapplied'`); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
	if n := s.count(observed); n != 3 {
		t.Errorf("%d of 3 observed", n)
	}
}
