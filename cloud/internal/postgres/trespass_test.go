package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
)

// reach is an op of one parking that wants a reservation of another.
type reach struct {
	at    id.Parking
	res   id.Reservation
	found bool
}

func (o *reach) Parking() id.Parking     { return o.at }
func (o *reach) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.res) }

func (o *reach) Apply(w *commit.Work, now time.Time) error {
	r, err := w.Reservation(o.res)
	if err != nil || r == nil {
		return err
	}
	o.found = true
	if _, err := r.Apply(reservation.Cancel, now); err != nil {
		return err
	}
	w.PutReservation(r)
	return nil
}

// TestAnOpTouchesItsParkingAlone has ops of one parking in batches with those of
// another, and one that reaches for what is not its own: not a byte of the parking
// that nothing was asked of is another one afterwards.
func TestAnOpTouchesItsParkingAlone(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now()
	postgrestest.Import(t, db, now, postgrestest.Parking("a", 5), postgrestest.Parking("b", 5), postgrestest.Parking("c", 5))
	owner := postgrestest.Owner(t, dsn)
	c := newCommitter(t, db)
	theirs := id.New[id.Reservation](now)
	do := func(o commit.Op) {
		t.Helper()
		if _, err := c.Commit(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	do(&take{at: "b", res: theirs, window: window(now, 4), key: "theirs"})
	before := rowsOf(t, owner, "b")
	if len(before) < 4 {
		t.Fatalf("%v", before)
	}
	own := id.New[id.Reservation](now)
	ops := []commit.Op{
		&take{at: "a", res: own, window: window(now, 4), key: "own"}, &take{at: "c", res: id.New[id.Reservation](now), window: window(now, 4), key: "third"},
		&reach{at: "a", res: theirs},
	}
	failed := make(chan error, len(ops))
	for _, o := range ops {
		go func() { _, err := c.Commit(t.Context(), o); failed <- err }()
	}
	for range ops {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	do(&give{at: "a", res: own})
	if r, _ := ops[2].(*reach); r.found {
		t.Error("an op of a was given a reservation of b")
	}
	for table, was := range before {
		if is := rowsOf(t, owner, "b")[table]; is != was {
			t.Errorf("%s of b was %s and is %s", table, was, is)
		}
	}
}

// rowsOf is the sum of all rows that a parking has, by table.
func rowsOf(t *testing.T, c *pgx.Conn, p id.Parking) map[string]string {
	t.Helper()
	rows, err := c.Query(t.Context(), `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attname = 'parking' and not a.attisdropped
		where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, table := range tables {
		var sum *string
		query := fmt.Sprintf(`select count(*) || ' rows ' || md5(string_agg(x::text, chr(10) order by x::text)) from %s x where parking = $1`, pgx.Identifier{table}.Sanitize())
		if err := c.QueryRow(t.Context(), query, string(p)).Scan(&sum); err != nil {
			t.Fatal(table, err)
		}
		if sum != nil {
			out[table] = *sum
		}
	}
	return out
}
