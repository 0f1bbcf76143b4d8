package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/device"
)

// Reading is the level of an input, for whoever wires it. It is not debounced:
// he should see what bounces.
type Reading struct {
	Gate   int
	Input  string // such as "safety"
	Line   Line
	High   bool // what the line carries
	Active bool // what that means
}

// Watch takes the inputs of gates and passes on their levels, first all and then
// what changes, until ctx ends. Calls of handle come one after the other. The
// agent must not be running: a line has one owner.
func Watch(ctx context.Context, name Driver, wiring map[int]Gate, handle func(Reading)) error {
	d := drivers()[name]
	if d == nil {
		return ErrNoGPIO
	}
	return observe(ctx, d, wiring, handle)
}

// observed is an input that is watched.
type observed struct {
	inPin
	gate int
	role role
	line Line
}

func observe(stopped context.Context, d driver, wiring map[int]Gate, handle func(Reading)) (err error) {
	var taken []observed
	defer func() {
		for _, in := range taken {
			err = errors.Join(err, in.Close())
		}
	}()
	for _, n := range slices.Sorted(maps.Keys(wiring)) {
		for role := range inputRoles {
			l := wiring[n].line(role)
			if l == nil {
				continue
			}
			in, err := d.input(*l, 0)
			if err != nil {
				return fmt.Errorf("gate %d, %s: %w", n, role, err)
			}
			taken = append(taken, observed{in, n, role, *l})
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(stopped)
	for _, in := range taken {
		seen, last := false, false
		group.Go(func() error {
			return watch(ctx, in.role, in, func(s sample) {
				if high := bool(s.level); !seen || high != last {
					seen, last = true, high
					mu.Lock()
					defer mu.Unlock()
					handle(Reading{in.gate, in.role.String(), in.line, high, s.level == in.line.active()})
				}
			})
		})
	}
	return unlessStopped(stopped, group.Wait())
}

// TryOutputs names what Try can do.
func TryOutputs() []string {
	return []string{open.String(), closing.String(), green.String(), red.String()}
}

// Try does one thing at a gate: a pulse of open or close, or a lamp for two
// seconds. All rules of the device hold: it does not close on a vehicle either.
// It returns when the output is off again. The agent must not be running.
func Try(ctx context.Context, name Driver, wiring Gate, output string, log *slog.Logger) error {
	d := drivers()[name]
	if d == nil {
		return ErrNoGPIO
	}
	return try(ctx, d, wiring, output, log)
}

func try(ctx context.Context, d driver, wiring Gate, output string, log *slog.Logger) error {
	g, err := connect(d, map[int]Gate{0: wiring}, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx, func(device.Event) {}) }()

	lasts := 2 * time.Second
	_, err = g.Inputs(ctx, 0) // when they are known
	if err == nil {
		switch output {
		case open.String():
			lasts, err = wiring.openPulse(), g.Open(ctx, 0)
		case closing.String():
			lasts, err = wiring.closePulse(), g.Close(ctx, 0)
		case green.String(), red.String():
			err = g.Light(ctx, 0, output == green.String(), lasts)
		default:
			err = fmt.Errorf("%w: %q", ErrNoLine, output)
		}
	}
	if err == nil {
		select {
		case <-time.After(lasts + 50*time.Millisecond):
		case err = <-ran:
			return err
		case <-ctx.Done():
		}
	}
	cancel()
	return errors.Join(err, <-ran)
}
