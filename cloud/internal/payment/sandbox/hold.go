package sandbox

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// Methods of payment; see the package's comment.
const (
	OK           = "pm_sandbox_ok"
	Declined     = "pm_sandbox_declined"
	SecondFactor = "pm_sandbox_second_factor"
	Timeout      = "pm_sandbox_timeout"
	Flaky        = "pm_sandbox_flaky"
)

// Decline codes.
const (
	CodeCardDeclined  = "card_declined"
	CodeUnknownMethod = "unknown_payment_method"
	CodeSecondFactor  = "second_factor_refused"
)

// Hold is one hold in the sandbox's books.
type Hold struct {
	Ref           string
	Key           string // it was asked for with
	Parking       string
	Reservation   string
	Method        string
	State         payment.State
	Amount        money.Amount
	Captured      int64 // minor units
	DeclineCode   string
	SecondFactor  string // "", pending, passed or refused
	CaptureBefore time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// decide is the hold that a request gets, by its method.
func decide(r payment.Request, ref string, now time.Time, life time.Duration) Hold {
	h := Hold{
		Ref: ref, Key: r.Key, Parking: string(r.Parking), Reservation: r.Reservation.String(), Method: r.Method,
		State: payment.Authorized, Amount: r.Amount, CaptureBefore: now.Add(life), CreatedAt: now, UpdatedAt: now,
	}
	switch r.Method {
	case OK, Timeout, Flaky:
	case SecondFactor:
		h.State, h.SecondFactor = payment.RequiresAction, "pending"
	case Declined:
		h.State, h.DeclineCode = payment.Declined, CodeCardDeclined
	default:
		h.State, h.DeclineCode = payment.Declined, CodeUnknownMethod
	}
	return h
}

// same reports whether a request is the one that the hold was placed for.
func (h Hold) same(r payment.Request) bool {
	return h.Parking == string(r.Parking) && h.Reservation == r.Reservation.String() && h.Method == r.Method && h.Amount == r.Amount
}

// lapsed reports whether the hold has run out.
func (h Hold) lapsed(now time.Time) bool {
	return (h.State == payment.Authorized || h.State == payment.RequiresAction) && !now.Before(h.CaptureBefore)
}

// capture takes amount from a hold that stands.
func capture(amount money.Amount, now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		switch {
		case h.lapsed(now):
			return h, refuse("capture", h, "it has lapsed")
		case h.State != payment.Authorized:
			return h, refuse("capture", h, "it is "+string(h.State))
		case amount.Currency != h.Amount.Currency:
			return h, refuse("capture", h, "it is in "+string(h.Amount.Currency))
		case amount.Minor <= 0 || amount.Minor > h.Amount.Minor:
			return h, refuse("capture", h, fmt.Sprintf("%s is not within the authorised %s", amount, h.Amount))
		}
		h.State, h.Captured, h.UpdatedAt = payment.Captured, amount.Minor, now
		return h, nil
	}
}

// void gives a hold back that stands or waits for its second factor.
func void(now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		if h.State != payment.Authorized && h.State != payment.RequiresAction {
			return h, refuse("void", h, "it is "+string(h.State))
		}
		h.State, h.UpdatedAt = payment.Voided, now
		return h, nil
	}
}

// answerChallenge is the driver's answer on the second factor's page. The same
// answer again changes nothing.
func answerChallenge(passed bool, now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		answer := "refused"
		if passed {
			answer = "passed"
		}
		switch {
		case h.SecondFactor == answer:
			return h, nil
		case h.State != payment.RequiresAction || h.lapsed(now):
			return h, refuse("challenge", h, "there is nothing to answer any more")
		}
		h.SecondFactor, h.UpdatedAt = answer, now
		h.State = payment.Authorized
		if !passed {
			h.State, h.DeclineCode = payment.Declined, CodeSecondFactor
		}
		return h, nil
	}
}

func refuse(call string, h Hold, why string) error {
	return fmt.Errorf("%w: %s of %s: %s", payment.ErrRefused, call, h.Ref, why)
}

// outcome is the provider's answer about a hold.
func (p *Provider) outcome(h Hold) payment.Outcome {
	if h.lapsed(p.now()) {
		h.State = payment.Voided
	}
	o := payment.Outcome{
		Ref: h.Ref, State: h.State, CaptureBefore: h.CaptureBefore, DeclineCode: h.DeclineCode,
		Authorized: money.New(0, h.Amount.Currency), Captured: money.New(h.Captured, h.Amount.Currency),
	}
	switch h.State {
	case payment.Authorized, payment.Captured, payment.Voided:
		o.Authorized = h.Amount
	case payment.Declined: // nothing is held
	case payment.RequiresAction:
		o.NextAction = p.base + challengePath + h.Ref
	case payment.Requested, payment.Unknown, payment.CaptureRequested, payment.VoidRequested:
		// How far the asking has come is in our books, not in the provider's.
	}
	return o
}
