package settlement

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Quiet is how long after its last change a payment's hold may still be on its
// way to the provider: well above the ten seconds that a request for a hold
// may take. Before, "not found" proves nothing.
const Quiet = 30 * time.Second

// CallTimeout bounds a call to a provider.
const CallTimeout = 10 * time.Second

// DeclinedNotPlaced is the decline code of a hold that never reached the
// provider.
const DeclinedNotPlaced = "not_placed"

// Errors that say what a repetition is good for.
var (
	// ErrTooSoon: the provider knows nothing yet. Ask again after Quiet.
	ErrTooSoon = errors.New("too early to tell whether the hold was placed")
	// ErrDefinite: the same call will be refused again; a person has to look.
	ErrDefinite = errors.New("the payment provider refuses for good")
)

// Payments reads payments.
type Payments interface {
	// Payment returns nil when there is none.
	Payment(ctx context.Context, at id.Parking, p id.Payment) (*payment.Payment, error)
}

// Holds records what became of a hold; the booking of it confirms or ends the
// reservation, or a change of it.
type Holds interface {
	RecordHold(ctx context.Context, at id.Parking, r id.Reservation, p id.Payment, o payment.Outcome) error
}

// Service takes, gives back and looks up holds. All of its methods may be
// called any number of times, by several processes at once: a payment that
// does not ask for the call is left alone.
type Service struct {
	payments  Payments
	committer commit.Committer
	holds     Holds
	providers map[string]payment.Provider
	now       func() time.Time
	log       *slog.Logger
}

// NewService makes a service over the providers, each under its name.
func NewService(p Payments, c commit.Committer, h Holds, now func() time.Time, log *slog.Logger, providers ...payment.Provider) *Service {
	s := &Service{payments: p, committer: c, holds: h, providers: map[string]payment.Provider{}, now: now, log: log.With("component", "settlement")}
	for _, p := range providers {
		s.providers[p.Name()] = p
	}
	return s
}

// Capture takes what a payment in capture_requested asks for and records it. What
// is owed beyond the hold is taken with it, where the hold can be raised.
// When the hold is gone, what it should have covered becomes owed. Any error
// but ErrDefinite is worth another try.
func (s *Service) Capture(ctx context.Context, at id.Parking, i id.Payment) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil || p.State != payment.CaptureRequested {
		return err
	}
	if p, err = s.raise(ctx, at, p, provider); err != nil || p.State != payment.CaptureRequested {
		return err
	}
	out, err := call(ctx, func(ctx context.Context) (payment.Outcome, error) {
		return provider.Capture(ctx, p.Ref, money.New(p.CaptureAmount, p.Amount.Currency), p.Key(payment.CallCapture))
	})
	if refused(err) {
		found, stands := s.hold(ctx, provider, p)
		switch {
		case stands != nil && !errors.Is(stands, payment.ErrNotFound):
			return fmt.Errorf("look at the hold after %w: %w", err, stands)
		case stands == nil && found.State == payment.Captured:
			out, err = found, nil
		case stands != nil || found.State == payment.Voided || found.State == payment.Declined:
			s.log.Error("a hold was gone when it was to be captured", "parking_id", at, "payment_id", i, "err", err)
			_, err := s.committer.Commit(ctx, RecordLost{At: at, Payment: i, Incident: id.New[id.Incident](s.now())})
			return err
		default:
			s.log.Error("the provider refuses a capture", "parking_id", at, "payment_id", i, "err", err)
			return fmt.Errorf("capture %s: %w: %w", i, ErrDefinite, err)
		}
	}
	if err == nil {
		err = s.sense(p, out)
	}
	if err != nil {
		return fmt.Errorf("capture %s: %w", i, err)
	}
	_, err = s.committer.Commit(ctx, RecordCapture{At: at, Payment: i, Outcome: out, Incident: id.New[id.Incident](s.now())})
	return err
}

