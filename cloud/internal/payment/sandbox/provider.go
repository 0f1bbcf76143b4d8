package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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

// Store keeps the sandbox's books. Each method is one transaction; PlaceHold and
// ChangeHold store the hold's webhooks with it.
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
	// DueWebhooks takes webhooks that are due and were not tried too often, and has
	// them due again at another time, so that nobody else takes them before.
	DueWebhooks(ctx context.Context, now, again time.Time, tries, limit int) ([]Webhook, error)
	// WebhookTaken says that one was sent; if it is to be sent again, it is due now.
	WebhookTaken(ctx context.Context, event string, now time.Time) error
	// Taken lists what something was taken from, and that has changed since from.
	Taken(ctx context.Context, from time.Time) ([]Hold, error)
	// Placed lists what was placed or refunded in [from, to).
	Placed(ctx context.Context, from, to time.Time) ([]Hold, error)
}

// Options of a sandbox. The zero value is good.
type Options struct {
	BaseURL  string        // before the path of the second factor's page; without it the page is named by its path alone
	HoldLife time.Duration // 0: DefaultHoldLife
	Now      func() time.Time
	Webhooks Webhooks
}

// Provider is the sandbox.
type Provider struct {
	store Store
	base  string
	life  time.Duration
	now   func() time.Time
	hooks Webhooks
	wake  chan struct{} // a webhook may be due
}

var (
	_ payment.Provider    = (*Provider)(nil)
	_ payment.Incrementer = (*Provider)(nil)
	_ payment.Refunder    = (*Provider)(nil)
	_ payment.Saver       = (*Provider)(nil)
	_ payment.Lister      = (*Provider)(nil)
	_ payment.Payer       = (*Provider)(nil)
	_ payment.Announcer   = (*Provider)(nil)
)

// New makes a sandbox over its books.
func New(s Store, o Options) *Provider {
	p := &Provider{store: s, base: strings.TrimSuffix(o.BaseURL, "/"), life: o.HoldLife, now: o.Now, hooks: o.Webhooks, wake: make(chan struct{}, 1)}
	if p.life <= 0 {
		p.life = DefaultHoldLife
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.hooks.Late <= 0 {
		p.hooks.Late = lateBy
	}
	if p.hooks.Log == nil {
		p.hooks.Log = slog.New(slog.DiscardHandler)
	}
	p.hooks.Log = p.hooks.Log.With("component", "sandbox")
	return p
}

// Name implements payment.Provider.
func (p *Provider) Name() string { return Name }

// Capabilities implements payment.Provider.
func (p *Provider) Capabilities() payment.Capabilities {
	return payment.Capabilities{
		Secures: true, SecondFactor: true, Increment: true, Refund: true, SaveMethod: true, List: true, Pays: true,
		HoldLife: p.life,
	}
}

// Authorize implements payment.Provider.
func (p *Provider) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Amount.Minor < 0 {
		return payment.Outcome{}, fmt.Errorf("%w: a hold of %s", payment.ErrRefused, r.Amount)
	}
	return p.answer(p.place(ctx, KindHold, r, decide(r, "hold_"+rand.Text(), p.now().UTC(), p.life)))
}

// noCurrency is the currency of a line that is about no money.
const noCurrency money.Currency = "XXX"

// SaveMethod implements payment.Saver.
func (p *Provider) SaveMethod(ctx context.Context, s payment.SaveRequest) (payment.Saved, error) {
	r := payment.Request{Key: s.Key, Parking: s.Parking, Reservation: s.Reservation, Method: s.Method, Amount: money.New(0, noCurrency), Present: true}
	h := decide(r, savedPrefix+rand.Text()+"_"+strings.TrimPrefix(s.Method, "pm_sandbox_"), p.now().UTC(), p.life)
	h.Kind = KindMethod
	return p.saved(p.place(ctx, KindMethod, r, h))
}

