package payment

import (
	"context"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// BalanceLine is one change of what a provider owes to us: something that was taken,
// given back or disputed, less the provider's fee for it.
type BalanceLine struct {
	Ref     string // the provider's name for the line
	At      time.Time
	Key     string     // of our call that it is about, where the provider has it
	Parking id.Parking // it was asked for about, where the provider has it
	Hold    string     // the ref of what was taken; empty: it is about no payment
	Net     money.Amount
	Fee     money.Amount // contained in Net; below zero: it was given back
}

// Payout is money that a provider has sent to the operator's bank, or below zero has
// fetched from there: what lines of its balance come to.
type Payout struct {
	Ref    string // the provider's name for it
	At     time.Time
	Amount money.Amount
	Lines  []BalanceLine // that sum to Amount
}

// Payer owes what it took, less its fees, and pays it out.
type Payer interface {
	// Balance tells of every line that was made in [from, to), in any order, and ends
	// with the first error of each.
	Balance(ctx context.Context, from, to time.Time, each func(BalanceLine) error) error
	// Payouts tells of every payout that was made in [from, to), once it is surely paid
	// and its lines are known, in any order. ErrUnsettled: one is not yet.
	// The lines of one that came back are lines again of the one that pays them anew.
	Payouts(ctx context.Context, from, to time.Time, each func(Payout) error) error
	// Returned tells of every payout that was made since from and that the bank did not
	// take, or sent back after it was paid, with its lines, in any order.
	Returned(ctx context.Context, from time.Time, each func(Payout) error) error
}
