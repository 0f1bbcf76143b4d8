package receipt

import (
	"context"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

// Store reads what receipts are made from.
type Store interface {
	// Facts is all about a reservation; its fault is reservation_not_found.
	Facts(ctx context.Context, r id.Reservation) (Facts, error)
}

// Desk issues receipts.
type Desk struct {
	Store Store
	Key   pass.SigningKey
}

// Issue is the receipt of a reservation as it stands now. Its faults are those of
// Build and of the store.
func (d Desk) Issue(ctx context.Context, r id.Reservation) (Document, error) {
	f, err := d.Store.Facts(ctx, r)
	if err != nil {
		return Document{}, err
	}
	made, err := Build(f)
	if err != nil {
		return Document{}, err
	}
	return Sign(made, d.Key)
}
