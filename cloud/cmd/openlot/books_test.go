package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// unpaid is a stay that left 4.60 owed, of which 2.00 was then put into a machine.
type unpaid struct{ s id.Session }

func (unpaid) Parking() id.Parking     { return "north" }
func (unpaid) Prefetch(r *commit.Rows) {}
func (o unpaid) Apply(w *commit.Work, now time.Time) error {
	due, owed := money.New(460, "EUR"), money.New(260, "EUR")
	w.PutSession(&session.Session{ID: o.s, SpaceType: id.Standard, State: session.Left, EnteredAt: now, ExitedAt: now, Due: &due, Owed: &owed})
	if err := w.Book(ledger.StayOwed(id.Reservation{}, o.s, due, money.New(73, "EUR"))); err != nil {
		return err
	}
	return w.Book(ledger.CashTaken(id.Reservation{}, o.s, money.New(200, "EUR")))
}

// The books from the command line: a debt, a shift, a day, the export, and what
// they say when something is wrong.
func TestBooksCommands(t *testing.T) {
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("north", 4))
	yesterday := time.Now().AddDate(0, 0, -2)
	c := committing(t, db, func() time.Time { return yesterday })
	s := id.New[id.Session](yesterday)
	if _, err := c.Commit(t.Context(), unpaid{s}); err != nil {
		t.Fatal(err)
	}
	openlot := func(want int, parts []string, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(append([]string{"admin"}, args...), "--database-url", dsn, "--log-level", "error"), &out, &errOut)
		if code != want {
			t.Errorf("openlot admin %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errOut)
		}
		for _, p := range parts {
			if !strings.Contains(out.String()+errOut.String(), p) {
				t.Errorf("openlot admin %s: %q is not in:\n%s%s", strings.Join(args, " "), p, &out, &errOut)
			}
		}
		return out.String()
	}
	off := func(more ...string) []string {
		return append([]string{"write-off", "north", s.String(), "--by", "Ada", "--reason", "goodwill"}, more...)
	}
	openlot(1, []string{"more_than_owed", "2.60 EUR"}, off("--amount", "2.61")...)
	openlot(1, []string{"amount_invalid", "10.00"}, off("--amount", "2,60")...)
	openlot(1, []string{"session_not_found"}, "write-off", "north", id.New[id.Session](time.Now()).String(), "--by", "Ada", "--reason", "x")
	openlot(1, []string{"parking_not_found"}, "write-off", "south", s.String(), "--amount", "1", "--by", "Ada", "--reason", "x")
	openlot(0, []string{"0.60 EUR", s.String()}, off("--amount", "0.60")...)
	openlot(0, []string{"2.00 EUR"}, off()...)
	openlot(1, []string{"nothing_owed"}, off()...)

	openlot(1, []string{"counted_invalid", "EUR: was not counted"}, "closing", "shift", "north", "--counted", "CHF=0", "--by", "Ada")
	openlot(0, []string{"counted 1.50 EUR by Ada; the ledger has 2.00 EUR, the difference is -0.50 EUR"}, "closing", "shift", "north", "--counted", "EUR=1.50", "--by", "Ada")

	openlot(0, []string{"no day of Test operator is closed yet"}, "closing", "list")
	openlot(1, []string{"date_invalid"}, "closing", "make", "--day", "tomorrow")
	openlot(1, []string{"day_not_over"}, "closing", "make", "--day", "2999-01-01")
	openlot(1, []string{"operator_needed", "must be one of: Test operator"}, "closing", "make", "--operator", "Nobody")
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := books.DayOf(yesterday, zone)
	openlot(0, []string{"closing 1, day " + string(day), "receivable", "2.60", "sealed as"}, "closing", "make", "--day", string(day))
	openlot(1, []string{"day_closed"}, "closing", "make", "--day", string(day))
	openlot(0, []string{string(day), "2 transactions", "4.60 EUR charged"}, "closing", "list")
	openlot(0, []string{"closing 1"}, "closing", "show", "1")
	openlot(0, []string{"shift:north"}, "closing", "show", "--parking", "north")
	openlot(1, []string{"closing_not_found"}, "closing", "show", "9")
	openlot(0, []string{"sound"}, "closing", "check")
	var chart bytes.Buffer
	if code := run(t.Context(), []string{"admin", "ledger", "accounts"}, &chart, &chart); code != 0 || !strings.Contains(chart.String(), "tax_payable") {
		t.Errorf("%d %s", code, &chart)
	}

	file := filepath.Join(t.TempDir(), "ledger.csv")
	openlot(0, []string{"5 postings"}, "ledger", "export", "--from", string(day), "--to", string(day.Add(1)), "--parking", "north", "--out", file)
	openlot(1, []string{"file_unwritable"}, "ledger", "export", "--from", string(day), "--to", string(day.Add(1)), "--out", file)
	openlot(1, []string{"window_empty"}, "ledger", "export", "--from", string(day.Add(1)), "--to", string(day))
	openlot(1, []string{"date_invalid", "--to: is neither"}, "ledger", "export", "--from", string(day), "--to", "now")
	openlot(1, []string{"parking_not_found"}, "ledger", "export", "--from", string(day), "--to", string(day), "--parking", "south")
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(written)).ReadAll()
	due := func(r []string) bool { return r[5] == "owed" && r[6] == "receivable" && r[9] == "4.60" }
	if err != nil || len(rows) != 6 || !slices.ContainsFunc(rows, due) {
		t.Errorf("%v %v", rows, err)
	}
	if all := openlot(0, nil, "ledger", "export", "--from", "2020-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z"); strings.Count(all, "write_off") != 4 {
		t.Errorf("%s", all)
	}

	if _, err := postgrestest.Owner(t, dsn).Exec(t.Context(), `alter table closing disable trigger user;
		update closing set document = convert_to(replace(convert_from(document, 'UTF8'), '460', '461'), 'UTF8'),
			hash = sha256(previous || convert_to(replace(convert_from(document, 'UTF8'), '460', '461'), 'UTF8')) where scope = 'day'`); err != nil {
		t.Fatal(err)
	}
	openlot(1, []string{"closing 1", "closings_unsound"}, "closing", "list")
	openlot(1, []string{"receivable moved by"}, "closing", "check")
}