// Void gives back the hold of a payment in void_requested and records it, also
// when there never was one. What somebody captured by hand meanwhile is given back
// from what was taken. It returns ErrTooSoon while a hold may still be on
// its way, and ErrDefinite when the provider will not give it back.
func (s *Service) Void(ctx context.Context, at id.Parking, i id.Payment) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil || p.State != payment.VoidRequested {
		return err
	}
	ref, gone := p.Ref, false
	if ref == "" {
		found, err := s.hold(ctx, provider, p)
		switch {
		case errors.Is(err, payment.ErrNotFound): // which a saved method never has
			if s.now().Sub(p.UpdatedAt) < Quiet {
				return fmt.Errorf("void %s: %w", i, ErrTooSoon)
			}
			gone = true
		case err != nil:
			return fmt.Errorf("void %s: %w", i, err)
		default:
			ref, gone = found.Ref, over(found)
		}
	}
	if !gone {
		out, err := call(ctx, func(ctx context.Context) (payment.Outcome, error) { return provider.Void(ctx, ref, p.Key("void")) })
		if err == nil {
			err = s.senseVoid(p, out)
		}
		if refused(err) {
			found, stands := s.hold(ctx, provider, p)
			switch {
			case stands == nil && over(found) || errors.Is(stands, payment.ErrNotFound):
				err = nil // it is gone, or a method was to be saved and there never was one
			case stands == nil && found.State == payment.Captured:
				s.log.Error("a hold that was to be given back was captured, and not by us: it is given back from what was taken", "parking_id", at, "payment_id", i)
				_, err := s.committer.Commit(ctx, RecordInstead{At: at, Payment: i, Outcome: found, Incident: id.New[id.Incident](s.now())})
				return err
			default:
				s.log.Error("the provider refuses to give a hold back", "parking_id", at, "payment_id", i, "err", err)
				return fmt.Errorf("void %s: %w: %w", i, ErrDefinite, err)
			}
		}
		if err != nil {
			return fmt.Errorf("void %s: %w", i, err)
		}
	}
	_, err = s.committer.Commit(ctx, RecordVoid{At: at, Payment: i, Ref: ref})
	return err
}

// Resolve finds out what became of a hold that nobody heard about, and has it
// recorded. It returns ErrTooSoon while the hold may still be on its way.
func (s *Service) Resolve(ctx context.Context, at id.Parking, i id.Payment) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil {
		return err
	}
	switch p.State {
	case payment.Requested, payment.Unknown, payment.RequiresAction:
	default:
		return nil
	}
	out, err := s.standing(ctx, provider, p)
	if errors.Is(err, payment.ErrNotFound) {
		if s.now().Sub(p.UpdatedAt) < Quiet {
			return fmt.Errorf("resolve %s: %w", i, ErrTooSoon)
		}
		out, err = payment.Outcome{State: payment.Declined, DeclineCode: DeclinedNotPlaced}, nil
	}
	if err != nil {
		return fmt.Errorf("resolve %s: %w", i, err)
	}
	if out.State == p.State {
		return nil
	}
	return s.holds.RecordHold(ctx, at, p.Reservation, p.ID, out)
}

