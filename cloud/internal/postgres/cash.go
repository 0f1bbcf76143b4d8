package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/cash"
)

// Cash keeps promises to pay at the parking.
type Cash struct{ db *DB }

var _ cash.Store = Cash{}

// NewCash is the store over a pool.
func NewCash(db *DB) Cash { return Cash{db} }

const promiseColumns = `c.ref, c.key, c.parking, c.reservation, c.currency, c.amount, c.state, c.at`

// one is the promise that a statement returns, payment.ErrNotFound when none.
func (s Cash) one(ctx context.Context, sql string, args ...any) (cash.Promise, error) {
	found, err := first(ctx, s.db.pool, sql, func(row pgx.CollectableRow) (*cash.Promise, error) {
		var p cash.Promise
		err := row.Scan(&p.Ref, &p.Key, &p.Parking, &p.Reservation, &p.Amount.Currency, &p.Amount.Minor, &p.State, &p.At)
		p.At = p.At.UTC()
		return &p, err
	}, args...)
	switch {
	case err != nil:
		return cash.Promise{}, unavailable("ask for a promise", err)
	case found == nil:
		return cash.Promise{}, payment.ErrNotFound
	default:
		return *found, nil
	}
}

// Place implements cash.Store.
func (s Cash) Place(ctx context.Context, p cash.Promise) (cash.Promise, error) {
	placed, err := s.one(ctx, `insert into cash_promise as c (ref, key, parking, reservation, currency, amount, state, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (key) do nothing returning `+promiseColumns,
		p.Ref, p.Key, p.Parking, p.Reservation, p.Amount.Currency, p.Amount.Minor, p.State, p.At)
	if !errors.Is(err, payment.ErrNotFound) {
		return placed, err
	}
	// One of the same key that somebody placed meanwhile is committed by now: the
	// insert has waited for it.
	return s.ByKey(ctx, p.Key)
}

// ByKey implements cash.Store.
func (s Cash) ByKey(ctx context.Context, key string) (cash.Promise, error) {
	return s.one(ctx, `select `+promiseColumns+` from cash_promise c where c.key = $1`, key)
}

// ByRef implements cash.Store.
func (s Cash) ByRef(ctx context.Context, ref string) (cash.Promise, error) {
	return s.one(ctx, `select `+promiseColumns+` from cash_promise c where c.ref = $1`, ref)
}

// Withdraw implements cash.Store.
func (s Cash) Withdraw(ctx context.Context, ref string) (cash.Promise, error) {
	return s.one(ctx, `update cash_promise c set state = 'voided' where c.ref = $1 returning `+promiseColumns, ref)
}
