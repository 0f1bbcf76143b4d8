package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/protocol/fault"
)

type reconcileCmd struct {
	common
	stripeFlags
	From     string `help:"A date in UTC, or an instant. Default: yesterday." placeholder:"YYYY-MM-DD|INSTANT"`
	To       string `help:"Up to before this date or instant. Default: a day after --from." placeholder:"YYYY-MM-DD|INSTANT"`
	Provider string `help:"Of this payment provider only. Default: of all that keep books." placeholder:"NAME"`
	JSON     bool   `name:"json" help:"Print the reports as JSON, one on each line."`
}

// Run implements kong's command.
func (c *reconcileCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	from, to, err := c.window(time.Now().UTC())
	if err != nil {
		return err
	}
	account, err := c.stripe()
	if err != nil {
		return err
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		return app.Administer(ctx, db, log, account, func(a app.Administration) error {
			asked, err := keepingBooks(a.Providers, c.Provider)
			if err != nil {
				return err
			}
			differ := 0
			for _, p := range asked {
				r, err := a.Reconcile.Compare(ctx, p, from, to)
				if err != nil {
					return err
				}
				raised, err := a.Reconcile.Raise(ctx, r)
				if err != nil {
					return err
				}
				differ += len(r.Differences)
				if err := c.print(out, r, raised); err != nil {
					return err
				}
			}
			if differ > 0 {
				return fault.Newf(fault.Conflict, reconcile.Incident, "The books differ in %d %s.", differ, plural(differ, "place"))
			}
			return nil
		})
	})
}

// window is the time that is asked for.
func (c *reconcileCmd) window(now time.Time) (from, to time.Time, err error) {
	instant := func(flag, text string, otherwise time.Time) (time.Time, error) {
		if text == "" {
			return otherwise, nil
		}
		e, err := end(flag, text)
		if err != nil || e.Day == "" {
			return e.At, err
		}
		return e.Day.Begin(time.UTC), nil
	}
	if from, err = instant("--from", c.From, now.Truncate(24*time.Hour).AddDate(0, 0, -1)); err != nil {
		return from, to, err
	}
	to, err = instant("--to", c.To, from.AddDate(0, 0, 1))
	return from, to, err
}

// keepingBooks are the providers whose books can be read: all, or the one that is
// named.
func keepingBooks(all []payment.Provider, name string) ([]payment.Provider, error) {
	var found []payment.Provider
	var names []string
	for _, p := range all {
		names = append(names, p.Name())
		if p.Name() == name || name == "" && p.Capabilities().List {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil, fault.Newf(fault.Invalid, reconcile.CodeNoProvider, "There is no payment provider %q here.", name).
			WithField("--provider", "must be one of: "+strings.Join(names, ", "))
	}
	return found, nil
}

func (c *reconcileCmd) print(out io.Writer, r reconcile.Report, raised int) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(r)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s from %s to %s: %d %s there, %d %s with us\n", r.Provider, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339),
		r.Lines, plural(r.Lines, "line"), r.Payments, plural(r.Payments, "payment"))
	for _, d := range r.Differences {
		fmt.Fprintf(&text, "  %s\n", d)
	}
	for _, d := range r.OnTheWay {
		fmt.Fprintf(&text, "  on its way: %s\n", d)
	}
	switch {
	case len(r.Differences) == 0 && r.Lines != r.Payments:
		text.WriteString("the books agree: a payment has a line there for its hold and one for each refund, each on its own day\n")
	case len(r.Differences) == 0:
		text.WriteString("the books agree\n")
	default:
		fmt.Fprintf(&text, "%d %s, %d of them new on record as incidents; nothing was changed\n", len(r.Differences), plural(len(r.Differences), "difference"), raised)
	}
	return write(out, &text)
}
