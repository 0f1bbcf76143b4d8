package gpio

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// fifo is how many edges the kernel keeps of a line.
const fifo = 16

var errUnplugged = errors.New("unplugged")

// fakeLine is one line of a fake chip, as the kernel and the world outside see it.
type fakeLine struct {
	mu     sync.Mutex
	level  gpio.Level
	rest   gpio.Level // of an output that nobody holds: what the wiring pulls it to
	owned  bool
	edges  chan edge
	lost   bool // edges were dropped since the last that was kept
	frozen chan struct{}
	broken error

	moves []move // of an output
}

type move struct {
	at    time.Time
	level gpio.Level
}

// chip is a driver whose lines are moved by the test.
type chip struct {
	mu    sync.Mutex
	lines map[string]*fakeLine
	tells bool // edges carry their level, as with go-gpiocdev
}

func newChip(tells bool) *chip { return &chip{lines: map[string]*fakeLine{}, tells: tells} }

func (c *chip) wire(l Line) *fakeLine {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.lines[l.String()]
	if w == nil {
		w = &fakeLine{}
		c.lines[l.String()] = w
	}
	return w
}

func (c *chip) take(l Line) (*fakeLine, error) {
	w := c.wire(l)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return nil, w.broken
	case w.owned:
		return nil, errors.New("busy")
	}
	w.owned, w.edges, w.lost = true, make(chan edge, fifo), false
	return w, nil
}

func (c *chip) input(l Line, _ time.Duration) (inPin, error) {
	w, err := c.take(l)
	if err != nil {
		return nil, err
	}
	return &fakeIn{fakeLine: w, tells: c.tells, halt: make(halting, 1)}, nil
}

func (c *chip) output(l Line, idle gpio.Level) (outPin, error) {
	w, err := c.take(l)
	if err != nil {
		return nil, err
	}
	o := &fakeOut{fakeLine: w}
	return o, o.Out(idle)
}

// to moves a line from outside.
func (w *fakeLine) to(l gpio.Level) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l == w.level {
		return
	}
	w.level = l
	if w.edges == nil {
		return
	}
	select {
	case w.edges <- edge{l, !w.lost}:
		w.lost = false
	default:
		w.lost = true
	}
}

func (w *fakeLine) now() gpio.Level {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.level
}

// silently moves a line without an edge, as when the kernel has lost it.
func (w *fakeLine) silently(l gpio.Level) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.level = l
}

// moved is what an output did.
func (w *fakeLine) moved() []move {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.moves)
}

func (w *fakeLine) breaks(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = err
}

// freeze keeps the watcher of a line from running until the result is called.
func (w *fakeLine) freeze() (thaw func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	frozen := make(chan struct{})
	w.frozen = frozen
	return func() { close(frozen) }
}

func (w *fakeLine) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owned = false
}

type fakeIn struct {
	gpio.PinIn
	*fakeLine
	tells bool
	halt  halting
	last  edge
}

func (f *fakeIn) Sure() (gpio.Level, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.level, f.broken
}

func (f *fakeIn) WaitForEdge(timeout time.Duration) bool {
	f.mu.Lock()
	frozen := f.frozen
	f.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-f.halt:
			return false
		}
	}
	select {
	case f.last = <-f.edges:
		return true
	case <-f.halt:
	case <-time.After(timeout):
	}
	return false
}

func (f *fakeIn) Halt() error              { return f.halt.Halt() }
func (f *fakeIn) Edge() (gpio.Level, bool) { return f.last.level, f.tells && f.last.known }
func (f *fakeIn) Debounced() bool          { return false }
func (f *fakeIn) Close() error             { f.release(); return nil }

type fakeOut struct {
	gpio.PinOut
	*fakeLine
}

func (f *fakeOut) Out(l gpio.Level) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if l != f.level {
		f.moves = append(f.moves, move{time.Now(), l})
	}
	f.level = l
	return nil
}

func (f *fakeOut) Close() error {
	f.release()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.level = f.rest
	return nil
}

// bench is a gate on a fake chip, with a device that runs. It lives in a bubble of
// synctest.
type bench struct {
	t    *testing.T
	chip *chip
	gate Gate
	dev  *gates
	ran  chan error
	stop context.CancelFunc

	mu     sync.Mutex
	events []device.Event
	handle func(device.Event) // or nil
}

// wired is a gate as an installer should wire it: loops, fire and stop closed
// while inactive, with the relay of close active-low.
func wired() Gate {
	guard := func(n int) *Line { return &Line{Chip: "lane", Offset: n, Pull: PullUp} }
	contact := func(n int) *Line { return &Line{Chip: "lane", Offset: n, Pull: PullUp, ActiveLow: true} }
	return Gate{
		Arming: guard(0), Safety: guard(1), ArmOpen: contact(2), ArmClosed: contact(3), Fire: guard(4), Stop: guard(5), Button: contact(6),
		Open: at(7), Close: &Line{Chip: "lane", Offset: 8, ActiveLow: true}, Green: at(9), Red: at(10), Far: guard(11),
	}
}

func newBench(t *testing.T, tells bool) *bench {
	b := &bench{t: t, chip: newChip(tells), gate: wired(), ran: make(chan error, 1)}
	for r := range allRoles {
		w := b.wire(r)
		w.level = !b.gate.line(r).active()
		w.rest = w.level
	}
	b.wire(armClosed).level = b.gate.ArmClosed.active()
	return b
}

func (b *bench) wire(r role) *fakeLine { return b.chip.wire(*b.gate.line(r)) }

// start connects, runs until the inputs have settled and returns what was told.
func (b *bench) start() []device.Event {
	b.t.Helper()
	dev, err := connect(b.chip, map[int]Gate{0: b.gate}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.dev, b.stop = dev, cancel
	b.t.Cleanup(cancel)
	go func() {
		b.ran <- dev.Run(ctx, func(e device.Event) {
			if b.handle != nil {
				b.handle(e)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		})
	}()
	time.Sleep(time.Second)
	return b.take()
}

// end stops the device and returns what Run said.
func (b *bench) end() error {
	b.stop()
	return <-b.ran
}

// set makes an input active or not.
func (b *bench) set(r role, active bool) { b.wire(r).to(b.gate.line(r).active() == gpio.Level(active)) }

// is says whether an output is active.
func (b *bench) is(r role) bool { return b.wire(r).now() == b.gate.line(r).active() }

// take returns the events since the last call.
func (b *bench) take() []device.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.events
	b.events = nil
	return out
}

func (b *bench) inputs() lane.Inputs {
	b.t.Helper()
	in, err := b.dev.Inputs(context.Background(), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return in
}

var atRest = lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.On, Fire: lane.Off, Far: lane.Off}
