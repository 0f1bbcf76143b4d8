package benchgate

import (
	"context"
	"fmt"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// board is a device in memory. Each of its gates is used by one goroutine.
type board struct {
	events chan device.Event
	gates  []*gate
}

type gate struct {
	inputs lane.Inputs
	opened chan time.Time
	told   chan string
}

const (
	patience = 10 * time.Second
	// pause is what a gate is left alone for while it is looked at.
	pause = 100 * time.Microsecond
)

func newBoard(gates int) *board {
	b := &board{events: make(chan device.Event)}
	for range gates {
		b.gates = append(b.gates, &gate{
			inputs: lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.On, Fire: lane.Off},
			opened: make(chan time.Time, 8), told: make(chan string, 64),
		})
	}
	return b
}

func (b *board) connect(context.Context) (device.Gates, error) { return b, nil }

// Run implements device.Gates.
func (b *board) Run(ctx context.Context, handle func(device.Event)) error {
	for {
		select {
		case e := <-b.events:
			handle(e)
		case <-ctx.Done():
			return nil
		}
	}
}

// Open implements device.Gates: the command counts when it arrives here.
func (b *board) Open(_ context.Context, g int) error {
	b.gates[g].opened <- time.Now()
	return nil
}

// Close implements device.Gates.
func (b *board) Close(context.Context, int) error { return nil }

// Inputs implements device.Gates. It is asked once, before anything moves.
func (b *board) Inputs(_ context.Context, g int) (lane.Inputs, error) {
	return lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.On, Fire: lane.Off}, nil
}

// Present implements device.Gates.
func (b *board) Present(_ context.Context, g int, text, _ string) error {
	select {
	case b.gates[g].told <- text:
	default:
	}
	return nil
}

// Light implements device.Gates.
func (b *board) Light(context.Context, int, bool, time.Duration) error { return nil }

func (b *board) levels(g int, change func(*lane.Inputs)) {
	in := &b.gates[g].inputs
	change(in)
	b.events <- device.Event{Gate: g, Kind: device.Changed, Inputs: *in}
}

// visit lets a car come and show a pass, and returns how long it waited.
func (b *board) visit(g int, text string) (time.Duration, error) {
	b.levels(g, func(in *lane.Inputs) { in.Arming = lane.On })
	began := time.Now()
	b.events <- device.Event{Gate: g, Kind: device.Credential, Text: text}
	select {
	case at := <-b.gates[g].opened:
		return at.Sub(began), nil
	case <-time.After(patience):
		told := "nothing"
		select {
		case told = <-b.gates[g].told:
		default:
		}
		return 0, fmt.Errorf("gate %d did not open; the driver was told %q", g, told)
	}
}

// drive moves the car under the arm and away, and the arm down behind it.
func (b *board) drive(g int) {
	for _, step := range []func(*lane.Inputs){
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.On, lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.On },
		func(in *lane.Inputs) { in.Arming = lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.Off },
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.Off, lane.On },
	} {
		b.levels(g, step)
	}
	for len(b.gates[g].told) > 0 {
		<-b.gates[g].told
	}
}