// place stores a new line of the books and plays the method's part.
func (p *Provider) place(ctx context.Context, kind Kind, r payment.Request, h Hold) (Hold, error) {
	if r.Key == "" || r.Amount.Currency == "" {
		return Hold{}, fmt.Errorf("%w: a %s needs a key and an amount, not %q and %s", payment.ErrRefused, kind, r.Key, r.Amount)
	}
	if strings.HasPrefix(r.Method, savedPrefix) {
		m, err := p.store.HoldByRef(ctx, r.Method)
		switch {
		case errors.Is(err, payment.ErrNotFound), err == nil && m.State != payment.Authorized:
			h.State, h.DeclineCode, h.Captured = payment.Declined, CodeUnknownMethod, 0
		case err != nil:
			return Hold{}, err
		}
	}
	if r.Method == Flaky {
		n, err := p.store.CountCall(ctx, r.Key, "authorize")
		if err != nil {
			return Hold{}, err
		}
		if n <= flakes {
			return Hold{}, fmt.Errorf("%w: call %d", payment.ErrTemporary, n)
		}
	}
	h, err := p.store.PlaceHold(ctx, p.tell(h, placed))
	if err != nil {
		return Hold{}, err
	}
	p.hint()
	if !h.same(kind, r) {
		return Hold{}, fmt.Errorf("%w: key %s was used for something else", payment.ErrRefused, r.Key)
	}
	if r.Method == Timeout {
		<-ctx.Done()
		return Hold{}, fmt.Errorf("%w: %w", payment.ErrNoAnswer, context.Cause(ctx))
	}
	return h, p.fails(ctx, h.Method, r.Key)
}

// fails is the error that the first answer to a key is lost by, when the method
// is one whose answers are.
func (p *Provider) fails(ctx context.Context, method, key string) error {
	if method, _ := usable(method); method != ServerError || key == "" {
		return nil
	}
	n, err := p.store.CountCall(ctx, key+" answered", "answer")
	if err == nil && n == 1 {
		err = fmt.Errorf("%w: status 500", payment.ErrNoAnswer)
	}
	return err
}

// change does a call about a hold, once per key.
func (p *Provider) change(ctx context.Context, ref, kind, key string, do func(Hold) (Hold, error)) (Hold, error) {
	h, err := p.store.ChangeHold(ctx, ref, kind, key, func(h Hold) (Hold, error) {
		h, err := do(h)
		return p.tell(h, changed), err
	})
	if err != nil {
		return Hold{}, err
	}
	p.hint()
	return h, p.fails(ctx, h.Method, key)
}

// Confirm implements payment.Provider. It changes nothing: the second step is
// taken on the sandbox's own page.
func (p *Provider) Confirm(ctx context.Context, ref, _ string) (payment.Outcome, error) {
	return p.answer(holding(p.store.HoldByRef(ctx, ref)))
}

// Capture implements payment.Provider.
func (p *Provider) Capture(ctx context.Context, ref string, amount money.Amount, key string) (payment.Outcome, error) {
	h, err := p.change(ctx, ref, "capture", key, capture(amount, p.now().UTC()))
	if err == nil && h.Captured != amount.Minor {
		err = fmt.Errorf("%w: key %s was used to capture %d", payment.ErrRefused, key, h.Captured)
	}
	return p.answer(h, err)
}

// Increment implements payment.Incrementer.
func (p *Provider) Increment(ctx context.Context, ref string, to money.Amount, key string) (payment.Outcome, error) {
	h, err := p.change(ctx, ref, "increment", key, increase(to, p.now().UTC()))
	o, err := p.answer(h, err)
	if err == nil && o.Authorized != to {
		if method, _ := usable(h.Method); method != NoIncrement {
			return payment.Outcome{}, fmt.Errorf("%w: key %s was used to raise it to %s", payment.ErrRefused, key, h.Amount)
		}
		o.DeclineCode = CodeIncrement
	}
	return o, err
}

// Void implements payment.Provider.
func (p *Provider) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	return p.answer(p.change(ctx, ref, "void", key, void(p.now().UTC())))
}

// Refund implements payment.Refunder.
func (p *Provider) Refund(ctx context.Context, r payment.RefundRequest) (payment.Refund, error) {
	h, err := p.change(ctx, r.Ref, "refund", r.Key, giveBack(r, "refund_"+rand.Text(), p.now().UTC()))
	if err != nil {
		return payment.Refund{}, unanswered(err)
	}
	made, ok := h.refund(r.Key, p.now())
	if !ok || made.Amount != r.Amount {
		return payment.Refund{}, fmt.Errorf("%w: key %s was used to refund something else", payment.ErrRefused, r.Key)
	}
	return made, nil
}

