package cash

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

const (
	// Name is stored with each payment.
	Name = "cash"
	// Method is the method of payment that it takes.
	Method = "cash"
)

// Promise is one promise to pay.
type Promise struct {
	Ref         string
	Key         string // it was asked for with
	Parking     string
	Reservation string
	Amount      money.Amount // that was promised; nothing of it is secured
	State       payment.State
	At          time.Time
}

// Store keeps promises. Each method is one transaction.
type Store interface {
	// Place stores a promise unless one with its key is there, and returns the
	// stored one.
	Place(ctx context.Context, p Promise) (Promise, error)
	// ByKey and ByRef return payment.ErrNotFound when there is none.
	ByKey(ctx context.Context, key string) (Promise, error)
	ByRef(ctx context.Context, ref string) (Promise, error)
	// Withdraw makes a promise Voided; payment.ErrNotFound when there is none.
	Withdraw(ctx context.Context, ref string) (Promise, error)
}

// Provider takes promises.
type Provider struct {
	store Store
	now   func() time.Time
}

var (
	_ payment.Provider = (*Provider)(nil)
	_ payment.Taker    = (*Provider)(nil)
)

// New makes the provider.
func New(s Store, now func() time.Time) *Provider { return &Provider{s, now} }

// Name implements payment.Provider.
func (p *Provider) Name() string { return Name }

// Takes implements payment.Taker.
func (p *Provider) Takes(method string) bool { return method == Method }

// Capabilities implements payment.Provider: it can do nothing but remember.
func (p *Provider) Capabilities() payment.Capabilities { return payment.Capabilities{} }

// Authorize implements payment.Provider: the promise stands.
func (p *Provider) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Key == "" || r.Amount.Currency == "" || r.Amount.Minor < 0 || r.Method != Method {
		return payment.Outcome{}, fmt.Errorf("%w: a promise needs a key, an amount and the method %s, not %q, %s and %q", payment.ErrRefused, Method, r.Key, r.Amount, r.Method)
	}
	asked := Promise{
		Ref: "cash_" + rand.Text(), Key: r.Key, Parking: string(r.Parking), Reservation: r.Reservation.String(), Amount: r.Amount,
		State: payment.Authorized, At: p.now().UTC(),
	}
	stored, err := p.store.Place(ctx, asked)
	if err == nil && (stored.Parking != asked.Parking || stored.Reservation != asked.Reservation || stored.Amount != asked.Amount) {
		err = fmt.Errorf("%w: key %s was used for something else", payment.ErrRefused, r.Key)
	}
	return answer(stored, err)
}

// Confirm implements payment.Provider.
func (p *Provider) Confirm(ctx context.Context, ref, _ string) (payment.Outcome, error) {
	return answer(p.store.ByRef(ctx, ref))
}

// Capture implements payment.Provider: nothing can be taken from a promise.
func (p *Provider) Capture(ctx context.Context, ref string, _ money.Amount, _ string) (payment.Outcome, error) {
	_, err := answer(p.store.ByRef(ctx, ref))
	if err == nil {
		err = fmt.Errorf("%w: %s is a promise; it is paid at a machine", payment.ErrRefused, ref)
	}
	return payment.Outcome{}, err
}

// Void implements payment.Provider.
func (p *Provider) Void(ctx context.Context, ref, _ string) (payment.Outcome, error) {
	return answer(p.store.Withdraw(ctx, ref))
}

// Find implements payment.Provider.
func (p *Provider) Find(ctx context.Context, key string) (payment.Outcome, error) {
	return answer(p.store.ByKey(ctx, key))
}

// answer is what is said about a promise. A failure of the store is no answer.
func answer(x Promise, err error) (payment.Outcome, error) {
	switch {
	case errors.Is(err, payment.ErrNotFound), errors.Is(err, payment.ErrRefused):
		return payment.Outcome{}, err
	case err != nil:
		return payment.Outcome{}, fmt.Errorf("%w: %w", payment.ErrNoAnswer, err)
	}
	none := money.New(0, x.Amount.Currency)
	return payment.Outcome{Ref: x.Ref, State: x.State, Authorized: none, Captured: none}, nil
}
