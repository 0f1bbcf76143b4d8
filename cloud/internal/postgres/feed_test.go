package postgres_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
)

// feedBed is a migrated database with a few parkings, and an owner's
// connections to write events with.
type feedBed struct {
	dsn string
	db  *postgres.DB
	log *slog.Logger
}

func newFeedBed(t *testing.T, parkings ...string) feedBed {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var hash string
	files, err := fs.Glob(os.DirFS("migrations"), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile("migrations/" + f)
		if err != nil {
			t.Fatal(err)
		}
		hash += f + string(text)
	}
	dsn := pgtest.Template(t, "migrated", hash, func(ctx context.Context, dsn string) error {
		return postgres.Migrate(ctx, dsn, log)
	})
	db, err := postgres.Open(t.Context(), dsn, log, postgres.Options{MaxConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b := feedBed{dsn, db, log}
	conn := b.owner(t)
	exec(t, conn, `insert into operator (id, name) values ('0193a000-0000-7000-8000-000000000001', 'Test')`)
	for _, p := range parkings {
		exec(t, conn, `insert into parking (id, operator, name, kind, latitude, longitude, timezone, tariff, policy)
			values ($1, '0193a000-0000-7000-8000-000000000001', $1, 'surface', 51, 13, 'Europe/Berlin', '{}', '{}')`, p)
		exec(t, conn, `insert into parking_head (parking) values ($1)`, p)
	}
	return b
}

func (b feedBed) owner(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, c execer, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Error(err)
	}
}

type execer interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}

// write adds events to a parking the way the committer does: it locks the
// head, takes the next revisions, and tells nobody.
const write = `with head as (update parking_head set revision = revision + $2 where parking = $1 returning revision)
	insert into event (parking, revision, kind, body)
	select $1, head.revision - $2 + i, 'reservation.held', '{}' from head, generate_series(1, $2::bigint) i`

// record keeps what a follower handed out and complains about anything but the
// next revision of a parking.
type record struct {
	t    *testing.T
	mu   sync.Mutex
	at   map[id.Parking]uint64
	from map[id.Parking]uint64 // the first revision
	when map[id.Parking]time.Time
	more chan struct{}
}

func newRecord(t *testing.T) *record {
	return &record{t: t, at: map[id.Parking]uint64{}, from: map[id.Parking]uint64{}, when: map[id.Parking]time.Time{}, more: make(chan struct{}, 1)}
}

func (r *record) handle(events []feed.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		if last, seen := r.at[e.Parking]; seen && e.Revision != last+1 {
			r.t.Errorf("%s: %d after %d", e.Parking, e.Revision, last)
		}
		if r.from[e.Parking] == 0 {
			r.from[e.Parking] = e.Revision
		}
		r.at[e.Parking], r.when[e.Parking] = e.Revision, time.Now()
	}
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// until waits for a revision and returns when it was handed out.
func (r *record) until(p id.Parking, revision uint64) time.Time {
	r.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		r.mu.Lock()
		at, when := r.at[p], r.when[p]
		r.mu.Unlock()
		if at >= revision {
			return when
		}
		select {
		case <-r.more:
		case <-limit:
			r.t.Fatalf("%s: still at %d, want %d", p, at, revision)
		}
	}
}

// follow runs a follower until the test ends.
func (b feedBed) follow(t *testing.T) (*follow.Follower, *record) {
	t.Helper()
	f, r := follow.New(postgres.NewFeed(b.db), b.log), newRecord(t)
	f.Subscribe("test", r.handle)
	run(t, f.Run)
	select {
	case <-f.Ready():
	case <-time.After(5 * time.Second):
		t.Fatal("not ready")
	}
	return f, r
}

