package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/replay"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type replayCmd struct {
	one
	File   string `required:"" help:"Readings of displays (CSV): a column with the time, and one with the free spaces of each car park." type:"path"`
	Column string `required:"" help:"Which of them, such as dresden-semperoper."`
	Week   string `required:"" help:"The day with which the week is to begin, in UTC. It must be over." placeholder:"YYYY-MM-DD"`
	Until  string `help:"Tell only what happened up to then, as an edge that was away since. The same command without it, or with a later time, tells the rest." placeholder:"2026-10-21T09:00:00Z"`
	Seed   uint64 `help:"Which vehicles they were is drawn from it; the same for every run." default:"1"`
}

// Run implements kong's command.
func (c *replayCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	if c.DatabaseURL != "" {
		return fault.New(fault.Forbidden, "private_cluster_only", "A week is replayed in a private cluster only, never in the database that DATABASE_URL names: its stays never were.")
	}
	week, err := time.Parse(time.DateOnly, c.Week)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "date_invalid", "A date looks like 2027-03-28.").WithField("--week", "is no date")
	}
	r := app.Replay{Week: week, Seed: c.Seed}
	if c.Until != "" {
		if r.Until, err = time.Parse(time.RFC3339, c.Until); err != nil {
			return fault.Wrap(err, fault.Invalid, "date_invalid", "A time looks like 2026-10-21T09:00:00Z.").WithField("--until", "is no time with an offset")
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "file_unreadable", "The file cannot be read. Nothing was replayed.")
	}
	defer func() { _ = f.Close() }() // only read
	if r.Readings, err = replay.Read(f, c.Column); err != nil {
		return err
	}
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error {
		done, err := a.Replay(ctx, p, r)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s: told %d of %d events, up to %s; the hours are counted\n", p, done.Told, done.Events, done.Until.UTC().Format(time.RFC3339))
		return write(out, &text)
	})
}
