package stripe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Balance implements payment.Payer. Money on its way to the bank, or from there, is no
// line of its own: a payout is.
func (p *Provider) Balance(ctx context.Context, from, to time.Time, each func(payment.BalanceLine) error) error {
	params := &stripe.BalanceTransactionListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix() + 1}}
	return p.transactions(ctx, params, func(t *stripe.BalanceTransaction) error {
		if slices.Contains(payoutTypes, t.Type) {
			return nil
		}
		l, err := lineOf(t)
		if err != nil || l.At.Before(from) || !l.At.Before(to) { // Stripe counts whole seconds
			return err
		}
		return each(l)
	})
}

func (p *Provider) transactions(ctx context.Context, params *stripe.BalanceTransactionListParams, each func(*stripe.BalanceTransaction) error) error {
	params.Limit = new(int64(pageSize))
	params.AddExpand("data.source")
	for t, err := range p.api.V1BalanceTransactions.List(ctx, params).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		if err := each(t); err != nil {
			return err
		}
	}
	return nil
}

func lineOf(t *stripe.BalanceTransaction) (payment.BalanceLine, error) {
	if t.Net != t.Amount-t.Fee {
		return payment.BalanceLine{}, fmt.Errorf("%w: line %s of %d with a fee of %d is %d", payment.ErrNonsense, t.ID, t.Amount, t.Fee, t.Net)
	}
	l := payment.BalanceLine{Ref: t.ID, At: time.Unix(t.Created, 0).UTC(), Net: money.New(t.Net, currencyOf(t.Currency)), Fee: money.New(t.Fee, currencyOf(t.Currency))}
	about(t.Source, &l)
	return l, nil
}

// payoutTypes are the lines that are money on its way to the bank, or back.
var payoutTypes = []stripe.BalanceTransactionType{
	stripe.BalanceTransactionTypePayout, stripe.BalanceTransactionTypePayoutCancel, stripe.BalanceTransactionTypePayoutFailure,
}

// about says what was taken that a line is about.
func about(s *stripe.BalanceTransactionSource, l *payment.BalanceLine) {
	var intent *stripe.PaymentIntent
	switch {
	case s == nil:
		return
	case s.Charge != nil:
		intent = s.Charge.PaymentIntent
		l.Key, l.Parking = s.Charge.Metadata[metaKey], id.Parking(s.Charge.Metadata[metaParking])
	case s.Refund != nil:
		intent, l.Key = s.Refund.PaymentIntent, s.Refund.Metadata[metaKey]
	case s.Dispute != nil:
		intent = s.Dispute.PaymentIntent
	}
	if intent != nil {
		l.Hold = intent.ID
	}
}

// Payouts implements payment.Payer. The lines of a payout are known of automatic ones
// alone; one that somebody made by hand has none. One that failed is told of by
// Returned.
func (p *Provider) Payouts(ctx context.Context, from, to time.Time, each func(payment.Payout) error) error {
	params := &stripe.PayoutListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix() + 1}}
	return p.payouts(ctx, params, func(o *stripe.Payout) error {
		at := time.Unix(o.Created, 0).UTC()
		switch {
		case at.Before(from) || !at.Before(to), o.Status == stripe.PayoutStatusFailed, o.Status == stripe.PayoutStatusCanceled:
			return nil
		case o.Status != stripe.PayoutStatusPaid, o.Automatic && o.ReconciliationStatus != stripe.PayoutReconciliationStatusCompleted:
			return fmt.Errorf("%w: payout %s is %s", payment.ErrUnsettled, o.ID, o.Status)
		}
		return p.tell(ctx, o, each)
	})
}

// Returned implements payment.Payer.
func (p *Provider) Returned(ctx context.Context, from time.Time, each func(payment.Payout) error) error {
	params := &stripe.PayoutListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix()}, Status: stripe.String(string(stripe.PayoutStatusFailed))}
	return p.payouts(ctx, params, func(o *stripe.Payout) error { return p.tell(ctx, o, each) })
}

func (p *Provider) payouts(ctx context.Context, params *stripe.PayoutListParams, each func(*stripe.Payout) error) error {
	params.Limit = new(int64(pageSize))
	for o, err := range p.api.V1Payouts.List(ctx, params).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) tell(ctx context.Context, o *stripe.Payout, each func(payment.Payout) error) error {
	out := payment.Payout{Ref: o.ID, At: time.Unix(o.Created, 0).UTC(), Amount: money.New(o.Amount, currencyOf(o.Currency))}
	if o.Automatic {
		var err error
		if out.Lines, err = p.paidWith(ctx, o.ID, 0); err != nil {
			return err
		}
	}
	return each(out)
}

// returns is how often the same money may have come back from the bank.
const returns = 8

// paidWith is the lines that a payout is of. What came back with it are the lines of
// the payout before, for Stripe one line; of one that was made by hand they are about
// nobody, as it was.
func (p *Provider) paidWith(ctx context.Context, payout string, before int) (lines []payment.BalanceLine, err error) {
	err = p.transactions(ctx, &stripe.BalanceTransactionListParams{Payout: stripe.String(payout)}, func(t *stripe.BalanceTransaction) error {
		if t.Type == stripe.BalanceTransactionTypePayout {
			return nil
		}
		back := slices.Contains(payoutTypes, t.Type) && t.Source != nil && t.Source.Payout != nil && t.Source.Payout.Automatic
		if back && before == returns {
			return fmt.Errorf("%w: payout %s has come back for more than %d times", payment.ErrNonsense, payout, returns)
		}
		if back {
			again, err := p.paidWith(ctx, t.Source.Payout.ID, before+1)
			lines = append(lines, again...)
			return err
		}
		l, err := lineOf(t)
		lines = append(lines, l)
		return err
	})
	return lines, err
}
