package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const (
	selectHoursOf = `select p.timezone, p.tariff ->> 'currency', coalesce((select sum(capacity) from space_type t where t.parking = p.id and ($2 = '' or t.id = $2)), 0), w.trusted_lo
		from parking p left join edge_watermark w on w.parking = p.id where p.id = $1`
	selectHours = `select hour, space_type, known_ms, occupied_ms, capacity, arrivals, departures, refused, due, no_shows, resold, early, stays, told_at, late, counted_at
		from trend_hour where parking = $1 and hour >= $2 and hour < $3 and ($4 = '' or space_type = $4) order by hour, space_type`
	selectTakings = `select hour, space_type, currency, reserved, walk_in from trend_money where parking = $1 and hour >= $2 and hour < $3 and ($4 = '' or space_type = $4)`
)

// Zone is a parking's time zone, empty when there is no such parking.
func (l Lookup) Zone(ctx context.Context, p id.Parking) (zone string, err error) {
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		err := pool.QueryRow(ctx, `select timezone from parking where id = $1`, string(p)).Scan(&zone)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return zone, unavailable("read a time zone", err)
}

// Hours reads the hours of a span, in their order; an empty type means all.
func (l Lookup) Hours(ctx context.Context, p id.Parking, span timerange.Range, of id.SpaceType) (h trends.Kept, err error) {
	err = l.r.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			h = trends.Kept{}
			if err := tx.QueryRow(ctx, selectHoursOf, string(p), string(of)).Scan(&h.Zone, &h.Currency, &h.Capacity, &h.KnownUntil); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, selectHours, string(p), span.From, span.To, string(of))
			if err != nil {
				return err
			}
			type key struct {
				at int64
				t  id.SpaceType
			}
			place := map[key]int{}
			if err := each(rows, func(row pgx.CollectableRow) error {
				var x trends.Row
				var known, occupied int64
				var told *time.Time
				if err := row.Scan(&x.At, &x.Type, &known, &occupied, &x.Capacity, &x.Arrivals, &x.Departures, &x.Refused, &x.Due, &x.NoShows, &x.Resold, &x.Early,
					&x.Stays, &told, &x.Late, &x.CountedAt); err != nil {
					return err
				}
				x.Known, x.Occupied = time.Duration(known)*time.Millisecond, time.Duration(occupied)*time.Millisecond
				if told != nil {
					x.ToldAt = *told
				}
				place[key{x.At.Unix(), x.Type}] = len(h.Rows)
				h.Rows = append(h.Rows, x)
				return nil
			}); err != nil {
				return err
			}
			if rows, err = tx.Query(ctx, selectTakings, string(p), span.From, span.To, string(of)); err != nil {
				return err
			}
			return each(rows, func(row pgx.CollectableRow) error {
				var at time.Time
				var t id.SpaceType
				var m trends.Taking
				err := row.Scan(&at, &t, &m.Currency, &m.Reserved, &m.WalkIn)
				if i, ok := place[key{at.Unix(), t}]; ok {
					h.Rows[i].Takings = append(h.Rows[i].Takings, m)
				}
				return err
			})
		})
	})
	return h, unavailable("read hours", err)
}
