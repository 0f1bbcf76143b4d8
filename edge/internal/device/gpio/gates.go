package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
)

// What can go wrong with a command. A caller branches with errors.Is.
var (
	ErrSafety      = fault.New(fault.Conflict, "gpio_safety_occupied", "The safety loop, fire or stop is active or not known. The barrier was not told to close.")
	ErrInterlocked = fault.New(fault.Conflict, "gpio_interlocked", "The barrier is being told to open, or just was, and cannot be told to close. Nothing was done.")
	ErrStopped     = fault.New(fault.Conflict, "gpio_stopped", "The emergency stop is active or not known. The barrier was asked for nothing.")
	ErrNoLine      = fault.New(fault.NotFound, "gpio_no_such_line", "This gate has no such line. See the gate's wiring in the configuration.")
	ErrReleased    = fault.New(fault.Unavailable, "gpio_released", "The GPIO lines are released.")
	ErrNoPrinter   = fault.New(fault.Unavailable, "gpio_no_ticket", "A gate on GPIO lines has nothing that hands out a ticket.")
)

// maxEvents is how many events wait for the agent. When it is full, a press is
// forgotten, and of levels only the newest of each gate are kept.
const maxEvents = 64

// Connect takes the lines of gates. The wiring must have passed Check.
func Connect(name Driver, wiring map[int]Gate, log *slog.Logger) device.Connect {
	return func(context.Context) (device.Gates, error) {
		d := drivers()[name]
		if d == nil {
			return nil, ErrNoGPIO
		}
		g, err := connect(d, wiring, log)
		if err != nil {
			return nil, err
		}
		if keepsOutputs(os.DirFS("/sys")) {
			log.Warn("this kernel leaves outputs as they are when the program ends; add dtparam=strict_gpiod to config.txt")
		}
		return g, nil
	}
}

func connect(d driver, wiring map[int]Gate, log *slog.Logger) (*gates, error) {
	g := &gates{rigs: map[int]*rig{}, log: log, done: make(chan struct{}), queued: make(chan struct{}, 1)}
	for _, n := range slices.Sorted(maps.Keys(wiring)) {
		r, err := newRig(d, n, wiring[n], g)
		if err != nil {
			return nil, errors.Join(err, g.release())
		}
		g.rigs[n] = r
	}
	return g, nil
}

// gates are the gates on this machine's lines.
type gates struct {
	rigs map[int]*rig
	log  *slog.Logger
	done chan struct{} // closed when Run is over: nothing reaches the lines any more

	mu     sync.Mutex
	events []device.Event
	queued chan struct{} // says that there are events
}

var _ device.Gates = (*gates)(nil)

// Run implements device.Gates.
func (g *gates) Run(stopped context.Context, handle func(device.Event)) error {
	group, ctx := errgroup.WithContext(stopped)
	for _, r := range g.rigs {
		for role, in := range r.inputs {
			group.Go(func() error { return watch(ctx, role, in, func(s sample) { r.take(ctx, s) }) })
		}
		group.Go(func() error { return r.serve(ctx) })
	}
	group.Go(func() error { return g.deliver(ctx, handle) })
	err := unlessStopped(stopped, group.Wait())
	close(g.done)
	return errors.Join(err, g.release())
}

// unlessStopped is err, unless it only says that ctx has ended.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (g *gates) release() error {
	var errs error
	for _, r := range g.rigs {
		errs = errors.Join(errs, r.release())
	}
	return errs
}

// deliver passes events on, one after the other, while the gates go on working.
func (g *gates) deliver(ctx context.Context, handle func(device.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.queued:
		}
		for {
			g.mu.Lock()
			var e device.Event
			some := len(g.events) > 0
			if some {
				e, g.events = g.events[0], g.events[1:]
			}
			g.mu.Unlock()
			if !some || ctx.Err() != nil {
				break
			}
			handle(e)
		}
	}
}

func (g *gates) emit(e device.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.events) >= maxEvents {
		if e.Kind != device.Changed {
			g.log.Warn("the agent does not keep up; a gate's event is forgotten", "gate", e.Gate, "kind", int(e.Kind))
			return
		}
		g.events = slices.DeleteFunc(g.events, func(old device.Event) bool { return old.Kind == device.Changed && old.Gate == e.Gate })
	}
	g.events = append(g.events, e)
	select {
	case g.queued <- struct{}{}:
	default:
	}
}

// ask has the gate's own goroutine do something.
func (g *gates) ask(ctx context.Context, gate int, c command) (answer, error) {
	r := g.rigs[gate]
	if r == nil {
		return answer{}, fmt.Errorf("%w: %w", device.ErrNotAsked, ErrNoLine)
	}
	c.reply = make(chan answer, 1)
	select {
	case r.commands <- c:
	case <-g.done:
		return answer{}, fmt.Errorf("%w: %w", device.ErrNotAsked, ErrReleased)
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%w: %w", device.ErrNotAsked, ctx.Err())
	}
	select {
	case a := <-c.reply:
		return a, a.err
	case <-g.done:
		select {
		case a := <-c.reply:
			return a, a.err
		default:
			return answer{}, ErrReleased
		}
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// Open implements device.Gates.
func (g *gates) Open(ctx context.Context, gate int) error {
	_, err := g.ask(ctx, gate, command{kind: doOpen})
	return err
}

// Close implements device.Gates.
func (g *gates) Close(ctx context.Context, gate int) error {
	_, err := g.ask(ctx, gate, command{kind: doClose})
	return err
}

// Inputs implements device.Gates.
func (g *gates) Inputs(ctx context.Context, gate int) (lane.Inputs, error) {
	a, err := g.ask(ctx, gate, command{kind: doRead})
	return a.inputs, err
}

// Present implements device.Gates: lamps are all that there is to show.
func (g *gates) Present(_ context.Context, _ int, _, ticket string) error {
	if ticket != "" {
		return ErrNoPrinter
	}
	return nil
}

// Light implements device.Gates. A gate without the lamp has nothing to show.
func (g *gates) Light(ctx context.Context, gate int, on bool, d time.Duration) error {
	lamp := red
	if on {
		lamp = green
	}
	_, err := g.ask(ctx, gate, command{kind: doLight, lamp: lamp, lasts: d})
	return err
}
