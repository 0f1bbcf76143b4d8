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
)

// CodeCapacityDiffers is the fault code of an import that would change a
// capacity which is being sold.
const CodeCapacityDiffers = "capacity_differs"

// ImportParkings stores parkings of one operator, all or none, seeds the
// inventory of new ones from today, and tells the feed of each. A parking that
// exists gets the new description; it keeps its operator, its tariff and its
// policy, and one whose capacity would change makes the import fail with
// CodeCapacityDiffers. It returns how many were new.
func (db *DB) ImportParkings(ctx context.Context, operator string, list []parking.Parking, today time.Time) (added int, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		added = 0
		owner := id.New[id.Operator](today)
		if err := tx.QueryRow(ctx, `insert into operator (id, name) values ($1, $2)
			on conflict (name) do update set name = excluded.name returning id`, owner.UUID(), operator).Scan(&owner); err != nil {
			return err
		}
		problems := map[string]string{}
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
			if _, err := tx.Exec(ctx, `select seed_inventory($1, $2, $3)`, string(p.ID), int32(today.Unix()/86400), p.Policy.HorizonDays+1); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(p.ID), string(feed.ParkingImported)); err != nil {
				return err
			}
		}
		if len(problems) > 0 {
			f := fault.New(fault.Conflict, CodeCapacityDiffers, "Some parkings are sold with another capacity, or belong to another operator. Nothing was imported.")
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
		err := tx.QueryRow(ctx, `insert into space_type as s (parking, id, class, label, capacity) values ($1, $2, $3, $4, $5)
			on conflict (parking, id) do update set label = excluded.label returning s.capacity`,
			string(p.ID), string(t.ID), string(t.Class), t.Label, t.Capacity).Scan(&capacity)
		if err != nil {
			return "", err
		}
		if capacity != t.Capacity {
			return fmt.Sprintf("%s has %d spaces, the file says %d", t.ID, capacity, t.Capacity), nil
		}
	}
	return "", nil
}

// SeedHorizon adds the days that a parking's horizon has come to reach, for
// all parkings, and returns how many. Doing it twice adds nothing.
func (db *DB) SeedHorizon(ctx context.Context, today time.Time) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `select coalesce(sum(seed_inventory(id, $1, (policy->>'horizon_days')::int + 1)), 0) from parking`,
		int32(today.Unix()/86400)).Scan(&n)
	return n, unavailable("seed the horizon", err)
}

// PartitionEvents makes the feed's partitions for the days ahead.
func (db *DB) PartitionEvents(ctx context.Context, days int) error {
	_, err := db.pool.Exec(ctx, `select partition_events($1)`, days)
	return unavailable("make partitions of the feed", err)
}
