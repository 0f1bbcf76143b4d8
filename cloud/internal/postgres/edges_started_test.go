package postgres_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge that did not know the time when it started has no start, and neither has it
// that of the time before; one that knew it has.
func TestAnEdgeWithoutAClockHasNoStartIn1970(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	postgrestest.Import(t, db, now, postgrestest.Parking("altmarkt", 2))
	owner := postgrestest.Owner(t, dsn)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`insert into edge (parking, id, secret_hash) values ('altmarkt', gen_random_uuid(), '')`)
	started := func(seq int, at time.Time) *time.Time {
		t.Helper()
		raw, err := wire.Marshal(&wire.Event{Seq: uint64(seq), Boot: id.New[id.Boot](now), Wall: at.UnixMilli(), Kind: wire.Started})
		if err != nil {
			t.Fatal(err)
		}
		exec(`insert into observation (parking, epoch, seq, kind, at, raw) values ('altmarkt', 1, $1, 9, $2, $3)`, seq, now, raw)
		edges, err := postgres.NewGatehouse(db).Edges(t.Context(), []id.Parking{"altmarkt"})
		if err != nil || len(edges) != 1 {
			t.Fatalf("%+v, %v", edges, err)
		}
		return edges[0].Started
	}
	if got := started(1, now.Add(-time.Hour)); got == nil || !got.Equal(now.Add(-time.Hour)) {
		t.Errorf("it started at %v", got)
	}
	if got := started(2, time.UnixMilli(4200)); got != nil {
		t.Errorf("without a clock it started at %v", got)
	}
	if got := started(3, now); got == nil || !got.Equal(now) {
		t.Errorf("it started at %v", got)
	}
}
