package payment

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Disputing is money of a payment that its driver disputes at his bank. While that
// is open the provider has taken it back, until the bank decides.
type Disputing struct {
	Ref    string       `json:"ref"` // the provider's name for it
	State  DisputeState `json:"state"`
	Amount int64        `json:"amount"` // minor units
	At     time.Time    `json:"at"`     // when it became what it is
}

// nextDispute lists the moves that are allowed. A word that was overtaken changes
// nothing.
var nextDispute = map[DisputeState][]DisputeState{
	"":           {DisputeAsked, DisputeOpen, DisputeWon, DisputeLost},
	DisputeAsked: {DisputeOpen, DisputeWon, DisputeLost},
	DisputeOpen:  {DisputeWon, DisputeLost},
}

// CanBecome reports whether a dispute in state s may move to state t. One of which
// nothing was heard yet is in the empty state.
func (s DisputeState) CanBecome(t DisputeState) bool { return slices.Contains(nextDispute[s], t) }

// ErrOtherDispute says that a dispute is about money that the payment cannot have
// taken.
var ErrOtherDispute = errors.New("a dispute is about something else than was taken")

// Moved is what a dispute has moved, in minor units: away from us until the bank
// decides (below zero: that is over), and for good.
type Moved struct{ Waits, Lost int64 }

// MoveDispute says how far a dispute has come. Nothing changes when it has come as
// far before, or further. The amount may be another one than was disputed at first.
func (p *Payment) MoveDispute(d Dispute, now time.Time) (changed bool, m Moved, err error) {
	i := slices.IndexFunc(p.Disputes, func(x Disputing) bool { return x.Ref == d.Ref })
	var was Disputing
	if i >= 0 {
		was = p.Disputes[i]
	}
	switch {
	case !was.State.CanBecome(d.State):
		return false, Moved{}, nil
	case p.State != Captured || d.Amount.Currency != p.Amount.Currency || d.Amount.Minor < 0 || d.Amount.Minor > p.Captured:
		return false, Moved{}, fmt.Errorf("%w: %s of a payment that is %s with %d %s", ErrOtherDispute, d.Amount, p.State, p.Captured, p.Amount.Currency)
	}
	if was.State == DisputeOpen {
		m.Waits -= was.Amount
	}
	switch d.State {
	case DisputeOpen:
		m.Waits += d.Amount.Minor
	case DisputeLost:
		m.Lost = d.Amount.Minor
	case DisputeAsked, DisputeWon:
	}
	p.Disputes = slices.Clone(p.Disputes)
	is := Disputing{Ref: d.Ref, State: d.State, Amount: d.Amount.Minor, At: now}
	if i < 0 {
		p.Disputes = append(p.Disputes, is)
	} else {
		p.Disputes[i] = is
	}
	return true, m, nil
}

// Disputed is what of Captured is at the drivers' bank, until it decides or for
// good, in minor units.
func (p *Payment) Disputed() int64 {
	var sum int64
	for _, d := range p.Disputes {
		if d.State == DisputeOpen || d.State == DisputeLost {
			sum += d.Amount
		}
	}
	return sum
}
