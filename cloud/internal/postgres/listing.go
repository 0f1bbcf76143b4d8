package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/protocol/id"
)

var _ listing.Source = Listing{}

// Listing reads parkings for the listing.
type Listing struct{ db *DB }

// NewListing makes a source of parkings.
func NewListing(db *DB) Listing { return Listing{db} }

// Each query takes the parkings to read, or null for all.
const (
	listingHeads = `select h.parking, h.revision from parking_head h where $1::text[] is null or h.parking = any ($1)`

	// Days of which nothing is claimed are the type's capacity.
	listingDays = `select d.parking, d.space_type, d.day, d.version, d.cap, d.free, d.over
from inventory_day d join space_type t on t.parking = d.parking and t.id = d.space_type
where ($1::text[] is null or d.parking = any ($1)) and d.day >= $2 and d.version > 0
  and (d.cap <> t.capacity or d.cap <> any (d.free) or 0 <> any (d.over))`

	listingAllotments = `select a.parking, a.space_type, a.units from allotment a where $1::text[] is null or a.parking = any ($1)`

	listingAllotted = `select s.parking, s.id, s.space_type from session s
where ($1::text[] is null or s.parking = any ($1)) and s.state = 'inside' and s.allotted`

	// An edge that was enrolled and never heard of has no event yet.
	listingLinks = `select e.parking, e.enrolled_at, l.body from edge e left join lateral (
  select body from event where parking = e.parking and kind = 'edge.link' order by revision desc limit 1
) l on true
where $1::text[] is null or e.parking = any ($1)`
)

// Parkings implements listing.Source.
func (l Listing) Parkings(ctx context.Context, only []id.Parking, today int32) ([]listing.Snapshot, error) {
	var ids []string
	for _, p := range only {
		ids = append(ids, string(p))
	}
	var out []listing.Snapshot
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, l.db.pool, read, func(tx pgx.Tx) error {
		found, err := snapshots(ctx, tx, ids)
		if err != nil {
			return err
		}
		if err := fillSnapshots(ctx, tx, found, ids, today); err != nil {
			return err
		}
		out = make([]listing.Snapshot, 0, len(found))
		for _, s := range found {
			out = append(out, *s)
		}
		return nil
	})
	return out, unavailable("read the parkings", err)
}

func snapshots(ctx context.Context, tx pgx.Tx, ids []string) (map[id.Parking]*listing.Snapshot, error) {
	rows, err := tx.Query(ctx, selectParkings+` where $1::text[] is null or p.id = any ($1)`, ids)
	if err != nil {
		return nil, err
	}
	found := map[id.Parking]*listing.Snapshot{}
	err = each(rows, func(row pgx.CollectableRow) error {
		p, err := scanParking(row)
		if err != nil {
			return err
		}
		found[p.ID] = &listing.Snapshot{
			Parking: *p, Days: map[inventory.Key]*inventory.Day{},
			Allotments: map[id.SpaceType]int16{}, Allotted: map[id.Session]id.SpaceType{},
		}
		return nil
	})
	return found, err
}

func fillSnapshots(ctx context.Context, tx pgx.Tx, found map[id.Parking]*listing.Snapshot, ids []string, today int32) error {
	// in is where a row belongs; one of a parking that is not described is dropped.
	in := func(p id.Parking) *listing.Snapshot {
		if s := found[p]; s != nil {
			return s
		}
		return &listing.Snapshot{
			Days: map[inventory.Key]*inventory.Day{}, Allotments: map[id.SpaceType]int16{}, Allotted: map[id.Session]id.SpaceType{},
		}
	}
	queries := []struct {
		sql  string
		args []any
		take func(pgx.CollectableRow) error
	}{
		{listingHeads, []any{ids}, func(row pgx.CollectableRow) error {
			var p id.Parking
			var revision int64
			if err := row.Scan(&p, &revision); err != nil {
				return err
			}
			in(p).Revision = uint64(revision)
			return nil
		}},
		{listingDays, []any{ids, today}, func(row pgx.CollectableRow) error {
			p, k, d, err := scanDay(row)
			if err == nil {
				in(p).Days[k] = d
			}
			return err
		}},
		{listingAllotments, []any{ids}, func(row pgx.CollectableRow) error {
			var p id.Parking
			var t id.SpaceType
			var units int16
			if err := row.Scan(&p, &t, &units); err != nil {
				return err
			}
			in(p).Allotments[t] = units
			return nil
		}},
		{listingAllotted, []any{ids}, func(row pgx.CollectableRow) error {
			var p id.Parking
			var s id.Session
			var t id.SpaceType
			if err := row.Scan(&p, &s, &t); err != nil {
				return err
			}
			in(p).Allotted[s] = t
			return nil
		}},
		{listingLinks, []any{ids}, func(row pgx.CollectableRow) error {
			var p id.Parking
			var enrolled time.Time
			var raw []byte
			if err := row.Scan(&p, &enrolled, &raw); err != nil {
				return err
			}
			body := feed.Body{Link: &feed.Link{Since: enrolled.UTC()}}
			if raw != nil {
				if err := json.Unmarshal(raw, &body); err != nil {
					return fmt.Errorf("link of %s: %w", p, err)
				}
			}
			in(p).Link = body.Link
			return nil
		}},
	}
	for _, q := range queries {
		rows, err := tx.Query(ctx, q.sql, q.args...)
		if err != nil {
			return err
		}
		if err := each(rows, q.take); err != nil {
			return err
		}
	}
	return nil
}
