package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Settings reads how parkings are run. What is looked at beside the present
// configuration, the history above all, is read as reports are.
type Settings struct {
	db      *DB
	reports *Reports
}

var _ settings.Store = Settings{}

// NewSettings makes the store of package settings.
func NewSettings(db *DB, reports *Reports) Settings { return Settings{db, reports} }

// Operator implements settings.Store.
func (s Settings) Operator(ctx context.Context, at id.Parking) (o id.Operator, err error) {
	err = s.db.pool.QueryRow(ctx, `select operator from parking where id = $1`, string(at)).Scan(&o)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, nil
	}
	return o, unavailable("read whose a parking is", err)
}

// Config implements settings.Store: all of it as of one instant.
func (s Settings) Config(ctx context.Context, at id.Parking, now time.Time) (c settings.Config, err error) {
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.pool, read, func(tx pgx.Tx) error {
		c = settings.Config{Capacities: map[id.SpaceType][]settings.CapacityFrom{}, Allotments: map[id.SpaceType]commit.Allotment{}}
		p, err := oneParking(ctx, tx, at)
		if err != nil {
			return err
		}
		c.Parking = *p
		if err := tx.QueryRow(ctx, `select policy_version from parking where id = $1`, string(at)).Scan(&c.Version); err != nil {
			return err
		}
		if c.Scheduled, err = scheduled(ctx, tx, at); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select `+blockColumns+` from block b where b.parking = $1 and b.removed_at is null and b.to_q > $2 order by b.from_q, b.id`,
			string(at), int64(timerange.Floor(now)))
		if c.Blocks, err = collectBlocks(rows, err); err != nil {
			return err
		}
		// Where a day's capacity is not that of the day before.
		rows, err = tx.Query(ctx, `select space_type, day, cap from (
				select space_type, day, cap, lag(cap) over (partition by space_type order by day) was from inventory_day where parking = $1 and day >= $2) d
			where was is null or was <> cap order by space_type, day`, string(at), epochDay(now))
		if err != nil {
			return err
		}
		var t id.SpaceType
		var f settings.CapacityFrom
		if _, err := pgx.ForEachRow(rows, []any{&t, &f.Day, &f.Capacity}, func() error {
			c.Capacities[t] = append(c.Capacities[t], f)
			return nil
		}); err != nil {
			return err
		}
		loaded, err := load(ctx, tx, map[id.Parking]commit.Rows{at: {Allotments: true}}, nil)
		if err != nil {
			return err
		}
		for t, a := range loaded[at].Allotments {
			c.Allotments[t] = *a
		}
		return nil
	})
	return c, unavailable("read a configuration", err)
}

// Editions implements settings.Store.
func (s Settings) Editions(ctx context.Context, at id.Parking, before uint32, limit int) (out []settings.Edition, err error) {
	err = s.reports.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select t.version, t.document, t.adopted_at, (select min(n.adopted_at) from parking_tariff n where n.parking = t.parking and n.version > t.version),
				(select c.author from config_change c where c.parking = t.parking and c.what = 'tariff.adopted' and c.after ->> 'version' = t.version::text order by c.number limit 1)
			from parking_tariff t where t.parking = $1 and ($2 = 0 or t.version < $2) order by t.version desc limit $3`, string(at), int64(before), limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e settings.Edition, err error) {
			var raw []byte
			var by *string
			if err := row.Scan(&e.Version, &raw, &e.Since, &e.Until, &by); err != nil {
				return e, err
			}
			if by != nil {
				e.By = *by
			}
			e.Since = e.Since.UTC()
			if e.Until != nil {
				*e.Until = e.Until.UTC()
			}
			var t tariff.Tariff
			if err := json.Unmarshal(raw, &t); err != nil {
				return e, err
			}
			published, err := receipt.Canonical(t)
			e.Hash = sha256.Sum256(published)
			return e, err
		})
		return err
	})
	return out, unavailable("read tariffs", err)
}

// Changes implements settings.Store.
func (s Settings) Changes(ctx context.Context, at id.Parking, before int64, limit int) (out []settings.Change, err error) {
	err = s.reports.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select number, at, author, what, before, after, why from config_change
			where parking = $1 and ($2 = 0 or number < $2) order by number desc limit $3`, string(at), before, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scanChange)
		return err
	})
	return out, unavailable("read the history of a configuration", err)
}

func scanChange(row pgx.CollectableRow) (c settings.Change, err error) {
	err = row.Scan(&c.Number, &c.At, &c.By, &c.What, (*[]byte)(&c.Before), (*[]byte)(&c.After), &c.Why)
	c.At = c.At.UTC()
	return c, err
}

// Kept implements settings.Store.
func (s Settings) Kept(ctx context.Context, at id.Parking) (n int, err error) {
	err = pgx.BeginTxFunc(ctx, s.db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		n, err = stillAhead(ctx, tx, at)
		return err
	})
	return n, unavailable("count what is sold", err)
}

// Put implements settings.Store.
func (s Settings) Put(ctx context.Context, e settings.TariffEdit) (settings.TariffEdited, error) {
	return NewTariffs(s.db).Put(ctx, e)
}

// Withdraw implements settings.Store.
func (s Settings) Withdraw(ctx context.Context, at id.Parking, version uint32, by parking.Author) error {
	return NewTariffs(s.db).Withdraw(ctx, at, version, by)
}

var _ capacity.Store = Capacity{}
