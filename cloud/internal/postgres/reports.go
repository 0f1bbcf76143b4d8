package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/position"
	"github.com/openlot/openlot/protocol/fault"
)

// How fresh a replica is.
const (
	// MaxStale is how much older than the present a report may be.
	MaxStale    = 2 * time.Second
	lookEvery   = 100 * time.Millisecond
	lookLimit   = time.Second
	replicaPool = 8
)

// Reports are what is only looked at: receipts and what happened. They are read from a
// replica that is less than MaxStale behind and includes what its reader has written,
// else from the primary. A statement on a replica cannot write, and nothing is decided
// by what it says: stores that decide take a DB, which a Reports is not.
type Reports struct {
	primary *DB
	replica *pgxpool.Pool // nil: there is none
	log     *slog.Logger

	mu       sync.Mutex
	replayed position.Position // the replica has everything up to here
	asOf     time.Time         // and had everything there was at this time
	own      bool              // the replica is away or behind, which was said
}

// NewReports reads from the primary alone.
func NewReports(primary *DB) *Reports { return &Reports{primary: primary, log: primary.log} }

// OpenReports adds a replica, which may be away.
func OpenReports(ctx context.Context, primary *DB, replica string) (*Reports, error) {
	r := NewReports(primary)
	if replica == "" {
		return r, nil
	}
	cfg, err := pgxpool.ParseConfig(replica)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "replica_url_invalid", "The replica's URL cannot be read.")
	}
	cfg.MaxConns = replicaPool
	cfg.ConnConfig.ConnectTimeout = lookLimit
	cfg.ConnConfig.RuntimeParams["application_name"] = "openlot reports"
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	cfg.AfterConnect = asApp
	if r.replica, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open the replica: %w", err)
	}
	return r, nil
}

// Close returns when all connections to the replica are closed.
func (r *Reports) Close() {
	if r.replica != nil {
		r.replica.Close()
	}
}

// Run keeps looking how far the replica is until the context ends.
func (r *Reports) Run(ctx context.Context) error {
	if r.replica == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look compares the replica with the primary: it is as old as the last time at which it
// had all that the primary had.
func (r *Reports) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	began := time.Now()
	written, err := r.Position(ctx)
	var replayed position.Position
	if err == nil {
		replayed, err = at(ctx, r.replica, `select coalesce(pg_last_wal_replay_lsn(), '0/0')::text`)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.replayed = replayed
		if replayed >= written {
			r.asOf = began
		}
	}
	own := time.Since(r.asOf) > MaxStale
	if own != r.own && ctx.Err() == nil {
		r.own = own
		if own {
			r.log.Warn("the replica is away or behind; reports are read from the primary", "err", err)
		} else {
			r.log.Info("reports are read from the replica")
		}
	}
}

// Position is how far the database's log is written: everything that was acknowledged
// before the call is before it.
func (r *Reports) Position(ctx context.Context) (position.Position, error) {
	return at(ctx, r.primary.pool, `select pg_current_wal_insert_lsn()::text`)
}

func at(ctx context.Context, pool *pgxpool.Pool, sql string) (position.Position, error) {
	var s string
	if err := pool.QueryRow(ctx, sql).Scan(&s); err != nil {
		return 0, unavailable("ask how far the log is", err)
	}
	return position.Parse(s)
}

// Replica reports whether there is one, so that positions are worth telling.
func (r *Reports) Replica() bool { return r.replica != nil }

// read runs do on the replica, if that is fresh enough for ctx, and on the primary if it
// is not or does not answer.
func (r *Reports) read(ctx context.Context, do func(context.Context, *pgxpool.Pool) error) error {
	if r.fresh(position.From(ctx)) {
		limited, cancel := context.WithTimeout(ctx, MaxStale)
		err := do(limited, r.replica)
		cancel()
		if err == nil || ctx.Err() != nil || fault.From(unavailable("", err)) == nil || fault.From(unavailable("", err)).Kind != fault.Unavailable {
			return err
		}
		r.mu.Lock()
		r.asOf = time.Time{} // until it is looked at again
		r.mu.Unlock()
	}
	return do(ctx, r.primary.pool)
}

func (r *Reports) fresh(wanted position.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replica != nil && r.replayed >= wanted && time.Since(r.asOf) <= MaxStale
}
