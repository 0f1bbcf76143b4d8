package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
)

// shown is a clock that a test moves.
type shown struct{ ahead atomic.Int64 }

func (s *shown) now() time.Time          { return time.Now().Add(time.Duration(s.ahead.Load())) }
func (s *shown) forward(d time.Duration) { s.ahead.Add(int64(d)) }

func committerAt(t *testing.T, db *postgres.DB, now func() time.Time) *postgres.Committer {
	t.Helper()
	c := postgres.NewCommitter(db, slog.New(slog.DiscardHandler), now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

// Two instances sell the last space of a parking of which both remember that it
// is free: one wins, and the other one is told so.
func TestWhatIsRememberedWronglySellsNothing(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 2))
	w := window(now.Add(time.Hour), 4)
	first, second := newCommitter(t, db), newCommitter(t, db)
	sell := func(c *postgres.Committer, key string) error {
		_, err := c.Commit(t.Context(), &take{at: "north", res: id.New[id.Reservation](time.Now()), key: key, window: w})
		return err
	}
	// Another window of the same day makes both remember the day.
	for i, c := range []*postgres.Committer{first, second} {
		op := &take{at: "north", res: id.New[id.Reservation](now), key: string(rune('a' + i)), window: window(w.To.Add(time.Hour), 1)}
		if _, err := c.Commit(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(sell(first, "k1"), sell(first, "k2")); err != nil {
		t.Fatal(err)
	}
	if err := sell(second, "k3"); !errors.Is(err, inventory.ErrSoldOut) {
		t.Fatalf("the third of two spaces: %v", err)
	}
	owner := postgrestest.Owner(t, dsn)
	checkInventory(t, owner, "north", 2)
	checkFeed(t, owner, "north")
}

// A refusal may be founded on what is remembered, for a second. Then what
// another instance has given back is for sale here too.
func TestARefusalIsNeverOlderThanASecond(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 1))
	var clock shown
	here, elsewhere := committerAt(t, db, clock.now), newCommitter(t, db)
	w := window(now.Add(time.Hour), 4)
	sold := &take{at: "north", res: id.New[id.Reservation](now), key: "k1", window: w}
	if _, err := here.Commit(t.Context(), sold); err != nil {
		t.Fatal(err)
	}
	again := func(key string) error {
		_, err := here.Commit(t.Context(), &take{at: "north", res: id.New[id.Reservation](time.Now()), key: key, window: w})
		return err
	}
	if err := again("k2"); !errors.Is(err, inventory.ErrSoldOut) {
		t.Fatalf("want sold out, got %v", err)
	}
	if _, err := elsewhere.Commit(t.Context(), &give{"north", sold.res}); err != nil {
		t.Fatal(err)
	}
	clock.forward(time.Second + time.Millisecond)
	if err := again("k3"); err != nil {
		t.Errorf("a second after another instance gave it back: %v", err)
	}
}

// A key that made the reservation which sold the parking out is recognised,
// and not refused: here, where its commit is remembered, and elsewhere.
func TestARefusalLooksTheKeyUp(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 1))
	here, elsewhere := newCommitter(t, db), newCommitter(t, db)
	w := window(now.Add(time.Hour), 4)
	op := &take{at: "north", res: id.New[id.Reservation](now), key: "k1", window: w}
	if _, err := here.Commit(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*postgres.Committer{"here": here, "elsewhere": elsewhere} {
		if _, err := c.Commit(t.Context(), &take{at: "north", res: op.res, key: op.key, window: w}); err != nil {
			t.Errorf("%s: the same op again: %v", name, err)
		}
		rival := &take{at: "north", res: id.New[id.Reservation](now), key: op.key, window: w}
		if _, err := c.Commit(t.Context(), rival); !errors.Is(err, errKeyTaken) {
			t.Errorf("%s: another op with the key: %v", name, err)
		}
		other := &take{at: "north", res: id.New[id.Reservation](now), key: "k2 " + name, window: w}
		if _, err := c.Commit(t.Context(), other); !errors.Is(err, inventory.ErrSoldOut) {
			t.Errorf("%s: another key: %v", name, err)
		}
	}
}

var _ commit.Optimist = (*take)(nil)
