// Package payment holds what a payment is, which states it may pass through,
// and what a payment provider must be able to do. What not every provider can
// is an interface of its own beside Provider, and a field of Capabilities.
package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// State is where a payment stands.
type State string

// The states of a payment (facts of the trade: a hold is captured at most
// once, never above what was authorised).
const (
	Requested        State = "requested"         // recorded, the provider not yet asked or not yet heard
	RequiresAction   State = "requires_action"   // the driver must pass a second step
	Authorized       State = "authorized"        // the hold stands
	Declined         State = "declined"          // the provider said no; final
	Unknown          State = "unknown"           // asked, no answer: must be resolved by query before anything else
	CaptureRequested State = "capture_requested" // the stay is over, CaptureAmount is to be taken
	Captured         State = "captured"          // taken; the rest of the hold is released; final
	VoidRequested    State = "void_requested"    // the hold is to be given back
	Voided           State = "voided"            // given back; final
	Lapsed           State = "lapsed"            // the provider dropped the hold before it was captured; final
	MethodKept       State = "method_saved"      // nothing is held yet: the method is kept for a hold nearer to the stay
)

// States lists every state.
func States() []State {
	return []State{Requested, RequiresAction, Authorized, Declined, Unknown, CaptureRequested, Captured, VoidRequested, Voided, Lapsed, MethodKept}
}

// next lists the moves that are allowed.
var next = map[State][]State{
	Requested:        {RequiresAction, Authorized, MethodKept, Declined, Unknown, VoidRequested},
	RequiresAction:   {Authorized, MethodKept, Declined, Unknown, VoidRequested},
	Unknown:          {RequiresAction, Authorized, MethodKept, Declined, VoidRequested},
	Authorized:       {CaptureRequested, VoidRequested, Lapsed},
	MethodKept:       {Voided},                     // nothing is at the provider that could be given back
	CaptureRequested: {Captured, Voided},           // voided: the hold was gone, the driver owes it
	VoidRequested:    {Voided, Declined, Captured}, // captured: by hand, and given back instead
}

// CanBecome reports whether a payment in state s may move to state t.
func (s State) CanBecome(t State) bool {
	return slices.Contains(next[s], t)
}

// Diagram draws the moves.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> requested\n")
	for _, s := range States() {
		for _, t := range next[s] {
			fmt.Fprintf(&b, "    %s --> %s\n", s, t)
		}
	}
	for _, s := range States() {
		if s.Final() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String()
}

// Final reports whether the state is an end.
func (s State) Final() bool { return len(next[s]) == 0 }

// Payment is one hold for one reservation, or for what its stay owes, and what
// became of it.
type Payment struct {
	ID            id.Payment
	Reservation   id.Reservation
	Version       int64
	State         State
	Provider      string
	Method        string // the provider's token for the card; never a card number
	Ref           string // the provider's name for the hold, once known
	Amount        money.Amount
	Authorized    int64 // minor units; positive exactly when ledger.HoldPlaced is booked
	CaptureAmount int64 // minor units to take, with CaptureRequested
	CaptureTax    int64 // of which tax
	Captured      int64 // minor units
	Refunded      int64 // minor units of Captured that were given back; exactly what ledger.Refunded has booked
	Refunds       []Refunding
	Raise         Raising
	Disputes      []Disputing
	Debt          Debt
	CaptureBefore time.Time
	NextAction    string // URL of the second step
	DeclineCode   string
	UpdatedAt     time.Time
}

// CallHold is the call that asks for a payment's hold; Find looks it up under
// Key(CallHold). CallSave is the one that saves its method instead, which FindSaved
// looks up.
const (
	CallHold = "hold"
	CallSave = "save"
)

// CallCapture is the call that takes a payment's hold.
const CallCapture = "capture"

// Key is the idempotency key of one call about this payment. It is the same on
// every retry, so that a call whose answer was lost is never made twice.
func (p *Payment) Key(call string) string { return p.ID.String() + "-" + call }

// Called is the payment that a key of ours was made for, and the call; false for
// a key of somebody else.
func Called(key string) (p id.Payment, call string, ours bool) {
	name, call, _ := strings.Cut(key, "-")
	p, err := id.Parse[id.Payment](name)
	return p, call, err == nil && call != ""
}

// CallRefund is the call that gives back what was taken, once for each reason.
func CallRefund(reason string) string { return callRefund + reason }

const callRefund = "refund-"

// RefundReason is the reason of a call that gives something back.
func RefundReason(call string) (reason string, is bool) { return strings.CutPrefix(call, callRefund) }

// Outcome is a provider's definite answer about a hold.
type Outcome struct {
	Ref           string
	State         State // Authorized, RequiresAction, Declined, Captured or Voided; MethodKept, with the method as Ref, of a saving
	Authorized    money.Amount
	Captured      money.Amount
	CaptureBefore time.Time // the hold lapses then
	NextAction    string    // with RequiresAction: where the driver goes
	DeclineCode   string    // with Declined: the provider's stable code
}

// Request asks for a hold.
type Request struct {
	Key         string // idempotency key
	Parking     id.Parking
	Reservation id.Reservation
	Amount      money.Amount
	Method      string
	Present     bool // the driver is there to take a second step, also with a method that is kept
	Once        bool // the method is not to be kept for later
}

// Errors of providers. Any other error means the same as ErrNoAnswer: what
// happened is not known, and only asking again under the same key tells.
var (
	ErrNoAnswer  = errors.New("the provider did not answer; the outcome is not known")
	ErrTemporary = errors.New("the provider failed without doing anything; the same call may be made again")
	ErrNotFound  = errors.New("the provider knows no such hold")
	ErrRefused   = errors.New("the provider refuses the call in the hold's state")
	ErrUnsettled = errors.New("the provider is not done with it yet; ask again later")
	ErrNonsense  = errors.New("the provider's answer makes no sense; the outcome is not known")
)

// Provider places and settles holds. Every mutating call carries an
// idempotency key: the same key is the same call and gets the same answer.
// Implementations are safe for concurrent use and obey the context.
type Provider interface {
	// Name is stored with each payment: "sandbox", "stripe".
	Name() string
	// Capabilities says what the provider can do beside these calls.
	Capabilities() Capabilities
	// Authorize places a hold.
	Authorize(ctx context.Context, r Request) (Outcome, error)
	// Confirm asks what became of a hold whose second step was taken. It changes
	// nothing, and answers with the present state however often it is asked.
	Confirm(ctx context.Context, ref, key string) (Outcome, error)
	// Capture takes amount, at most what is authorised, and releases the rest.
	Capture(ctx context.Context, ref string, amount money.Amount, key string) (Outcome, error)
	// Void gives a hold back.
	Void(ctx context.Context, ref, key string) (Outcome, error)
	// Find looks a hold up by the key it was asked for with;
	// ErrNotFound is definite: none was placed under that key. It never places
	// one.
	Find(ctx context.Context, key string) (Outcome, error)
}
