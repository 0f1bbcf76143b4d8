package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/protocol/id"
)

// Reconcile reads our books for their comparison with a provider's.
type Reconcile struct{ db *DB }

var _ reconcile.Store = Reconcile{}

// NewReconcile is the store over a pool.
func NewReconcile(db *DB) Reconcile { return Reconcile{db} }

// Compared implements reconcile.Store.
func (s Reconcile) Compared(ctx context.Context, provider string) (time.Time, error) {
	var until time.Time
	err := s.db.pool.QueryRow(ctx, `select until from reconciled where provider = $1`, provider).Scan(&until)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return until.UTC(), unavailable("read up to where books are compared", err)
}

// SetCompared implements reconcile.Store.
func (s Reconcile) SetCompared(ctx context.Context, provider string, to time.Time) error {
	_, err := s.db.pool.Exec(ctx, `insert into reconciled as r (provider, until) values ($1, $2)
		on conflict (provider) do update set until = greatest(r.until, excluded.until)`, provider, to)
	return unavailable("write up to where books are compared", err)
}

// A payment that is named is read whenever it moved. What was taken is what captures
// are booked for.
const selectReconciled = `with wanted as (
	select parking, id, bool_or(due) as due from (
		select e.parking, e.payment as id, true as due from parking k join ledger_entry e on e.parking = k.id and e.at >= $2 and e.at < $3
			where e.payment is not null
		union all
		select parking, id, true from payment where state in ('requested','unknown','capture_requested','void_requested') and updated_at < $3
		union all
		select n.parking, n.id, false from unnest($4::text[], $5::uuid[]) n(parking, id)) x
	group by parking, id)
select p.parking, p.id, p.reservation, p.ref, p.state, p.currency, p.capture_amount, p.updated_at, w.due, l.held, l.captured, l.refunds
from wanted w join payment p on p.parking = w.parking and p.id = w.id
cross join lateral (select
	coalesce(sum(e.amount) filter (where e.kind = 'hold' and e.account = 'held'), 0)::bigint as held,
	coalesce(sum(e.amount) filter (where e.account = 'provider' and e.kind = 'capture'), 0)::bigint as captured,
	coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'amount', -e.amount) order by e.at, e.txn)
		filter (where e.account = 'provider' and e.kind = 'refund'), '[]') as refunds
	from ledger_entry e where e.parking = p.parking and e.reservation = p.reservation and e.payment = p.id) l
where p.provider = $1 order by p.parking, p.id`

// Payments implements reconcile.Store.
func (s Reconcile) Payments(ctx context.Context, w reconcile.Wanted) (out []reconcile.Payment, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.pool, snapshot, func(tx pgx.Tx) error {
		parkings, ids, err := located(ctx, tx, w)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectReconciled, w.Provider, w.From, w.To, parkings, ids)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p reconcile.Payment, err error) {
			var refunds []byte
			if err := row.Scan(&p.Parking, &p.ID, &p.Reservation, &p.Ref, &p.State, &p.Currency, &p.Asked, &p.UpdatedAt, &p.Due, &p.Held, &p.Captured, &refunds); err != nil {
				return p, err
			}
			return p, json.Unmarshal(refunds, &p.Refunds)
		})
		return err
	})
	return out, unavailable("read our books", err)
}

// located are the parkings and ids of the payments that are named. Those of
// which only part of the name is known, which are few, are looked for.
func located(ctx context.Context, tx pgx.Tx, w reconcile.Wanted) (parkings []string, ids [][16]byte, err error) {
	parkings, ids = []string{}, [][16]byte{}
	var lost [][16]byte
	var refs []string
	for _, n := range w.Named {
		switch {
		case n.Payment.IsZero():
			refs = append(refs, n.Ref)
		case n.Parking == "":
			lost = append(lost, n.Payment.UUID())
		default:
			parkings, ids = append(parkings, string(n.Parking)), append(ids, n.Payment.UUID())
		}
	}
	if len(lost) == 0 && len(refs) == 0 {
		return parkings, ids, nil
	}
	rows, err := tx.Query(ctx, `select parking, id from payment where provider = $1 and (id = any ($2::uuid[]) or ref = any ($3::text[]))`, w.Provider, lost, refs)
	if err != nil {
		return nil, nil, err
	}
	var at string
	var p id.Payment
	_, err = pgx.ForEachRow(rows, []any{&at, &p}, func() error {
		parkings, ids = append(parkings, at), append(ids, p.UUID())
		return nil
	})
	return parkings, ids, err
}
