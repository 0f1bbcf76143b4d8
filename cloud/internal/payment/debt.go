package payment

import "github.com/openlot/openlot/protocol/id"

// Debt is what a payment pays that is not for the price of its reservation: what a
// stay owed when it had ended. While the payment is under way its amount is off
// what the stay owes, and the stay names the payment (session.Session.Paying).
// CaptureAmount is what of it is taken in the end.
type Debt struct {
	Session id.Session `json:"session"`        // zero: the payment is for its reservation's price
	Away    bool       `json:"away,omitempty"` // asked for while its driver was away
}

// ForDebt reports whether the payment pays a debt.
func (p *Payment) ForDebt() bool { return !p.Debt.Session.IsZero() }

// Older reports whether of two payments of a stay's debt the other is to be shown:
// the one under way, else the newest of which the bank has said yes or no, else the
// newest. A nil payment is the oldest.
func (p *Payment) Older(other *Payment, underWay id.Payment) bool {
	if p == nil {
		return true
	}
	weight := func(x *Payment) int {
		switch {
		case x.ID == underWay:
			return 2
		case x.State == Captured, x.State == Declined:
			return 1
		default:
			return 0
		}
	}
	if w, of := weight(p), weight(other); w != of {
		return w < of
	}
	if !p.UpdatedAt.Equal(other.UpdatedAt) {
		return other.UpdatedAt.After(p.UpdatedAt)
	}
	return other.State == Captured
}

// SetAside is what of a debt is off its stay while the payment is under way, in
// minor units.
func (p *Payment) SetAside() int64 {
	if p.CaptureAmount > 0 {
		return p.CaptureAmount
	}
	return p.Amount.Minor
}
