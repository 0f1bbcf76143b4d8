package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

type closingCmd struct {
	List  closingListCmd  `cmd:"" help:"List the days that are closed, and say whether any of them was changed since."`
	Make  closingMakeCmd  `cmd:"" help:"Close a day. openlot serve does it by itself, ten minutes after the day is over in all of the operator's parkings."`
	Show  closingShowCmd  `cmd:"" help:"Show a closing."`
	Check closingCheckCmd `cmd:"" help:"Recount all closings from the ledger."`
	Shift shiftCmd        `cmd:"" help:"Close a parking's cash shift: compare what is in the boxes with the ledger."`
}

// ofOperator is what every command about one operator's books understands.
type ofOperator struct {
	common
	Operator string `help:"The operator's name. Needed when there is more than one." placeholder:"NAME"`
}

func (c *ofOperator) on(ctx context.Context, log *slog.Logger, do func(postgres.Books, postgres.Operator) error) error {
	return c.with(ctx, log, func(db *postgres.DB) error {
		b := postgres.NewBooks(db)
		o, err := operator(ctx, b, c.Operator)
		if err != nil {
			return err
		}
		return do(b, *o)
	})
}

// operator finds one by its name, or the only one.
func operator(ctx context.Context, b postgres.Books, name string) (*postgres.Operator, error) {
	all, err := b.Operators(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range all {
		if o.Name == name || name == "" && len(all) == 1 {
			return &o, nil
		}
		names = append(names, o.Name)
	}
	return nil, fault.New(fault.Invalid, books.CodeNoOperator, "Say which operator is meant.").
		WithField("--operator", "must be one of: "+strings.Join(names, ", "))
}

type closingListCmd struct{ ofOperator }

// Run implements kong's command.
func (c *closingListCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.on(ctx, log, func(b postgres.Books, o postgres.Operator) error {
		all, err := b.Closings(ctx, o, books.Days)
		if err != nil {
			return err
		}
		var text strings.Builder
		w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, s := range all {
			_, _ = fmt.Fprintf(w, "%d\t%s\t%d %s\t%s\t%x\n", s.Seq, s.Day, s.Transactions, plural(int(s.Transactions), "transaction"), earned(s.Balances), s.Hash[:8]) // Flush says
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(all) == 0 {
			fmt.Fprintf(&text, "no day of %s is closed yet\n", o.Name)
		}
		return judged(out, &text, books.Check(all))
	})
}

// earned is what was charged in a closing, with its tax.
func earned(all []books.Balance) string {
	sums := map[money.Currency]int64{}
	for _, b := range all {
		if b.Account == ledger.Revenue || b.Account == ledger.TaxPayable {
			sums[b.Currency] -= b.Moved
		}
	}
	said := []string{}
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		said = append(said, money.New(sums[c], c).String())
	}
	if len(said) == 0 {
		return "nothing charged"
	}
	return strings.Join(said, ", ") + " charged"
}

// judged prints a text and what is wrong; with that, the command fails.
func judged(out io.Writer, text *strings.Builder, found []books.Finding) error {
	for _, f := range found {
		fmt.Fprintf(text, "closing %d %s\n", f.Seq, f.Says)
	}
	if err := write(out, text); err != nil {
		return err
	}
	if len(found) > 0 {
		return fault.Newf(fault.Conflict, "closings_unsound", "The closings have %d %s.", len(found), plural(len(found), "problem"))
	}
	return nil
}

type closingMakeCmd struct {
	ofOperator
	Day string `help:"The date, in each parking's own time. Default: the day after the last that is closed; if none is, yesterday." placeholder:"YYYY-MM-DD"`
}

// Run implements kong's command.
func (c *closingMakeCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	var day books.Day
	if c.Day != "" {
		var err error
		if day, err = books.ParseDay(c.Day); err != nil {
			return err
		}
	}
	return c.on(ctx, log, func(b postgres.Books, o postgres.Operator) error {
		s, err := b.Close(ctx, o, day, time.Now())
		if err != nil {
			return err
		}
		return showClosing(out, s)
	})
}

type closingShowCmd struct {
	ofOperator
	Seq     int64  `arg:"" optional:"" help:"Its number. Default: the last."`
	Parking string `help:"Show a cash shift of this parking instead of a day." placeholder:"ID"`
	JSON    bool   `name:"json" help:"Print the document that was sealed, byte for byte."`
}

// Run implements kong's command.
func (c *closingShowCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.on(ctx, log, func(b postgres.Books, o postgres.Operator) error {
		scope := books.Days
		if c.Parking != "" {
			scope = books.Shifts(id.Parking(c.Parking))
		}
		all, err := b.Closings(ctx, o, scope)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(s books.Sealed) bool { return s.Seq == c.Seq })
		if c.Seq == 0 {
			at = len(all) - 1
		}
		if at < 0 {
			return fault.New(fault.NotFound, "closing_not_found", "There is no such closing.")
		}
		if c.JSON {
			_, err = fmt.Fprintf(out, "%s\n", all[at].Document)
			return err
		}
		if err := showClosing(out, all[at]); err != nil {
			return err
		}
		return judged(out, &strings.Builder{}, books.Check(all))
	})
}

