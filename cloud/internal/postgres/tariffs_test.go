package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
)

// Every edition is kept, two owners at once do not overwrite each other, and
// what is refused changes nothing.
func TestAdoptingTariffs(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	owner := postgrestest.Owner(t, dsn)
	store := postgres.NewTariffs(db)
	editions := func() []parking.Edition {
		t.Helper()
		all, err := store.Editions(t.Context(), "north")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	first := editions()
	if len(first) != 1 {
		t.Fatalf("the tariff that the parking came with: %+v", first)
	}
	told := func() int {
		return count(t, owner, `select count(*) from event where kind = $1`, string(feed.ParkingChanged))
	}

	next := first[0].Tariff
	next.Version, next.Rate = next.Version+1, 999
	var g sync.WaitGroup
	codes := make([]string, 2)
	for i := range codes {
		other := next
		other.Rate += int64(i)
		g.Go(func() {
			_, err := store.Adopt(t.Context(), "north", other, parking.Author{})
			codes[i] = fault.Code(err)
		})
	}
	g.Wait()
	if codes[0]+codes[1] != parking.CodeTariffVersion || told() != 1 {
		t.Fatalf("two with one version: %q, %d events", codes, told())
	}
	now2 := editions()
	if len(now2) != 2 || now2[0].Tariff.Version != next.Version || now2[1].Tariff.Rate != first[0].Tariff.Rate {
		t.Fatalf("editions: %+v", now2)
	}
	if before, err := store.Adopt(t.Context(), "north", now2[0].Tariff, parking.Author{}); err != nil || before.Version != next.Version || told() != 1 {
		t.Errorf("the same again: %v, %d events", err, told())
	}
	bad := next
	bad.Version, bad.Rate = next.Version+1, -1
	if _, err := store.Adopt(t.Context(), "north", bad, parking.Author{}); fault.Code(err) != parking.CodeTariffInvalid || len(editions()) != 2 {
		t.Errorf("a wrong one: %v", err)
	}
	if _, err := store.Adopt(t.Context(), "south", next, parking.Author{}); fault.Code(err) != "parking_not_found" {
		t.Errorf("no parking: %v", err)
	}
	for _, sql := range []string{`delete from parking_tariff`, `update parking_tariff set document = '{}'`} {
		if _, err := db.Pool().Exec(t.Context(), sql); code(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}

	// A tariff that names a jurisdiction binds the policy, too.
	lawful := next
	lawful.Version, lawful.Profile = next.Version+1, "GB"
	if _, err := store.Adopt(t.Context(), "north", lawful, parking.Author{}); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.NewCapacity(db).ChangePolicy(t.Context(), capacity.PolicyEdit{At: "north", Today: now}, func(p parking.Policy) (parking.Policy, error) {
		p.ExitGrace = 9 * time.Minute
		return p, nil
	})
	if f := fault.From(err); f == nil || f.Code != parking.CodePolicyInvalid || f.Fields["exit_grace"] == "" {
		t.Errorf("an unlawful policy: %v", err)
	}
	checkFeed(t, owner, "north")
}
