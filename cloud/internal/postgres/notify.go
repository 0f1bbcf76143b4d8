package postgres

import (
	"context"

	messages "github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/protocol/id"
)

// Notify reads what notifications tell.
type Notify struct{ booking Booking }

var _ messages.Store = Notify{}

// NewNotify makes a reader for notifications.
func NewNotify(db *DB) Notify { return Notify{NewBooking(db)} }

// Stored implements notify.Store.
func (n Notify) Stored(ctx context.Context, at id.Parking, i id.Reservation) (*messages.Stored, error) {
	s, err := n.booking.Reservation(ctx, i)
	if err != nil || s == nil || s.Reservation.Parking != at {
		return nil, err
	}
	p, err := n.booking.Parking(ctx, at)
	if err != nil || p == nil {
		return nil, err
	}
	return &messages.Stored{Reservation: s.Reservation, Payment: s.Payment, Parking: *p}, nil
}
