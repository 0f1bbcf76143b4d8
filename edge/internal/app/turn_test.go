package app

import (
	"testing"

	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/wire"
)

// A reversible lane that was turned lets out who comes to its other side, also after a
// start, and lets in again when it is turned back.
func TestATurnedLaneLetsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.reversible = true
	s.start(true)
	s.board.levels(entry2, func(in *lane.Inputs) { in.Far = lane.Off })
	ticket := s.walkin()
	s.applied(wire.Entered, 1)
	if err := s.order("entry-2", "turn"); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.start(true)

	s.board.levels(entry2, func(in *lane.Inputs) { in.Far = lane.On })
	s.board.show(entry2, ticket)
	s.board.opened(entry2)
	s.board.toldAt(entry2)
	for _, step := range []func(*lane.Inputs){
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.On, lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.On },
		func(in *lane.Inputs) { in.Far = lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.Off },
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.Off, lane.On },
	} {
		s.board.levels(entry2, step)
	}
	if out := s.applied(wire.Exited, 1)[0]; "TK1:"+out.Session.String() != ticket || out.Lane != "entry-2" {
		t.Errorf("%+v has left, with %s", out, ticket)
	}

	if err := s.order("entry-2", "turn"); err != nil {
		t.Fatal(err)
	}
	s.board.arrive(entry2)
	s.board.show(entry2, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry2)
	s.board.toldAt(entry2)
	s.board.driveThrough(entry2)
	s.applied(wire.Entered, 2)
}
