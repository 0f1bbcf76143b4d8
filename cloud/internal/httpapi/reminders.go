package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/id"
)

// Reminders is by what the drivers of reservations are reminded that their time ends.
type Reminders interface {
	// Reminders is what counts for a reservation, and the number of its account, if any.
	Reminders(ctx context.Context, at id.Parking, r id.Reservation) (by account.Reminders, phone string, err error)
	// Remind keeps what is said for a reservation.
	Remind(ctx context.Context, at id.Parking, r id.Reservation, by account.Reminders) error
}

func (s *server) getReminders(c *gin.Context) error {
	return s.reminders(c, func(context.Context, id.Parking, id.Reservation) error { return nil })
}

func (s *server) putReminders(c *gin.Context) error {
	var mail, sms *bool
	return s.reminders(c, func(ctx context.Context, at id.Parking, r id.Reservation) error {
		if err := readBody(c, object{flags: map[string]**bool{"mail": &mail, "sms": &sms}, required: []string{"mail", "sms"}}, nil); err != nil {
			return err
		}
		return s.Reminders.Remind(ctx, at, r, account.Reminders{Mail: *mail, SMS: *sms})
	})
}

// reminders does something about the reservation that the caller may manage, and answers
// with what counts then.
func (s *server) reminders(c *gin.Context, do func(context.Context, id.Parking, id.Reservation) error) error {
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	ctx, done := bounded(c)
	defer done()
	v, err := s.Booking.Get(ctx, r)
	if err != nil {
		return err
	}
	at := v.Reservation.Parking
	if err := do(ctx, at, r); err != nil {
		return err
	}
	by, phone, err := s.Reminders.Reminders(ctx, at, r)
	if err != nil {
		return err
	}
	out := api.RemindersAnswer{Phone: v.Reservation.Phone != "" || phone != ""}
	out.Reminders.Mail, out.Reminders.Sms = &by.Mail, &by.SMS
	answer(c, http.StatusOK, out)
	return nil
}
