package twin

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/smp"
	"github.com/openlot/openlot/firmware-bridge/twin/firmware"
	"github.com/openlot/openlot/firmware-bridge/twin/model"
	"github.com/openlot/openlot/protocol/fault"
)

const (
	version      = "twin 1"
	writeTimeout = 50 * time.Millisecond // what finds no room on the line by then is lost, as on a real one
	maxQueue     = 200                   // vehicles at one gate
)

// ErrStopped says that the twin is not running.
var ErrStopped = fault.New(fault.Unavailable, "twin_stopped", "The twin has stopped.")

// GateConfig is one gate of the twin.
type GateConfig struct {
	Name string
	Exit bool // vehicles that pass leave the parking, else they enter it
}

// Config is what a twin is made of.
type Config struct {
	Name  string // of the board
	Port  string // path at which the serial port appears
	Gates []GateConfig
	Speed float64 // of everything that moves; 1 is real
}

// Validate checks a configuration.
func (c Config) Validate() error {
	bad := func(format string, args ...any) error {
		return fault.Newf(fault.Invalid, "twin_config", format, args...)
	}
	if c.Name == "" || len(c.Name) > board.MaxName {
		return bad("A board's name has 1 to %d bytes.", board.MaxName)
	}
	if c.Port == "" {
		return bad("The serial port needs a path.")
	}
	if !(c.Speed >= 0.1 && c.Speed <= 1000) {
		return bad("The speed is %g; it must be from 0.1 to 1000.", c.Speed)
	}
	if len(c.Gates) == 0 || len(c.Gates) > board.MaxGates {
		return bad("A board carries 1 to %d gates, not %d.", board.MaxGates, len(c.Gates))
	}
	seen := map[string]bool{}
	for _, g := range c.Gates {
		if !gateName(g.Name) {
			return bad("%q is no name for a gate: letters, digits and dashes, beginning with a letter, at most 32.", g.Name)
		}
		if seen[g.Name] {
			return bad("There are two gates %q.", g.Name)
		}
		seen[g.Name] = true
	}
	return nil
}

func gateName(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// gate is one gate of the running twin.
type gate struct {
	GateConfig
	index       int
	lane        *model.Lane
	wake        time.Duration
	fire        bool
	safetyFault bool
	accepted    [board.Outputs]uint64 // commands that switched an output on
}

// Twin is one board with its gates. Its state belongs to the goroutine of Run.
type Twin struct {
	cfg   Config
	log   *slog.Logger
	epoch time.Time
	line  *line

	tasks   chan func() // run by the loop
	packets chan smp.Packet
	frames  chan []byte   // to the writer; full means lost
	stopped chan struct{} // closed when the loop has ended

	now      time.Duration // of this turn of the loop
	board    *firmware.Board
	gates    []*gate
	vehicles vehicles
	watchers watchers
	heard    time.Duration // when the host last sent something
	greeted  bool          // whether it ever did
}

// New opens the serial port. Run closes it.
func New(cfg Config, log *slog.Logger) (*Twin, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := openLine(cfg.Port)
	if err != nil {
		return nil, err
	}
	t := &Twin{
		cfg: cfg, log: log.With("component", "twin"), epoch: time.Now(), line: l,
		tasks: make(chan func()), packets: make(chan smp.Packet, 16), frames: make(chan []byte, 64), stopped: make(chan struct{}),
		vehicles: newVehicles(), watchers: watchers{all: make(map[chan []byte]struct{})},
	}
	inputs := make([]board.Inputs, len(cfg.Gates))
	for i, g := range cfg.Gates {
		lane := model.New(cfg.Speed)
		t.gates = append(t.gates, &gate{GateConfig: g, index: i, lane: lane, wake: model.Never})
		inputs[i] = lane.Inputs()
	}
	t.board = firmware.New(firmware.Config{ID: cfg.Name, Version: version, PulseScale: cfg.Speed}, newBoot(), 0, inputs)
	return t, nil
}

func newBoot() uint32 { return rand.Uint32() | 1 } //nolint:gosec // no secret

// Run serves the port until ctx ends.
func (t *Twin) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { cancel(t.read(ctx)) })
	wg.Go(func() { t.write(ctx) })
	t.loop(ctx)
	err := context.Cause(ctx)
	close(t.stopped)
	t.watchers.closeAll()
	t.line.hangUp()
	wg.Wait()
	t.line.close()
	return err
}

