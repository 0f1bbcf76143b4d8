package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

type tariffCmd struct {
	Check tariffCheckCmd `cmd:"" help:"Say line by line what is wrong with a tariff, and what is hardly meant."`
	Price tariffPriceCmd `cmd:"" help:"Price a stay and explain the price."`
}

type tariffCheckCmd struct {
	File string `arg:"" help:"The tariff's JSON document." type:"path"`
}

// Run implements kong's command.
func (c *tariffCheckCmd) Run(out io.Writer) error {
	document, err := readTariff(c.File)
	if err != nil {
		return err
	}
	if wrong := tariff.Problems(document); len(wrong) > 0 {
		say(out, c.File, "", wrong)
		return fault.Newf(fault.Invalid, "invalid_tariff", "The tariff has %d %s.", len(wrong), plural(len(wrong), "problem"))
	}
	t, err := tariff.Parse(document)
	if err != nil {
		return err
	}
	remarks := tariff.Located(document, t.Remarks())
	say(out, c.File, "remark: ", remarks)
	_, err = fmt.Fprintf(out, "%s: version %d is sound, from %s, with %d %s\n", c.File, t.Version, t.From(), len(remarks), plural(len(remarks), "remark"))
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// say prints findings as compilers do.
func say(out io.Writer, file, kind string, all []tariff.Problem) {
	for _, p := range all {
		where := file
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", file, p.Line)
		}
		if p.Field != "" {
			p.Says = p.Field + " " + p.Says
		}
		_, _ = fmt.Fprintf(out, "%s: %s%s\n", where, kind, p.Says) // whoever reads them has gone
	}
}

type tariffPriceCmd struct {
	File string `arg:"" help:"The tariff's JSON document." type:"path"`
	From string `required:"" help:"When the stay begins, such as 2026-06-03T10:00:00+02:00." placeholder:"INSTANT"`
	To   string `required:"" help:"When it ends." placeholder:"INSTANT"`
	Zone string `default:"UTC" help:"The parking's time zone, such as Europe/Berlin."`
	Type string `help:"The space type, when the tariff has factors." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print the bill as JSON."`
}

// Run implements kong's command.
func (c *tariffPriceCmd) Run(out io.Writer) error {
	document, err := readTariff(c.File)
	if err != nil {
		return err
	}
	t, err := tariff.Parse(document)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_timezone", "That is no time zone: "+c.Zone+".")
	}
	var stay timerange.Range
	for _, end := range []struct {
		name, text string
		to         *time.Time
	}{{"--from", c.From, &stay.From}, {"--to", c.To, &stay.To}} {
		if *end.to, err = time.Parse(time.RFC3339, end.text); err != nil {
			return fault.Newf(fault.Invalid, "invalid_time", "%s must be an instant with its offset, such as 2026-06-03T10:00:00+02:00.", end.name)
		}
	}
	bill, err := t.Price(stay, tariff.Facts{Zone: zone, SpaceType: c.Type})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(bill)
	}
	return printBill(out, bill, zone)
}

// printBill prints a bill in the parking's time.
func printBill(out io.Writer, b tariff.Bill, zone *time.Location) error {
	const minute = "Mon 2006-01-02 15:04"
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range b.Lines {
		_, _ = fmt.Fprintf(w, "%s\t– %s\t%s\t%12s\n", l.From.In(zone).Format(minute), l.To.In(zone).Format(minute), l.Label, l.Amount) // Flush says
	}
	_, _ = fmt.Fprintf(w, "\t\tTotal\t%12s\n", b.Total)
	_, _ = fmt.Fprintf(w, "\t\tof it %s tax\t%12s\n", tariff.Percent(b.TaxBasisPoints), b.Tax)
	return w.Flush()
}

// readTariff reads a document.
func readTariff(file string) ([]byte, error) { return readFile(file, tariff.MaxDocument) }

type adoptCmd struct {
	one
	File    string `arg:"" optional:"" help:"The new tariff's JSON document. Its version is above the present one's." type:"path"`
	Edition uint32 `help:"Show this edition instead of the newest." placeholder:"VERSION"`
}

// Run implements kong's command.
func (c *adoptCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	var next *tariff.Tariff
	if c.File != "" {
		document, err := readTariff(c.File)
		if err != nil {
			return err
		}
		t, err := tariff.Parse(document)
		if err != nil {
			return err
		}
		next = &t
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		if next == nil {
			return c.show(ctx, out, a, at)
		}
		before, err := a.Tariffs.Adopt(ctx, at, *next, parking.Author{Name: parking.Commands})
		if err != nil {
			return err
		}
		if before.Version == next.Version {
			_, err = fmt.Fprintf(out, "%s has version %d already; nothing was changed\n", at, next.Version)
			return err
		}
		_, err = fmt.Fprintf(out, "%s went over from version %d, from %s, to version %d, from %s\n", at, before.Version, before.From(), next.Version, next.From())
		return err
	})
}

// show prints a tariff's document, so that it can be changed and given back.
func (c *adoptCmd) show(ctx context.Context, out io.Writer, a app.Administration, at id.Parking) error {
	all, err := a.Tariffs.Editions(ctx, at)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	edition := all[0]
	if c.Edition != 0 {
		i := slices.IndexFunc(all, func(e parking.Edition) bool { return e.Tariff.Version == c.Edition })
		if i < 0 {
			return fault.Newf(fault.NotFound, "edition_not_found", "The parking never had version %d; the newest is %d.", c.Edition, all[0].Tariff.Version)
		}
		edition = all[i]
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(edition.Tariff)
}
