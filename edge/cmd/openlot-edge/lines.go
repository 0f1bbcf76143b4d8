package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/device/gpio"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// lampTime is how long a lamp is lit, and tryWithin how long a try may take.
const (
	lampTime  = 2 * time.Second
	tryWithin = 10 * time.Second
)

type linesCmd struct {
	settings
	JSON    bool   `name:"json" help:"Print each change as a line of JSON."`
	Chips   bool   `help:"List this machine's GPIO chips and their lines instead."`
	Pulse   string `help:"Move a barrier or light a lamp once: open, close, green, red." enum:",open,close,green,red" default:"" placeholder:"OUTPUT"`
	Lane    string `help:"The lane of --pulse." placeholder:"LANE"`
	Confirm string `help:"The lane's name again, in place of the question whether the barrier may move." placeholder:"LANE"`
}

// Run shows the inputs until ctx ends, or does one thing at one gate.
func (c *linesCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	if c.Chips {
		return listChips(stdout)
	}
	cfg, problems := c.load()
	if wrong := problems.Errors(); len(wrong) > 0 {
		return usage("%v", wrong)
	}
	lock, err := lockAgent(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if c.Pulse != "" {
		return c.pulse(ctx, cfg, os.Stdin, stdout, log)
	}
	p := newPanel(cfg, stdout, c.JSON)
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range cfg.Devices {
		group.Go(func() error { return p.watch(ctx, d, log) })
	}
	return group.Wait()
}

// pulse moves one barrier after the installer has said that it may move.
func (c *linesCmd) pulse(ctx context.Context, cfg *config.Config, stdin io.Reader, stdout io.Writer, log *slog.Logger) error {
	i := slices.IndexFunc(cfg.Lanes, func(l config.Lane) bool { return l.ID == id.Lane(c.Lane) })
	if i < 0 {
		return usage("--lane %q: there is no such lane", c.Lane)
	}
	if c.Confirm == "" {
		if _, err := fmt.Fprintf(stdout, "This asks the barrier of %s for %q. Nobody may be near it. Type the lane's name to go on: ", c.Lane, c.Pulse); err != nil {
			return err
		}
		text, err := bufio.NewReader(io.LimitReader(stdin, 256)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		c.Confirm = strings.TrimSpace(text)
	}
	if c.Confirm != c.Lane {
		return usage("this was not the lane's name: nothing was done")
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	l := cfg.Lanes[i]
	d := cfg.Devices[slices.IndexFunc(cfg.Devices, func(d config.Device) bool { return d.ID == l.Device })]
	var err error
	if d.GPIO != nil {
		err = gpio.Try(ctx, d.GPIO.Driver, d.GPIO.Gates[l.Gate], c.Pulse, log)
	} else {
		err = try(ctx, carrier(d, log), l.Gate, c.Pulse)
	}
	if err != nil {
		return fmt.Errorf("%s at %s: %w", c.Pulse, c.Lane, err)
	}
	_, err = fmt.Fprintf(stdout, "%s: %s was asked for.\n", c.Lane, c.Pulse)
	return err
}

// try does one thing at a gate of a board.
func try(ctx context.Context, connect device.Connect, gate int, output string) error {
	d, err := connect(ctx)
	if err != nil {
		return err
	}
	runCtx, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- d.Run(runCtx, func(device.Event) {}) }()
	switch output {
	case "open":
		err = d.Open(ctx, gate)
	case "close":
		err = d.Close(ctx, gate)
	default:
		err = d.Light(ctx, gate, output == "green", lampTime)
	}
	stop()
	<-ran //nolint:errcheck // it ends because it is stopped
	return err
}

func listChips(w io.Writer) error {
	chips, err := gpio.Chips()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "no_gpio", err.Error()+".")
	}
	var b strings.Builder
	for _, c := range chips {
		fmt.Fprintf(&b, "%s (%s)\n", c.Label, c.Name)
		for _, l := range c.Lines {
			direction := "input"
			if l.Output {
				direction = "output"
			}
			fmt.Fprintf(&b, "  %3d  %-16s %-6s  %s\n", l.Offset, cmp.Or(l.Name, "-"), direction, l.Consumer)
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// watch shows the inputs of a device until ctx ends; one that is lost is shown as
// unknown and looked for again.
func (p *panel) watch(ctx context.Context, d config.Device, log *slog.Logger) error {
	return device.Keep(ctx, slog.New(slog.DiscardHandler), "device", func(ctx context.Context, _ func()) (err error) {
		defer func() {
			if ctx.Err() == nil {
				p.lost(d.ID, err)
			}
		}()
		if d.GPIO == nil {
			return p.watchBoard(ctx, d, log)
		}
		return gpio.Watch(ctx, d.GPIO.Driver, d.GPIO.Gates, func(r gpio.Reading) {
			level := lane.Off
			if r.Active {
				level = lane.On
			}
			p.set(d.ID, r.Gate, r.Input, level, fmt.Sprintf("%s %s", r.Line, map[bool]string{true: "high", false: "low"}[r.High]))
		})
	})
}

func (p *panel) watchBoard(ctx context.Context, d config.Device, log *slog.Logger) error {
	gates, err := carrier(d, log)(ctx)
	if err != nil {
		return err
	}
	show := func(gate int, in lane.Inputs) {
		for _, one := range []struct {
			name  string
			level lane.Level
		}{{"arming", in.Arming}, {"safety", in.Safety}, {"arm_open", in.ArmOpen}, {"arm_closed", in.ArmClosed}, {"fire", in.Fire}} {
			p.set(d.ID, gate, one.name, one.level, "")
		}
	}
	ran := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		ran <- gates.Run(ctx, func(e device.Event) {
			switch e.Kind {
			case device.Changed:
				show(e.Gate, e.Inputs)
			case device.Pressed:
				p.happened(d.ID, e.Gate, "button")
			case device.Credential:
				p.happened(d.ID, e.Gate, "credential")
			case device.Fault:
				p.happened(d.ID, e.Gate, "fault "+e.Text)
			case device.Restarted:
				p.happened(d.ID, e.Gate, "restarted")
			}
		})
	}()
	for _, gate := range p.gates(d.ID) {
		if in, err := gates.Inputs(ctx, gate); err == nil {
			show(gate, in)
		}
	}
	return <-ran
}
