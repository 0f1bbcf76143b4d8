package postgres_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
)

// What is rare is found by an index of its own, however much else there is, and
// reservations that are only held are in none of those by which people look.
func TestWhatIsRareIsFoundByItsIndex(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("altmarkt", 10))
	owner := postgrestest.Owner(t, dsn)
	run := func(sql string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run(`set session_replication_role = replica`) // rows as they are, without what watches over them
	reservations := func(state, session, n string) {
		t.Helper()
		run(`insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q, quote, payment, email, hold_until, no_show_at, session, created_at, updated_at)
			select 'altmarkt', gen_random_uuid(), 1, '` + state + `', 1, 'standard', now() + n * interval '1 minute', now() + n * interval '1 minute' + interval '1 hour', 1, 1, '{}', gen_random_uuid(),
				'Driver' || n || '@example.org', now(), now(), ` + session + `, now(), now() from generate_series(1, ` + n + `) n`)
	}
	size := func(index string) (n int64) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), `select pg_relation_size($1::regclass)`, index).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	mail, stay := size("reservation_mail"), size("reservation_stay")
	reservations("held", "null", "5000")
	if size("reservation_mail") != mail || size("reservation_stay") != stay {
		t.Error("reservations that are only held are in an index by which people look")
	}
	reservations("completed", "gen_random_uuid()", "20000")
	run(`insert into observation (parking, epoch, seq, kind, at, raw) select 'altmarkt', 1, n, case when n in (3, 4) then 10 else 7 end, now(), '' from generate_series(1, 30000) n`)
	run(`insert into edge (parking, id, secret_hash) values ('altmarkt', gen_random_uuid(), '')`)
	run(`analyze`)

	l, g := postgres.NewReports(db).Lookup(), postgres.NewGatehouse(db)
	all := lookup.Scope{Parkings: []id.Parking{"altmarkt"}}
	list := func(s lookup.Sought) func() error {
		return func() error {
			_, err := l.Reservations(t.Context(), lookup.ReservationsWanted{Scope: all, Sought: &s, Page: lookup.Page{Limit: 51}})
			return err
		}
	}
	for index, look := range map[string]func() error{
		"reservation_mail": list(lookup.Sought{Mail: "driver77@example.org"}),
		"reservation_stay": list(lookup.Sought{Session: id.New[id.Session](now)}),
		"observation_state": func() error {
			_, err := g.Edges(t.Context(), all.Parkings)
			return err
		},
	} {
		used := func() (n int64) {
			t.Helper()
			if err := owner.QueryRow(t.Context(), `select idx_scan from pg_stat_user_indexes where indexrelname = $1`, index).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := used()
		for end := time.Now().Add(10 * time.Second); used() == before; { // what is counted is told a second later
			if time.Now().After(end) {
				t.Fatalf("%s is not used", index)
			}
			if err := look(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // polls the database
		}
	}
}
