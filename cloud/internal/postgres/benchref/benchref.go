// Package benchref holds the SQL that `make bench-reserve` compares the
// committer with: the data, the scripts for pgbench, and a client that reserves
// with one conditional statement for each request.
package benchref

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Lots are parkings that differ in nothing but their number.
type Lots struct {
	Prefix   string // their ids are Prefix and five digits
	N        int
	Capacity int16
	FirstDay int32 // the first UTC day that can be booked
	Days     int   // how many
}

// ID is the id of parking n, from 0.
func (l Lots) ID(n int) id.Parking { return id.Parking(fmt.Sprintf("%s%05d", l.Prefix, n)) }

const seedLots = `
with op as (insert into operator (id, name) values (gen_random_uuid(), $1) on conflict (name) do update set name = excluded.name returning id),
lots as (select $1 || lpad(n::text, 5, '0') as id from generate_series(0, $2::int - 1) n),
p as (insert into parking (id, operator, name, kind, latitude, longitude, timezone, tariff, policy)
      select lots.id, op.id, lots.id, 'surface', 51, 13, 'Europe/Berlin', $3, $4 from lots, op)
select 1`

const seedParts = `
with h as (insert into parking_head (parking) select id from parking where id like $1 || '%'),
t as (insert into space_type (parking, id, class, label, capacity)
      select id, 'standard', 'standard', 'Standard', $2 from parking where id like $1 || '%')
insert into inventory_day (parking, space_type, day, cap, free, over)
select id, 'standard', d, $2::smallint, array_fill($2::smallint, array[96]), array_fill(0::smallint, array[96])
  from parking, generate_series($3::int, $3::int + $4::int - 1) d where id like $1 || '%'`

// Seed makes the parkings and their inventory, as the database's owner.
func Seed(ctx context.Context, dsn string, list ...Lots) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	price, err := json.Marshal(tariff.Tariff{
		Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 30, Rate: 120, DailyMax: 1800,
		Day: tariff.Calendar, TaxBasisPoints: 1900,
	})
	if err != nil {
		return err
	}
	policy, err := json.Marshal(parking.DefaultPolicy())
	if err != nil {
		return err
	}
	for _, l := range list {
		if _, err := conn.Exec(ctx, seedLots, l.Prefix, l.N, price, policy); err != nil {
			return fmt.Errorf("seed %s: %w", l.Prefix, err)
		}
		if _, err := conn.Exec(ctx, seedParts, l.Prefix, l.Capacity, l.FirstDay, l.Days); err != nil {
			return fmt.Errorf("seed the days of %s: %w", l.Prefix, err)
		}
	}
	for _, s := range []string{"vacuum analyze", "checkpoint"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs statements as the database's owner, one after the other.
func Exec(ctx context.Context, dsn string, statements ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// Text is the single value of a query, as text.
func Text(ctx context.Context, dsn, query string) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	var s string
	return s, conn.QueryRow(ctx, "select ("+query+")::text").Scan(&s)
}

// audit counts quarters whose free differs from what the live reservations
// leave, and, for the references that write no head, nothing else: it is
// independent of the counters.
const audit = `,
slots as (
  select parking, day::bigint * 96 + n - 1 q, cap - free[n] used from inventory_day, generate_series(1, 96) n
  where version > 0 and parking = any (select distinct parking from reservation)),
claimed as (
  select parking, q, count(*) c from reservation, generate_series(claim_from_q, claim_to_q - 1) q group by 1, 2)
select count(*) from slots full join claimed using (parking, q) where coalesce(used, 0) <> coalesce(c, 0)`

// Wrong counts the quarters of some parkings in which the counters and the
// reservations differ. Reservations beyond a capacity would show there too.
func Wrong(ctx context.Context, dsn, prefix string) (string, error) {
	return Text(ctx, dsn, `with inventory_day as (select * from public.inventory_day where parking like '`+prefix+`%'),
reservation as (select * from public.reservation where parking like '`+prefix+`%')`+audit)
}

// Conditional reserves with one statement for each request: the predicate is on
// the values, so that it never has to be tried again.
type Conditional struct{ pool *pgxpool.Pool }

// NewConditional opens that many connections as the database's owner.
func NewConditional(ctx context.Context, dsn string, connections int32) (*Conditional, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = connections, connections
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	return &Conditional{pool}, err
}

// Close returns when the connections are closed.
func (c *Conditional) Close() { c.pool.Close() }

const conditional = `
with d as (
  update inventory_day set version = version + 1,
    free = free[1 : $4 - 1] || (select array_agg((f - 1)::int2) from unnest(free[$4 : $5]) f) || free[$5 + 1 : 96]
  where parking = $1 and space_type = 'standard' and day = $3 and 0 < all (free[$4 : $5]) and 0 = all (over[$4 : $5])
  returning parking, version),
r as (
  insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
    quote, payment, email, hold_until, no_show_at, created_at, updated_at)
  select parking, $2, 1, 'held', 1, 'standard', $6, $7, $3 * 96::bigint + $4 - 1, $3 * 96::bigint + $5, $8, $9, $10, $11, $11, $11, $11 from d),
p as (
  insert into payment (parking, id, version, reservation, state, provider, method, currency, amount, updated_at)
  select parking, $9, 1, $2, 'requested', 'sandbox', 'pm_sandbox_ok', 'EUR', 480, $11 from d),
e as (
  insert into event (parking, revision, kind, body) select parking, version, 'reservation.held', $12 from d)
select count(*) from d`

// Request is one reservation as Conditional makes it.
type Request struct {
	Parking     id.Parking
	Reservation id.Reservation
	Payment     id.Payment
	Window      timerange.Range // within one UTC day
	Quote, Body []byte          // JSON
	Email       string
}

// Reserve reports whether there was room.
func (c *Conditional) Reserve(ctx context.Context, r *Request) (bool, error) {
	q := r.Window.Claim()
	var n int
	first := int32(q.From.Slot() + 1)
	err := c.pool.QueryRow(ctx, conditional, string(r.Parking), r.Reservation.UUID(), q.From.Day(), first, first+int32(q.Len())-1,
		r.Window.From, r.Window.To, r.Quote, r.Payment.UUID(), r.Email, r.Reservation.Time(), r.Body).Scan(&n)
	return n == 1, err
}
