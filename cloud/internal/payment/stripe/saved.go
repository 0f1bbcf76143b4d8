package stripe

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v85"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// SaveMethod implements payment.Saver.
func (p *Provider) SaveMethod(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	if r.Key == "" {
		return payment.Saved{}, fmt.Errorf("%w: a saving needs a key", payment.ErrRefused)
	}
	want := asked(kindSave, money.Amount{}, r.Method)
	if p.aged(r.Key) {
		si, err := p.setup(ctx, r.Key)
		switch {
		case err == nil && si.Metadata[metaAsked] != want:
			return payment.Saved{}, fmt.Errorf("%w: key %s was used for something else", payment.ErrRefused, r.Key)
		case err == nil:
			return saved(si)
		case !errors.Is(err, payment.ErrNotFound):
			return payment.Saved{}, err
		}
	}
	unknown := payment.Saved{State: payment.MethodDeclined, DeclineCode: CodeUnknownMethod}
	customer, _, err := p.payer(ctx, r.Key, r.Method)
	switch {
	case errors.Is(err, errNoMethod):
		return unknown, nil
	case err != nil:
		return payment.Saved{}, err
	}
	params := &stripe.SetupIntentCreateParams{
		Customer: stripe.String(customer), PaymentMethod: stripe.String(r.Method), PaymentMethodTypes: []*string{stripe.String("card")},
		Confirm: new(true), Usage: stripe.String("off_session"), ReturnURL: p.back(r.Reservation),
		Metadata: map[string]string{
			metaKey: r.Key, metaParking: string(r.Parking), metaReservation: r.Reservation.String(), metaAsked: want,
		},
	}
	params.SetIdempotencyKey(r.Key)
	si, err := locked(ctx, func() (*stripe.SetupIntent, error) { return p.api.V1SetupIntents.Create(ctx, params) })
	var answer *stripe.APIResponse
	switch e := declined(err); {
	case err == nil:
		answer = si.LastResponse
	case e != nil && e.SetupIntent != nil:
		si, answer = e.SetupIntent, e.LastResponse
	case noSuchMethod(err):
		return unknown, nil
	default:
		return payment.Saved{}, failed(ctx, err)
	}
	if replayed(answer) {
		return p.ConfirmSaved(ctx, si.ID)
	}
	return saved(si)
}

// back is where the driver returns to from the second step.
func (p *Provider) back(r id.Reservation) *string {
	if p.returnURL == "" {
		return nil
	}
	return stripe.String(p.returnURL + r.String())
}

// ConfirmSaved implements payment.Saver.
func (p *Provider) ConfirmSaved(ctx context.Context, ref string) (payment.Saved, error) {
	if ref == "" {
		return payment.Saved{}, payment.ErrNotFound
	}
	si, err := p.api.V1SetupIntents.Retrieve(ctx, ref, nil)
	if err != nil {
		return payment.Saved{}, failed(ctx, err)
	}
	return saved(si)
}

// FindSaved implements payment.Saver.
func (p *Provider) FindSaved(ctx context.Context, key string) (payment.Saved, error) {
	si, err := p.setup(ctx, key)
	if err != nil {
		return payment.Saved{}, err
	}
	return saved(si)
}

// setup is the saving that was asked for under a key.
func (p *Provider) setup(ctx context.Context, key string) (*stripe.SetupIntent, error) {
	customers, err := p.customers(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, c := range customers {
		params := &stripe.SetupIntentListParams{Customer: stripe.String(c)}
		params.Limit = new(int64(pageSize))
		for si, err := range p.api.V1SetupIntents.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, failed(ctx, err)
			}
			if si.Metadata[metaKey] == key {
				return si, nil
			}
		}
	}
	return nil, payment.ErrNotFound
}

// saved is what a SetupIntent says.
func saved(si *stripe.SetupIntent) (payment.Saved, error) {
	s := payment.Saved{Ref: si.ID}
	switch si.Status {
	case stripe.SetupIntentStatusSucceeded:
		if si.PaymentMethod == nil || si.PaymentMethod.ID == "" {
			return payment.Saved{}, fmt.Errorf("%w: %s has saved nothing", payment.ErrNonsense, si.ID)
		}
		s.State, s.Method = payment.MethodSaved, si.PaymentMethod.ID
	case stripe.SetupIntentStatusRequiresAction:
		if si.NextAction == nil || si.NextAction.RedirectToURL == nil {
			return payment.Saved{}, fmt.Errorf("%w: the driver must do something for %s, and nobody says where", payment.ErrNonsense, si.ID)
		}
		s.State, s.NextAction = payment.MethodRequiresAction, si.NextAction.RedirectToURL.URL
	case stripe.SetupIntentStatusRequiresPaymentMethod, stripe.SetupIntentStatusCanceled:
		s.State, s.DeclineCode = payment.MethodDeclined, code(si.LastSetupError)
	default:
		return payment.Saved{}, fmt.Errorf("%w: %s is %s", payment.ErrNoAnswer, si.ID, si.Status)
	}
	return s, nil
}
