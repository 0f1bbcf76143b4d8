package pgtest_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestDatabasesAreEmptyAndSeparate(t *testing.T) {
	a, b := connect(t, pgtest.Database(t)), connect(t, pgtest.Database(t))
	exec(t, a, "create table car (id int)")
	if n := count(t, b, "select count(*) from pg_class where relname = 'car'"); n != 0 {
		t.Error("a table made in one test's database is visible in another's")
	}
}

// A database is gone after its test, even though the test left a connection open.
func TestDatabaseGoesWithItsTest(t *testing.T) {
	var name string
	var left *pgx.Conn
	t.Run("user", func(t *testing.T) {
		var err error
		if left, err = pgx.Connect(t.Context(), pgtest.Database(t)); err != nil {
			t.Fatal(err)
		}
		if err := left.QueryRow(t.Context(), "select current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = left.Close(t.Context()) }()
	if n := count(t, connect(t, pgtest.Database(t)), "select count(*) from pg_database where datname = $1", name); n != 0 {
		t.Errorf("database %s outlived its test", name)
	}
}

func fill(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create table parking (id int); insert into parking values (1), (2), (3)")
	return errors.Join(err, conn.Close(ctx))
}

// Many tests that start at once build the template once; each has its own copy.
func TestTemplateIsBuiltOnce(t *testing.T) {
	hash := t.Name() + pgtest.Database(t) // new in each run
	var built atomic.Int32
	migrate := func(ctx context.Context, dsn string) error {
		built.Add(1)
		return fill(ctx, dsn)
	}
	dsns := make([]string, 8)
	var wg sync.WaitGroup
	for i := range dsns {
		wg.Go(func() { dsns[i] = pgtest.Template(t, "once", hash, migrate) })
	}
	wg.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("the template was built %d times", n)
	}
	exec(t, connect(t, dsns[0]), "delete from parking")
	for _, dsn := range dsns[1:] {
		if n := count(t, connect(t, dsn), "select count(*) from parking"); n != 3 {
			t.Errorf("a copy has %d rows, want the template's 3", n)
		}
	}
	if pgtest.Template(t, "once", hash+"'", migrate); built.Load() != 2 {
		t.Error("another hash must build another template")
	}
}

// What a failed migration began is not used by the next test.
func TestTemplateThatFailsIsNotKept(t *testing.T) {
	hash := pgtest.Database(t)
	failing := &failed{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends the goroutine it is called in
		defer close(done)
		pgtest.Template(failing, "broken", hash, func(ctx context.Context, dsn string) error {
			return errors.Join(fill(ctx, dsn), errors.New("migration 7 is wrong"))
		})
	}()
	<-done
	if !failing.fatal {
		t.Fatal("the test went on without its schema")
	}
	good := connect(t, pgtest.Template(t, "broken", hash, fill))
	if n := count(t, good, "select count(*) from parking"); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestDurableKeepsWhatWasCommitted(t *testing.T) {
	c := pgtest.Durable(t)
	if err := c.EnsureDatabase(t.Context(), "openlot"); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, c.DSN("openlot"))
	if got := show(t, conn, "fsync") + show(t, conn, "synchronous_commit"); got != "onon" {
		t.Errorf("fsync and synchronous_commit are %s; a crash test needs both on", got)
	}
	exec(t, conn, "create table ledger (id int)")
	exec(t, conn, "insert into ledger values (1)")
	exec(t, conn, "begin")
	exec(t, conn, "insert into ledger values (2)")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the server")
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, connect(t, c.DSN("openlot")), "select sum(id) from ledger"); n != 1 {
		t.Errorf("after the crash the ledger sums to %d, want the committed 1", n)
	}
}

func show(t *testing.T, conn *pgx.Conn, setting string) (value string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// failed is a test that may fail without failing ours.
type failed struct {
	testing.TB
	fatal bool
}

func (f *failed) Fatalf(format string, args ...any) {
	f.TB.Logf(format, args...)
	f.fatal = true
	runtime.Goexit()
}
