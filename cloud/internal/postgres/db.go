// Package postgres is the only place that speaks SQL: migrations, the batching
// committer, the feed, and the stores that the other packages declare as
// interfaces. Each exported method is one transaction.
//
// The process connects as the schema's owner only to migrate. Everything else
// runs as the role openlot_app, which can read, write the rows that carry no
// claims, and change claims, reservations, payments, sessions, watermarks,
// allotments and the ledger in one way only: by calling commit_batch.
package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/openlot/openlot/protocol/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// appRole is what everything but migrations runs as.
const appRole = "openlot_app"

// DB is a pool of connections as openlot_app.
type DB struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	sockets *sockets
	lead    *lead
}

// Options tune a pool. The zero value is good.
type Options struct {
	MaxConns int32 // 0: 16
	// Dial reaches the server; nil: over the network. A test that cuts connections
	// gives its own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Trace makes spans of the statements that traced requests run.
	Trace bool
}

// Open connects to a migrated database. It does not migrate.
func Open(ctx context.Context, dsn string, log *slog.Logger, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "database_url_invalid", "The database URL cannot be read.")
	}
	cfg.MaxConns = 16
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	if o.Trace {
		cfg.ConnConfig.Tracer = spans{}
	}
	// One server that hangs must not keep another from being asked.
	patience := 5 * time.Second
	if len(cfg.ConnConfig.Fallbacks) > 0 {
		patience = 2 * time.Second
	}
	if t := cfg.ConnConfig.ConnectTimeout; t <= 0 || t > patience {
		cfg.ConnConfig.ConnectTimeout = patience
	}
	w := newSockets(cfg.ConnConfig.DialFunc)
	if o.Dial != nil {
		w.dial = o.Dial
	}
	cfg.ConnConfig.DialFunc = w.reach
	cfg.ConnConfig.RuntimeParams["application_name"] = "openlot"
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		err := asApp(ctx, c)
		w.started(c.PgConn().Conn())
		return err
	}
	led := &lead{}
	cfg.BeforeConnect = led.only
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, unavailable("reach the database", err)
	}
	return &DB{pool: pool, log: log.With("component", "postgres"), sockets: w, lead: led}, nil
}

// Close returns when all connections are closed.
func (db *DB) Close() { db.pool.Close() }

// Pool gives the adapters that need a raw pool (River) theirs.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping reports whether the database answers. After a restart of the database the
// pool still holds connections that nobody has found broken yet; they say nothing
// about the database, so that a ping that fails drops them and is made once more; not
// one that could not connect, which says nothing about them.
func (db *DB) Ping(ctx context.Context) error {
	err := db.pool.Ping(ctx)
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); err != nil && !connecting && !errors.Is(err, errNobody) && ctx.Err() == nil {
		db.pool.Reset()
		err = db.pool.Ping(ctx)
	}
	return unavailable("ping", err)
}

func asApp(ctx context.Context, c *pgx.Conn) error {
	// A statement that hangs must not hold the oldest transaction id back: the
	// feed's cursor could not move past it.
	_, err := c.Exec(ctx, `set role `+appRole+`; set idle_in_transaction_session_timeout = '30s'; set statement_timeout = '30s'`)
	return err
}

// Migrate brings the schema of the database up to date, as the role the DSN
// names, which must own the database and may create roles. Several processes
// may call it at once.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "database_url_invalid", "The database URL cannot be read.")
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }() // every statement has been answered
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	applied, err := p.Up(ctx)
	for _, r := range applied {
		log.Info("migrated", "component", "postgres", "migration", r.Source.Path, "took", r.Duration)
	}
	if unreachable := (*pgconn.ConnectError)(nil); errors.As(err, &unreachable) {
		return fault.Wrap(fmt.Errorf("migrate: %w", err), fault.Unavailable, CodeUnavailable,
			"The database cannot be reached. Is it running, and is its URL (--database-url, DATABASE_URL) right?")
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// unavailable turns a failure to reach or use the connection into a fault that
// callers may retry, and leaves other errors as they are.
func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	if f := (*fault.Fault)(nil); errors.As(err, &f) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code[:2] != "57" && pg.Code[:2] != "53" && pg.Code[:2] != "08" {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fault.Wrap(fmt.Errorf("%s: %w", what, err), fault.Unavailable, CodeUnavailable,
		"The database does not answer. Nothing was lost; the same request may be sent again.")
}

// CodeUnavailable is the fault code while Postgres is away.
const CodeUnavailable = "database_unavailable"

// SchemaHash changes with the migrations; tests name their template database
// by it.
func SchemaHash() string {
	h := sha256.New()
	entries, _ := migrations.ReadDir("migrations")
	for _, e := range entries {
		b, _ := migrations.ReadFile("migrations/" + e.Name())
		_, _ = fmt.Fprintf(h, "%s %d\n", e.Name(), len(b)) // a hash takes everything
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
