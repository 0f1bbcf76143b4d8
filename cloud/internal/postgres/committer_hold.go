package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/protocol/id"
)

// Whoever lost a parking to another instance stops guessing at it for a while:
// it locks the parking's head before it reads, so that of several instances
// that want the same parking one works while the others wait, instead of all of
// them working for one of them to win. The lock is the one that commit_batch
// takes, in the same order, and the versions are compared all the same.

// holdFor is how long a parking is locked before it is read, after a loss.
const holdFor = 250 * time.Millisecond

// held is a transaction that has locked the heads of a batch.
type held struct {
	conn *pgxpool.Conn
	tx   pgx.Tx
}

// mustHold reports whether a parking of the batch was lost lately.
func (w *worker) mustHold(batch []*request, now time.Time) bool {
	if len(w.lost) == 0 {
		return false
	}
	maps.DeleteFunc(w.lost, func(_ id.Parking, at time.Time) bool { return now.Sub(at) > holdFor })
	return slices.ContainsFunc(batch, func(r *request) bool {
		_, lost := w.lost[r.op.Parking()]
		return lost
	})
}

// hold locks the heads of all of the batch's parkings: some of them alone would
// not be in order with those that commit_batch locks.
func (w *worker) hold(ctx context.Context, batch []*request) error {
	names := map[string]bool{}
	for _, r := range batch {
		names[string(r.op.Parking())] = true
	}
	conn, err := w.c.db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		conn.Release()
		return err
	}
	w.held = &held{conn, tx}
	if _, err := conn.Exec(ctx, `select hold_parkings($1)`, slices.Sorted(maps.Keys(names))); err != nil {
		_ = w.release(ctx, false) // the connection goes back, or is thrown away
		return err
	}
	return nil
}

// release ends the transaction that hold began, if there is one, by a commit or
// by giving up.
func (w *worker) release(ctx context.Context, commit bool) error {
	h := w.held
	if h == nil {
		return nil
	}
	w.held = nil
	defer h.conn.Release()
	if commit {
		return h.tx.Commit(ctx)
	}
	return h.tx.Rollback(ctx)
}

// rows is where the batch reads.
func (w *worker) rows() querier {
	if w.held != nil {
		return w.held.conn
	}
	return w.c.db.pool
}

// connection is the one that the batch is written over; unless something is
// held it must be released.
func (w *worker) connection(ctx context.Context) (*pgxpool.Conn, error) {
	if w.held != nil {
		return w.held.conn, nil
	}
	return w.c.db.pool.Acquire(ctx)
}
