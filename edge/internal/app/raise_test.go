package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// aloneWith is the first lane of an agent whose loops do not run, with a board, and
// with waits of some milliseconds.
func aloneWith(t *testing.T, board *testBoard) (*gate, lane.Config) {
	s := newSite(t)
	a, err := Open(s.config(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.rec.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, a.listen.Close()); err != nil {
			t.Error(err)
		}
	})
	g := a.gates[0]
	g.device = func() device.Gates { return board }
	cfg := lane.Defaults()
	cfg.CloseAfter, cfg.SampleEvery, cfg.SettleAfter = 40*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
	return g, cfg
}

// wakes lets a lane do what is due, until enough or for so many times.
func (g *gate) wakes(t *testing.T, times int, enough func() bool) {
	for range times {
		at, ok := g.state.Wake()
		if !ok || time.Until(at) > time.Minute {
			t.Fatalf("phase %s waits until %s", g.state.Phase, at)
		}
		<-time.After(time.Until(at))
		if g.step(context.Background(), lane.Input{Kind: lane.Tick}); enough() {
			return
		}
	}
}

// The arm is held open, comes down, and the device does not answer: it is asked again
// within a moment, not after the wait for an arm that goes up.
func TestARaiseThatTheDeviceDidNotCarryOutIsRepeated(t *testing.T) {
	t.Parallel()
	asked := 0
	board := newBoard(t)
	board.onOpen = func(int) error {
		asked++
		return errors.New("no answer")
	}
	g, cfg := aloneWith(t, board)
	cfg.RaiseEvery = time.Hour
	g.state = lane.Restored(cfg, false, []lane.Command{lane.HoldOpen})
	g.step(context.Background(), lane.Input{Kind: lane.Sensed, Inputs: lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.Off, Fire: lane.Off}})
	if g.wakes(t, 10, func() bool { return asked >= 3 }); asked < 3 {
		t.Errorf("asked %d times", asked)
	}
}

// An arm is let down by what the device says when it is asked, and only while nothing
// that it reported is still to be looked at.
func TestAReportThatWaitsKeepsTheArmUp(t *testing.T) {
	t.Parallel()
	board := newBoard(t)
	board.inputs[0] = lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.On, ArmClosed: lane.Off, Fire: lane.Off}
	g, cfg := aloneWith(t, board)
	g.state = lane.New(cfg, false)
	g.sample(context.Background())
	g.signals <- signal{event: device.Event{Kind: device.Changed}}
	closed := func() bool { return board.closes > 0 }
	if g.wakes(t, 30, closed); closed() {
		t.Fatal("let down though a report waits")
	}
	<-g.signals
	if g.wakes(t, 30, closed); !closed() {
		t.Fatal("not let down")
	}
}
