package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// Shops stores the shops of parkings.
type Shops struct{ db *DB }

var _ shop.Store = Shops{}

// NewShops is the store over a pool.
func NewShops(db *DB) Shops { return Shops{db} }

const shopColumns = `number, name, gives, value, most, good_until, issued`

func scanShop(row pgx.CollectableRow) (s shop.Shop, err error) {
	var gives string
	err = row.Scan(&s.Number, &s.Name, &gives, &s.Value, &s.Most, &s.GoodUntil, &s.Issued)
	s.Gives, s.GoodUntil = shop.Gives(gives), s.GoodUntil.UTC()
	return s, err
}

// selectShops are those that an edge is told of: whose codes may be good yet.
const selectShops = `select ` + shopColumns + ` from shop where parking = $1 and good_until > now() order by number limit $2`

// List implements shop.Store.
func (s Shops) List(ctx context.Context, at id.Parking) ([]shop.Used, error) {
	rows, err := s.db.pool.Query(ctx, `select s.number, s.name, s.gives, s.value, s.most, s.good_until, s.issued, count(u.payment), coalesce(sum(u.amount), 0)::bigint, p.tariff->>'currency',
			(select coalesce(sum(m.amount), 0)::bigint from shop_payment m where m.parking = s.parking and m.number = s.number and m.reversed_at is null)
		from shop s join parking p on p.id = s.parking left join shop_use u on u.parking = s.parking and u.number = s.number
		where s.parking = $1 group by s.parking, s.number, p.id order by s.number`, string(at))
	if err != nil {
		return nil, unavailable("list shops", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u shop.Used, err error) {
		var gives, currency string
		err = row.Scan(&u.Number, &u.Name, &gives, &u.Value, &u.Most, &u.GoodUntil, &u.Issued, &u.Uses, &u.Owed.Minor, &currency, &u.Paid.Minor)
		u.Gives, u.GoodUntil, u.Owed.Currency = shop.Gives(gives), u.GoodUntil.UTC(), money.Currency(currency)
		u.Paid.Currency = u.Owed.Currency
		return u, err
	})
	return out, unavailable("list shops", err)
}

// within changes the shops of a parking in a transaction that others wait for.
func (s Shops) within(ctx context.Context, at id.Parking, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		var one int
		err := tx.QueryRow(ctx, `select 1 from parking where id = $1 for no key update`, string(at)).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
	return unavailable("change shops", err)
}

// told has the edge be told, and puts the change into the history.
func (s Shops) told(ctx context.Context, tx pgx.Tx, at id.Parking, by parking.Author, what string, before, after any) error {
	if _, err := tx.Exec(ctx, `select record_event($1, $2, '{}')`, string(at), string(feed.ParkingChanged)); err != nil {
		return err
	}
	return noteChange(ctx, tx, at, by, what, before, after)
}

// shown is a shop in the history.
func shown(s shop.Shop) map[string]any {
	return map[string]any{"number": s.Number, "name": s.Name, "gives": string(s.Gives), "value": s.Value, "most": s.Most, "good_until": s.GoodUntil.Format(time.RFC3339)}
}

// Add implements shop.Store.
func (s Shops) Add(ctx context.Context, at id.Parking, one shop.Shop, by parking.Author) (got shop.Shop, err error) {
	err = s.within(ctx, at, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+shopColumns+` from shop where parking = $1 order by number`, string(at))
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, scanShop)
		if err != nil {
			return err
		}
		open := 0
		for _, x := range all {
			if x.Name == one.Name {
				got = x
				return nil
			}
			if x.GoodUntil.After(time.Now()) {
				open++
			}
			one.Number = max(one.Number, x.Number)
		}
		if one.Number++; one.Number > wire.MaxShop || open >= wire.MaxShops {
			return fault.Newf(fault.Conflict, shop.CodeFull, "A parking has at most %d shops whose codes are good, and %d in all.", wire.MaxShops, wire.MaxShop)
		}
		if _, err := tx.Exec(ctx, `insert into shop (parking, number, name, gives, value, most, good_until) values ($1, $2, $3, $4, $5, $6, $7)`,
			string(at), one.Number, one.Name, string(one.Gives), one.Value, one.Most, one.GoodUntil); err != nil {
			return err
		}
		got = one
		return s.told(ctx, tx, at, by, "shop.added", nil, shown(one))
	})
	return got, err
}

// locked is a shop that is about to be changed.
func (s Shops) locked(ctx context.Context, tx pgx.Tx, at id.Parking, number int) (shop.Shop, error) {
	rows, err := tx.Query(ctx, `select `+shopColumns+` from shop where parking = $1 and number = $2 for update`, string(at), number)
	if err != nil {
		return shop.Shop{}, err
	}
	one, err := pgx.CollectExactlyOneRow(rows, scanShop)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fault.New(fault.NotFound, shop.CodeNotFound, "There is no such shop in this parking.")
	}
	return one, err
}

// Change implements shop.Store.
func (s Shops) Change(ctx context.Context, at id.Parking, number int, change func(shop.Shop) (shop.Shop, error), by parking.Author) (got shop.Shop, err error) {
	err = s.within(ctx, at, func(tx pgx.Tx) error {
		before, err := s.locked(ctx, tx, at, number)
		if err != nil {
			return err
		}
		if got, err = change(before); err != nil || got.Same(before) {
			return err
		}
		var taken bool
		if err := tx.QueryRow(ctx, `select exists (select from shop where parking = $1 and name = $2 and number <> $3)`, string(at), got.Name, number).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return fault.New(fault.Conflict, shop.CodeExists, "Another shop has this name.").WithField("name", "is another shop's")
		}
		if _, err := tx.Exec(ctx, `update shop set name = $3, most = $4, good_until = $5 where parking = $1 and number = $2`,
			string(at), number, got.Name, got.Most, got.GoodUntil); err != nil {
			return err
		}
		return s.told(ctx, tx, at, by, "shop.changed", shown(before), shown(got))
	})
	return got, err
}

// Issue implements shop.Store.
func (s Shops) Issue(ctx context.Context, at id.Parking, number, after, count int, by parking.Author) (one shop.Shop, key credential.Key, err error) {
	err = s.within(ctx, at, func(tx pgx.Tx) error {
		if one, err = s.locked(ctx, tx, at, number); err != nil {
			return err
		}
		issued, err := one.Issues(after, count)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectGateKey, at).Scan(scanKey(&key)); err != nil || issued == one.Issued {
			return err
		}
		if _, err := tx.Exec(ctx, `update shop set issued = $3 where parking = $1 and number = $2`, string(at), number, issued); err != nil {
			return err
		}
		before, is := map[string]any{"number": number, "codes": one.Issued}, map[string]any{"number": number, "codes": issued}
		one.Issued = issued
		return noteChange(ctx, tx, at, by, "shop.codes", before, is)
	})
	return one, key, err
}
