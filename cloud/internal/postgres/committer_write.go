package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
)

type head struct {
	base    uint64
	problem string // kind of row that was stale; empty when committed
}

const callCommitBatch = `select parking, base, coalesce(problem, '') from commit_batch(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

// write commits one batch in one statement.
func (w *worker) write(ctx context.Context, b *batchArgs) (map[id.Parking]head, error) {
	args, err := b.args()
	if err != nil {
		return nil, err
	}
	rows, err := w.c.db.pool.Query(ctx, callCommitBatch, args...)
	if err != nil {
		return nil, err
	}
	out := make(map[id.Parking]head, len(b.parkings))
	return out, each(rows, func(row pgx.CollectableRow) error {
		var p id.Parking
		var base *int64
		var h head
		if err := row.Scan(&p, &base, &h.problem); err != nil {
			return err
		}
		if base != nil {
			h.base = uint64(*base)
		}
		out[p] = h
		return nil
	})
}

// retryable reports errors after which the same batch may succeed: a row
// written by somebody who bypasses the lock, a deadlock, a serialisation
// failure, a server that is going down.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true // the connection broke
	}
	switch pg.Code {
	case "PX003", "PX004", "40001", "40P01", "23505":
		return pg.Code != "PX004" && pg.Code != "23505"
	}
	return pg.Code[:2] == "57" || pg.Code[:2] == "53" || pg.Code[:2] == "08"
}

func (db *DB) parkings(ctx context.Context, ids []string) ([]*parking.Parking, error) {
	rows, err := db.pool.Query(ctx, selectParkings+` where p.id = any ($1)`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanParking)
}
