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
	return p.lines(ctx, params, func(l payment.BalanceLine) error {
		if l.At.Before(from) || !l.At.Before(to) { // Stripe counts whole seconds
			return nil
		}
		return each(l)
	})
}

func (p *Provider) lines(ctx context.Context, params *stripe.BalanceTransactionListParams, each func(payment.BalanceLine) error) error {
	params.Limit = new(int64(pageSize))
	params.AddExpand("data.source")
	for t, err := range p.api.V1BalanceTransactions.List(ctx, params).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		if slices.Contains(payoutTypes, t.Type) {
			continue
		}
		if t.Net != t.Amount-t.Fee {
			return fmt.Errorf("%w: line %s of %d with a fee of %d is %d", payment.ErrNonsense, t.ID, t.Amount, t.Fee, t.Net)
		}
		l := payment.BalanceLine{Ref: t.ID, At: time.Unix(t.Created, 0).UTC(), Net: money.New(t.Net, currencyOf(t.Currency)), Fee: money.New(t.Fee, currencyOf(t.Currency))}
		about(t.Source, &l)
		if err := each(l); err != nil {
			return err
		}
	}
	return nil
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
// alone; one that somebody made by hand has none. One that failed never was.
func (p *Provider) Payouts(ctx context.Context, from, to time.Time, each func(payment.Payout) error) error {
	params := &stripe.PayoutListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix() + 1}}
	params.Limit = new(int64(pageSize))
	for o, err := range p.api.V1Payouts.List(ctx, params).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		at := time.Unix(o.Created, 0).UTC()
		switch {
		case at.Before(from) || !at.Before(to), o.Status == stripe.PayoutStatusFailed, o.Status == stripe.PayoutStatusCanceled:
			continue
		case o.Status != stripe.PayoutStatusPaid, o.Automatic && o.ReconciliationStatus != stripe.PayoutReconciliationStatusCompleted:
			return fmt.Errorf("%w: payout %s is %s", payment.ErrUnsettled, o.ID, o.Status)
		}
		out := payment.Payout{Ref: o.ID, At: at, Amount: money.New(o.Amount, currencyOf(o.Currency))}
		if o.Automatic {
			err := p.lines(ctx, &stripe.BalanceTransactionListParams{Payout: stripe.String(o.ID)}, func(l payment.BalanceLine) error {
				out.Lines = append(out.Lines, l)
				return nil
			})
			if err != nil {
				return err
			}
		}
		if err := each(out); err != nil {
			return err
		}
	}
	return nil
}
