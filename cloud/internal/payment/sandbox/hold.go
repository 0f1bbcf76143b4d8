package sandbox

import (
	"fmt"
	"slices"
	"strings"
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
	ServerError  = "pm_sandbox_server_error"
	NoIncrement  = "pm_sandbox_no_increment"
	Absent       = "pm_sandbox_absent_declined"
	ShortHold    = "pm_sandbox_short_hold"
	Disputed     = "pm_sandbox_disputed"
	RefundBack   = "pm_sandbox_refund_returned"

	// These are like SecondFactor, and their webhooks go astray.
	WebhookTwice   = "pm_sandbox_webhook_twice"
	WebhookLate    = "pm_sandbox_webhook_late"
	WebhookReorder = "pm_sandbox_webhook_reordered"
	WebhookNever   = "pm_sandbox_webhook_never"
	WebhookForged  = "pm_sandbox_webhook_forged"
)

// savedPrefix begins the name of a saved method; the method it was made of
// follows, after a name of its own.
const savedPrefix = "pm_sandbox_saved_"

// Decline codes.
const (
	CodeCardDeclined  = "card_declined"
	CodeUnknownMethod = "unknown_payment_method"
	CodeSecondFactor  = "second_factor_refused"
	CodeAbsent        = "authentication_required" // the bank wants a second step, and nobody is there
	CodeIncrement     = "increment_declined"
)

// Kind says what a line of the books is.
type Kind string

// The kinds of line.
const (
	KindHold   Kind = "hold"
	KindMethod Kind = "method" // a saved method; nothing is held
)

// Hold is one hold, charge or saved method in the sandbox's books.
type Hold struct {
	Ref           string
	Kind          Kind
	Key           string // it was asked for with
	Parking       string
	Reservation   string
	Method        string
	State         payment.State
	Asked         int64 // minor units, when it was placed
	Amount        money.Amount
	Captured      int64 // minor units
	Refunded      int64 // minor units, the sum of Refunds
	Refunds       []Refund
	DeclineCode   string
	SecondFactor  string // "", pending, passed or refused
	Dispute       *Dispute
	CaptureBefore time.Time
	CapturedAt    time.Time // zero: nothing was taken
	CreatedAt     time.Time
	UpdatedAt     time.Time

	Webhooks []Webhook `json:"-"` // that tell of the last change; stored with it
}

// How long what does not last does.
const (
	shortLife  = 10 * time.Minute // a hold of ShortHold
	refundLife = time.Minute      // until what RefundBack gave back has come back
)

// Dispute is what of a hold its driver disputes at his bank.
type Dispute struct {
	Ref     string               `json:"ref"`
	State   payment.DisputeState `json:"state"`  // DisputeOpen, DisputeWon or DisputeLost
	Amount  int64                `json:"amount"` // minor units
	Opened  time.Time            `json:"opened_at"`
	Decided time.Time            `json:"decided_at,omitzero"`
}

// Refund is one refund of a hold.
type Refund struct {
	Ref    string    `json:"ref"`
	Key    string    `json:"key"`
	Amount int64     `json:"amount"` // minor units
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// decide is the hold that a request gets, by its method.
func decide(r payment.Request, ref string, now time.Time, life time.Duration) Hold {
	method, saved := usable(r.Method)
	h := Hold{
		Ref: ref, Kind: KindHold, Key: r.Key, Parking: string(r.Parking), Reservation: r.Reservation.String(), Method: r.Method,
		State: payment.Authorized, Asked: r.Amount.Minor, Amount: r.Amount, CaptureBefore: now.Add(life), CreatedAt: now, UpdatedAt: now,
	}
	switch method {
	case OK, Timeout, Flaky, ServerError, NoIncrement, Disputed, RefundBack:
	case Absent:
		switch {
		case !r.Present:
			h.State, h.DeclineCode = payment.Declined, CodeAbsent
		case saved:
			h.State, h.SecondFactor = payment.RequiresAction, "pending"
		}
	case ShortHold:
		h.CaptureBefore = now.Add(min(life, shortLife))
	case SecondFactor, WebhookTwice, WebhookLate, WebhookReorder, WebhookNever, WebhookForged:
		if saved { // it was taken when the method was saved
			break
		}
		h.State, h.SecondFactor = payment.RequiresAction, "pending"
	case Declined:
		h.State, h.DeclineCode = payment.Declined, CodeCardDeclined
	default:
		h.State, h.DeclineCode = payment.Declined, CodeUnknownMethod
	}
	return h
}

// usable is the method that decides what happens, and whether it was saved
// before.
func usable(method string) (string, bool) {
	rest, saved := strings.CutPrefix(method, savedPrefix)
	if !saved {
		return method, false
	}
	_, of, _ := strings.Cut(rest, "_")
	return "pm_sandbox_" + of, true
}

// take takes money from a hold that stands.
func (h Hold) take(minor int64, now time.Time) Hold {
	h.State, h.Captured, h.CapturedAt, h.UpdatedAt = payment.Captured, minor, now, now
	if method, _ := usable(h.Method); method == Disputed {
		h.Dispute = &Dispute{Ref: "dispute_" + h.Ref, State: payment.DisputeOpen, Amount: minor, Opened: now}
	}
	return h
}

// judge is the bank's decision of a dispute. The same one again changes nothing.
func judge(won bool, now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		state := payment.DisputeLost
		if won {
			state = payment.DisputeWon
		}
		switch {
		case h.Dispute == nil:
			return h, refuse("dispute", h, "nobody disputes it")
		case h.Dispute.State == state:
			return h, nil
		case h.Dispute.State != payment.DisputeOpen:
			return h, refuse("dispute", h, "it is "+string(h.Dispute.State))
		}
		d := *h.Dispute
		d.State, d.Decided = state, now
		h.Dispute, h.UpdatedAt = &d, now
		return h, nil
	}
}

