package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// told is what a driver was shown.
type told struct {
	gate         int
	text, ticket string
}

// testBoard is a device whose cars are moved by the test.
type testBoard struct {
	t         testing.TB
	events    chan sent
	opens     chan int
	tells     chan told
	onOpen    func(gate int) error // before the pulse is acknowledged
	onLight   func(green bool)
	noPrinter bool
	broken    chan struct{} // closed: the device is lost

	mu     sync.Mutex
	inputs map[int]lane.Inputs
	closes int
}

var quiet = lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.On, Fire: lane.Off}

func newBoard(t testing.TB) *testBoard {
	return &testBoard{
		t: t, events: make(chan sent), opens: make(chan int, 64), tells: make(chan told, 64), broken: make(chan struct{}),
		inputs: map[int]lane.Inputs{0: quiet, 1: quiet, 2: quiet},
	}
}

func (b *testBoard) connect(context.Context) (device.Gates, error) {
	select {
	case <-b.broken:
		return nil, errors.New("unplugged")
	default:
		return b, nil
	}
}

func (b *testBoard) Run(ctx context.Context, handle func(device.Event)) error {
	for {
		select {
		case e := <-b.events:
			handle(e.Event)
			close(e.taken)
		case <-b.broken:
			return errors.New("unplugged")
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *testBoard) Open(_ context.Context, gate int) error {
	if b.onOpen != nil {
		if err := b.onOpen(gate); err != nil {
			return err
		}
	}
	b.opens <- gate
	return nil
}

func (b *testBoard) Close(context.Context, int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closes++
	return nil
}

func (b *testBoard) Inputs(_ context.Context, gate int) (lane.Inputs, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inputs[gate], nil
}

func (b *testBoard) Present(ctx context.Context, gate int, text, ticket string) error {
	if b.noPrinter && ticket != "" {
		return errors.New("no printer")
	}
	select {
	case b.tells <- told{gate, text, ticket}:
		return nil
	case <-ctx.Done(): // nobody reads what is told
		return ctx.Err()
	}
}

func (b *testBoard) Light(_ context.Context, _ int, green bool, _ time.Duration) error {
	if b.onLight != nil {
		b.onLight(green)
	}
	return nil
}

// sent is an event and what is closed once its lane has it.
type sent struct {
	device.Event
	taken chan struct{}
}

// send returns once the event waits at its lane: what is asked of the lane after that
// comes behind it.
func (b *testBoard) send(e device.Event) {
	b.t.Helper()
	late := time.After(10 * time.Second)
	s := sent{e, make(chan struct{})}
	select {
	case b.events <- s:
	case <-late:
		b.t.Fatal("the agent does not take events")
	}
	select {
	case <-s.taken:
	case <-late:
		b.t.Fatal("the lane does not take events")
	}
}

func (b *testBoard) levels(gate int, change func(*lane.Inputs)) {
	b.t.Helper()
	b.mu.Lock()
	in := b.inputs[gate]
	change(&in)
	b.inputs[gate] = in
	b.mu.Unlock()
	b.send(device.Event{Gate: gate, Kind: device.Changed, Inputs: in})
}

func (b *testBoard) arrive(gate int) { b.levels(gate, func(in *lane.Inputs) { in.Arming = lane.On }) }

// show presents a credential, or presses the button if it is empty.
func (b *testBoard) show(gate int, text string) {
	b.t.Helper()
	kind := device.Credential
	if text == "" {
		kind = device.Pressed
	}
	b.send(device.Event{Gate: gate, Kind: kind, Text: text})
}

// driveThrough moves the car at a gate under the arm and away, and the arm down
// behind it.
func (b *testBoard) driveThrough(gate int) {
	b.t.Helper()
	for _, step := range []func(*lane.Inputs){
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.On, lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.On },
		func(in *lane.Inputs) { in.Arming = lane.Off },
		func(in *lane.Inputs) { in.Safety = lane.Off },
		func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.Off, lane.On },
	} {
		b.levels(gate, step)
	}
}

func (b *testBoard) opened(gate int) {
	b.t.Helper()
	select {
	case got := <-b.opens:
		if got != gate {
			b.t.Fatalf("gate %d opened, want %d", got, gate)
		}
	case <-time.After(10 * time.Second):
		b.t.Fatalf("gate %d did not open", gate)
	}
}

func (b *testBoard) toldAt(gate int) told {
	b.t.Helper()
	select {
	case got := <-b.tells:
		if got.gate != gate {
			b.t.Fatalf("the driver at gate %d was told something", got.gate)
		}
		return got
	case <-time.After(10 * time.Second):
		b.t.Fatalf("the driver at gate %d was told nothing", gate)
		return told{}
	}
}

func (b *testBoard) stillShut() {
	b.t.Helper()
	select {
	case got := <-b.opens:
		b.t.Fatalf("gate %d opened", got)
	default:
	}
}
