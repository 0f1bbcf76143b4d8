package app

import (
	"context"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/wire"
)

// Only what surely did not reach the barrier may make a pass good again.
func TestWhatAFailedOpeningTellsTheLane(t *testing.T) {
	g := newGate(admission.Lane{ID: "entry-1", Direction: admission.Entry}, 0)
	g.device = func() device.Gates { return nil }
	if err := g.command(t.Context(), device.Gates.Open); notOpened(err) != lane.OpenFailed || fault.Code(err) != "board_lost" {
		t.Errorf("without a board: %v", err)
	}
	if notOpened(context.DeadlineExceeded) != lane.OpenInDoubt {
		t.Error("a board that did not answer in time may have opened")
	}
}

// A reader that reads nothing but blanks has not pressed the button for a ticket.
func TestABlankCredentialIsNotTheButton(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.board.arrive(entry1)
	for _, blank := range []string{"  ", "", "\t\r\n"} {
		s.board.send(device.Event{Gate: entry1, Kind: device.Credential, Text: blank})
	}
	if got := s.board.toldAt(entry1); got.ticket != "" {
		t.Errorf("a blank credential was given the ticket %q", got.ticket)
	}
	if r := s.applied(wire.Refused, 1)[0]; r.Reason != wire.RefuseUnknown {
		t.Errorf("refused for %s", r.Reason)
	}
	s.board.show(entry1, "") // the button, at once: the refusal was not of it
	if got := s.board.toldAt(entry1); got.ticket == "" {
		t.Errorf("the button gave no ticket but %q", got.text)
	}
	s.board.opened(entry1)
	s.board.send(device.Event{Gate: exit1, Kind: device.Credential, Text: " "})
	if got := s.board.toldAt(exit1); got.ticket != "" {
		t.Error("a ticket at an exit")
	}
	s.board.stillShut()
}

// A gate that cannot hand out the ticket shows green all the same: the arm goes up.
func TestAGateWithoutAPrinterShowsGreen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	green := make(chan bool, 8)
	s.board.noPrinter, s.board.onLight = true, func(on bool) { green <- on }
	s.start(true)
	s.board.arrive(entry1)
	s.board.show(entry1, "") // the button
	s.board.opened(entry1)
	select {
	case on := <-green:
		if !on {
			t.Error("red for who may come in")
		}
	case <-time.After(10 * time.Second):
		t.Error("no light")
	}
}
