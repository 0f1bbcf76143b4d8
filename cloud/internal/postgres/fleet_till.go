package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	selectTill = `select name, timezone from parking where id = $1`
	// One more than is sent, so that the first edition ever is known by being there.
	selectEditions = `select document, adopted_at from parking_tariff where parking = $1 order by version desc limit $2`
	coverage       = `select ` + paymentColumns + ` from reservation r join payment p on p.parking = r.parking and p.id = r.payment where r.parking = $1 and `
	selectCoverage = coverage + `(r.state in ('confirmed', 'active') and (r.to_at > $2 or r.state = 'active') or r.state = 'no_show' and r.to_at > $2)`

	selectCoverageOf = coverage + `r.id = any ($2::uuid[])`
)

// queueTill reads what a machine is told of the parking.
func queueTill(b *pgx.Batch, t *fleet.Till, parking id.Parking) {
	b.Queue(selectTill, parking).QueryRow(func(row pgx.Row) error { return row.Scan(&t.Name, &t.Zone) })
	b.Queue(selectEditions, parking, wire.MaxEditions+1).Query(collect(&t.Editions, scanEdition))
	b.Queue(selectShops, parking, wire.MaxShops).Query(collect(&t.Shops, scanShop))
}

// collectCoverage reads the payments of reservations.
func collectCoverage(t *fleet.Till) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		t.Payments = map[id.Reservation]*payment.Payment{}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*payment.Payment, error) {
			_, p, err := scanPayment(row)
			return p, err
		})
		for _, p := range all {
			t.Payments[p.Reservation] = p
		}
		return err
	}
}