func showClosing(out io.Writer, s books.Sealed) error {
	var text strings.Builder
	what := "day " + string(s.Day)
	if s.Scope != books.Days {
		what = string(s.Scope) + " to " + s.Spans[0].To.Format(time.RFC3339)
	}
	fmt.Fprintf(&text, "%s: closing %d, %s, made at %s\n", s.Name, s.Seq, what, s.MadeAt.Format(time.RFC3339))
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "account\tdebit\tcredit\tmoved\tstands at\t\t") // Flush says
	for _, b := range s.Balances {
		in := func(n int64) string { return money.New(n, b.Currency).Decimal() }
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", b.Account, in(b.Debit), in(b.Credit), in(b.Moved), in(b.Running), b.Currency)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range s.Counts {
		fmt.Fprintf(&text, "counted %s by %s; the ledger has %s, the difference is %s\n",
			money.New(n.Counted, n.Currency), s.By, money.New(n.Expected, n.Currency), money.New(n.Difference, n.Currency))
	}
	fmt.Fprintf(&text, "sealed as %x\n  after   %x\n", s.Hash, s.Previous)
	return write(out, &text)
}

type closingCheckCmd struct{ ofOperator }

// Run implements kong's command.
func (c *closingCheckCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	return c.on(ctx, log, func(b postgres.Books, o postgres.Operator) error {
		all, err := b.Closings(ctx, o, books.Days)
		if err != nil {
			return err
		}
		found := books.Check(all)
		more, err := b.Recount(ctx, all)
		if err != nil {
			return err
		}
		var text strings.Builder
		if found = append(found, more...); len(found) == 0 {
			fmt.Fprintf(&text, "%s: %d %s, recounted from the ledger: sound\n", o.Name, len(all), plural(len(all), "closing"))
		}
		return judged(out, &text, found)
	})
}

type shiftCmd struct {
	one
	Counted map[string]string `required:"" help:"What is in the boxes, for each currency that the ledger has cash in." placeholder:"EUR=12.50"`
	By      string            `required:"" help:"Who counted." placeholder:"NAME"`
}

// Run implements kong's command.
func (c *shiftCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	counted := map[money.Currency]int64{}
	for code, text := range c.Counted {
		cur, err := money.ParseCurrency(code)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, books.CodeCounted, "That is no currency that is known here.").WithField("--counted", code)
		}
		if counted[cur], err = minor(text, cur); err != nil {
			return err
		}
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		s, err := a.Books.Shift(ctx, at, counted, c.By, time.Now())
		if err != nil {
			return err
		}
		return showClosing(out, s)
	})
}

// minor reads an amount in major units, such as 12.50.
func minor(text string, c money.Currency) (int64, error) {
	wrong := fault.Newf(fault.Invalid, "amount_invalid", "%q is no amount of %s such as %s.", text, c, money.New(int64(math.Pow10(c.Exponent()+1)), c).Decimal())
	whole, part, pointed := strings.Cut(text, ".")
	if whole == "" || pointed && part == "" || len(part) > c.Exponent() || len(whole) > 12 || strings.Trim(whole+part, "0123456789") != "" {
		return 0, wrong
	}
	part += strings.Repeat("0", c.Exponent()-len(part))
	var n int64
	for _, d := range whole + part {
		n = n*10 + int64(d-'0')
	}
	return n, nil
}