// Review asks the provider how a payment's hold stands and books what is so, when
// something says that it may have changed: a webhook, or the time at which it
// lapses. It returns ErrTooSoon and ErrDefinite as the others do.
func (s *Service) Review(ctx context.Context, at id.Parking, i id.Payment) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil {
		return err
	}
	switch p.State {
	case payment.Requested, payment.Unknown, payment.RequiresAction:
		return s.Resolve(ctx, at, i)
	case payment.CaptureRequested:
		return s.Capture(ctx, at, i)
	case payment.VoidRequested:
		return s.Void(ctx, at, i)
	case payment.Authorized, payment.Declined, payment.Voided:
	case payment.Captured, payment.Lapsed, payment.MethodKept:
		return nil
	}
	out, err := s.standing(ctx, provider, p)
	gone := errors.Is(err, payment.ErrNotFound)
	if err != nil && !gone {
		return fmt.Errorf("review %s: %w", i, err)
	}
	switch {
	case p.State != payment.Authorized && !gone && out.State == payment.Authorized:
		// It came to stand after everybody had given it up: it goes back on the
		// books, to be given back.
		return s.holds.RecordHold(ctx, at, p.Reservation, p.ID, out)
	case p.State != payment.Authorized:
		return nil
	case !gone && out.State == payment.Captured:
		s.log.Error("a hold was captured, and not by us", "parking_id", at, "payment_id", i)
		_, err = s.committer.Commit(ctx, RecordTaken{At: at, Payment: i, Incident: id.New[id.Incident](s.now())})
	case gone || over(out):
		s.log.Warn("a hold has lapsed", "parking_id", at, "payment_id", i)
		_, err = s.committer.Commit(ctx, RecordLapse{At: at, Payment: i})
	case out.State == payment.Authorized && !out.CaptureBefore.Equal(p.CaptureBefore):
		_, err = s.committer.Commit(ctx, RecordLife{At: at, Payment: i, CaptureBefore: out.CaptureBefore})
	}
	return err
}

func (s *Service) find(ctx context.Context, at id.Parking, i id.Payment) (*payment.Payment, payment.Provider, error) {
	p, err := s.payments.Payment(ctx, at, i)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, fault.New(fault.NotFound, CodeUnknownPayment, "There is no such payment.")
	}
	provider, ok := s.providers[p.Provider]
	if !ok {
		return nil, nil, fault.Newf(fault.Unavailable, CodeNoProvider, "The payment provider %q is not configured here.", p.Provider)
	}
	return p, provider, nil
}

// standing looks up what a payment was asked for: its hold, or the saving of its
// method. Where neither is found, the error wraps payment.ErrNotFound.
func (s *Service) standing(ctx context.Context, provider payment.Provider, p *payment.Payment) (payment.Outcome, error) {
	out, err := s.hold(ctx, provider, p)
	saver, saves := provider.(payment.Saver)
	if !errors.Is(err, payment.ErrNotFound) || !saves || !provider.Capabilities().SaveMethod {
		return out, err
	}
	out, err = call(ctx, func(ctx context.Context) (payment.Outcome, error) {
		saved, err := saver.FindSaved(ctx, p.Key(payment.CallSave))
		return saved.Outcome(), err
	})
	if err == nil {
		err = s.sense(p, out)
	}
	return out, err
}

// hold looks a hold up by the key it was asked for with. An answer that makes no
// sense is an error, in the log as one, so that nothing is booked by it.
func (s *Service) hold(ctx context.Context, provider payment.Provider, p *payment.Payment) (payment.Outcome, error) {
	out, err := call(ctx, func(ctx context.Context) (payment.Outcome, error) { return provider.Find(ctx, p.Key(payment.CallHold)) })
	if err == nil {
		err = s.sense(p, out)
	}
	return out, err
}

// sense reports an answer about a payment's hold that cannot be true.
func (s *Service) sense(p *payment.Payment, out payment.Outcome) error {
	err := out.Sense(money.New(p.Most(), p.Amount.Currency))
	if err != nil {
		s.log.Error("the provider's answer makes no sense", "payment_id", p.ID, "provider", p.Provider, "err", err)
	}
	return err
}

// senseVoid reports an answer to a void that cannot be true: what was given back holds
// nothing.
func (s *Service) senseVoid(p *payment.Payment, out payment.Outcome) error {
	err := s.sense(p, out)
	if err == nil && !over(out) {
		err = fmt.Errorf("%w: %s is said to be %s after it was given back", payment.ErrNonsense, out.Ref, out.State)
		s.log.Error("the provider's answer makes no sense", "payment_id", p.ID, "provider", p.Provider, "err", err)
	}
	return err
}

func call(ctx context.Context, do func(context.Context) (payment.Outcome, error)) (payment.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	return do(ctx)
}

func refused(err error) bool {
	return errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrNotFound)
}

// over reports whether nothing is held any more and nothing was taken.
func over(o payment.Outcome) bool { return o.State == payment.Voided || o.State == payment.Declined }
