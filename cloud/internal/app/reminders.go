package app

import (
	"context"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/id"
)

// reminding is by what the driver of a reservation is reminded, whoever asks.
type reminding struct {
	said interface {
		Reminders(ctx context.Context, at id.Parking, r id.Reservation) (*account.Reminders, error)
		Remind(ctx context.Context, at id.Parking, r id.Reservation, w account.Reminders) error
	}
	accounts account.Store
}

// Reminders implements httpapi.Reminders. The number is the account's where the
// reservation has none.
func (x reminding) Reminders(ctx context.Context, at id.Parking, r id.Reservation) (w account.Reminders, phone string, err error) {
	of, err := x.of(ctx, r)
	if err != nil {
		return w, "", err
	}
	said, err := x.said.Reminders(ctx, at, r)
	if of != nil {
		phone = of.Phone
	}
	return account.Reminded(said, of), phone, err
}

// Remind implements httpapi.Reminders.
func (x reminding) Remind(ctx context.Context, at id.Parking, r id.Reservation, w account.Reminders) error {
	return x.said.Remind(ctx, at, r, w)
}

// of is the account of a reservation; nil: it is a guest's, or the account was closed.
func (x reminding) of(ctx context.Context, r id.Reservation) (*account.Account, error) {
	which, err := x.accounts.ReservationAccount(ctx, r)
	if err != nil || which.IsZero() {
		return nil, err
	}
	return x.accounts.ByID(ctx, which)
}
