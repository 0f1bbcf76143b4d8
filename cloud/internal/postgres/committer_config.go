package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
)

// config is a parking's description as a shard remembers it.
type config struct {
	parking *parking.Parking
	read    time.Time
}

// readConfigs makes sure that the parkings of the next batch are described, and
// that what is drafted is founded on descriptions that nobody has changed.
func (w *worker) readConfigs(ctx context.Context) error {
	now := w.c.now()
	if now.Sub(w.looked) > configTTL {
		changed, next, err := w.c.db.described(ctx, w.since)
		if err != nil {
			return err
		}
		for _, p := range changed {
			w.memory.configure(id.Parking(p), config{})
			w.later = append(w.later, w.withdraw(id.Parking(p))...)
		}
		w.since, w.looked = next, now
	}
	seen := make(map[id.Parking]bool, len(w.later))
	var stale []string
	for _, r := range w.later {
		p := r.op.Parking()
		if c := w.memory.configured(p); !seen[p] && (c.parking == nil || now.Sub(c.read) > configLife) {
			stale = append(stale, string(p))
		}
		seen[p] = true
	}
	if len(stale) == 0 {
		return nil
	}
	found, err := w.c.db.parkings(ctx, stale)
	if err != nil {
		return err
	}
	for _, p := range stale {
		w.memory.configure(id.Parking(p), config{})
	}
	for _, p := range found {
		w.memory.configure(p.ID, config{p, now})
	}
	return nil
}

// Whoever changes what a parking is says so in the feed.
const describedSince = `
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
  (select array_agg(distinct parking) from event
   where xid >= $1::text::xid8 and (kind like 'parking.%' or kind like 'capacity.%'))`

// described returns the parkings whose description transactions from since on
// have changed, and from where to look the next time.
func (db *DB) described(ctx context.Context, since uint64) (changed []string, next uint64, _ error) {
	var xmin int64
	err := db.pool.QueryRow(ctx, describedSince, strconv.FormatUint(since, 10)).Scan(&xmin, &changed)
	return changed, uint64(xmin), err
}

func (db *DB) parkings(ctx context.Context, ids []string) ([]*parking.Parking, error) {
	rows, err := db.pool.Query(ctx, selectParkings+` where p.id = any ($1)`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanParking)
}
