package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/protocol/timerange"
)

// day is one day of one space type as stored.
type day struct {
	key
	day  int32
	cap  int16
	free []int16
	over []int16
}

type key struct{ parking, spaceType string }

// claim is a number of units over a run of quarters.
type claim struct {
	key
	timerange.Quarters
	n int16
}

// count is the claims of a run of days.
type count map[key]map[timerange.Q]int

func (c count) add(x claim) {
	of := c[x.key]
	if of == nil {
		of = map[timerange.Q]int{}
		c[x.key] = of
	}
	for q := x.From; q < x.To; q++ {
		of[q] += int(x.n)
	}
}

// compare checks free − over = capacity − claims for the quarters from since on
// and returns how many it looked at.
func compare(days []day, claims []claim, since timerange.Q) (quarters int, err error) {
	counted := count{}
	for _, c := range claims {
		counted.add(c)
	}
	for _, d := range days {
		for i := range d.free {
			q := timerange.DayStart(d.day) + timerange.Q(i)
			if q < since {
				continue
			}
			quarters++
			want, got := int(d.cap)-counted[d.key][q], int(d.free[i])-int(d.over[i])
			if want != got {
				return quarters, fmt.Errorf("%s %s at %s: expected %d free (capacity %d − %d claims), saw %d free − %d over",
					d.parking, d.spaceType, q.Time().Format(time.RFC3339), want, d.cap, counted[d.key][q], d.free[i], d.over[i])
			}
		}
	}
	return quarters, nil
}

// own is what a stay claims beside its reservation's claim r: from the entry to
// the end of its claim, without r.
func own(k key, entered timerange.Q, to timerange.Q, r timerange.Quarters) []claim {
	whole := timerange.Quarters{From: entered, To: to}
	if r.Empty() || r.To <= whole.From || r.From >= whole.To {
		return []claim{{k, whole, 1}}
	}
	return []claim{
		{k, timerange.Quarters{From: whole.From, To: r.From}, 1},
		{k, timerange.Quarters{From: r.To, To: whole.To}, 1},
	}
}

// Inventory recounts the claims in one consistent snapshot and compares them
// with the free spaces in stock, in two ways: for every quarter from now on from
// the reservations, stays and allotments, and for every quarter there is from
// the changes that the feed told. It returns how many comparisons it made.
func (b *Books) Inventory(ctx context.Context) (quarters int, err error) {
	tx, err := b.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // nothing was written
	days, err := readDays(ctx, tx)
	if err != nil {
		return 0, err
	}
	var now time.Time
	if err := tx.QueryRow(ctx, `select now()`).Scan(&now); err != nil {
		return 0, err
	}
	current := timerange.Floor(now)
	standing, err := readClaims(ctx, tx, selectStanding, current)
	if err != nil {
		return 0, err
	}
	stays, err := readStays(ctx, tx)
	if err != nil {
		return 0, err
	}
	told, err := readClaims(ctx, tx, selectTold)
	if err != nil {
		return 0, err
	}
	n, rowsErr := compare(days, append(standing, stays...), current)
	m, toldErr := compare(days, told, -1<<62)
	if rowsErr != nil {
		rowsErr = fmt.Errorf("by reservations, stays and allotments: %w", rowsErr)
	}
	if toldErr != nil {
		toldErr = fmt.Errorf("by the feed: %w", toldErr)
	}
	return n + m, errors.Join(rowsErr, toldErr)
}

// SettledInventory is Inventory, again until it agrees or the limit has passed:
// when a quarter-hour begins, claims move on a moment later.
func (b *Books) SettledInventory(ctx context.Context, limit time.Duration) (quarters int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if quarters, err = b.Inventory(ctx); err == nil {
			return quarters, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return quarters, err
		}
	}
}

func readDays(ctx context.Context, tx pgx.Tx) ([]day, error) {
	rows, err := tx.Query(ctx, `select parking, space_type, day, cap, free, over from inventory_day`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d day, err error) {
		return d, row.Scan(&d.parking, &d.spaceType, &d.day, &d.cap, &d.free, &d.over)
	})
}

const selectStanding = `
select parking, space_type, claim_from_q, claim_to_q, 1::smallint from reservation where claim_to_q > claim_from_q
union all
select parking, space_type, $1::bigint, until_q, units from allotment`

const selectTold = `
select e.parking, c.type, c.from_q, c.to_q, c.n
  from event e cross join lateral json_to_recordset(e.body->'claims') c(type text, from_q bigint, to_q bigint, n smallint)
 where e.body->'claims' is not null`

func readClaims(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]claim, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c claim, err error) {
		return c, row.Scan(&c.parking, &c.spaceType, &c.From, &c.To, &c.n)
	})
}

const selectStays = `
select s.parking, s.space_type, s.entered_at, s.claim_to_q, coalesce(r.claim_from_q, 0), coalesce(r.claim_to_q, 0)
  from session s left join reservation r on r.parking = s.parking and r.id = s.reservation and r.session = s.id
 where not s.allotted and s.claim_to_q > 0`

func readStays(ctx context.Context, tx pgx.Tx) ([]claim, error) {
	rows, err := tx.Query(ctx, selectStays)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []claim
	for rows.Next() {
		var k key
		var entered time.Time
		var to timerange.Q
		var r timerange.Quarters
		if err := rows.Scan(&k.parking, &k.spaceType, &entered, &to, &r.From, &r.To); err != nil {
			return nil, err
		}
		out = append(out, own(k, timerange.Floor(entered), to, r)...)
	}
	return out, rows.Err()
}
