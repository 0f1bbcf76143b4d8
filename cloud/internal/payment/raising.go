package payment

import "github.com/openlot/openlot/protocol/id"

// CallRaise is the call that raises a payment's hold, at most once.
const CallRaise = "raise"

// RaiseState is how far the raising of a hold has come.
type RaiseState string

// The states of raising a hold. None is zero.
const (
	RaiseWanted  RaiseState = "wanted"  // more is owed than is held; only some providers can raise a hold
	RaiseAsked   RaiseState = "asked"   // nothing else pays the debt until the provider has said the last word
	RaiseMade    RaiseState = "made"    // the hold stands for it, and CaptureAmount contains it
	RaiseRefused RaiseState = "refused" // the debt is as it was; final
)

// Raising is the raising of a hold before it is taken, to pay what a stay owes
// beyond it.
type Raising struct {
	State   RaiseState `json:"state"`
	Session id.Session `json:"session"` // that owes it
	Amount  int64      `json:"amount"`  // minor units of its debt; once it is made, what of the payment pays it
	Tax     int64      `json:"tax"`     // of which tax
}

// Most is the most that the provider may hold for the payment, in minor units.
func (p *Payment) Most() int64 {
	most := max(p.Amount.Minor, p.Authorized)
	if p.Raise.State == RaiseAsked {
		most = max(most, p.Authorized+p.Raise.Amount)
	}
	return most
}
