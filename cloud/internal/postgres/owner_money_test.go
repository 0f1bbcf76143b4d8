package postgres_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
)

// However many take an export slowly or not at all, the others are answered.
func TestWhoTakesAnExportSlowlyHoldsNoConnection(t *testing.T) {
	c := newCounting(t)
	r := rand.New(rand.NewPCG(11, 12))
	c.at(time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC))
	for range 3 {
		c.book("berlin", some(r)...)
	}
	l := postgres.NewReports(c.db).Lookup()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all := lookup.Scope{Parkings: []id.Parking{"berlin", "york"}}
	for range 40 { // of 24 connections
		rows, err := l.Ledger(ctx, all)
		if err != nil {
			t.Fatal(err)
		}
		next, stop := iter.Pull2(rows)
		t.Cleanup(stop)
		if _, err, there := next(); err != nil || !there {
			t.Fatal(err, there)
		}
	}
	if _, err := l.Sums(ctx, all); err != nil {
		t.Error(err)
	}
}

// An export that is read in many pages has every posting once, in order.
func TestAnExportIsWholeOverItsPages(t *testing.T) {
	c := newCounting(t)
	r := rand.New(rand.NewPCG(13, 14))
	at := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	for i := range 30 { // many at one time
		c.at(at.Add(time.Duration(i/10) * time.Second))
		for _, p := range []id.Parking{"berlin", "york"} {
			for n := 0; n < 20; {
				e := some(r)
				n += len(e)
				c.book(p, e...)
			}
		}
	}
	rows, err := postgres.NewReports(c.db).Lookup().Ledger(t.Context(), lookup.Scope{Parkings: []id.Parking{"berlin", "york"}})
	if err != nil {
		t.Fatal(err)
	}
	seen, last := map[string]bool{}, ""
	for r, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s %s %x %03d", r.At.UTC().Format(time.RFC3339Nano), r.Parking, r.Transaction.Bytes(), r.Line)
		if seen[key] || key < last {
			t.Fatalf("%s after %s", key, last)
		}
		seen[key], last = true, key
	}
	var want int
	if err := postgrestest.Owner(t, c.dsn).QueryRow(t.Context(), `select count(*) from ledger_entry`).Scan(&want); err != nil {
		t.Fatal(err)
	}
	if len(seen) != want || want <= 2000 {
		t.Errorf("%d of %d postings", len(seen), want)
	}
}

// How the accounts stand is what all postings sum to, however many days are closed and
// however late something was booked, and what is closed is not summed up again.
func TestAccountsStandAsAllPostingsSum(t *testing.T) {
	c := newCounting(t)
	owner := postgrestest.Owner(t, c.dsn)
	l := postgres.NewReports(c.db).Lookup()
	r := rand.New(rand.NewPCG(15, 16))
	begin := time.Date(2026, 3, 26, 3, 0, 0, 0, time.UTC)
	standing := func(s lookup.Scope) map[string]int64 {
		t.Helper()
		sums, err := l.Sums(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		is := map[string]int64{}
		for _, b := range sums.Standing {
			is[fmt.Sprint(b.Account, b.Currency)] = b.Moved
		}
		return is
	}
	zones := map[id.Parking]string{"berlin": "Europe/Berlin", "york": "America/New_York"}
	equal := func(s lookup.Scope) {
		t.Helper()
		want := map[string]int64{}
		for _, p := range s.Parkings {
			zone, err := time.LoadLocation(zones[p])
			if err != nil {
				t.Fatal(err)
			}
			rows, err := owner.Query(t.Context(), `select account, currency, sum(amount)::bigint from ledger_entry where parking = $1 and at < $2 group by 1, 2`, string(p), s.To.End(zone))
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var account, currency string
				var n int64
				if err := rows.Scan(&account, &currency, &n); err != nil {
					t.Fatal(err)
				}
				want[account+currency] += n
			}
			if rows.Err() != nil {
				t.Fatal(rows.Err())
			}
		}
		if is := standing(s); !maps.Equal(is, want) {
			t.Errorf("%v stand at %v, the postings sum to %v", s, is, want)
		}
	}
	to := books.Day("2026-03-26")
	for hour := range 24 * 7 {
		now := begin.Add(time.Duration(hour) * time.Hour)
		late := time.Duration(r.IntN(2)*r.IntN(72)) * time.Hour
		c.at(now.Add(-late))
		if r.IntN(2) == 0 {
			c.book([]id.Parking{"berlin", "york"}[r.IntN(2)], some(r)...)
		}
		if hour > 60 && r.IntN(12) == 0 {
			if _, err := c.books.CloseDue(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		if hour%16 == 0 {
			for _, of := range [][]id.Parking{{"berlin"}, {"york"}, {"berlin", "york"}} {
				equal(lookup.Scope{Parkings: of, From: to, To: to.Add(r.IntN(8))})
			}
		}
	}
	if n := len(c.closings()); n < 3 {
		t.Fatalf("%d closings", n)
	}
	now := lookup.Scope{Parkings: []id.Parking{"berlin", "york"}, From: "2026-04-02", To: "2026-04-02"}
	equal(now)
	before := standing(now)
	if _, err := owner.Exec(t.Context(), `set session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	if tag, err := owner.Exec(t.Context(), `delete from ledger_entry e using closed_until u where u.parking = e.parking and e.at < u.at`); err != nil || tag.RowsAffected() == 0 {
		t.Fatal(err, tag)
	}
	if is := standing(now); !maps.Equal(is, before) {
		t.Errorf("what is closed is read again: %v, it was %v", is, before)
	}
}