// disputed is what of a hold its driver's bank has taken back, in minor units.
func (h Hold) disputed() int64 {
	if h.Dispute == nil || h.Dispute.State == payment.DisputeWon {
		return 0
	}
	return h.Dispute.Amount
}

// increase raises a hold that stands to an amount in all.
func increase(to money.Amount, now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		switch method, _ := usable(h.Method); {
		case h.State != payment.Authorized || h.lapsed(now):
			return h, refuse("increment", h, "it is not held")
		case to.Currency != h.Amount.Currency || to.Minor <= h.Amount.Minor:
			return h, refuse("increment", h, fmt.Sprintf("%s is not more than the authorised %s", to, h.Amount))
		case method == NoIncrement:
			return h, nil
		}
		h.Amount, h.UpdatedAt = to, now
		return h, nil
	}
}

// giveBack refunds part of what was taken, and is not given back yet or disputed.
func giveBack(r payment.RefundRequest, ref string, now time.Time) func(Hold) (Hold, error) {
	return func(h Hold) (Hold, error) {
		switch {
		case h.State != payment.Captured:
			return h, refuse("refund", h, "it is "+string(h.State))
		case r.Amount.Currency != h.Amount.Currency || r.Amount.Minor <= 0 || r.Amount.Minor > h.Captured-h.Refunded-h.disputed():
			return h, refuse("refund", h, fmt.Sprintf("%s is not within the %d that are left", r.Amount, h.Captured-h.Refunded-h.disputed()))
		}
		h.Refunds = append(slices.Clip(h.Refunds), Refund{ref, r.Key, r.Amount.Minor, r.Reason, now})
		h.Refunded, h.UpdatedAt = h.Refunded+r.Amount.Minor, now
		return h, nil
	}
}

// refund is the refund that a key made.
func (h Hold) refund(key string, now time.Time) (payment.Refund, bool) {
	i := slices.IndexFunc(h.Refunds, func(r Refund) bool { return r.Key == key })
	if i < 0 {
		return payment.Refund{}, false
	}
	return h.told(h.Refunds[i], now), true
}

func (h Hold) told(r Refund, now time.Time) payment.Refund {
	out := payment.Refund{Ref: r.Ref, Key: r.Key, Hold: h.Ref, State: payment.RefundSucceeded, Amount: money.New(r.Amount, h.Amount.Currency)}
	if back := h.back(r); !back.IsZero() && !now.Before(back) {
		out.State = payment.RefundFailed
	}
	return out
}

// back is when what was given back comes back, zero when it stays with the driver.
func (h Hold) back(r Refund) time.Time {
	if method, _ := usable(h.Method); method == RefundBack {
		return r.At.Add(refundLife)
	}
	return time.Time{}
}

// same reports whether a request is the one that the hold was placed for.
func (h Hold) same(kind Kind, r payment.Request) bool {
	return h.Kind == kind && h.Parking == string(r.Parking) && h.Reservation == r.Reservation.String() && h.Method == r.Method && h.Asked == r.Amount.Minor && h.Amount.Currency == r.Amount.Currency
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
		return h.take(amount.Minor, now), nil
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
	case payment.Requested, payment.Unknown, payment.CaptureRequested, payment.VoidRequested, payment.Lapsed, payment.MethodKept:
		// How far the asking has come is in our books, not in the provider's.
	}
	return o
}
