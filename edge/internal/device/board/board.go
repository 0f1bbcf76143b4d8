// Package board connects the agent to a board behind a serial line, by the
// client of firmware-bridge.
package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	bridge "github.com/openlot/openlot/firmware-bridge/board"
)

// openPulse and closePulse are how long the barrier's inputs are held.
const (
	openPulse  = 500 * time.Millisecond
	closePulse = 500 * time.Millisecond
)

// Connect opens the port at path and says hello.
func Connect(path string, baud int, log *slog.Logger) device.Connect {
	return func(context.Context) (device.Gates, error) {
		port, err := bridge.OpenSerial(path, baud)
		if err != nil {
			return nil, fmt.Errorf("open board %s: %w", path, err)
		}
		return &gates{client: bridge.New(port, log), log: log, button: map[int]bool{}}, nil
	}
}

type gates struct {
	client *bridge.Client
	log    *slog.Logger
	button map[int]bool // gates whose button is held down; only Run's goroutine
	ended  atomic.Bool  // Run has returned: nothing reaches the board any more
}

var _ device.Gates = (*gates)(nil)

// Run implements device.Gates.
func (g *gates) Run(ctx context.Context, handle func(device.Event)) error {
	defer g.ended.Store(true)
	return g.client.Run(ctx, func(e bridge.Event) {
		switch e.Kind {
		case bridge.InputsChanged:
			handle(device.Event{Gate: e.Gate, Kind: device.Changed, Inputs: levels(e.Inputs)})
			held := e.Inputs.Has(bridge.Button)
			if held && !g.button[e.Gate] {
				handle(device.Event{Gate: e.Gate, Kind: device.Pressed})
			}
			g.button[e.Gate] = held
		case bridge.Credential:
			handle(device.Event{Gate: e.Gate, Kind: device.Credential, Text: e.Credential})
		case bridge.Fault:
			handle(device.Event{Gate: e.Gate, Kind: device.Fault, Text: e.Fault})
		case bridge.Restarted:
			clear(g.button)
			handle(device.Event{Gate: e.Gate, Kind: device.Restarted})
		default:
			g.log.Warn("board sent an event of an unknown kind", "kind", e.Kind.String())
		}
	})
}

// Open implements device.Gates.
func (g *gates) Open(ctx context.Context, gate int) error {
	if g.ended.Load() {
		return fmt.Errorf("%w: %w", device.ErrNotAsked, bridge.ErrLinkLost)
	}
	err := g.client.Pulse(ctx, gate, bridge.Open, openPulse)
	// What a link that is lost meanwhile, a silence or a restart means for a pulse
	// that was sent is not known. These refusals never depend on an earlier try.
	if errors.Is(err, bridge.ErrNoSuch) || errors.Is(err, bridge.ErrRange) {
		return fmt.Errorf("%w: %w", device.ErrNotAsked, err)
	}
	return err
}

// Close implements device.Gates.
func (g *gates) Close(ctx context.Context, gate int) error {
	return g.client.Pulse(ctx, gate, bridge.Close, closePulse)
}

// Inputs implements device.Gates.
func (g *gates) Inputs(ctx context.Context, gate int) (lane.Inputs, error) {
	in, err := g.client.Inputs(ctx, gate)
	return levels(in), err
}

// Present implements device.Gates.
func (g *gates) Present(ctx context.Context, gate int, text, ticket string) error {
	return g.client.Present(ctx, gate, fit(text, bridge.MaxText), ticket)
}

// Light implements device.Gates.
func (g *gates) Light(ctx context.Context, gate int, green bool, d time.Duration) error {
	on, off := bridge.Red, bridge.Green
	if green {
		on, off = off, on
	}
	if err := g.client.Set(ctx, gate, off, false, 0); err != nil {
		return err
	}
	return g.client.Set(ctx, gate, on, true, min(max(d, bridge.MinLease), bridge.MaxLease))
}

func levels(in bridge.Inputs) lane.Inputs {
	level := func(bit bridge.Input) lane.Level {
		switch {
		case in.Has(bit):
			return lane.On
		case in.Clear(bit):
			return lane.Off
		default:
			return lane.Unknown
		}
	}
	return lane.Inputs{
		Arming: level(bridge.Arming), Safety: level(bridge.Safety),
		ArmOpen: level(bridge.ArmOpen), ArmClosed: level(bridge.ArmClosed), Fire: level(bridge.Fire),
	}
}

// fit cuts a text to at most limit bytes without cutting a character.
func fit(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
