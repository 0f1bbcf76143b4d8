package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type head struct {
	base    uint64
	problem string    // kind of row that was stale; empty when committed
	at      time.Time // of the events; zero: not known
}

const (
	callCommitBatch     = `select base, coalesce(problem, '') from commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	callCommitUnopposed = `select bases, at from commit_unopposed($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	commitBatchName     = "commit_batch"
	commitUnopposedName = "commit_unopposed"
	codeOpposed         = "PX010"
	codeUniqueViolation = "23505"
)

// workerPlans are the settings of a worker's connection. What it reads it reads
// by key; a plan that was made when the tables were small, and is kept, must not
// read all of them when they are large.
const workerPlans = `set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; set enable_seqscan = off`

// connection is the worker's own.
func (w *worker) connection(ctx context.Context) (*pgx.Conn, error) {
	conn, err := w.c.ownConnection(ctx, w.conn)
	w.conn = conn
	return conn, err
}

// ownConnection is conn, or a new one when that is lost.
func (c *Committer) ownConnection(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	if conn != nil && !conn.IsClosed() {
		return conn, nil
	}
	conn, err := c.db.own(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, workerPlans); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// errNotStorable is wrapped by the error of a row that cannot be written in
// Postgres's format.
var errNotStorable = errors.New("a row that cannot be stored")

// errOpposed says that a batch in which something was stale could not be
// committed in part, because its transaction began earlier.
var errOpposed = errors.New("a row was stale")

// write commits one batch in one statement, and returns what became of the
// parkings in their order. Most batches find everything as they were told; for
// the others a second statement says who did not.
func (w *worker) write(ctx context.Context, b *batchArgs) ([]head, error) {
	conn, err := w.connection(ctx)
	if err != nil {
		return nil, err
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
	if !w.careful && b.plain() {
		heads, err := w.commitUnopposed(ctx, conn, append(args[:7:7], args[10:12]...), len(b.parkings))
		if !opposed(err) {
			return heads, err
		}
		if w.held {
			w.careful = true
			return nil, errOpposed
		}
	}
	w.careful = false
	return w.commitBatch(ctx, conn, args, len(b.parkings))
}

var binaryFormat = []int16{pgx.BinaryFormatCode}

func (w *worker) commitUnopposed(ctx context.Context, conn *pgx.Conn, args [][]byte, parkings int) ([]head, error) {
	prepared, err := conn.Prepare(ctx, commitUnopposedName, callCommitUnopposed)
	if err != nil {
		return nil, err
	}
	// What holds the heads is committed in the same round trip.
	p := conn.PgConn().StartPipeline(ctx)
	p.SendQueryStatement(prepared, args, binaryFormat, binaryFormat)
	if w.held {
		p.SendQueryParams("commit", nil, nil, nil, nil)
	}
	out := make([]head, 0, parkings)
	err = p.Sync()
	for err == nil {
		var next any
		if next, err = p.GetResults(); next == nil {
			break
		}
		rows, ok := next.(*pgconn.ResultReader)
		if !ok {
			break // all was answered
		}
		for rows.NextRow() {
			// An array's elements follow its header, each after its length.
			v := rows.Values()
			at := readTime(v[1])
			for bases := v[0]; len(bases) >= arrayHeader+12*(len(out)+1); {
				out = append(out, head{base: binary.BigEndian.Uint64(bases[arrayHeader+12*len(out)+4:]), at: at})
			}
		}
		_, err = rows.Close()
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	w.held = false
	return complete(out, parkings)
}

func (w *worker) commitBatch(ctx context.Context, conn *pgx.Conn, args [][]byte, parkings int) ([]head, error) {
	prepared, err := conn.Prepare(ctx, commitBatchName, callCommitBatch)
	if err != nil {
		return nil, err
	}
	rows := conn.PgConn().ExecStatement(ctx, prepared, args, binaryFormat, binaryFormat)
	out := make([]head, 0, parkings)
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
	return complete(out, parkings)
}

func complete(heads []head, parkings int) ([]head, error) {
	if len(heads) != parkings {
		return nil, fmt.Errorf("the commit answered for %d parkings of %d", len(heads), parkings)
	}
	return heads, nil
}

// opposed reports that commit_unopposed found something other than expected.
func opposed(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == codeOpposed || pg.Code == codeUniqueViolation)
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
	case "PX003", codeBayTaken, "40001", "40P01":
		return true
	case "PX004", codeUniqueViolation:
		return false
	}
	return pg.Code[:2] == "57" || pg.Code[:2] == "53" || pg.Code[:2] == "08"
}
