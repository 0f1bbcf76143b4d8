package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// What counting costs at a parking of 1,000 spaces in which 3,000 vehicles come and go
// each day, half of them between eight and twelve, and what a report of 92 days does, with
// the 92 before.
func BenchmarkHours(b *testing.B) {
	db, dsn := postgrestest.New(b)
	owner := postgrestest.Owner(b, dsn)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	from := today.Add(-184 * 24 * time.Hour)
	postgrestest.Import(b, db, from, postgrestest.Parking("altmarkt", 1000))
	for _, sql := range []string{
		`insert into session (parking, id, version, space_type, state, allotted, claim_to_q, entered_at, exited_at)
		 select 'altmarkt', gen_random_uuid(), 1, 'standard', 'left', true, 0, t, t + (20 + n * 7 % 400) * interval '1 minute'
		 from (select n, $1::timestamptz + d * interval '1 day' + case when n % 2 = 0 then 8 * 3600 + n * 4.8 else n * 28.8 end * interval '1 second' as t
		       from generate_series(0, 183) d, generate_series(0, 2999) n) x`,
		`insert into edge_journal (parking, journal, epoch, since) values ('altmarkt', gen_random_uuid(), 1, $1)`,
		`insert into observation (parking, epoch, seq, kind, at, raw, applied_at)
		 select 'altmarkt', 1, row_number() over (order by s.at, k), k, s.at, '\xa0', s.at
		 from (select entered_at as at, array[1, 2] as kinds from session where entered_at >= $1
		       union all select exited_at, array[4, 5] from session where entered_at >= $1) s, unnest(s.kinds) k`,
		`insert into edge_watermark (parking, version, journal, epoch, seq, hash, trusted_lo)
		 select 'altmarkt', 1, journal, 1, (select max(seq) from observation), '\x00', $1::timestamptz + interval '184 days' from edge_journal`,
		`insert into trend_head (parking, epoch, seq, known_until, hour)
		 select 'altmarkt', 1, seq, trusted_lo, $1::timestamptz + interval '184 days' from edge_watermark`,
	} {
		if _, err := owner.Exec(b.Context(), sql, from); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := owner.Exec(b.Context(), `analyze`); err != nil {
		b.Fatal(err)
	}
	store := postgres.NewTrends(db)
	count := trends.Service{Store: store, Log: slog.New(slog.DiscardHandler)}
	recount := func(b *testing.B, span timerange.Range) {
		b.Helper()
		if err := store.Again(b.Context(), "altmarkt", span); err != nil {
			b.Fatal(err)
		}
		if err := count.Run(b.Context(), today); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	recount(b, timerange.Range{From: from, To: today})
	b.Logf("184 days from nothing: %s", time.Since(began).Round(time.Millisecond))
	busy := today.Add(-36*time.Hour - 2*time.Hour) // ten o'clock
	for name, hours := range map[string]int{"count one busy hour": 1, "count two days": 48} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				recount(b, timerange.Range{From: busy, To: busy.Add(time.Duration(hours) * time.Hour)})
			}
		})
	}
	l := postgres.NewReports(db).Lookup()
	b.Run("report 92 days", func(b *testing.B) {
		rows := 0
		for b.Loop() {
			kept, err := l.Hours(b.Context(), "altmarkt", timerange.Range{From: from, To: today}, "")
			if err != nil {
				b.Fatal(err)
			}
			rows = len(kept.Rows)
			first := books.DayOf(from.Add(92*24*time.Hour), time.UTC)
			if r := trends.Make(kept.Rows, first, first.Add(91), time.UTC, "EUR", today); len(r.Hours) != 92*24 || r.Before.Stays == 0 {
				b.Fatal(len(r.Hours), r.Before)
			}
		}
		b.ReportMetric(float64(rows), "rows")
	})
	b.Run("list 50 stays", func(b *testing.B) {
		for b.Loop() {
			all, err := l.Sessions(b.Context(), lookup.SessionsWanted{Scope: lookup.Scope{Parkings: []id.Parking{"altmarkt"}}, Page: lookup.Page{Limit: 51}})
			if err != nil || len(all) != 51 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("find a ticket by its end", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Sessions(b.Context(), lookup.SessionsWanted{Scope: lookup.Scope{Parkings: []id.Parking{"altmarkt"}}, Sought: &lookup.Sought{Suffix: "0123456789"}, Page: lookup.Page{Limit: 51}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
