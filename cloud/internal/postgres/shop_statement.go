package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Shop implements shop.Store.
func (s Shops) Shop(ctx context.Context, at id.Parking, number int) (shop.Shop, error) {
	one, err := shopIn(ctx, s.db.pool, at, number)
	return one, unavailable("read a shop", err)
}

func shopIn(ctx context.Context, q querier, at id.Parking, number int) (shop.Shop, error) {
	found, err := first(ctx, q, `select `+shopColumns+` from shop where parking = $1 and number = $2`, func(row pgx.CollectableRow) (*shop.Shop, error) {
		one, err := scanShop(row)
		return &one, err
	}, string(at), number)
	if err == nil && found == nil {
		return shop.Shop{}, fault.New(fault.NotFound, shop.CodeNotFound, "There is no such shop in this parking.")
	}
	if err != nil {
		return shop.Shop{}, err
	}
	return *found, nil
}

// shopMovements are the uses of a shop's codes and its payments, each with its day at the
// parking. A payment that was reversed moves nothing.
const shopMovements = `with here as (select p.id, p.timezone, p.tariff->>'currency' currency from parking p where p.id = $1),
	moved as (
		select (u.at at time zone h.timezone)::date as day, u.at, u.serial, u.amount as owed, u.payment as of
		  from here h join shop_use u on u.parking = h.id and u.number = $2 and u.currency = h.currency
		union all
		select m.paid_on, m.booked_at, 0, case when m.reversed_at is null then -m.amount else 0 end, m.id
		  from here h join shop_payment m on m.parking = h.id and m.number = $2 and m.currency = h.currency)`

const selectStatement = shopMovements + ` select h.currency,
	coalesce(sum(x.owed) filter (where x.day < $3::date), 0)::bigint,
	count(*) filter (where x.serial > 0 and (x.day >= $3::date or $3::date is null) and (x.day <= $4::date or $4::date is null)),
	coalesce(sum(x.owed) filter (where x.serial > 0 and (x.day >= $3::date or $3::date is null) and (x.day <= $4::date or $4::date is null)), 0)::bigint,
	coalesce(-sum(x.owed) filter (where x.serial = 0 and (x.day >= $3::date or $3::date is null) and (x.day <= $4::date or $4::date is null)), 0)::bigint
	from here h left join moved x on true group by h.currency`

const selectShopPayments = `select ` + shopPaymentColumns + ` from shop_payment p
	where p.parking = $1 and p.number = $2 and (p.paid_on >= $3::date or $3::date is null) and (p.paid_on <= $4::date or $4::date is null)
	order by p.paid_on desc, p.booked_at desc, p.id desc limit $5`

const selectLines = shopMovements + ` select to_char(x.day, 'YYYY-MM-DD'), x.at, x.serial, x.owed, x.of from moved x
	where (x.day >= $3::date or $3::date is null) and (x.day <= $4::date or $4::date is null) order by x.day, x.at, x.of`

// Statement implements shop.Store.
func (s Shops) Statement(ctx context.Context, at id.Parking, number int, d shop.Days) (shop.Statement, error) {
	st, _, err := s.statement(ctx, at, number, d, shop.MaxListed, false)
	return st, err
}

// Lines implements shop.Store.
func (s Shops) Lines(ctx context.Context, at id.Parking, number int, d shop.Days) (shop.Statement, []shop.Line, error) {
	return s.statement(ctx, at, number, d, 1<<30, true)
}

func (s Shops) statement(ctx context.Context, at id.Parking, number int, d shop.Days, most int, whole bool) (st shop.Statement, lines []shop.Line, err error) {
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.pool, read, func(tx pgx.Tx) error {
		if st.Shop, err = shopIn(ctx, tx, at, number); err != nil {
			return err
		}
		from, to := dated(d.From), dated(d.To)
		if err := tx.QueryRow(ctx, selectStatement, string(at), number, from, to).Scan(&st.Currency, &st.Opening, &st.Uses, &st.Taken, &st.Paid); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectShopPayments, string(at), number, from, to, most)
		if err != nil {
			return err
		}
		byID := map[string]int{}
		if err := each(rows, func(row pgx.CollectableRow) error {
			_, p, err := scanShopPayment(row)
			byID[p.ID.String()] = len(st.Payments)
			st.Payments = append(st.Payments, p)
			return err
		}); err != nil || !whole {
			return err
		}
		if rows, err = tx.Query(ctx, selectLines, string(at), number, from, to); err != nil {
			return err
		}
		return each(rows, func(row pgx.CollectableRow) error {
			var l shop.Line
			var of string
			if err := row.Scan(&l.Day, &l.At, &l.Code, &l.Minor, &of); err != nil {
				return err
			}
			if l.Code == 0 {
				l.Payment = st.Payments[byID[of]]
			}
			lines = append(lines, l)
			return nil
		})
	})
	return st, lines, unavailable("read a statement", err)
}

// dated is a day for the database, nil for none.
func dated(d books.Day) *string {
	if d == "" {
		return nil
	}
	text := string(d)
	return &text
}