func run(t *testing.T, do func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := do(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestFollowerStartsAtTheHeadsAndNeedsNoHint(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after the cleanups of what is started below
	b := newFeedBed(t, "old", "idle")
	conn := b.owner(t)
	exec(t, conn, write, "old", 5)
	_, r := b.follow(t)
	wrote := time.Now()
	exec(t, conn, write, "old", 3)
	if late := r.until("old", 8).Sub(wrote); late > 1500*time.Millisecond {
		t.Errorf("the sweep delivered after %s", late)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) != 1 || r.from["old"] != 6 {
		t.Errorf("handed out %v from %v", r.at, r.from)
	}
}

func TestFollowerHearsHintsAtOnce(t *testing.T) {
	b := newFeedBed(t, "a")
	conn := b.owner(t)
	f, r := b.follow(t)
	n := postgres.NewNotifier(b.db, b.log)
	run(t, n.Run)
	watch, stop := f.Watch("a")
	defer stop()
	// The first rounds find the connections being made.
	best := time.Hour
	for i := range uint64(30) {
		wrote := time.Now()
		exec(t, conn, write, "a", 1)
		n.Hint("a", i+1)
		best = min(best, r.until("a", i+1).Sub(wrote))
	}
	if best > 300*time.Millisecond {
		t.Errorf("the fastest hint took %s", best)
	}
	select {
	case <-watch:
	case <-time.After(time.Second):
		t.Error("the watch was not woken")
	}
}

func TestFollowerIgnoresAHintOfWhatIsNotThere(t *testing.T) {
	b := newFeedBed(t, "a")
	conn := b.owner(t)
	_, r := b.follow(t)
	exec(t, conn, `select pg_notify('openlot_feed', '{"a":99,"nowhere":3}'), pg_notify('openlot_feed', 'nonsense')`)
	exec(t, conn, write, "a", 2)
	r.until("a", 2)
}

func TestFollowerUnderConcurrentCommits(t *testing.T) {
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	b := newFeedBed(t, names...)
	_, r := b.follow(t)
	n := postgres.NewNotifier(b.db, b.log)
	run(t, n.Run)
	var mu sync.Mutex
	wrote := map[string]uint64{}
	var writers sync.WaitGroup
	for range 6 {
		conn := b.owner(t)
		writers.Go(func() {
			for range 80 {
				p, count := names[rand.IntN(len(names))], 1+rand.IntN(3)
				var reached uint64
				if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), write, p, count); err != nil {
						return err
					}
					return tx.QueryRow(t.Context(), `select revision from parking_head where parking = $1`, p).Scan(&reached)
				}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				wrote[p] = max(wrote[p], reached)
				mu.Unlock()
				if rand.IntN(2) == 0 { // every second hint is lost
					n.Hint(id.Parking(p), reached)
				}
			}
		})
	}
	writers.Wait()
	for p, revision := range wrote {
		r.until(id.Parking(p), revision)
	}
}

func TestFollowerDoesNotSkipWhatALongTransactionWrites(t *testing.T) {
	b := newFeedBed(t, "slow", "quick")
	conn, long := b.owner(t), b.owner(t)
	_, r := b.follow(t)
	tx, err := long.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, write, "slow", 1) // takes its transaction id now
	wrote := time.Now()
	exec(t, conn, write, "quick", 1)
	if late := r.until("quick", 1).Sub(wrote); late > 1500*time.Millisecond {
		t.Errorf("another parking waited %s for a long transaction", late)
	}
	exec(t, conn, write, "quick", 1)
	r.until("quick", 2)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.until("slow", 1)
	exec(t, conn, write, "slow", 1)
	r.until("slow", 2)
}

func TestFollowerRecoversItsListeningConnection(t *testing.T) {
	b := newFeedBed(t, "a")
	conn := b.owner(t)
	_, r := b.follow(t)
	listeners := func() (pids []int32) {
		rows, err := conn.Query(t.Context(), `select pid from pg_stat_activity where query = 'listen openlot_feed' and datname = current_database()`)
		if err != nil {
			t.Fatal(err)
		}
		pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			t.Fatal(err)
		}
		return pids
	}
	waitFor := func(what string, ok func([]int32) bool) []int32 {
		for limit := time.Now().Add(10 * time.Second); ; {
			pids := listeners()
			if ok(pids) {
				return pids
			}
			if time.Now().After(limit) {
				t.Fatal(what)
			}
		}
	}
	first := waitFor("nobody listens", func(p []int32) bool { return len(p) == 1 })
	exec(t, conn, `select pg_terminate_backend($1)`, first[0])
	exec(t, conn, write, "a", 1)
	r.until("a", 1)
	waitFor("nobody listens again", func(p []int32) bool { return len(p) == 1 && p[0] != first[0] })
	n := postgres.NewNotifier(b.db, b.log)
	run(t, n.Run)
	best := time.Hour
	for i := range uint64(20) {
		wrote := time.Now()
		exec(t, conn, write, "a", 1)
		n.Hint("a", i+2)
		best = min(best, r.until("a", i+2).Sub(wrote))
	}
	if best > 300*time.Millisecond {
		t.Errorf("the fastest hint took %s", best)
	}
}

func TestNotifierFoldsAndFitsManyParkings(t *testing.T) {
	b := newFeedBed(t)
	n := postgres.NewNotifier(b.db, b.log)
	var mu sync.Mutex
	heard, calls := map[id.Parking]uint64{}, 0
	listening, done := make(chan struct{}), make(chan struct{})
	run(t, func(ctx context.Context) error {
		_ = postgres.NewFeed(b.db).Listen(ctx, func(told map[id.Parking]uint64) {
			if told == nil {
				close(listening)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			calls++
			maps.Copy(heard, told)
			if len(heard) == 1000 {
				close(done)
			}
		})
		return nil
	})
	<-listening
	for revision := range uint64(5) {
		for i := range 1000 {
			n.Hint(id.Parking(fmt.Sprintf("a-parking-with-a-rather-long-name-%d", i)), revision+1)
		}
	}
	run(t, n.Run)
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("not all were announced")
	}
	mu.Lock()
	defer mu.Unlock()
	if calls > 10 {
		t.Errorf("%d notifications", calls)
	}
	for p, r := range heard {
		if r != 5 {
			t.Errorf("%s at %d", p, r)
		}
	}
}
