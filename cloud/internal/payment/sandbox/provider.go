package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Name is stored with each payment.
const Name = "sandbox"

// flakes is how many calls with a key of Flaky fail.
const flakes = 2

// DefaultHoldLife is how long a hold stands. It is longer than a real card's
// week, because a hold is placed at the time of booking for any window that
// may be booked.
const DefaultHoldLife = 180 * 24 * time.Hour

// Store keeps the sandbox's books. Each method is one transaction.
type Store interface {
	// PlaceHold stores a hold unless one with its key is there, and returns the
	// stored one.
	PlaceHold(ctx context.Context, h Hold) (Hold, error)
	// HoldByKey and HoldByRef return payment.ErrNotFound when there is none.
	HoldByKey(ctx context.Context, key string) (Hold, error)
	HoldByRef(ctx context.Context, ref string) (Hold, error)
	// CountCall counts the calls made with a key, this one included.
	CountCall(ctx context.Context, key, kind string) (int, error)
	// ChangeHold locks a hold, changes it and stores it, once per key: called
	// again with the same key it returns the hold as it was after the first
	// time. A key that was used for another hold or kind of call is refused with
	// payment.ErrRefused. When change fails nothing is stored.
	ChangeHold(ctx context.Context, ref, kind, key string, change func(Hold) (Hold, error)) (Hold, error)
	// Holds lists the latest holds, of one parking or of all, newest first.
	Holds(ctx context.Context, parking string, limit int) ([]Hold, error)
}

// Options of a sandbox. The zero value is good.
type Options struct {
	BaseURL  string        // before the path of the second factor's page; without it the page is named by its path alone
	HoldLife time.Duration // 0: DefaultHoldLife
	Now      func() time.Time
}

// Provider is the sandbox.
type Provider struct {
	store Store
	base  string
	life  time.Duration
	now   func() time.Time
}

var _ payment.Provider = (*Provider)(nil)

// New makes a sandbox over its books.
func New(s Store, o Options) *Provider {
	p := &Provider{store: s, base: strings.TrimSuffix(o.BaseURL, "/"), life: o.HoldLife, now: o.Now}
	if p.life <= 0 {
		p.life = DefaultHoldLife
	}
	if p.now == nil {
		p.now = time.Now
	}
	return p
}

// Name implements payment.Provider.
func (p *Provider) Name() string { return Name }

// Authorize implements payment.Provider.
func (p *Provider) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Key == "" || r.Amount.Minor < 0 || r.Amount.Currency == "" {
		return payment.Outcome{}, fmt.Errorf("%w: a hold needs a key and an amount, not %q and %s", payment.ErrRefused, r.Key, r.Amount)
	}
	if r.Method == Flaky {
		n, err := p.store.CountCall(ctx, r.Key, "authorize")
		if err != nil {
			return payment.Outcome{}, unanswered(err)
		}
		if n <= flakes {
			return payment.Outcome{}, fmt.Errorf("%w: call %d", payment.ErrTemporary, n)
		}
	}
	h, err := p.store.PlaceHold(ctx, decide(r, "hold_"+rand.Text(), p.now().UTC(), p.life))
	if err != nil {
		return payment.Outcome{}, unanswered(err)
	}
	if !h.same(r) {
		return payment.Outcome{}, fmt.Errorf("%w: key %s was used for another hold", payment.ErrRefused, r.Key)
	}
	if r.Method == Timeout {
		<-ctx.Done()
		return payment.Outcome{}, fmt.Errorf("%w: %w", payment.ErrNoAnswer, context.Cause(ctx))
	}
	return p.outcome(h), nil
}

// Confirm implements payment.Provider. It changes nothing: the second step is
// taken on the sandbox's own page.
func (p *Provider) Confirm(ctx context.Context, ref, _ string) (payment.Outcome, error) {
	return p.answer(p.store.HoldByRef(ctx, ref))
}

// Capture implements payment.Provider.
func (p *Provider) Capture(ctx context.Context, ref string, amount money.Amount, key string) (payment.Outcome, error) {
	h, err := p.store.ChangeHold(ctx, ref, "capture", key, capture(amount, p.now().UTC()))
	if err == nil && h.Captured != amount.Minor {
		err = fmt.Errorf("%w: key %s was used to capture %d", payment.ErrRefused, key, h.Captured)
	}
	return p.answer(h, err)
}

// Void implements payment.Provider.
func (p *Provider) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	return p.answer(p.store.ChangeHold(ctx, ref, "void", key, void(p.now().UTC())))
}

// Find implements payment.Provider.
func (p *Provider) Find(ctx context.Context, key string) (payment.Outcome, error) {
	return p.answer(p.store.HoldByKey(ctx, key))
}

// Complete is the driver's answer to a second factor, as its page gives it.
func (p *Provider) Complete(ctx context.Context, ref string, passed bool) (payment.Outcome, error) {
	return p.answer(p.store.ChangeHold(ctx, ref, "challenge", "", answerChallenge(passed, p.now().UTC())))
}

// Holds lists the latest holds of a parking, newest first; of all parkings
// when none is named.
func (p *Provider) Holds(ctx context.Context, parking id.Parking, limit int) ([]Hold, error) {
	return p.store.Holds(ctx, string(parking), limit)
}

// Handler serves the books and the second factor's pages under /dev/sandbox.
func (p *Provider) Handler() http.Handler { return newPages(p) }

func (p *Provider) answer(h Hold, err error) (payment.Outcome, error) {
	if err != nil {
		return payment.Outcome{}, unanswered(err)
	}
	return p.outcome(h), nil
}

// unanswered makes a failure of the store what it is to the caller: no answer.
func unanswered(err error) error {
	if errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", payment.ErrNoAnswer, err)
}
