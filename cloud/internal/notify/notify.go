// Package notify tells drivers what became of their reservations.
//
// A notification is decided when it is sent, not when it was asked for: one
// whose reservation has moved on says something wrong and is not sent. The same
// notification always carries the same message id, so that one that is sent
// twice, because the answer to the first was lost, is shown once.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Kind is what is told.
type Kind string

// The kinds of notification.
const (
	Confirmation Kind = "confirmation"
	Cancellation Kind = "cancellation"
	NoShow       Kind = "no_show"   // nobody came before the deadline
	Walked       Kind = "walked"    // the parking has no space after all
	Voided       Kind = "voided"    // the operator has taken the reservation back
	EndsSoon     Kind = "ends_soon" // the vehicle is inside and the window is almost over
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Confirmation, Cancellation, NoShow, Walked, Voided, EndsSoon}
}

// ErrPermanent says that sending the same message again will fail again.
var ErrPermanent = errors.New("the message will never be accepted")

// Mail is everything that a message may say.
type Mail struct {
	To          string
	Reservation id.Reservation
	State       reservation.State
	Generation  uint16
	Confirmed   bool // it was confirmed at some time
	Reminded    bool // of the end of the window as it is now
	Plate       string

	Parking   id.Parking
	Name      string // of the parking
	Address   string
	City      string
	Zone      *time.Location
	SpaceType string // its label

	Window      timerange.Range
	DriveInFrom time.Time     // admitted from here on
	NoShowAt    time.Time     // the place is given away then
	ExitGrace   time.Duration // leaving this much later costs nothing
	Total       money.Amount
	Tax         money.Amount
	Lines       []tariff.Line
	Payment     payment.State
	Held        money.Amount // authorised on the driver's card
	Taken       money.Amount // of that, taken or being taken

	Pass      string // text of the gate pass; with Confirmation
	ManageURL string // page to change or cancel
}

// Details reads what there is to say about a reservation.
type Details interface {
	Details(ctx context.Context, at id.Parking, r id.Reservation) (Mail, error)
}

// Sender sends one message. Its error wraps ErrPermanent when sending it again
// cannot help.
type Sender interface {
	Send(ctx context.Context, k Kind, m Mail) error
}

// Service decides and sends.
type Service struct {
	details Details
	sender  Sender
	now     func() time.Time
	log     *slog.Logger
}

// NewService makes a service.
func NewService(d Details, s Sender, now func() time.Time, log *slog.Logger) *Service {
	return &Service{details: d, sender: s, now: now, log: log.With("component", "notify")}
}

// Notify sends a notification unless it has become wrong meanwhile.
func (s *Service) Notify(ctx context.Context, k Kind, at id.Parking, r id.Reservation) error {
	m, err := s.details.Details(ctx, at, r)
	if err != nil {
		return fmt.Errorf("read what to tell about %s: %w", r, err)
	}
	if why := m.Moot(k, s.now()); why != "" {
		s.log.Info("a message is not sent any more", "kind", k, "reservation_id", r, "why", why)
		return nil
	}
	return s.sender.Send(ctx, k, m)
}

// states are the states of a reservation in which a notification is true.
var states = map[Kind][]reservation.State{
	Confirmation: {reservation.Confirmed, reservation.Active},
	Cancellation: {reservation.Cancelled},
	NoShow:       {reservation.NoShow},
	Walked:       {reservation.Walked},
	Voided:       {reservation.Voided},
	EndsSoon:     {reservation.Active},
}

// Moot says why a notification is not to be sent now, or nothing.
func (m Mail) Moot(k Kind, now time.Time) string {
	switch {
	case m.To == "":
		return "there is no address"
	case !slices.Contains(states[k], m.State):
		return "the reservation is " + string(m.State)
	case (k == Confirmation || k == EndsSoon) && !now.Before(m.Window.To):
		return "its time is over"
	case k == EndsSoon && !m.Reminded:
		return "the window is another one now"
	case !m.Confirmed:
		return "nobody was told that it was confirmed"
	default:
		return ""
	}
}
