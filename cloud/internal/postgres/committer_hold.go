package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Whoever lost a parking to another instance stops guessing at it for a while:
// it locks the parking's head before it reads, so that of several instances
// that want the same parking one works while the others wait, instead of all of
// them working for one of them to win. The lock is the one that commit_batch
// takes, in the same order, and the versions are compared all the same.

// holdFor is how long a parking is locked before it is read, after a loss.
const holdFor = 250 * time.Millisecond

// mustHold reports whether one of the parkings was lost lately.
func (w *worker) mustHold(names map[id.Parking]bool) bool {
	if len(w.lost) == 0 {
		return false
	}
	now, lately := w.c.now(), false
	maps.DeleteFunc(w.lost, func(p id.Parking, at time.Time) bool {
		old := now.Sub(at) > holdFor
		lately = lately || !old && names[p]
		return old
	})
	return lately
}

// lock makes the next reading of rows begin a transaction that locks the heads of
// all of the batch's parkings: some of them alone would not be in order with
// those that the commit locks.
func (w *worker) lock(names map[id.Parking]bool) {
	w.locks = w.locks[:0]
	for _, p := range slices.Sorted(maps.Keys(names)) {
		w.locks = append(w.locks, string(p))
	}
}

// release ends the transaction that holds the heads, if there is one, by a
// commit or by giving up.
func (w *worker) release(ctx context.Context, commit bool) error {
	w.locks = w.locks[:0]
	if !w.held {
		return nil
	}
	w.held = false
	sql := "rollback"
	if commit {
		sql = "commit"
	}
	_, err := w.conn.Exec(ctx, sql)
	if err != nil && !commit {
		closeConn(w.conn) // and with it the transaction
	}
	return err
}
