package app

import (
	"context"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

// receipts issues receipts and publishes what they are checked with.
type receipts struct {
	receipt.Desk
	db *postgres.DB
}

var _ httpapi.Receipts = receipts{}

func newReceipts(db *postgres.DB, reports *postgres.Reports, key pass.SigningKey) receipts {
	return receipts{receipt.Desk{Store: reports.Receipts(), Key: key}, db}
}

// Keys implements httpapi.Receipts.
func (r receipts) Keys(ctx context.Context) ([]pass.PublicKey, error) {
	return postgres.NewBooking(r.db).Published(ctx)
}

// Tariff implements httpapi.Receipts.
func (r receipts) Tariff(ctx context.Context, at id.Parking, version uint32) (*tariff.Tariff, error) {
	e, err := postgres.NewTariffs(r.db).Edition(ctx, at, version)
	if err != nil || e == nil {
		return nil, err
	}
	return &e.Tariff, nil
}
