package payment

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons for giving back what was taken. The operator's have a word of their own
// behind ByOperator.
const (
	ReasonWalked  = "walked"   // the parking had no space
	ReasonVoided  = "voided"   // the operator took the reservation back
	ReasonLessDue = "less_due" // less is due than was taken before it was known
	ReasonByHand  = "by_hand"  // it was taken by hand from a hold that was to be given back
	ByOperator    = "operator-"
)

// Refunding is money that is given back out of what a payment took, once for each
// reason.
type Refunding struct {
	Reason string      `json:"reason"`
	State  RefundState `json:"state"`
	Amount int64       `json:"amount"`        // minor units
	Tax    int64       `json:"tax"`           // of which tax
	Ref    string      `json:"ref,omitempty"` // the provider's name for it, once known
	At     time.Time   `json:"at"`            // when it became what it is
}

// nextRefund lists the moves that are allowed. A bank may send back what had
// arrived.
var nextRefund = map[RefundState][]RefundState{
	RefundRequested: {RefundPending, RefundSucceeded, RefundFailed},
	RefundPending:   {RefundSucceeded, RefundFailed},
	RefundSucceeded: {RefundFailed},
}

// CanBecome reports whether a refund in state s may move to state t.
func (s RefundState) CanBecome(t RefundState) bool { return slices.Contains(nextRefund[s], t) }

// Given reports whether the money has left us.
func (s RefundState) Given() bool { return s == RefundPending || s == RefundSucceeded }

// Open reports whether the provider has still to be asked.
func (s RefundState) Open() bool { return s == RefundRequested || s == RefundPending }

// Errors of giving back.
var (
	ErrTooMuchBack  = errors.New("more is to be given back than was taken and is not given back yet")
	ErrOtherRefund  = errors.New("another amount is given back for that reason")
	ErrNoSuchRefund = errors.New("nothing is given back for that reason")
)

// Charged is what the payment took or is taking, in minor units.
func (p *Payment) Charged() int64 {
	switch p.State {
	case Captured:
		return p.Captured
	case CaptureRequested:
		return p.CaptureAmount
	default:
		return 0
	}
}

// Left is what of Charged can be given back, in minor units: what is not given back,
// not to be, and not disputed.
func (p *Payment) Left() int64 { return max(p.Charged()-p.Returning()-p.Disputed(), 0) }

// Returning is what of Charged is given back or to be, in minor units.
func (p *Payment) Returning() int64 {
	var sum int64
	for _, r := range p.Refunds {
		if r.State != RefundFailed {
			sum += r.Amount
		}
	}
	return sum
}

// GiveBack asks for money to be given back. It does nothing when the same is
// given back for that reason already; a reason that failed is not tried again.
func (p *Payment) GiveBack(r Refunding) (changed bool, err error) {
	i := slices.IndexFunc(p.Refunds, func(x Refunding) bool { return x.Reason == r.Reason })
	switch {
	case i >= 0 && p.Refunds[i].Amount == r.Amount:
		return false, nil
	case i >= 0:
		return false, fmt.Errorf("%w: %d for %s", ErrOtherRefund, p.Refunds[i].Amount, r.Reason)
	case r.Amount <= 0 || r.Amount > p.Left() || r.Tax < 0 || r.Tax > r.Amount:
		return false, fmt.Errorf("%w: %d of %d", ErrTooMuchBack, r.Amount, p.Left())
	}
	r.State = RefundRequested
	p.Refunds = append(slices.Clip(p.Refunds), r)
	return true, nil
}

// Refunding is what is given back for a reason.
func (p *Payment) Refunding(reason string) (Refunding, bool) {
	for _, r := range p.Refunds {
		if r.Reason == reason {
			return r, true
		}
	}
	return Refunding{}, false
}

// MoveRefund says how far a refund has come. given is by how much what was given
// back has grown: it is below zero when money came back to us. Nothing changes
// when it has come as far before, or further.
func (p *Payment) MoveRefund(reason string, to RefundState, ref string, now time.Time) (changed bool, given int64, err error) {
	i := slices.IndexFunc(p.Refunds, func(x Refunding) bool { return x.Reason == reason })
	if i < 0 {
		return false, 0, fmt.Errorf("%w: %s", ErrNoSuchRefund, reason)
	}
	r := p.Refunds[i]
	if !r.State.CanBecome(to) {
		return false, 0, nil
	}
	switch was, is := r.State.Given(), to.Given(); {
	case is && !was:
		given = r.Amount
	case was && !is:
		given = -r.Amount
	}
	if given > 0 && (p.State != Captured || p.Refunded+given > p.Captured) {
		return false, 0, fmt.Errorf("%w: %d of %d, of which %d are given back", ErrTooMuchBack, given, p.Captured, p.Refunded)
	}
	r.State, r.At = to, now
	if ref != "" {
		r.Ref = ref
	}
	p.Refunds = slices.Clone(p.Refunds)
	p.Refunds[i] = r
	p.Refunded += given
	return true, given, nil
}

// Returns reports whether something is to be given back of which the provider
// has not said the last word.
func (p *Payment) Returns() bool {
	return p.State == Captured && slices.ContainsFunc(p.Refunds, func(r Refunding) bool { return r.State.Open() })
}
