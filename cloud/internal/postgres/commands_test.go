package postgres_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Page by page, each command that was given at a machine is there once, the latest first,
// however many answers to orders lie between and however many are of one moment.
func TestCommandsAtMachinesPageByPage(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	postgrestest.Import(t, db, now, postgrestest.Parking("altmarkt", 2), postgrestest.Parking("york", 2))
	owner := postgrestest.Owner(t, dsn)
	want := 0
	for n := range 900 {
		p, at := []id.Parking{"altmarkt", "york"}[n%2], now.Add(time.Duration(n/24)*time.Second)
		e := wire.Event{Seq: uint64(n + 1), Boot: id.New[id.Boot](now), Wall: at.UnixMilli(), Kind: wire.Commanded, Lane: "exit-1", Note: "open", By: "A1", Why: "w"}
		if n%3 != 0 && n < 700 {
			e.Order = id.New[id.Order](now)
		} else {
			want++
		}
		raw, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := owner.Exec(t.Context(), `insert into observation (parking, epoch, seq, kind, at, raw) values ($1, $2, $3, 13, $4, $5)`, string(p), 1+n%5, n+1, at, raw); err != nil {
			t.Fatal(err)
		}
	}
	g, page, seen := postgres.NewGatehouse(db), gatehouse.Page{Limit: 37}, map[string]bool{}
	for {
		some, err := g.Commands(t.Context(), []id.Parking{"altmarkt", "york"}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range some {
			if seen[o.ID] || !page.Before.IsZero() && o.At.After(page.Before) {
				t.Fatalf("%+v after %v", o, page)
			}
			seen[o.ID] = true
			page.Before, page.After = o.At, o.ID
		}
		if len(some) < page.Limit {
			break
		}
	}
	if len(seen) != want {
		t.Errorf("%d of %d commands", len(seen), want)
	}
}
