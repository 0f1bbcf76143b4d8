// Package pgtest gives tests real Postgres databases.
//
// A test binary uses one throwaway cluster, taken at the first call out of a
// row of slots under the temporary folder: openlot-test-pg-UID/slot-0, slot-1
// and so on. A slot belongs to the process that holds its lock and is free again
// when that process ends, however it ends; Postgres ends with it. Packages that
// are tested in parallel therefore never see each other, and the next run finds
// a cluster, and the template databases in it, ready made. fsync is off.
//
// With OPENLOT_TEST_DATABASE_URL set that server is used instead. Its role must
// be allowed to make databases.
//
// A missing Postgres fails the test. `make test` installs it.
//
// No goroutine is left behind, so goleak has nothing to complain about. Inside a
// synctest bubble time would stand still for the functions of this package: call
// them before.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/protocol/fault"
)

const (
	slots = 64
	// limit bounds each thing that a test waits for here.
	limit = 2 * time.Minute
	// scratch and template begin the names of the databases made here.
	scratch  = "test_"
	template = "tpl_"
)

// server is where a test's databases are.
type server struct {
	dsn  func(database string) string
	base string // a database to connect to for making others
	own  bool   // nobody else uses it
}

// shared is the server of this test binary. It is the one package variable here:
// Go offers test packages no other place for what all their tests share.
var shared struct {
	sync.Mutex
	server *server
}

// Database makes an empty database for the test and returns its connection
// string. The database goes when the test ends; connections that are still open
// then are cut.
func Database(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s := serverFor(ctx, t)
	return s.make(ctx, t, "")
}

// Template makes a database for the test as a copy of a template that migrate
// has filled once. The template is kept for later tests and runs, under name and
// hash; hash must change when migrate would do something else. Migrate must
// close its connections.
func Template(t testing.TB, name, hash string, migrate func(ctx context.Context, dsn string) error) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s := serverFor(ctx, t)
	tpl, err := s.template(ctx, name, hash, migrate)
	if err != nil {
		t.Fatalf("make template database %s: %v", name, err)
	}
	return s.make(ctx, t, tpl)
}

// Durable starts a cluster for this test alone, with fsync on: for tests that
// Kill and Restart it. It ends with the test.
func Durable(t testing.TB) *devpg.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// Not t.TempDir: Postgres's user may not enter that one when we are root.
	dir, err := os.MkdirTemp("", "openlot-pg-") //nolint:usetesting // the same
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the cluster: %v", err)
		}
	})
	c, err := devpg.Start(ctx, devpg.Config{Dir: dir, Log: logger(t)})
	if err != nil {
		t.Fatal(explain(err))
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
	})
	return c
}

func serverFor(ctx context.Context, t testing.TB) *server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := startServer(ctx)
		if err != nil {
			t.Fatal(explain(err))
		}
		shared.server = s
	}
	return shared.server
}

func startServer(ctx context.Context) (*server, error) {
	if given := os.Getenv("OPENLOT_TEST_DATABASE_URL"); given != "" {
		u, err := url.Parse(given)
		if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			return nil, errors.New("OPENLOT_TEST_DATABASE_URL must look like postgres://user:password@host:port/postgres")
		}
		return &server{base: strings.TrimPrefix(u.Path, "/"), dsn: func(database string) string {
			with := *u
			with.Path = "/" + database
			return with.String()
		}}, nil
	}
	dir := filepath.Join(os.TempDir(), "openlot-test-pg-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	for slot := range slots {
		c, err := devpg.Start(ctx, devpg.Config{
			Dir: filepath.Join(dir, "slot-"+strconv.Itoa(slot)), FastUnsafe: true,
			Settings: map[string]string{"shared_buffers": "64MB", "max_wal_size": "256MB"},
		})
		if fault.Code(err) == devpg.CodeInUse {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := &server{base: "postgres", dsn: c.DSN, own: true}
		return s, s.sweep(ctx)
	}
	return nil, fmt.Errorf("all %d slots under %s are in use", slots, dir)
}

// sweep drops what tests that were killed left behind.
func (s *server) sweep(ctx context.Context) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		return drop(ctx, conn, `select datname from pg_database where starts_with(datname, $1)`, scratch)
	})
}

func drop(ctx context.Context, conn *pgx.Conn, query string, args ...any) error {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := conn.Exec(ctx, "drop database if exists "+quote(name)+" with (force)"); err != nil {
			return err
		}
	}
	return nil
}

// make makes a database for the test, as a copy of from unless that is empty.
func (s *server) make(ctx context.Context, t testing.TB, from string) string {
	t.Helper()
	name := scratch + strings.ToLower(rand.Text())
	create := "create database " + quote(name)
	if from != "" {
		create += " template " + quote(from)
	}
	exec := func(ctx context.Context, sql string) error {
		return s.with(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, sql)
			return err
		})
	}
	if err := exec(ctx, create); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := exec(ctx, "drop database "+quote(name)+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.dsn(name)
}

// template returns the name of the filled template database. It is built under
// another name, so that it is either complete or not there; an advisory lock
// keeps others from building it at the same time.
func (s *server) template(ctx context.Context, name, hash string, migrate func(context.Context, string) error) (string, error) {
	nameSum, sum := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(name+"\x00"+hash))
	family := template + hex.EncodeToString(nameSum[:4]) + "_"
	full := family + hex.EncodeToString(sum[:12])
	return full, s.with(ctx, func(conn *pgx.Conn) error {
		// The lock goes with the connection.
		if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(binary.BigEndian.Uint64(sum[:]))); err != nil {
			return err
		}
		var there bool
		if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, full).Scan(&there); err != nil || there {
			return err
		}
		if s.own { // earlier states of the same template
			if err := drop(ctx, conn, `select datname from pg_database where starts_with(datname, $1)`, family); err != nil {
				return err
			}
		}
		raw := scratch + strings.ToLower(rand.Text())
		if _, err := conn.Exec(ctx, "create database "+quote(raw)); err != nil {
			return err
		}
		err := migrate(ctx, s.dsn(raw))
		if err == nil {
			_, err = conn.Exec(ctx, "alter database "+quote(raw)+" rename to "+quote(full))
		}
		if err != nil {
			_, dropErr := conn.Exec(ctx, "drop database if exists "+quote(raw)+" with (force)")
			return errors.Join(err, dropErr)
		}
		return nil
	})
}

func (s *server) with(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.dsn(s.base))
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close(ctx))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// explain adds what a developer types when Postgres is not there.
func explain(err error) error {
	if fault.Code(err) == devpg.CodeMissing {
		return fmt.Errorf("%w (make test does that, or: go run ./cloud/internal/devpg/cmd/ensure)", err)
	}
	return err
}

func logger(t testing.TB) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}
