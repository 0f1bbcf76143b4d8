package payment

import (
	"context"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Capabilities says what a provider can do beside placing, taking and giving
// back holds. A provider that can do something implements the interface of that
// name as well.
type Capabilities struct {
	Secures      bool // a hold secures the money; else it is a promise to pay
	SecondFactor bool // the driver may have to take a second step
	Increment    bool // Incrementer
	Refund       bool // Refunder
	SaveMethod   bool // Saver
	List         bool // Lister
	Pays         bool // Payer
	// HoldLife is how long any hold stands at the least; 0: it does not lapse. What
	// begins later than that needs a saved method. A hold's own end is
	// Outcome.CaptureBefore.
	HoldLife time.Duration
}

// Incrementer raises holds.
type Incrementer interface {
	// Increment raises a hold to an amount in all, more than it has. Declined is no
	// error: the answer is the hold as it was, with a DeclineCode. ErrRefused: this
	// hold cannot be raised; it stands as it was.
	Increment(ctx context.Context, ref string, to money.Amount, key string) (Outcome, error)
}

// RefundRequest asks for money back that was taken.
type RefundRequest struct {
	Key    string // Payment.Key(CallRefund(reason)): a reason is refunded once
	Ref    string // of the hold that was captured
	Amount money.Amount
	Reason string // a word of ours, such as "no_show_reversed"; nothing personal
}

// RefundState is where a refund stands.
type RefundState string

// The states of a refund.
const (
	RefundRequested RefundState = "requested" // recorded, the provider not yet asked or not yet heard; never an answer of a provider
	RefundPending   RefundState = "pending"   // accepted, not yet with the driver
	RefundSucceeded RefundState = "succeeded"
	RefundFailed    RefundState = "failed" // the money is with us again; final
)

// Refund is money that was given back.
type Refund struct {
	Ref    string // the provider's name for it
	Key    string // it was asked for with
	Hold   string // the ref of what it was taken from
	State  RefundState
	Amount money.Amount
}

// Refunder gives back what was taken.
type Refunder interface {
	// Refund gives back part of what was taken and not yet given back; ErrRefused
	// for more than that. The same key is the same refund for ever.
	Refund(ctx context.Context, r RefundRequest) (Refund, error)
	// FindRefund looks a refund up by the ref of its hold and its key. ErrNotFound
	// is definite.
	FindRefund(ctx context.Context, hold, key string) (Refund, error)
}

// SaveRequest asks to keep a method of payment for holds that are
// placed while the driver is away.
type SaveRequest struct {
	Key         string
	Parking     id.Parking
	Reservation id.Reservation
	Method      string
}

// MethodState is where the saving of a method stands.
type MethodState string

// The states of saving a method.
const (
	MethodSaved          MethodState = "method_saved"
	MethodRequiresAction MethodState = "requires_action"
	MethodDeclined       MethodState = "declined"
)

// Saved is a provider's definite answer about saving a method.
type Saved struct {
	Ref         string // the provider's name for the saving
	State       MethodState
	Method      string // with MethodSaved: what Request.Method is from now on
	NextAction  string // with MethodRequiresAction: where the driver goes
	DeclineCode string // with MethodDeclined
}

// Outcome is the saving as an answer about a payment that was to be made by it.
func (s Saved) Outcome() Outcome {
	o := Outcome{Ref: s.Ref, NextAction: s.NextAction, DeclineCode: s.DeclineCode}
	switch s.State {
	case MethodSaved:
		o.Ref, o.State = s.Method, MethodKept
	case MethodRequiresAction:
		o.State = RequiresAction
	case MethodDeclined:
		o.State = Declined
	}
	return o
}

// Saver keeps methods of payment.
type Saver interface {
	// SaveMethod keeps a method. Nothing is held or taken.
	SaveMethod(ctx context.Context, r SaveRequest) (Saved, error)
	// ConfirmSaved asks what became of a saving whose second step was taken. It
	// changes nothing.
	ConfirmSaved(ctx context.Context, ref string) (Saved, error)
	// FindSaved looks a saving up by its key. ErrNotFound is definite.
	FindSaved(ctx context.Context, key string) (Saved, error)
}

// Entry is one line of a provider's books: a hold, or a refund.
type Entry struct {
	At      time.Time  // placed
	Key     string     // it was asked for with; empty when it was not by us
	Parking id.Parking // it was asked for about; empty when it was not by us
	Hold    Outcome    // as it stands now, captures included; no Ref: the line is a refund
	Refund  Refund
}

// Lister reads a provider's books.
type Lister interface {
	// List tells of every hold and refund that was placed in [from, to),
	// oldest or newest first, and ends with the first error of each.
	List(ctx context.Context, from, to time.Time, each func(Entry) error) error
}
