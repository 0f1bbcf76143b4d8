package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Tariffs stores parkings' tariffs, all editions of them.
type Tariffs struct{ db *DB }

// NewTariffs is the store over a pool.
func NewTariffs(db *DB) Tariffs { return Tariffs{db} }

// Adopt makes a parking go over to a tariff; what was quoted before keeps its
// price. It returns the one before. Its faults are parking_not_found and those
// of parking.Adopt; they change nothing.
func (s Tariffs) Adopt(ctx context.Context, at id.Parking, t tariff.Tariff) (before tariff.Tariff, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		// Whoever else changes the parking waits, and sees this change.
		if _, err := tx.Exec(ctx, `select from parking where id = $1 for no key update`, string(at)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectParkings+` where p.id = $1`, string(at))
		if err != nil {
			return err
		}
		p, err := pgx.CollectExactlyOneRow(rows, scanParking)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
		}
		if err != nil {
			return err
		}
		before = p.Tariff
		if err := p.Adopt(t); err != nil {
			return err
		}
		if t.Version == before.Version { // nothing but the same may have it
			return nil
		}
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update parking set tariff = $2, updated_at = now() where id = $1`, string(at), raw); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(at), string(feed.ParkingChanged))
		return err
	})
	return before, unavailable("change a tariff", err)
}

// Editions are all that a parking has had, the newest first; none when there is
// no such parking.
func (s Tariffs) Editions(ctx context.Context, at id.Parking) ([]parking.Edition, error) {
	rows, err := s.db.pool.Query(ctx, `select document, adopted_at from parking_tariff where parking = $1 order by version desc`, string(at))
	if err != nil {
		return nil, unavailable("read tariffs", err)
	}
	all, err := pgx.CollectRows(rows, scanEdition)
	return all, unavailable("read tariffs", err)
}

// scanEdition reads document and adopted_at.
func scanEdition(row pgx.CollectableRow) (e parking.Edition, err error) {
	var raw []byte
	if err := row.Scan(&raw, &e.Adopted); err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e.Tariff)
}

// lawful is parking.Lawful for a policy that is to be a parking's.
func lawful(rawTariff []byte, policy parking.Policy) error {
	p := parking.Parking{Policy: policy}
	if err := json.Unmarshal(rawTariff, &p.Tariff); err != nil {
		return err
	}
	return p.Lawful()
}