// read takes packets off the line.
func (t *Twin) read(ctx context.Context) error {
	dec := smp.NewDecoder(t.line.master)
	for {
		p, err := dec.Next()
		if err != nil {
			return fmt.Errorf("read the pseudo-terminal: %w", err)
		}
		select {
		case t.packets <- p:
		case <-ctx.Done():
			return nil
		}
	}
}

// write puts frames on the line. When nobody reads, the line is full and what
// comes is lost; events are sent again.
func (t *Twin) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.frames:
			if err := t.line.master.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return
			}
			if _, err := t.line.master.Write(b); err != nil {
				t.log.Debug("frame lost", "err", err)
			}
		}
	}
}

func (t *Twin) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wake := t.wake(); wake == model.Never {
			timer.Stop()
		} else {
			timer.Reset(wake - time.Since(t.epoch))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			t.now = time.Since(t.epoch)
		case p := <-t.packets:
			t.now = time.Since(t.epoch)
			t.heard, t.greeted = t.now, true
			t.board.Receive(t.now, p)
		case f := <-t.tasks:
			t.now = time.Since(t.epoch)
			f()
		}
		t.turn()
	}
}

// wake is when something is due.
func (t *Twin) wake() time.Duration {
	at := min(t.board.Wake(), t.watchers.wake())
	for _, g := range t.gates {
		at = min(at, g.wake)
	}
	return at
}

// turn does all that is due now and all that follows from it.
func (t *Twin) turn() {
	t.board.Tick(t.now)
	t.flush()
	for _, g := range t.gates {
		if g.wake <= t.now {
			t.step(g, model.Input{})
		}
	}
	t.watchers.publish(t.now, t.state)
}

// flush sends what the board wants sent and passes on what it did.
func (t *Twin) flush() {
	packets, effects := t.board.Take()
	for _, p := range packets {
		b, err := smp.AppendFrames(nil, p)
		if err != nil {
			t.log.Error("packet not sent", "err", err)
			continue
		}
		select {
		case t.frames <- b:
		default:
		}
	}
	// The lanes call back into the board, which reuses the slice.
	for _, e := range append([]firmware.Effect(nil), effects...) {
		t.watchers.touch()
		g := t.gates[e.Gate]
		switch e.Kind {
		case firmware.SwitchedOn:
			g.accepted[e.Output]++
			t.step(g, model.Input{Open: e.Output == board.Open, Close: e.Output == board.Close})
		case firmware.SwitchedOff:
			t.step(g, model.Input{})
		case firmware.Presented:
			t.step(g, model.Input{Text: e.Text, Ticket: e.Ticket})
		}
	}
}

// step steps a gate's lane and tells the board and the vehicles.
func (t *Twin) step(g *gate, in model.Input) {
	on, pulse := t.board.Output(g.index, board.Open)
	in.HeldOpen = on && !pulse
	in.Fire, in.SafetyFault = g.fire, g.safetyFault
	happenings, wake := g.lane.Step(t.now, in)
	g.wake = wake
	t.watchers.touch()
	happenings = append([]model.Happening(nil), happenings...)
	for _, h := range happenings {
		switch h.Kind {
		case model.InputsChanged:
			t.board.SetInputs(t.now, g.index, h.Inputs)
		case model.Shown:
			t.vehicles.happened(h, t.now)
			if h.Credential != "" {
				t.board.Read(t.now, g.index, h.Credential)
			}
		case model.Commanded:
			t.vehicles.happened(h, t.now)
		case model.Arrived, model.ArmOpen, model.Entered, model.Cleared, model.BackedOut:
			t.vehicles.happened(h, h.At)
		}
	}
	if len(happenings) > 0 {
		t.flush()
	}
}

// do runs f in the loop and waits for it.
func (t *Twin) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case t.tasks <- func() { f(); close(done) }:
	case <-t.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}
