package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Postgres is killed under load and comes back. What was acknowledged is
// there, what was refused as unavailable may be sent again with the same key
// and reserves once, and nothing is oversold or leaked.
func TestPostgresGoesAwayAndComesBack(t *testing.T) {
	cluster := pgtest.Durable(t)
	if err := cluster.EnsureDatabase(t.Context(), "openlot"); err != nil {
		t.Fatal(err)
	}
	dsn := cluster.DSN("openlot")
	if err := postgres.Migrate(t.Context(), dsn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	db := postgrestest.Open(t, dsn)
	now := time.Now().UTC()
	const capacity, clients, rounds, kills = 20, 8, 150, 3
	postgrestest.Import(t, db, now, postgrestest.Parking("north", capacity))
	c := newCommitter(t, db)

	// One token for each kill, put in as the load goes on.
	warm := make(chan struct{}, kills)
	var commits atomic.Int32
	var mu sync.Mutex
	acked := map[id.Reservation]bool{}
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for round := range rounds {
				op := &take{
					at: "north", res: id.New[id.Reservation](time.Now()), key: id.New[id.Quote](time.Now()).String(),
					window: window(now.Add(time.Duration(n*rounds+round)*15*time.Minute), 4),
				}
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
					_, err := c.Commit(ctx, op)
					cancel()
					if err == nil {
						mu.Lock()
						acked[op.res] = true
						mu.Unlock()
						break
					}
					if errors.Is(err, inventory.ErrSoldOut) {
						break
					}
					if fault.From(err).Kind != fault.Unavailable {
						t.Errorf("while Postgres was away: %v", err)
						return
					}
				}
				if n := commits.Add(1); n%(clients*rounds/(kills+1)) == 0 && len(warm) < cap(warm) {
					warm <- struct{}{}
				}
			}
		})
	}
	for n := range kills {
		<-warm
		if err := cluster.Kill(); err != nil {
			t.Fatal(err)
		}
		// One caller waits until the committer gives up, one does not: both are
		// told that it is the database, and not that others were faster.
		for _, patience := range []time.Duration{500 * time.Millisecond, time.Minute}[:2-min(n, 1)] {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := c.Commit(ctx, &take{at: "north", res: id.New[id.Reservation](now), key: "while away", window: window(now, 1)})
			cancel()
			if fault.Code(err) != postgres.CodeUnavailable {
				t.Errorf("a commit without a database, within %s: %v", patience, err)
			}
		}
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	owner := postgrestest.Owner(t, dsn)
	for r := range acked {
		var there bool
		if err := owner.QueryRow(t.Context(), `select exists (select from reservation where id = $1)`, r.UUID()).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			t.Errorf("%s was acknowledged and is gone", r)
		}
	}
	var stored, away int
	if err := owner.QueryRow(t.Context(), `select count(*), (select count(*) from idempotency_key where key = 'while away') from reservation`).Scan(&stored, &away); err != nil {
		t.Fatal(err)
	}
	if stored-away != len(acked) {
		t.Errorf("%d reservations for %d acknowledged requests", stored-away, len(acked))
	}
	checkInventory(t, owner, "north", capacity)
	checkFeed(t, owner, "north")
}

// Whoever asks whether the database answers, right after it was restarted, is
// not told of the connections from before.
func TestPingIsAboutTheDatabaseAndNotAboutOldConnections(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	const old = 4
	for range 3 {
		var wg sync.WaitGroup
		taken := make(chan struct{}, old)
		for range old {
			wg.Go(func() {
				conn, err := db.Pool().Acquire(t.Context())
				taken <- struct{}{}
				if err != nil {
					t.Error(err)
					return
				}
				for len(taken) < old { // until all of them are connections of their own
					if err := conn.Ping(t.Context()); err != nil {
						t.Error(err)
						break
					}
				}
				conn.Release()
			})
		}
		wg.Wait()
		if _, err := owner.Exec(t.Context(), `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'openlot'`); err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that is not there is said to be not there, with a stable code.
func TestAnUnreachableDatabaseIsNamed(t *testing.T) {
	err := postgres.Migrate(t.Context(), "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=5", slog.New(slog.DiscardHandler))
	if f := fault.From(err); f == nil || f.Kind != fault.Unavailable || f.Code != postgres.CodeUnavailable {
		t.Fatal(err)
	}
}