type ledgerCmd struct {
	Export   exportCmd   `cmd:"" help:"Write the ledger as CSV (RFC 4180), one line for each posting; its columns are described in cloud/internal/books."`
	Accounts accountsCmd `cmd:"" help:"Print the chart of accounts."`
}

type exportCmd struct {
	common
	From     string `required:"" help:"A date in each parking's own time, or an instant." placeholder:"YYYY-MM-DD|INSTANT"`
	To       string `required:"" help:"Up to before this date or instant." placeholder:"YYYY-MM-DD|INSTANT"`
	Parking  string `help:"Of this parking only." placeholder:"ID"`
	Operator string `help:"Of this operator's parkings only." placeholder:"NAME"`
	Out      string `help:"Write to this file instead of the terminal." type:"path" placeholder:"FILE"`
}

// Run implements kong's command.
func (c *exportCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	from, err := end("--from", c.From)
	if err != nil {
		return err
	}
	to, err := end("--to", c.To)
	if err != nil {
		return err
	}
	if (from.Day == "") != (to.Day == "") || from.Day > to.Day || from.Day == "" && to.At.Before(from.At) {
		return fault.New(fault.Invalid, "window_empty", "The time ends before it begins; give two dates or two instants.").WithField("--to", "is before --from")
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		b := postgres.NewBooks(db)
		var o *postgres.Operator
		if c.Operator != "" {
			if o, err = operator(ctx, b, c.Operator); err != nil {
				return err
			}
		}
		rows, err := b.Ledger(ctx, o, id.Parking(c.Parking), from, to)
		if err != nil {
			return err
		}
		if c.Out == "" {
			_, _, err = books.WriteCSV(out, rows)
			return err
		}
		f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "file_unwritable", "The file cannot be written, or is there already.")
		}
		n, _, err := books.WriteCSV(f, rows)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s: %d %s\n", c.Out, n, plural(n, "posting"))
		return err
	})
}

// end reads a date or an instant.
func end(flag, text string) (postgres.End, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return postgres.End{At: at}, nil
	}
	day, err := books.ParseDay(text)
	if err != nil {
		return postgres.End{}, fault.New(fault.Invalid, books.CodeDayInvalid, "Give a date such as 2026-06-11, or an instant with its offset.").WithField(flag, "is neither")
	}
	return postgres.End{Day: day}, nil
}

type accountsCmd struct{}

// Run implements kong's command.
func (accountsCmd) Run(out io.Writer) error {
	var text strings.Builder
	var rows [][3]string
	for _, a := range ledger.Chart() {
		rows = append(rows, [3]string{string(a.Account), string(a.Class), a.Holds})
	}
	if err := table(&text, rows); err != nil {
		return err
	}
	return write(out, &text)
}

type writeOffCmd struct {
	one
	Session string  `arg:"" help:"The stay, such as ses_01jd3k…"`
	Amount  *string `help:"How much to give up. Default: all that is owed." placeholder:"3.50"`
	By      string  `required:"" help:"Who decides it, for the record." placeholder:"NAME"`
	Reason  string  `required:"" help:"Why, for the record; nothing personal about the driver."`
}

// Run implements kong's command.
func (c *writeOffCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	s, err := id.Parse[id.Session](c.Session)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "invalid_session_id", "That is not a stay's id.")
	}
	return c.in(ctx, log, func(a app.Administration, at id.Parking) error {
		n, err := amountOf(ctx, a, at, c.Amount)
		if err != nil {
			return err
		}
		lost, err := a.Debts.WriteOff(ctx, at, s, n, c.By, c.Reason, time.Now())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s: %s of %s is written off\n", at, lost, s)
		return err
	})
}

// amountOf is an amount in the parking's money, in minor units; nil when none is
// given.
func amountOf(ctx context.Context, a app.Administration, at id.Parking, given *string) (*int64, error) {
	if given == nil {
		return nil, nil
	}
	cur, err := a.Currency(ctx, at)
	if err != nil {
		return nil, err
	}
	n, err := minor(*given, cur)
	return &n, err
}
