package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/id"
)

// Reminders stores by what the drivers of single reservations want to be reminded.
type Reminders struct{ db *DB }

// NewReminders is the store over a pool.
func NewReminders(db *DB) Reminders { return Reminders{db} }

// Reminders is what was said for a reservation; nil: nothing.
func (s Reminders) Reminders(ctx context.Context, at id.Parking, r id.Reservation) (*account.Reminders, error) {
	var w account.Reminders
	err := s.db.pool.QueryRow(ctx, `select mail, sms from reservation_reminders where parking = $1 and reservation = $2`, string(at), r.UUID()).Scan(&w.Mail, &w.SMS)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, unavailable("read how a reservation's driver is reminded", err)
	}
	return &w, nil
}

// Remind keeps what is said for a reservation, whatever was said before.
func (s Reminders) Remind(ctx context.Context, at id.Parking, r id.Reservation, w account.Reminders) error {
	_, err := s.db.pool.Exec(ctx, `insert into reservation_reminders (parking, reservation, mail, sms) values ($1, $2, $3, $4)
		on conflict (parking, reservation) do update set mail = excluded.mail, sms = excluded.sms, since = now()`, string(at), r.UUID(), w.Mail, w.SMS)
	return unavailable("keep how a reservation's driver is reminded", err)
}
