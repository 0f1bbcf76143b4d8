package app

import (
	"context"
	"testing"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
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
