package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// endCmd ends one reservation at the operator's will: walk or void.
type endCmd struct {
	common
	Reservation string `arg:"" help:"The reservation's id, such as rsv_01jd3k…"`
	Reason      string `required:"" help:"Why, for the record; nothing personal."`
}

// Run implements kong's command.
func (c *endCmd) Run(ctx context.Context, k *kong.Context, log *slog.Logger, out io.Writer) error {
	r, err := id.Parse[id.Reservation](c.Reservation)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_reservation_id", "That is not a reservation's id.")
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		return app.Administer(ctx, db, log, func(a app.Administration) error {
			end := a.Booking.Walk
			if k.Selected().Name == "void" {
				end = a.Booking.Void
			}
			v, err := end(ctx, r, c.Reason)
			if err != nil {
				return err
			}
			var text strings.Builder
			fmt.Fprintf(&text, "%s: %s is %s; its space is free and nothing is paid for it\n", v.Reservation.Parking, r, v.Reservation.State)
			return write(out, &text)
		})
	})
}
