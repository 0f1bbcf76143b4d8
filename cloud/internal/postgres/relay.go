package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/relay"
)

// JobInserter writes jobs in the caller's transaction.
type JobInserter interface {
	InsertTx(ctx context.Context, tx pgx.Tx, jobs []relay.Job) error
}

// Relay is the feed with the relay's cursor.
type Relay struct {
	db   *DB
	jobs JobInserter
}

var _ relay.Source = (*Relay)(nil)

// NewRelay makes the source of a relay that hands its jobs to the inserter.
func NewRelay(db *DB, jobs JobInserter) *Relay { return &Relay{db, jobs} }

// relayPage is about how many events one step takes. The events of one
// transaction are never divided.
const relayPage = 500

const (
	// The cheap look: it locks and writes nothing, so that an idle relay leaves
	// no trace.
	relayPending = `select exists (select from event e where e.xid >= c.xid) from feed_cursor c where c.name = 'relay'`
	relayLock    = `select xid::text from feed_cursor where name = 'relay' for update`
	relayXmin    = `select pg_snapshot_xmin(pg_current_snapshot())::text`
	// Up to the transaction that holds the last event of the page, whole.
	relayEvents = `
with page as (select e.xid from event e where e.xid >= $1::text::xid8 and e.xid < $2::text::xid8 order by e.xid limit $3),
     last as (select xid from page order by xid desc limit 1)
select e.parking, e.revision, e.at, e.kind, e.body from event e, last
where e.xid >= $1::text::xid8 and e.xid <= last.xid
order by e.xid, e.parking, e.revision`
	// The cursor after a page that may not be the last one.
	relayPageEnd = `
with page as (select e.xid from event e where e.xid >= $1::text::xid8 and e.xid < $2::text::xid8 order by e.xid limit $3)
select ((select xid from page order by xid desc limit 1)::text::numeric + 1)::text`
	relayMove = `update feed_cursor set xid = $1::text::xid8 where name = 'relay'`
)

// Relay implements relay.Source.
func (r *Relay) Relay(ctx context.Context, plan func(feed.Event) []relay.Job) (relay.Step, error) {
	var step relay.Step
	var pending bool
	err := r.db.pool.QueryRow(ctx, relayPending).Scan(&pending)
	if err == nil && !pending {
		return step, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return step, errors.New("relay: the database has no relay cursor; it is not migrated")
	}
	if err == nil {
		err = pgx.BeginFunc(ctx, r.db.pool, func(tx pgx.Tx) error {
			step, err = r.step(ctx, tx, plan)
			return err
		})
	}
	if err != nil {
		return relay.Step{}, unavailable("relay events", err)
	}
	// Whatever is left above the cursor was committed by a transaction that is
	// younger than one still running, or just now.
	step.Behind = true
	return step, nil
}

func (r *Relay) step(ctx context.Context, tx pgx.Tx, plan func(feed.Event) []relay.Job) (step relay.Step, err error) {
	var cursor, xmin string
	if err := tx.QueryRow(ctx, relayLock).Scan(&cursor); err != nil {
		return step, err
	}
	if err := tx.QueryRow(ctx, relayXmin).Scan(&xmin); err != nil {
		return step, err
	}
	rows, err := tx.Query(ctx, relayEvents, cursor, xmin, relayPage)
	if err != nil {
		return step, err
	}
	events, err := pgx.CollectRows(rows, readEvent)
	if err != nil || len(events) == 0 {
		return step, err
	}
	next := xmin
	if len(events) >= relayPage {
		step.More = true
		if err := tx.QueryRow(ctx, relayPageEnd, cursor, xmin, relayPage).Scan(&next); err != nil {
			return step, err
		}
	}
	var jobs []relay.Job
	for _, e := range events {
		jobs = append(jobs, plan(e)...)
	}
	if len(jobs) > 0 {
		if err := r.jobs.InsertTx(ctx, tx, jobs); err != nil {
			return step, fmt.Errorf("insert %d jobs: %w", len(jobs), err)
		}
	}
	step.Events, step.Jobs = len(events), len(jobs)
	_, err = tx.Exec(ctx, relayMove, next)
	return step, err
}
