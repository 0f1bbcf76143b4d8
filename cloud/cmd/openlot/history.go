package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// past is what commands about what has happened understand.
type past struct {
	one
	Last time.Duration `help:"How far back." default:"168h"`
}

type incidentsCmd struct{ past }

// Run implements kong's command.
func (c *incidentsCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error {
		found, err := a.History.Incidents(ctx, p, time.Now().Add(-c.Last))
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, i := range found {
			fmt.Fprintf(&text, "%s  %s", i.At.UTC().Format(time.RFC3339), i.Class)
			if !i.Reservation.IsZero() {
				fmt.Fprintf(&text, "  %s", i.Reservation)
			}
			fmt.Fprintf(&text, "  %q\n", i.Detail) // some of it was typed at a gate
		}
		if len(found) == 0 {
			fmt.Fprintf(&text, "no incident in %s in the last %s\n", p, c.Last)
		}
		return write(out, &text)
	})
}

type commandsCmd struct{ past }

// Run implements kong's command.
func (c *commandsCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error {
		found, err := a.History.Commands(ctx, p, time.Now().Add(-c.Last))
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, e := range found {
			fmt.Fprintf(&text, "%s  %s  %s  %q  %q\n", e.Time().UTC().Format(time.RFC3339), e.Lane, ordered(e.Note), e.By, e.Why)
		}
		if len(found) == 0 {
			fmt.Fprintf(&text, "nobody commanded a lane of %s in the last %s\n", p, c.Last)
		}
		return write(out, &text)
	})
}

// ordered is a command's note for people.
func ordered(note string) string {
	if command, refused := strings.CutSuffix(note, wire.NoteRefused); refused {
		return command + " (the lane refused it)"
	}
	switch was, n, counted := wire.ParseCountNote(note); {
	case counted && was >= 0:
		return fmt.Sprintf("count %d (was %d)", n, was)
	case counted:
		return fmt.Sprintf("count %d", n)
	}
	return note
}
