package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// entries is an op that only books.
type entries struct {
	at  id.Parking
	all []ledger.Entry
}

func (o entries) Parking() id.Parking   { return o.at }
func (entries) Prefetch(r *commit.Rows) { r.Watermark = true }
func (o entries) Apply(w *commit.Work, _ time.Time) error {
	for _, e := range o.all {
		if err := w.Book(e); err != nil {
			return err
		}
	}
	return nil
}

// counting is an operator's books with a clock.
type counting struct {
	t        *testing.T
	db       *postgres.DB
	dsn      string
	books    postgres.Books
	operator postgres.Operator
	commits  *postgres.Committer
	clock    atomic.Int64 // Unix microseconds
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	db, dsn := postgrestest.New(t)
	c := &counting{t: t, db: db, dsn: dsn, books: postgres.NewBooks(db)}
	berlin, york := postgrestest.Parking("berlin", 2), postgrestest.Parking("york", 2)
	york.Timezone = "America/New_York"
	postgrestest.Import(t, db, time.Now(), berlin, york)
	all, err := c.books.Operators(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	c.operator = all[0]
	c.commits = postgres.NewCommitter(db, slog.New(slog.DiscardHandler), c.now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.commits.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *counting) now() time.Time { return time.UnixMicro(c.clock.Load()).UTC() }

func (c *counting) at(t time.Time) { c.clock.Store(t.UnixMicro()) }

func (c *counting) book(at id.Parking, all ...ledger.Entry) {
	c.t.Helper()
	if _, err := c.commits.Commit(c.t.Context(), entries{at, all}); err != nil {
		c.t.Fatal(err)
	}
}

// some is one to three movements, whatever happens to them.
func some(r *rand.Rand) []ledger.Entry {
	cur := []money.Currency{"EUR", "CHF"}[r.IntN(2)]
	a, tax := money.New(1+r.Int64N(5000), cur), money.New(0, cur)
	tax.Minor = a.Minor / 6
	s := id.New[id.Session](time.Now())
	choice := [][]ledger.Entry{
		{ledger.HoldPlaced(id.Reservation{}, id.Payment{}, a)},
		{ledger.Captured(id.Reservation{}, s, id.Payment{}, a, tax)},
		{ledger.StayOwed(id.Reservation{}, s, a, tax), ledger.CashTaken(id.Reservation{}, s, a)},
		{ledger.StayOwed(id.Reservation{}, s, a, tax), ledger.WrittenOff(id.Reservation{}, s, a)},
		{ledger.Refunded(id.Reservation{}, s, id.Payment{}, a, tax), ledger.FeeKept(id.Reservation{}, id.Payment{}, a)},
		{ledger.PaidOut(ledger.Provider, a)},
	}
	return choice[r.IntN(len(choice))]
}

func (c *counting) closings() []books.Sealed {
	c.t.Helper()
	all, err := c.books.Closings(c.t.Context(), c.operator, books.Days)
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// sound checks the chain, the sums against the ledger, and each day's export
// against its closing.
func (c *counting) sound() {
	c.t.Helper()
	all := c.closings()
	found := books.Check(all)
	more, err := c.books.Recount(c.t.Context(), all)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range append(found, more...) {
		c.t.Errorf("closing %d %s", f.Seq, f.Says)
	}
	for _, s := range all {
		from := postgres.End{Day: s.Day}
		if s.Seq == 1 {
			from = postgres.End{At: time.Unix(0, 0)}
		}
		rows, err := c.books.Ledger(c.t.Context(), &c.operator, "", from, postgres.End{Day: s.Day.Add(1)})
		if err != nil {
			c.t.Fatal(err)
		}
		var out bytes.Buffer
		n, moved, err := books.WriteCSV(&out, rows)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, b := range s.Balances {
			at := slices.IndexFunc(moved, func(m books.Balance) bool { return m.Account == b.Account && m.Currency == b.Currency })
			if at < 0 && b.Moved != 0 || at >= 0 && (moved[at].Debit != b.Debit || moved[at].Credit != b.Credit) {
				c.t.Errorf("%s: %d lines: %s %s is %+v in the export", s.Day, n, b.Account, b.Currency, moved)
			}
		}
		for _, m := range moved {
			if !slices.ContainsFunc(s.Balances, func(b books.Balance) bool { return m.Account == b.Account && m.Currency == b.Currency }) {
				c.t.Errorf("%s: %s %s is in the export only", s.Day, m.Account, m.Currency)
			}
		}
	}
}

// Over days in two time zones, with a change of the clock, every closing is what
// the export of its day sums to, and the last one is all of the ledger.
func TestClosingsAreWhatTheExportSumsTo(t *testing.T) {
	c := newCounting(t)
	r := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 3, 27, 3, 0, 0, 0, time.UTC)
	for hour := range 24 * 6 {
		c.at(begin.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3600))*time.Second))
		if r.IntN(3) == 0 {
			c.book([]id.Parking{"berlin", "york"}[r.IntN(2)], some(r)...)
		}
		if r.IntN(4) == 0 {
			if _, err := c.books.CloseDue(t.Context(), c.now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := time.Date(2026, 4, 2, 4, 10, 0, 0, time.UTC) // in New York, 1 April is over for ten minutes
	if _, err := c.books.CloseDue(t.Context(), end.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if last := c.closings(); last[len(last)-1].Day != "2026-03-31" {
		t.Errorf("%s is closed too early", last[len(last)-1].Day)
	}
	if n, err := c.books.CloseDue(t.Context(), end); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	all := c.closings()
	if len(all) < 5 || all[len(all)-1].Day != "2026-04-01" {
		t.Fatalf("%d closings to %s", len(all), all[len(all)-1].Day)
	}
	c.sound()
	owner := postgrestest.Owner(t, c.dsn)
	for _, b := range all[len(all)-1].Balances {
		var n int64
		if err := owner.QueryRow(t.Context(), `select sum(amount) from ledger_entry where account = $1 and currency = $2`, string(b.Account), string(b.Currency)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != b.Running {
			t.Errorf("%s %s stands at %d, the ledger says %d", b.Account, b.Currency, b.Running, n)
		}
	}
}

// A commit whose clock is behind cannot change a day that is closed: it is booked
// on the day that is open, and nothing is lost.
func TestALateEntryIsBookedOnTheOpenDay(t *testing.T) {
	c := newCounting(t)
	r := rand.New(rand.NewPCG(3, 4))
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	c.at(noon)
	c.book("berlin", some(r)...)
	if _, err := c.books.Close(t.Context(), c.operator, "2026-06-11", noon.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	c.at(noon.Add(time.Hour))
	c.book("berlin", some(r)...)
	c.book("york", some(r)...)
	if _, err := c.books.Close(t.Context(), c.operator, "", noon.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	all := c.closings()
	if len(all) != 2 || all[1].Transactions < 2 {
		t.Errorf("%+v", all)
	}
	c.sound()
}

// Days are closed once, in order, and not before they are over.
func TestDaysAreClosedInOrder(t *testing.T) {
	c := newCounting(t)
	now := time.Date(2026, 6, 12, 4, 10, 0, 0, time.UTC)
	try := func(day books.Day, now time.Time, want string) {
		t.Helper()
		if _, err := c.books.Close(t.Context(), c.operator, day, now); fault.Code(err) != want {
			t.Errorf("%s at %s: %v, want %q", day, now, err, want)
		}
	}
	try("2026-06-11", now.Add(-time.Second), books.CodeNotOver)
	try("2026-06-12", now, books.CodeNotOver)
	try("2026-06-11", now, "")
	try("2026-06-11", now, books.CodeClosed)
	try("2026-06-13", now.AddDate(0, 0, 9), books.CodeGap)
	try("2026-06-12", now.AddDate(0, 0, 1), "")
	try("", now.AddDate(0, 0, 1), books.CodeNotOver)
	// Two processes at once close it once.
	var g errgroup.Group
	var closed atomic.Int32
	for range 4 {
		g.Go(func() error {
			_, err := c.books.Close(t.Context(), c.operator, "2026-06-13", now.AddDate(0, 0, 2))
			if err == nil {
				closed.Add(1)
			} else if fault.Code(err) != books.CodeClosed {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || closed.Load() != 1 {
		t.Errorf("closed %d times, %v", closed.Load(), err)
	}
	c.sound()
}

// What is committed while a day is closed is in that closing or in the next.
func TestNothingSlipsThroughBetweenClosings(t *testing.T) {
	c := newCounting(t)
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	c.at(noon)
	r := rand.New(rand.NewPCG(5, 6))
	c.book("berlin", some(r)...)
	var g errgroup.Group
	for n := range 4 {
		g.Go(func() error {
			own := rand.New(rand.NewPCG(7, uint64(n)))
			for range 60 {
				at := []id.Parking{"berlin", "york"}[own.IntN(2)]
				if _, err := c.commits.Commit(t.Context(), entries{at, some(own)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for day := range 8 {
			if _, err := c.books.Close(t.Context(), c.operator, books.Day("2026-06-11").Add(day), noon.AddDate(0, 0, 30)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.books.Close(t.Context(), c.operator, "", noon.AddDate(0, 0, 30)); err != nil {
		t.Fatal(err)
	}
	c.sound()
	all := c.closings()
	var transactions int64
	for _, s := range all {
		transactions += s.Transactions
	}
	var booked int64
	if err := postgrestest.Owner(t, c.dsn).QueryRow(t.Context(), `select count(distinct txn) from ledger_entry`).Scan(&booked); err != nil || booked != transactions {
		t.Errorf("%d transactions in closings, %d in the ledger: %v", transactions, booked, err)
	}
}

// A closing or a ledger that somebody with all rights has changed is seen.
func TestDamageToTheBooksIsSeen(t *testing.T) {
	for name, x := range map[string]struct {
		sql   string
		chain bool
	}{
		"another document": {`update closing set document = replace(convert_from(document, 'UTF8'), '387', '388')::bytea, hash = sha256(previous || replace(convert_from(document, 'UTF8'), '387', '388')::bytea) where seq = 2`, true},
		"one is gone":      {`delete from closing where seq = 2`, true},
		"another entry":    {`update ledger_entry set amount = amount * 2 where parking = 'berlin' and at < '2026-06-12'`, false},
		"entries are gone": {`delete from ledger_entry where parking = 'berlin' and at < '2026-06-12'`, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounting(t)
			noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
			for day := range 3 {
				c.at(noon.AddDate(0, 0, day))
				c.book("berlin", ledger.Captured(id.Reservation{}, id.Session{}, id.Payment{}, money.New(460, "EUR"), money.New(73, "EUR")))
				if _, err := c.books.Close(t.Context(), c.operator, books.Day("2026-06-11").Add(day), noon.AddDate(0, 0, day+1)); err != nil {
					t.Fatal(err)
				}
			}
			c.sound()
			if _, err := postgrestest.Owner(t, c.dsn).Exec(t.Context(), `alter table closing disable trigger user; alter table ledger_entry disable trigger user; `+x.sql); err != nil {
				t.Fatal(err)
			}
			all := c.closings()
			found := books.Check(all)
			recounted, err := c.books.Recount(t.Context(), all)
			if err != nil || (len(found) > 0) != x.chain || !x.chain && len(recounted) == 0 {
				t.Errorf("%+v %+v %v", found, recounted, err)
			}
		})
	}
}

// The program can add a closing that follows, and nothing else.
func TestAClosingIsNeverChanged(t *testing.T) {
	c := newCounting(t)
	if _, err := c.books.Close(t.Context(), c.operator, "2026-06-11", time.Date(2026, 6, 13, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	owner := postgrestest.Owner(t, c.dsn)
	for name, x := range map[string]struct{ sql, app, owner string }{
		"changed":           {`update closing set seq = 7`, "42501", "PX007"},
		"dropped":           {`delete from closing`, "42501", "PX007"},
		"emptied":           {`truncate closing`, "42501", "PX007"},
		"days opened again": {`delete from closed_until`, "42501", ""},
		"one that does not follow": {
			`insert into closing select operator, scope, 2, document, decode(repeat('11', 32), 'hex'), sha256(decode(repeat('11', 32), 'hex') || document) from closing`,
			"PX009", "PX009",
		},
		"one that is not sealed": {`insert into closing select operator, scope, 2, convert_to(replace(convert_from(document, 'UTF8'), '"seq":1', '"seq":2'), 'UTF8'), hash, hash from closing`, "23514", "23514"},
	} {
		if _, err := c.db.Pool().Exec(t.Context(), x.sql); code(err) != x.app {
			t.Errorf("%s by the program: %v", name, err)
		}
		if x.owner == "" {
			continue
		}
		if _, err := owner.Exec(t.Context(), x.sql); code(err) != x.owner {
			t.Errorf("%s by the owner: %v", name, err)
		}
	}
}

// A shift is what was booked since the one before, by whatever clock, and what
// somebody has counted.
func TestACashShiftComparesTheBoxesWithTheBooks(t *testing.T) {
	c := newCounting(t)
	noon := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	c.at(noon)
	s := id.New[id.Session](noon)
	eur := func(n int64) money.Amount { return money.New(n, "EUR") }
	c.book("berlin", ledger.StayOwed(id.Reservation{}, s, eur(460), eur(73)), ledger.CashTaken(id.Reservation{}, s, eur(1000)),
		ledger.ChangeGiven(id.Reservation{}, s, eur(500)), ledger.ChangeKept(id.Reservation{}, s, eur(40)))
	c.book("york", ledger.CashTaken(id.Reservation{}, s, eur(99)))
	if _, err := c.books.Shift(t.Context(), "berlin", nil, "Ada", noon.Add(time.Hour)); fault.Code(err) != books.CodeCounted {
		t.Errorf("nothing counted: %v", err)
	}
	first, err := c.books.Shift(t.Context(), "berlin", map[money.Currency]int64{"EUR": 470}, "Ada", noon.Add(time.Hour))
	if err != nil || len(first.Counts) != 1 || first.Counts[0].Expected != 500 || first.Counts[0].Difference != -30 || first.By != "Ada" {
		t.Fatalf("%+v %v", first.Closing, err)
	}
	c.at(noon.Add(-time.Hour)) // its clock is behind
	c.book("berlin", ledger.PaidOut(ledger.Cash, eur(500)))
	second, err := c.books.Shift(t.Context(), "berlin", map[money.Currency]int64{"EUR": 0}, "Ada", noon.Add(2*time.Hour))
	if err != nil || second.Counts[0].Difference != 0 || second.Seq != 2 || second.Spans[0].From == nil || !second.Spans[0].From.Equal(noon.Add(time.Hour)) {
		t.Fatalf("%+v %v", second.Closing, err)
	}
	if b := second.Balances[0]; b.Account != ledger.Cash || b.Debit != 0 || b.Credit != 500 || b.Running != 0 {
		t.Errorf("%+v", second.Balances)
	}
	all, err := c.books.Closings(t.Context(), c.operator, books.Shifts("berlin"))
	if found := books.Check(all); err != nil || len(all) != 2 || len(found) > 0 {
		t.Errorf("%+v %v", found, err)
	}
	if _, err := c.books.Shift(t.Context(), "nowhere", nil, "Ada", noon); fault.Code(err) != "parking_not_found" {
		t.Errorf("%v", err)
	}
}
