package river

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// schema holds River's tables. Migration 00020 makes it and lets the running
// program use what is in it.
const schema = "river"

// migrating is the advisory lock that keeps two processes from migrating at
// once.
const migrating = 0x6f70656e_72697672

// Migrate brings River's own tables up to date, as the role the DSN names,
// which must be the one that migrated the rest of the database before.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) (err error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	cfg.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(migrating)); err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, unlocked := conn.Exec(unlock, "select pg_advisory_unlock($1)", int64(migrating))
		err = errors.Join(err, unlocked)
	}()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: quiet(log)})
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	done, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	for _, v := range done.Versions {
		log.Info("migrated", "component", "river", "migration", v.Version, "took", v.Duration)
	}
	return nil
}
