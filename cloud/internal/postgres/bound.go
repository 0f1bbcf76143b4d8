package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
)

// codeBayTaken is the SQLSTATE of a commit that would put two claims into one
// bay: its op did not see one of them, and is applied again on fresh rows.
const codeBayTaken = "PX011"

const (
	selectBoundReservations = `select ` + reservationColumns + ` from reservation r
		where r.parking = $1 and r.space_type = any ($2) and r.state in ('confirmed', 'active')`
	selectBoundSessions = `select ` + sessionColumns + ` from session s where s.parking = $1 and s.space_type = any ($2) and s.state = 'inside'`
	selectBoundBlocks   = `select ` + blockColumns + ` from block b where b.parking = $1 and b.space_type = any ($2) and b.removed_at is null`
)

// loadBound queues what is asked for of types with bays.
func loadBound(b *pgx.Batch, asked map[id.Parking]commit.Rows, out map[id.Parking]commit.Loaded) {
	for p, rows := range asked {
		if len(rows.Bound) == 0 {
			continue
		}
		types := make([]string, len(rows.Bound))
		for i, t := range rows.Bound {
			types[i] = string(t)
		}
		found := out[p]
		b.Queue(selectBoundReservations, string(p), types).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				r, err := scanReservation(row)
				if err == nil {
					found.Reservations[r.ID] = r
				}
				return err
			})
		})
		b.Queue(selectBoundSessions, string(p), types).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				_, s, err := scanSession(row)
				if err == nil {
					found.Sessions[s.ID] = s
				}
				return err
			})
		})
		b.Queue(selectBoundBlocks, string(p), types).Query(func(rows pgx.Rows) error {
			return each(rows, func(row pgx.CollectableRow) error {
				_, k, err := scanBlock(row)
				if err == nil {
					found.Blocks[k.ID] = k
				}
				return err
			})
		})
	}
}
