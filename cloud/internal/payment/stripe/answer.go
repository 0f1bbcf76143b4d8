package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// How often and how long a call waits for another one about the same object.
const (
	lockTries = 12
	lockPause = 5 * time.Millisecond // the first pause; each is twice the one before
	lockMost  = 500 * time.Millisecond
)

// charged asks for the charge with the hold, which says when it lapses.
func charged() []*string { return []*string{stripe.String("latest_charge")} }

// currency and currencyOf: Stripe writes currencies small. Its amounts are minor
// units as ours are, for every currency of package money: none at all for yen. Those
// of three decimals must be in steps of ten, or are refused.
func currency(a money.Amount) *string { return stripe.String(strings.ToLower(string(a.Currency))) }

func currencyOf(c stripe.Currency) money.Currency { return money.Currency(strings.ToUpper(string(c))) }

// outcome is what a PaymentIntent says.
func outcome(pi *stripe.PaymentIntent) (payment.Outcome, error) {
	c := currencyOf(pi.Currency)
	o := payment.Outcome{Ref: pi.ID, Authorized: money.New(0, c), Captured: money.New(0, c), CaptureBefore: captureBefore(pi)}
	switch pi.Status {
	case stripe.PaymentIntentStatusRequiresCapture:
		if o.CaptureBefore.IsZero() {
			return payment.Outcome{}, fmt.Errorf("%w: %s stands for ever", payment.ErrNonsense, pi.ID)
		}
		o.State, o.Authorized = payment.Authorized, money.New(pi.Amount, c)
	case stripe.PaymentIntentStatusSucceeded:
		o.State, o.Authorized, o.Captured = payment.Captured, money.New(pi.Amount, c), money.New(pi.AmountReceived, c)
	case stripe.PaymentIntentStatusCanceled:
		o.State, o.Authorized = payment.Voided, money.New(pi.Amount, c)
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		o.State, o.DeclineCode = payment.Declined, code(pi.LastPaymentError)
	case stripe.PaymentIntentStatusRequiresAction:
		if pi.NextAction == nil || pi.NextAction.RedirectToURL == nil {
			return payment.Outcome{}, fmt.Errorf("%w: the driver must do something for %s, and nobody says where", payment.ErrNonsense, pi.ID)
		}
		o.State, o.NextAction = payment.RequiresAction, pi.NextAction.RedirectToURL.URL
	default: // processing, or a state that we never ask for
		return payment.Outcome{}, fmt.Errorf("%w: %s is %s", payment.ErrNoAnswer, pi.ID, pi.Status)
	}
	return o, nil
}

// captureBefore is when a hold lapses, as the card's scheme has it.
func captureBefore(pi *stripe.PaymentIntent) time.Time {
	ch := pi.LatestCharge
	if ch == nil || ch.PaymentMethodDetails == nil || ch.PaymentMethodDetails.Card == nil || ch.PaymentMethodDetails.Card.CaptureBefore == 0 {
		return time.Time{}
	}
	return time.Unix(ch.PaymentMethodDetails.Card.CaptureBefore, 0).UTC()
}

// code is the stable code of a refusal.
func code(e *stripe.Error) string {
	switch {
	case e == nil || e.Code == "":
		return string(stripe.ErrorCodeCardDeclined)
	case e.DeclineCode == stripe.DeclineCode(stripe.ErrorCodeAuthenticationRequired):
		return string(e.DeclineCode) // some banks say so by a plain refusal
	default:
		return string(e.Code)
	}
}

// declined is the error by which a bank refuses; nil for any other.
func declined(err error) *stripe.Error {
	var e *stripe.Error
	if errors.As(err, &e) && e.HTTPStatusCode == http.StatusPaymentRequired {
		return e
	}
	return nil
}

// noSuchMethod reports whether a call failed for its method of payment.
func noSuchMethod(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.HTTPStatusCode == http.StatusBadRequest &&
		e.Code == stripe.ErrorCodeResourceMissing && e.Param == "payment_method"
}

// usedOtherwise reports whether a call failed because its key was used with other
// parameters.
func usedOtherwise(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.HTTPStatusCode == http.StatusBadRequest && e.Type == stripe.ErrorTypeIdempotency
}

// replayed reports whether an answer was given before, to the same key.
func replayed(r *stripe.APIResponse) bool {
	return r != nil && r.Header.Get("Idempotent-Replayed") == "true"
}

// locked makes a call again while another one about the same object, or with the
// same key, is being done.
func locked[T any](ctx context.Context, call func() (T, error)) (T, error) {
	pause := lockPause
	for try := 1; ; try++ {
		done, err := call()
		var e *stripe.Error
		if try == lockTries || !errors.As(err, &e) ||
			e.Code != stripe.ErrorCodeLockTimeout && e.Code != stripe.ErrorCodeIdempotencyKeyInUse {
			return done, err
		}
		select {
		case <-ctx.Done():
			return done, err
		case <-time.After(pause):
			pause = min(2*pause, lockMost)
		}
	}
}

// failed is what an error of a call means to us.
func failed(ctx context.Context, err error) error {
	var e *stripe.Error
	if !errors.As(err, &e) {
		var u *url.Error
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", payment.ErrNoAnswer, context.Cause(ctx))
		case errors.As(err, &u):
			return fmt.Errorf("%w: %w", payment.ErrNoAnswer, u.Err)
		default:
			return fmt.Errorf("%w: the answer cannot be read", payment.ErrNoAnswer)
		}
	}
	return fmt.Errorf("%w: status %d, %s %s, request %s", meaning(e), e.HTTPStatusCode, e.Type, e.Code, e.RequestID)
}

func meaning(e *stripe.Error) error {
	switch s := e.HTTPStatusCode; {
	case s >= http.StatusInternalServerError:
		return payment.ErrNoAnswer // it may have been done all the same
	case e.Code == stripe.ErrorCodeLockTimeout, s == http.StatusTooManyRequests, s == http.StatusConflict,
		s == http.StatusUnauthorized, s == http.StatusForbidden: // the key of the account may be put right
		return payment.ErrTemporary
	case s == http.StatusNotFound:
		return payment.ErrNotFound
	default:
		return payment.ErrRefused
	}
}
