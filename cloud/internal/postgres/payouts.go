package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/payout"
)

// Payouts reads our books for what a provider has kept and paid out.
type Payouts struct{ Reconcile }

var _ payout.Store = Payouts{}

// NewPayouts is the store over a pool.
func NewPayouts(db *DB) Payouts { return Payouts{NewReconcile(db)} }

// Owners implements payout.Store.
func (s Payouts) Owners(ctx context.Context, provider string, holds []string) (map[string]payout.Owner, error) {
	rows, err := s.db.pool.Query(ctx, `select ref, parking, reservation, id from payment where provider = $1 and captured > 0 and ref = any ($2)`, provider, holds)
	if err != nil {
		return nil, unavailable("look payments up", err)
	}
	owners := map[string]payout.Owner{}
	var ref string
	var o payout.Owner
	_, err = pgx.ForEachRow(rows, []any{&ref, &o.Parking, &o.Reservation, &o.Payment}, func() error {
		owners[ref] = o
		return nil
	})
	return owners, unavailable("look payments up", err)
}
