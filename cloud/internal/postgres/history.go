package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// History reads what happened at a parking.
type History struct{ db *DB }

// NewHistory is the store over a pool.
func NewHistory(db *DB) History { return History{db} }

// known refuses a parking that there is not.
func (h History) known(ctx context.Context, at id.Parking) error {
	there := false
	err := h.db.pool.QueryRow(ctx, `select exists (select from parking where id = $1)`, string(at)).Scan(&there)
	if err == nil && !there {
		err = fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	return err
}

// Incidents are those of a parking since a time, oldest first.
func (h History) Incidents(ctx context.Context, at id.Parking, since time.Time) ([]commit.Incident, error) {
	if err := h.known(ctx, at); err != nil {
		return nil, err
	}
	rows, err := h.db.pool.Query(ctx, `select id, class, coalesce(reservation, '00000000-0000-0000-0000-000000000000'), coalesce(session, '00000000-0000-0000-0000-000000000000'), detail, at
		from incident where parking = $1 and at >= $2 order by at, id`, string(at), since)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i commit.Incident, err error) {
		return i, row.Scan(&i.ID, &i.Class, &i.Reservation, &i.Session, &i.Detail, &i.At)
	})
}

// Commands are those that the staff gave at a parking's lanes since a time, in the
// order in which they were journalled.
func (h History) Commands(ctx context.Context, at id.Parking, since time.Time) ([]wire.Event, error) {
	if err := h.known(ctx, at); err != nil {
		return nil, err
	}
	rows, err := h.db.pool.Query(ctx, `select raw from observation where parking = $1 and kind = $2 and at >= $3 order by epoch, seq`,
		string(at), int16(wire.Commanded), since)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e wire.Event, err error) {
		var raw []byte
		if err := row.Scan(&raw); err != nil {
			return e, err
		}
		return wire.Unmarshal[wire.Event](raw)
	})
}
