package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/openlot/openlot/firmware-bridge/board"
)

type probeCmd struct {
	Port string `required:"" help:"Serial port of the board, for example /dev/ttyACM0." placeholder:"PATH"`
	Baud int    `default:"115200" help:"Speed of the line in bits per second."`
}

// Run shows a board until it is interrupted. Events that it sees are
// acknowledged: do not probe a board that an agent should be serving.
func (c *probeCmd) Run(e *env) error {
	port, err := board.OpenSerial(c.Port, c.Baud)
	if err != nil {
		return fmt.Errorf("--port %s: %w", c.Port, err)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	client := board.New(port, e.log)
	done := make(chan error, 1)
	events := make(chan board.Event)
	go func() {
		done <- client.Run(ctx, func(ev board.Event) {
			select {
			case events <- ev:
			case <-ctx.Done():
			}
		})
	}()
	if err := c.show(ctx, e, client); err != nil {
		cancel()
		if runErr := <-done; !errors.Is(runErr, context.Canceled) {
			return runErr
		}
		return ended(e, err)
	}
	for {
		select {
		case ev := <-events:
			c.print(e, ev)
		case err := <-done:
			return ended(e, err)
		}
	}
}

// ended is nil if the command was asked to end, else why it ended.
func ended(e *env, why error) error {
	if e.ctx.Err() == nil {
		return why
	}
	return nil
}

func (c *probeCmd) show(ctx context.Context, e *env, client *board.Client) error {
	info, err := client.Hello(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(e.out, "board %s, firmware %s, %d gates, boot %08x\n", info.ID, info.Firmware, info.Gates, info.Boot)
	for g := range info.Gates {
		in, err := client.Inputs(ctx, g)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(e.out, "gate %d  %s\n", g, levels(in))
	}
	return nil
}

func levels(in board.Inputs) string {
	s := "active: " + in.Active.String()
	if unknown := (board.Arming | board.Safety | board.ArmOpen | board.ArmClosed | board.Fire | board.Button) &^ in.Valid; unknown != 0 {
		s += ", unknown: " + unknown.String()
	}
	return s
}

func (c *probeCmd) print(e *env, ev board.Event) {
	var what strings.Builder
	switch ev.Kind {
	case board.InputsChanged:
		what.WriteString(levels(ev.Inputs))
	case board.Credential:
		fmt.Fprintf(&what, "credential of %d bytes", len(ev.Credential)) // never shown: it opens gates
	case board.Fault:
		what.WriteString("fault: " + ev.Fault)
	case board.Restarted:
		_, _ = fmt.Fprintf(e.out, "%12s  board restarted\n", ev.Uptime)
		return
	}
	_, _ = fmt.Fprintf(e.out, "%12s  gate %d  %s\n", ev.Uptime, ev.Gate, what.String())
}
