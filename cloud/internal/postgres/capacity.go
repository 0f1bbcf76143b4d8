package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Capacity reads what changes of capacity are about, and keeps policies.
type Capacity struct{ db *DB }

var _ capacity.Store = Capacity{}

// NewCapacity makes the store of package capacity.
func NewCapacity(db *DB) Capacity { return Capacity{db} }

const blockColumns = `b.parking, b.id, b.space_type, b.from_q, b.to_q, b.n, b.reason, b.created_at, b.removed_at`

func scanBlock(row pgx.CollectableRow) (id.Parking, *commit.Block, error) {
	var b commit.Block
	var at id.Parking
	var text string
	var removed *time.Time
	err := row.Scan(&at, &text, &b.SpaceType, &b.Claim.From, &b.Claim.To, &b.N, &b.Reason, &b.CreatedAt, &removed)
	if err != nil {
		return at, nil, err
	}
	if b.ID, err = id.Parse[id.Block](text); err != nil {
		return at, nil, err
	}
	b.CreatedAt = b.CreatedAt.UTC()
	if removed != nil {
		b.RemovedAt = removed.UTC()
	}
	return at, &b, nil
}

const (
	capacityOver = `select day::bigint * 96 + x.slot - 1, x.over
from inventory_day d cross join lateral unnest(d.over) with ordinality x(over, slot)
where d.parking = $1 and d.space_type = $2 and d.day >= $3::bigint / 96 and 0 < any (d.over) and x.over > 0
  and day::bigint * 96 + x.slot - 1 >= $3`

	capacityCandidates = `select id, state, from_at, to_at, claim_from_q, claim_to_q, (quote->'total'->>'minor')::bigint, quote->'total'->>'currency', created_at
from reservation where parking = $1 and space_type = $2 and state in ('held','confirmed','active')
  and claim_from_q < $4 and claim_to_q > $3`
)

// Shortage implements capacity.Store.
func (c Capacity) Shortage(ctx context.Context, at id.Parking, t id.SpaceType, from timerange.Q) (capacity.Deficit, []capacity.Candidate, error) {
	missing := capacity.Deficit{}
	var live []capacity.Candidate
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, c.db.pool, read, func(tx pgx.Tx) (err error) {
		if missing, err = overs(ctx, tx, at, t, from); err != nil {
			return err
		}
		live, err = candidates(ctx, tx, at, t, missing)
		return err
	})
	return missing, live, unavailable("read what is claimed beyond the capacity", err)
}

func overs(ctx context.Context, tx pgx.Tx, at id.Parking, t id.SpaceType, from timerange.Q) (capacity.Deficit, error) {
	rows, err := tx.Query(ctx, capacityOver, string(at), string(t), int64(from))
	if err != nil {
		return nil, err
	}
	missing := capacity.Deficit{}
	var q int64
	var over int16
	_, err = pgx.ForEachRow(rows, []any{&q, &over}, func() error {
		missing[timerange.Q(q)] = over
		return nil
	})
	return missing, err
}

// candidates are the reservations with a claim between the first and the last of what is
// missing.
func candidates(ctx context.Context, tx pgx.Tx, at id.Parking, t id.SpaceType, missing capacity.Deficit) ([]capacity.Candidate, error) {
	if len(missing) == 0 {
		return nil, nil
	}
	first, last := timerange.Q(math.MaxInt64), timerange.Q(math.MinInt64)
	for q := range missing {
		first, last = min(first, q), max(last, q)
	}
	rows, err := tx.Query(ctx, capacityCandidates, string(at), string(t), int64(first), int64(last)+1)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (x capacity.Candidate, err error) {
		err = row.Scan(&x.ID, &x.State, &x.Window.From, &x.Window.To, &x.Claim.From, &x.Claim.To, &x.Total.Minor, &x.Total.Currency, &x.CreatedAt)
		x.Window.From, x.Window.To, x.CreatedAt = x.Window.From.UTC(), x.Window.To.UTC(), x.CreatedAt.UTC()
		return x, err
	})
}

// Blocks implements capacity.Store.
func (c Capacity) Blocks(ctx context.Context, at id.Parking, from timerange.Q) ([]commit.Block, error) {
	rows, err := c.db.pool.Query(ctx, `select `+blockColumns+` from block b
		where b.parking = $1 and b.removed_at is null and b.to_q > $2 order by b.from_q, b.id`, string(at), int64(from))
	return collectBlocks(rows, err)
}

// Block implements capacity.Store.
func (c Capacity) Block(ctx context.Context, at id.Parking, i id.Block) (*commit.Block, error) {
	rows, err := c.db.pool.Query(ctx, `select `+blockColumns+` from block b where b.parking = $1 and b.id = $2`, string(at), i.String())
	found, err := collectBlocks(rows, err)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func collectBlocks(rows pgx.Rows, err error) ([]commit.Block, error) {
	if err != nil {
		return nil, unavailable("read blocks", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (commit.Block, error) {
		_, b, err := scanBlock(row)
		if err != nil {
			return commit.Block{}, err
		}
		return *b, nil
	})
	return out, unavailable("read blocks", err)
}
