package relay

import (
	"context"
	"errors"
	"time"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Handler does a job. Doing one twice is harmless. Unless the error says
// otherwise, the job is done again after a while.
type Handler func(ctx context.Context, j Job) error

// Stop wraps an error after which the job must not be done again.
type Stop struct{ Err error }

// Error implements error.
func (s Stop) Error() string { return s.Err.Error() }

// Unwrap returns the wrapped error.
func (s Stop) Unwrap() error { return s.Err }

// Wait says that the job is to be done again after a while, although nothing
// failed.
type Wait struct {
	For time.Duration
	Err error
}

// Error implements error.
func (w Wait) Error() string { return w.Err.Error() }

// Unwrap returns the wrapped error.
func (w Wait) Unwrap() error { return w.Err }

// askAgain is how long a job waits that is too early to tell.
const askAgain = 5 * time.Second

// Money settles payments.
type Money interface {
	Capture(ctx context.Context, at id.Parking, p id.Payment) error
	Void(ctx context.Context, at id.Parking, p id.Payment) error
	Refund(ctx context.Context, at id.Parking, p id.Payment) error
	Resolve(ctx context.Context, at id.Parking, p id.Payment) error
}

var _ Money = (*settlement.Service)(nil)

// Webhooks heeds what payment providers have told.
type Webhooks interface {
	Heed(ctx context.Context, provider, event string) error
}

// Messages tells drivers.
type Messages interface {
	Notify(ctx context.Context, by notify.Channel, k notify.Kind, at id.Parking, r id.Reservation) error
}

// Letters mails what there is about an account.
type Letters interface {
	Mail(ctx context.Context, link string) error
}

// Handlers does every kind of job.
func Handlers(m Money, n Messages, h Webhooks, l Letters) map[Kind]Handler {
	settle := func(do func(context.Context, id.Parking, id.Payment) error) Handler {
		return func(ctx context.Context, j Job) error { return judge(do(ctx, j.Parking, j.Payment)) }
	}
	tell := func(by notify.Channel, k notify.Kind) Handler {
		return func(ctx context.Context, j Job) error { return judge(n.Notify(ctx, by, k, j.Parking, j.Reservation)) }
	}
	mail := func(k notify.Kind) Handler { return tell(notify.ByMail, k) }
	return map[Kind]Handler{
		MailAccount: func(ctx context.Context, j Job) error { return judge(l.Mail(ctx, j.Link)) },
		Heed:        func(ctx context.Context, j Job) error { return judge(h.Heed(ctx, j.Provider, j.Event)) },
		Capture:     settle(m.Capture), Void: settle(m.Void), Refund: settle(m.Refund), Resolve: settle(m.Resolve),
		MailConfirmation: mail(notify.Confirmation), MailCancellation: mail(notify.Cancellation),
		MailChanged: mail(notify.Changed),
		MailNoShow:  mail(notify.NoShow), MailWalked: mail(notify.Walked), MailVoided: mail(notify.Voided),
		MailReceipt: mail(notify.Receipt), MailUnsecured: mail(notify.Unsecured), MailOwing: mail(notify.Owing),
		MailRefunded: mail(notify.Refunded), MailRefundFailed: mail(notify.RefundFailed),
		MailEndsSoon: mail(notify.EndsSoon), SMSEndsSoon: tell(notify.BySMS, notify.EndsSoon),
	}
}

func judge(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, settlement.ErrTooSoon):
		return Wait{askAgain, err}
	case errors.Is(err, settlement.ErrDefinite) || errors.Is(err, notify.ErrPermanent) || fault.From(err).Kind == fault.NotFound || fault.Code(err) == receipt.CodeNone:
		return Stop{err}
	default:
		return err
	}
}
