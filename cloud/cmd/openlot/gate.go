package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type neutralCmd struct {
	one
	Reservation string `arg:"" help:"The reservation's id, such as rsv_01jd3k…"`
	By          string `required:"" help:"Who says so, for the record." placeholder:"NAME"`
	Reason      string `required:"" help:"Why, for the record; nothing personal."`
}

// Run implements kong's command.
func (c *neutralCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	r, err := reservationID(c.Reservation)
	if err != nil {
		return err
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		if err := a.Gate.Neutral(ctx, at, r, c.By, c.Reason, time.Now()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s is neutral; the gate lets its next use through when it has heard of that\n", r)
		return err
	})
}

type cardCmd struct {
	one
	Reservation string `arg:"" help:"The reservation's id, such as rsv_01jd3k…"`
	TokenFile   string `help:"File with the card's token, as the reader reads it; - is the standard input." default:"-" placeholder:"FILE"`
	Remove      bool   `help:"The card stands for it no longer."`
}

// token is not given on the command line, where others could see it.
func (c *cardCmd) token() (string, error) {
	in := os.Stdin
	if c.TokenFile != "-" {
		f, err := os.Open(c.TokenFile)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, 2*credential.MaxCard))
	return string(b), err
}

// Run implements kong's command.
func (c *cardCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	r, err := reservationID(c.Reservation)
	if err != nil {
		return err
	}
	token, err := c.token()
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "file_unreadable", "The card's token cannot be read. Nothing was changed.")
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		if err := a.Gate.Card(ctx, at, r, token, !c.Remove); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "the gate is told what stands for %s\n", r)
		return err
	})
}
