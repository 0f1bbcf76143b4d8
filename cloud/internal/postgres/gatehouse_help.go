package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	selectHelp    = `select parking, at, raw from observation where parking = any ($1) and kind = 23 and at >= $2 order by parking, epoch, seq`
	selectNoticed = `select parking, lane, by_email, at from gate_order where parking = any ($1) and command = $3 and state = 'done' and at >= $2 order by at`
)

// Calls implements gatehouse.Store.
func (g Gatehouse) Calls(ctx context.Context, ps []id.Parking, since time.Time) ([]gatehouse.Call, error) {
	rows, err := g.db.pool.Query(ctx, selectHelp, slugs(ps), since)
	if err != nil {
		return nil, unavailable("read calls for help", err)
	}
	said, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s gatehouse.HelpSaid, err error) {
		var raw []byte
		if err = row.Scan(&s.Parking, &s.At, &raw); err != nil {
			return s, err
		}
		if e, bad := wire.Unmarshal[wire.Event](raw); bad == nil { // else it is on record as an incident
			s.Lane, s.Note, s.At = e.Lane, e.Note, s.At.UTC()
		}
		return s, nil
	})
	if err != nil || len(said) == 0 {
		return nil, unavailable("read calls for help", err)
	}
	rows, err = g.db.pool.Query(ctx, selectNoticed, slugs(ps), since, wire.CommandNotice)
	if err != nil {
		return nil, unavailable("read who noticed calls", err)
	}
	noticed, err := pgx.CollectRows(rows, pgx.RowToStructByPos[gatehouse.HelpNoticed])
	return gatehouse.Calls(said, noticed), unavailable("read who noticed calls", err)
}
