package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type head struct {
	base    uint64
	problem string // kind of row that was stale; empty when committed
}

const callCommitBatch = `select base, coalesce(problem, '') from commit_batch(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// errNotStorable is wrapped by the error of a row that cannot be written in
// Postgres's format.
var errNotStorable = errors.New("a row that cannot be stored")

// write commits one batch in one statement, and returns what became of the
// parkings in their order.
func (w *worker) write(ctx context.Context, b *batchArgs) ([]head, error) {
	conn, err := w.connection(ctx)
	if err != nil {
		return nil, err
	}
	if w.held == nil {
		defer conn.Release()
	}
	if w.types == nil {
		var t rowTypes
		if err := conn.QueryRow(ctx, selectRowTypes).Scan(&t.day, &t.reservation, &t.payment, &t.key, &t.event); err != nil {
			return nil, err
		}
		w.types = &t
	}
	args, err := b.args(*w.types)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotStorable, err)
	}
	prepared, err := conn.Conn().Prepare(ctx, "commit_batch", callCommitBatch)
	if err != nil {
		return nil, err
	}
	format := []int16{pgx.BinaryFormatCode}
	rows := conn.Conn().PgConn().ExecStatement(ctx, prepared, args, format, format)
	out := make([]head, 0, len(b.parkings))
	for rows.NextRow() {
		v := rows.Values()
		h := head{problem: string(v[1])}
		if len(v[0]) == 8 { // not null
			h.base = binary.BigEndian.Uint64(v[0])
		}
		out = append(out, h)
	}
	if _, err := rows.Close(); err != nil {
		return nil, err
	}
	if len(out) != len(b.parkings) {
		return nil, fmt.Errorf("commit_batch answered for %d parkings of %d", len(out), len(b.parkings))
	}
	return out, nil
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
