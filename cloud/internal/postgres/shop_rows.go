package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
)

const shopPaymentColumns = `p.parking, p.id, p.number, to_char(p.paid_on, 'YYYY-MM-DD'), p.amount, p.currency, p.way, p.note, p.author, p.booked_at,
	p.reversed_at, coalesce(p.reversed_by, ''), coalesce(p.why, '')`

func scanShopPayment(row pgx.CollectableRow) (at id.Parking, p commit.ShopPayment, err error) {
	var text string
	var reversed *time.Time
	if err := row.Scan(&at, &text, &p.Shop, &p.PaidOn, &p.Amount.Minor, &p.Amount.Currency, &p.Way, &p.Note, &p.By, &p.BookedAt, &reversed, &p.ReversedBy, &p.Why); err != nil {
		return at, p, err
	}
	p.BookedAt = p.BookedAt.UTC()
	if reversed != nil {
		p.ReversedAt = reversed.UTC()
	}
	p.ID, err = id.Parse[id.ShopPayment](text)
	return at, p, err
}

// loadShops reads what ops want to know of shops: payments by their ids, and what codes were
// used for first.
func loadShops(b *pgx.Batch, asked map[id.Parking]commit.Rows, out map[id.Parking]commit.Loaded) {
	for p, rows := range asked {
		found := out[p]
		if len(rows.ShopPayments) > 0 {
			ids := make([]string, len(rows.ShopPayments))
			for i, x := range rows.ShopPayments {
				ids[i] = x.String()
			}
			b.Queue(`select `+shopPaymentColumns+` from shop_payment p where p.parking = $1 and p.id = any ($2)`, string(p), ids).Query(func(rows pgx.Rows) error {
				return each(rows, func(row pgx.CollectableRow) error {
					_, x, err := scanShopPayment(row)
					if err == nil {
						found.ShopPayments[x.ID] = &x
					}
					return err
				})
			})
		}
		if len(rows.ShopCodes) > 0 {
			numbers, serials := make([]int32, len(rows.ShopCodes)), make([]int32, len(rows.ShopCodes))
			for i, c := range rows.ShopCodes {
				numbers[i], serials[i] = int32(c.Shop), int32(c.Serial)
			}
			b.Queue(`select u.number, u.serial, u.payment, u.session, u.at from unnest($2::int[], $3::int[]) k(number, serial)
				cross join lateral (select * from shop_use u where u.parking = $1 and u.number = k.number and u.serial = k.serial order by u.at, u.payment limit 1) u`,
				string(p), numbers, serials).Query(func(rows pgx.Rows) error {
				return each(rows, func(row pgx.CollectableRow) error {
					var shop, serial int32
					var payment string
					var u commit.ShopCodeUse
					err := row.Scan(&shop, &serial, &payment, &u.Session, &u.At)
					if err == nil {
						u.Payment, err = id.Parse[id.Payment](payment)
					}
					u.At = u.At.UTC()
					found.ShopCodes[commit.ShopCode{Shop: uint16(shop), Serial: uint32(serial)}] = &u
					return err
				})
			})
		}
	}
}
