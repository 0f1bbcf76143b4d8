package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// takeBack is what walk and void understand.
type takeBack struct {
	one
	Reservation string `arg:"" help:"The reservation's id, such as rsv_01jd3k…; openlot admin capacity and block list those that no longer fit."`
	Reason      string `required:"" help:"Why, for the record; nothing personal."`
}

type operatorsWord func(booking.Operator, context.Context, id.Parking, id.Reservation, string) (booking.Snapshot, error)

func (c *takeBack) end(ctx context.Context, log *slog.Logger, out io.Writer, word operatorsWord) error {
	r, err := reservationID(c.Reservation)
	if err != nil {
		return err
	}
	return c.in(ctx, log, func(a app.Administration, p id.Parking) error {
		s, err := word(a.Reservations, ctx, p, r, c.Reason)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s is %s; its space is free from now on, and its payment is %s\n", r, s.Reservation.State, s.Payment.State)
		return write(out, &text)
	})
}

type walkCmd struct{ takeBack }

// Run implements kong's command.
func (c *walkCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.end(ctx, log, out, booking.Operator.Walk)
}

type voidCmd struct{ takeBack }

// Run implements kong's command.
func (c *voidCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.end(ctx, log, out, booking.Operator.Void)
}

type refundCmd struct {
	one
	Reservation string  `arg:"" help:"The reservation's id, such as rsv_01jd3k…"`
	Debt        bool    `help:"Give back what the stay still owed and a card paid later, instead of what the reservation paid."`
	Amount      *string `help:"How much to give back. Default: all that was taken and is not given back." placeholder:"3.50"`
	By          string  `required:"" help:"Who decides it, for the record." placeholder:"NAME"`
	Reason      string  `required:"" help:"Why, for the record; nothing personal. The same once more changes nothing."`
}

// Run implements kong's command.
func (c *refundCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	r, err := reservationID(c.Reservation)
	if err != nil {
		return err
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		n, err := amountOf(ctx, a, at, c.Amount)
		if err != nil {
			return err
		}
		back, err := a.Reservations.Refund(ctx, at, r, c.Debt, n, c.By, c.Reason)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s of %s is given back; the payment provider is being asked\n", back, r)
		return err
	})
}

func reservationID(s string) (id.Reservation, error) {
	r, err := id.Parse[id.Reservation](s)
	if err != nil {
		err = fault.Wrap(err, fault.Invalid, "invalid_reservation_id", "That is not a reservation's id.")
	}
	return r, err
}
