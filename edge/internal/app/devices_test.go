package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// twoDevices is an agent with an entry on one board and an exit on another.
func twoDevices(t *testing.T, change func(*Config)) (s *site, other *testBoard) {
	t.Helper()
	s, other = newSite(t), newBoard(t)
	cfg := s.config()
	cfg.Devices["other"] = other.connect
	cfg.Lanes = []LaneConfig{
		{Lane: admission.Lane{ID: "entry-1", Direction: admission.Entry, SpaceType: id.Standard}, Device: "board", Gate: 0},
		{Lane: admission.Lane{ID: "exit-1", Direction: admission.Exit, SpaceType: id.Standard}, Device: "other", Gate: 0},
	}
	if change != nil {
		change(&cfg)
	}
	a, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	s.agent = a
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, other
}

func TestALostDeviceBlindsOnlyItsOwnLanes(t *testing.T) {
	t.Parallel()
	s, other := twoDevices(t, nil)
	s.board.arrive(0)
	other.arrive(0)
	close(s.board.broken)
	if faults := s.applied(wire.LaneFault, 1); faults[0].Lane != "entry-1" || faults[0].Note != lane.FaultBoard {
		t.Errorf("%+v", faults)
	}
	other.show(0, "") // the button of the exit: gate 0 of both devices
	other.opened(0)
	other.toldAt(0)
	for _, l := range s.agent.Report().Lanes {
		if l.Lane == "exit-1" && !l.Linked {
			t.Error("the exit is blind, too")
		}
	}
	select {
	case n := <-s.board.opens:
		t.Errorf("gate %d of the other board opened", n)
	default:
	}
}

// flood is a reader that never tires, and remembers what was refused.
type flood struct{ refused chan struct{} }

func (f flood) Run(ctx context.Context, take func(device.Read) bool) error {
	for told := false; ctx.Err() == nil; {
		if !take(device.Read{Medium: device.Code, Text: id.New[id.Session](time.Now()).String()}) && !told {
			told = true
			close(f.refused)
		}
	}
	return nil
}

func TestAReaderNeverFillsALanesQueue(t *testing.T) {
	t.Parallel()
	g := newGate(admission.Lane{ID: "entry-1"}, 0) // nobody takes anything from its queue
	taken := 0
	for g.read(device.Read{Text: "x"}) {
		taken++
	}
	if free := cap(g.signals) - len(g.signals); taken == 0 || free < cap(g.signals)/2 {
		t.Errorf("%d taken, %d places are left to the board", taken, free)
	}
	if g.read(device.Read{Text: "x"}) {
		t.Error("taken after all")
	}
}

func TestAFloodOfCredentialsKeepsNobodyIn(t *testing.T) {
	t.Parallel()
	f := flood{make(chan struct{})}
	_, other := twoDevices(t, func(c *Config) { c.Lanes[0].Readers = []device.Reader{f} })
	<-f.refused
	other.arrive(0)
	other.show(0, "")
	other.opened(0)
}

// once is a reader that reads one thing.
type once struct{ read device.Read }

func (o once) Run(ctx context.Context, take func(device.Read) bool) error {
	take(o.read)
	<-ctx.Done()
	return nil
}

type shown chan string

func (s shown) Show(text string) { s <- text }

func TestADisplayTellsWhatAReadersLaneDecided(t *testing.T) {
	t.Parallel()
	show := make(shown, 8)
	_, other := twoDevices(t, func(c *Config) {
		c.Lanes[1].Readers = []device.Reader{once{device.Read{Medium: device.Plate, Text: "DDOL123"}}}
		c.Lanes[1].Display = show
	})
	select {
	case text := <-show:
		if text == "" {
			t.Error("an empty sentence")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the display shows nothing")
	}
	other.stillShut()
}
