package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// CodeCapacityDiffers is the fault code of an import that would change a
// capacity which is being sold.
const CodeCapacityDiffers = "capacity_differs"

// CodeAnotherOperator is the fault code of an import of parkings that are
// somebody else's.
const CodeAnotherOperator = "another_operator"

// ImportParkings stores parkings of one operator, all or none, seeds the
// inventory of new ones from today, and tells the feed of each. A parking that
// exists gets the new description; it keeps its operator, its tariff and its
// policy, and one whose capacity would change makes the import fail with
// CodeCapacityDiffers, one of another operator with CodeAnotherOperator. It returns how many were new.
func (db *DB) ImportParkings(ctx context.Context, operator string, list []parking.Parking, today time.Time) (added int, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		added = 0
		owner := id.New[id.Operator](today)
		if err := tx.QueryRow(ctx, `insert into operator (id, name) values ($1, $2)
			on conflict (name) do update set name = excluded.name returning id`, owner.UUID(), operator).Scan(&owner); err != nil {
			return err
		}
		problems, foreign := map[string]string{}, 0
		// In the order in which commit_batch locks the heads.
		order := make([]int, len(list))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(string(list[a].ID), string(list[b].ID)) })
		for _, i := range order {
			p := &list[i]
			isNew, err := putParking(ctx, tx, owner, p)
			if errors.Is(err, pgx.ErrNoRows) {
				problems[fmt.Sprintf("features[%d]", i)] = fmt.Sprintf("%s belongs to another operator", p.ID)
				foreign++
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			if isNew {
				added++
			}
			differs, err := putSpaceTypes(ctx, tx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			if differs != "" {
				problems[fmt.Sprintf("features[%d]", i)] = fmt.Sprintf("%s: %s", p.ID, differs)
				continue
			}
			if _, err := tx.Exec(ctx, `select seed_horizon($1, $2, 1)`, epochDay(today), string(p.ID)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(p.ID), string(feed.ParkingImported)); err != nil {
				return err
			}
		}
		if len(problems) > 0 {
			f := fault.New(fault.Conflict, CodeCapacityDiffers, "Some parkings are sold with another capacity. Nothing was imported.")
			if foreign > 0 {
				f = fault.Newf(fault.Conflict, CodeAnotherOperator, "Some parkings are not of the operator %q. Nothing was imported.", operator)
			}
			f.Fields = problems
			return f
		}
		return nil
	})
	return added, unavailable("import parkings", err)
}

func putParking(ctx context.Context, tx pgx.Tx, owner id.Operator, p *parking.Parking) (isNew bool, err error) {
	tariff, err := json.Marshal(p.Tariff)
	if err != nil {
		return false, err
	}
	policy, err := json.Marshal(p.Policy)
	if err != nil {
		return false, err
	}
	// xmax is 0 on a row that this statement inserted.
	err = tx.QueryRow(ctx, `insert into parking (id, operator, name, address, city, kind, latitude, longitude, timezone, tariff, policy)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (id) do update set name = excluded.name, address = excluded.address, city = excluded.city, kind = excluded.kind,
			latitude = excluded.latitude, longitude = excluded.longitude, timezone = excluded.timezone, updated_at = now()
			where parking.operator = excluded.operator
		returning xmax = 0`,
		string(p.ID), owner.UUID(), p.Name, p.Address, p.City, string(p.Kind), p.Latitude, p.Longitude, p.Timezone, tariff, policy).Scan(&isNew)
	if err != nil || !isNew {
		return false, err
	}
	_, err = tx.Exec(ctx, `insert into parking_head (parking) values ($1)`, string(p.ID))
	return true, err
}

// putSpaceTypes adds the parking's space types and says how those that exist
// differ.
func putSpaceTypes(ctx context.Context, tx pgx.Tx, p *parking.Parking) (differs string, err error) {
	for _, t := range p.SpaceTypes {
		var capacity int16
		err := tx.QueryRow(ctx, `insert into space_type as s (parking, id, class, label, capacity, bays) values ($1, $2, $3, $4, $5, $6)
			on conflict (parking, id) do update set label = excluded.label, bays = excluded.bays returning s.capacity`,
			string(p.ID), string(t.ID), string(t.Class), t.Label, t.Capacity, t.Bays).Scan(&capacity)
		if err != nil {
			return "", err
		}
		if capacity != t.Capacity {
			return fmt.Sprintf("%s has %d spaces, the file says %d", t.ID, capacity, t.Capacity), nil
		}
	}
	return "", nil
}

// Seeding goes in steps, so that the heads of few parkings are locked at a time
// and a transaction stays short.
const (
	seedParkings = 200
	pruneDays    = 2000
	keepDays     = 7 // that are over
)

// SeedHorizon adds the days that each parking's horizon has come to reach, and
// one more, for all parkings that lack some, and returns how many. Doing it
// twice, at once or late adds what is missing and nothing else.
func (db *DB) SeedHorizon(ctx context.Context, today time.Time) (int, error) {
	return db.inSteps(ctx, "seed the horizon", `select seed_horizon($1, null, $2)`, epochDay(today), seedParkings)
}

// PruneHorizon drops the days that ended more than a week ago and that nothing
// can refer to any more, and returns how many.
func (db *DB) PruneHorizon(ctx context.Context, today time.Time) (int, error) {
	return db.inSteps(ctx, "drop past days", `select prune_inventory($1, $2)`, epochDay(today)-keepDays, pruneDays)
}

// inSteps repeats a statement until it has nothing left to do.
func (db *DB) inSteps(ctx context.Context, what, sql string, args ...any) (total int, err error) {
	for {
		var n int
		if err := db.pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil || n == 0 {
			return total, unavailable(what, err)
		}
		total += n
	}
}

// epochDay is the UTC day of an instant, counted from the Unix epoch.
func epochDay(t time.Time) int32 { return timerange.Floor(t).Day() }

// PartitionEvents makes the feed's partitions for the days ahead.
func (db *DB) PartitionEvents(ctx context.Context, days int) error {
	_, err := db.pool.Exec(ctx, `select partition_events($1)`, days)
	return unavailable("make partitions of the feed", err)
}