// FindRefund implements payment.Refunder.
func (p *Provider) FindRefund(ctx context.Context, hold, key string) (payment.Refund, error) {
	h, err := p.store.HoldByRef(ctx, hold)
	if err != nil {
		return payment.Refund{}, unanswered(err)
	}
	made, ok := h.refund(key, p.now())
	if !ok {
		return payment.Refund{}, payment.ErrNotFound
	}
	return made, nil
}

// Find implements payment.Provider.
func (p *Provider) Find(ctx context.Context, key string) (payment.Outcome, error) {
	return p.answer(holding(p.store.HoldByKey(ctx, key)))
}

// FindSaved implements payment.Saver.
func (p *Provider) FindSaved(ctx context.Context, key string) (payment.Saved, error) {
	return p.saved(method(p.store.HoldByKey(ctx, key)))
}

// ConfirmSaved implements payment.Saver.
func (p *Provider) ConfirmSaved(ctx context.Context, ref string) (payment.Saved, error) {
	return p.saved(method(p.store.HoldByRef(ctx, ref)))
}

// List implements payment.Lister.
func (p *Provider) List(ctx context.Context, from, to time.Time, each func(payment.Entry) error) error {
	holds, err := p.store.Placed(ctx, from, to)
	if err != nil {
		return unanswered(err)
	}
	within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	for _, h := range holds {
		if h.Kind != KindMethod && within(h.CreatedAt) {
			if err := each(payment.Entry{At: h.CreatedAt, Key: h.Key, Parking: id.Parking(h.Parking), Hold: p.outcome(h)}); err != nil {
				return err
			}
		}
		for _, r := range h.Refunds {
			if !within(r.At) {
				continue
			}
			if err := each(payment.Entry{At: r.At, Key: r.Key, Parking: id.Parking(h.Parking), Refund: h.told(r, p.now())}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Complete is the driver's answer to a second factor, as its page gives it.
func (p *Provider) Complete(ctx context.Context, ref string, passed bool) (payment.Outcome, error) {
	return p.answer(p.challenged(ctx, ref, passed))
}

func (p *Provider) challenged(ctx context.Context, ref string, passed bool) (Hold, error) {
	return p.change(ctx, ref, "challenge", "", answerChallenge(passed, p.now().UTC()))
}

// Decide is the driver's bank's decision of a dispute, as the page gives it.
func (p *Provider) Decide(ctx context.Context, ref string, won bool) error {
	_, err := p.change(ctx, ref, "dispute", "", judge(won, p.now().UTC()))
	return err
}

// Holds lists the latest holds of a parking, newest first; of all parkings
// when none is named.
func (p *Provider) Holds(ctx context.Context, parking id.Parking, limit int) ([]Hold, error) {
	return p.store.Holds(ctx, string(parking), limit)
}

// Handler serves the books and the second factor's pages under /dev/sandbox.
func (p *Provider) Handler() http.Handler { return newPages(p) }

// holding lets lines through that are about money.
func holding(h Hold, err error) (Hold, error) {
	if err == nil && h.Kind == KindMethod {
		return Hold{}, payment.ErrNotFound
	}
	return h, err
}

// method lets saved methods through.
func method(h Hold, err error) (Hold, error) {
	if err == nil && h.Kind != KindMethod {
		return Hold{}, payment.ErrNotFound
	}
	return h, err
}

func (p *Provider) answer(h Hold, err error) (payment.Outcome, error) {
	if err != nil {
		return payment.Outcome{}, unanswered(err)
	}
	return p.outcome(h), nil
}

func (p *Provider) saved(h Hold, err error) (payment.Saved, error) {
	if err != nil {
		return payment.Saved{}, unanswered(err)
	}
	s := payment.Saved{Ref: h.Ref, DeclineCode: h.DeclineCode, NextAction: p.outcome(h).NextAction}
	switch h.State {
	case payment.Authorized:
		s.State, s.Method = payment.MethodSaved, h.Ref
	case payment.RequiresAction:
		s.State = payment.MethodRequiresAction
	default:
		s.State = payment.MethodDeclined
	}
	return s, nil
}

// unanswered makes a failure of the store what it is to the caller: no answer.
func unanswered(err error) error {
	for _, definite := range []error{payment.ErrNotFound, payment.ErrRefused, payment.ErrTemporary, payment.ErrNoAnswer} {
		if errors.Is(err, definite) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", payment.ErrNoAnswer, err)
}
