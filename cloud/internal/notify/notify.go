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

	"github.com/openlot/openlot/cloud/internal/locale"
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
	Changed      Kind = "changed"   // another window, and another pass
	NoShow       Kind = "no_show"   // nobody came before the deadline
	Walked       Kind = "walked"    // the parking has no space after all
	Voided       Kind = "voided"    // the operator has taken the reservation back
	EndsSoon     Kind = "ends_soon" // the vehicle is inside and the window is almost over
	Receipt      Kind = "receipt"   // something was taken from the card
	Refunded     Kind = "refunded"  // something that was taken is given back
	RefundFailed Kind = "refund_failed"
	Unsecured    Kind = "unsecured" // the price is not held, or not for long: the card, or its bank, is to be asked
	Owing        Kind = "owing"     // the stay owes something, and the card did not pay it while its driver was away
)

// HasPass reports whether a notification carries the pass.
func (k Kind) HasPass() bool { return k == Confirmation || k == Changed }

// HasReceipt reports whether a notification carries the receipt.
func (k Kind) HasReceipt() bool { return k == Receipt || k == Refunded }

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Confirmation, Cancellation, Changed, NoShow, Walked, Voided, EndsSoon, Receipt, Refunded, RefundFailed, Unsecured, Owing}
}

// Channel is how a driver is reached. What is told by one is a job of its own,
// so that none waits for another or is repeated because of it.
type Channel string

// The channels.
const (
	ByMail Channel = "mail"
	BySMS  Channel = "sms"
)

// ErrPermanent says that sending the same message again will fail again.
var ErrPermanent = errors.New("the message will never be accepted")

// Mail is everything that a message may say.
type Mail struct {
	To          string // mail address
	Phone       string // E.164; empty: none was given
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
	Space     string // the bay, which may change until the vehicle is inside; empty: none

	Window      timerange.Range
	DriveInFrom time.Time     // admitted from here on
	NoShowAt    time.Time     // the place is given away then
	ExitGrace   time.Duration // leaving this much later costs nothing
	Missed      money.Amount  // of Total, taken if nobody comes
	Total       money.Amount
	Tax         money.Amount
	Lines       []tariff.Line
	Payment     payment.State
	Held        money.Amount // authorised on the driver's card
	AtMachine   bool         // it is promised to be paid at the machine
	Taken       money.Amount // of that, taken or being taken
	Kept        bool         // nothing is held yet: the card is kept, and the price held a day before the beginning
	Refused     bool         // the card was asked for a hold and declined; none stands
	AsksBank    bool         // a new hold waits for the driver's second step
	Owed        money.Amount // for the stay, once it has ended; also while the bank asks the driver about it
	OwedAsks    bool         // the bank asks him
	OwedUnasked bool         // nobody heard from the bank, and nothing is held there
	OwedPaid    bool         // it was paid by a card

	Wishes    Wishes // of the account; of a guest the language alone
	Pass      string // text of the gate pass; with Confirmation and Changed
	ManageURL string // page to change or cancel
	Receipt   Paper  // with Receipt and Refunded

	Refunded    money.Amount // of Taken, given back
	NotRefunded money.Amount // of Taken, could not be given back
	Refunds     int          // how often something was to be given back or could not: it tells one such message from another
}

// Paper is a receipt as a driver keeps it.
type Paper struct {
	Number string
	Due    money.Amount
	Taken  money.Amount // from the card
	Owed   money.Amount // still to be paid
	PDF    []byte
}

// Details reads what there is to say about a reservation.
type Details interface {
	Details(ctx context.Context, at id.Parking, r id.Reservation) (Mail, error)
	// Receipt is a reservation's receipt as it stands; it fails while there is none.
	Receipt(ctx context.Context, r id.Reservation, read locale.Reader) (Paper, error)
}

// Sender sends one message. Its error wraps ErrPermanent when sending it again
// cannot help.
type Sender interface {
	Send(ctx context.Context, k Kind, m Mail) error
}

// Service decides and sends.
type Service struct {
	details Details
	senders map[Channel]Sender
	now     func() time.Time
	log     *slog.Logger
}

// NewService makes a service.
func NewService(d Details, senders map[Channel]Sender, now func() time.Time, log *slog.Logger) *Service {
	return &Service{details: d, senders: senders, now: now, log: log.With("component", "notify")}
}

// Notify sends a notification over a channel unless it has become wrong
// meanwhile. A channel that has no sender wraps ErrPermanent.
func (s *Service) Notify(ctx context.Context, by Channel, k Kind, at id.Parking, r id.Reservation) error {
	sender, ok := s.senders[by]
	if !ok {
		return fmt.Errorf("%w: nobody sends by %q", ErrPermanent, by)
	}
	m, err := s.details.Details(ctx, at, r)
	if err != nil {
		return fmt.Errorf("read what to tell about %s: %w", r, err)
	}
	if why := m.Moot(by, k, s.now()); why != "" {
		s.log.Info("a message is not sent", "by", by, "kind", k, "reservation_id", r, "why", why)
		return nil
	}
	if k.HasReceipt() {
		if m.Receipt, err = s.details.Receipt(ctx, r, m.Wishes.Reader()); err != nil {
			return fmt.Errorf("the receipt of %s: %w", r, err)
		}
	}
	return sender.Send(ctx, k, m)
}

// states are the states of a reservation in which a notification is true.
var states = map[Kind][]reservation.State{
	Confirmation: {reservation.Confirmed, reservation.Active},
	Cancellation: {reservation.Cancelled},
	Changed:      {reservation.Confirmed, reservation.Active},
	NoShow:       {reservation.NoShow},
	Walked:       {reservation.Walked},
	Voided:       {reservation.Voided},
	EndsSoon:     {reservation.Active},
	Receipt:      {reservation.Completed, reservation.NoShow, reservation.Cancelled},
	Refunded:     {reservation.Completed, reservation.NoShow, reservation.Cancelled, reservation.Walked, reservation.Voided},
	RefundFailed: {reservation.Completed, reservation.NoShow, reservation.Cancelled, reservation.Walked, reservation.Voided},
	Unsecured:    {reservation.Confirmed, reservation.Active},
	Owing:        {reservation.Completed},
}

// Moot says why a notification is not to be sent now, or nothing.
func (m Mail) Moot(by Channel, k Kind, now time.Time) string {
	switch {
	case by == ByMail && m.To == "":
		return "there is no address"
	case by == BySMS && m.Phone == "":
		return "there is no number"
	case k == EndsSoon && slices.Contains(m.Wishes.Quiet, by):
		return "its driver does not want to be reminded by it"
	case !slices.Contains(states[k], m.State):
		return "the reservation is " + string(m.State)
	case (k.HasPass() || k == EndsSoon) && !now.Before(m.Window.To):
		return "its time is over"
	case k == EndsSoon && !m.Reminded:
		return "the window is another one now"
	case k == Unsecured && m.Payment != payment.Lapsed && !m.Refused && !m.AsksBank:
		return "the price is held, or nobody was asked yet"
	case k == Owing && m.Owed.Minor <= 0:
		return "nothing is owed"
	case !m.Confirmed:
		return "nobody was told that it was confirmed"
	default:
		return ""
	}
}

// SameDay reports whether two times are on the same date, each in its own zone.
func SameDay(a, b time.Time) bool {
	y, m, d := a.Date()
	y2, m2, d2 := b.Date()
	return y == y2 && m == m2 && d == d2
}
