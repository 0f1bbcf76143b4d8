package stripe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// Refund implements payment.Refunder. It is looked up first, always: refunds come
// days after their payment.
func (p *Provider) Refund(ctx context.Context, r payment.RefundRequest) (payment.Refund, error) {
	if r.Key == "" {
		return payment.Refund{}, fmt.Errorf("%w: a refund needs a key", payment.ErrRefused)
	}
	if _, err := p.mine(ctx, "refund", r.Ref, r.Amount); err != nil {
		return payment.Refund{}, err
	}
	made, err := p.FindRefund(ctx, r.Ref, r.Key)
	switch {
	case err == nil && made.Amount != r.Amount:
		return payment.Refund{}, fmt.Errorf("%w: key %s was used to refund %s", payment.ErrRefused, r.Key, made.Amount)
	case err == nil || !errors.Is(err, payment.ErrNotFound):
		return made, err
	}
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(r.Ref), Amount: new(r.Amount.Minor),
		Metadata: map[string]string{metaKey: r.Key, metaReason: r.Reason},
	}
	params.SetIdempotencyKey(r.Key)
	back, err := locked(ctx, func() (*stripe.Refund, error) { return p.api.V1Refunds.Create(ctx, params) })
	if err != nil {
		return payment.Refund{}, failed(ctx, err)
	}
	if replayed(back.LastResponse) {
		return p.FindRefund(ctx, r.Ref, r.Key)
	}
	return refund(back), nil
}

// FindRefund implements payment.Refunder.
func (p *Provider) FindRefund(ctx context.Context, hold, key string) (payment.Refund, error) {
	if hold == "" || key == "" {
		return payment.Refund{}, payment.ErrNotFound
	}
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(hold)}
	params.Limit = new(int64(pageSize))
	for r, err := range p.api.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return payment.Refund{}, failed(ctx, err)
		}
		if r.Metadata[metaKey] == key {
			return refund(r), nil
		}
	}
	return payment.Refund{}, payment.ErrNotFound
}

// metaReason is the word of ours that a refund was made for.
const metaReason = "openlot_reason"

func refund(r *stripe.Refund) payment.Refund {
	back := payment.Refund{Ref: r.ID, Key: r.Metadata[metaKey], State: payment.RefundPending, Amount: money.New(r.Amount, currencyOf(r.Currency))}
	if r.PaymentIntent != nil {
		back.Hold = r.PaymentIntent.ID
	}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		back.State = payment.RefundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		back.State = payment.RefundFailed
	case stripe.RefundStatusPending, stripe.RefundStatusRequiresAction:
	}
	return back
}

// List implements payment.Lister. What Stripe has not decided yet, or the account
// has begun elsewhere and not confirmed, is in nobody's books and left out.
func (p *Provider) List(ctx context.Context, from, to time.Time, each func(payment.Entry) error) error {
	// Stripe counts whole seconds.
	window := &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix() + 1}
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	holds := &stripe.PaymentIntentListParams{CreatedRange: window}
	holds.Limit = new(int64(pageSize))
	holds.AddExpand("data.latest_charge")
	for pi, err := range p.api.V1PaymentIntents.List(ctx, holds).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		at := time.Unix(pi.Created, 0).UTC()
		o, err := outcome(pi)
		if errors.Is(err, payment.ErrNoAnswer) || !within(at) {
			continue
		} else if err != nil {
			return err
		}
		if err := each(payment.Entry{At: at, Key: pi.Metadata[metaKey], Hold: o}); err != nil {
			return err
		}
	}
	refunds := &stripe.RefundListParams{CreatedRange: window}
	refunds.Limit = new(int64(pageSize))
	for r, err := range p.api.V1Refunds.List(ctx, refunds).All(ctx) {
		if err != nil {
			return failed(ctx, err)
		}
		at := time.Unix(r.Created, 0).UTC()
		if !within(at) {
			continue
		}
		if err := each(payment.Entry{At: at, Key: r.Metadata[metaKey], Refund: refund(r)}); err != nil {
			return err
		}
	}
	return nil
}
