package bookingtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/money"
)

// How a card behaves.
const (
	OK           = "pm_ok"
	Declined     = "pm_declined"
	NoCard       = "pm_no_card" // declined, as what no provider knows
	SecondFactor = "pm_second_factor"
	Timeout      = "pm_timeout" // the hold stands, the answer is lost
	Flaky        = "pm_flaky"   // fails twice without doing anything, then holds
	Dead         = "pm_dead"    // never does anything and says so
	Gated        = "pm_gated"   // waits for Gate, whatever the context, then holds
)

// Provider is a payment provider in memory. Its holds are kept by the key they
// were asked for with.
type Provider struct {
	Gate    chan struct{} // a value lets one call of a Gated card go on
	Arrived chan struct{} // told when a Gated call has come in

	mu    sync.Mutex
	holds map[string]*payment.Outcome
	calls map[string]int
}

var _ payment.Provider = (*Provider)(nil)

// NewProvider makes a provider.
func NewProvider() *Provider {
	return &Provider{Gate: make(chan struct{}), Arrived: make(chan struct{}, 16), holds: map[string]*payment.Outcome{}, calls: map[string]int{}}
}

// Name implements payment.Provider.
func (*Provider) Name() string { return "scripted" }

// Capabilities implements payment.Provider.
func (*Provider) Capabilities() payment.Capabilities {
	return payment.Capabilities{Secures: true, SecondFactor: true}
}

// Authorize implements payment.Provider.
func (p *Provider) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Method == Gated {
		p.Arrived <- struct{}{}
		<-p.Gate
	}
	p.mu.Lock()
	p.calls[r.Key]++
	n := p.calls[r.Key]
	if r.Method == Dead || r.Method == Flaky && n <= 2 {
		p.mu.Unlock()
		return payment.Outcome{}, fmt.Errorf("%w: call %d", payment.ErrTemporary, n)
	}
	h, known := p.holds[r.Key]
	if !known {
		h = &payment.Outcome{Ref: "hold-" + r.Key, State: payment.Authorized, Authorized: r.Amount}
		switch r.Method {
		case NoCard:
			*h = payment.Outcome{Ref: h.Ref, State: payment.Declined, DeclineCode: "unknown_payment_method"}
		case Declined:
			*h = payment.Outcome{Ref: h.Ref, State: payment.Declined, DeclineCode: "insufficient_funds"}
		case SecondFactor:
			h.State, h.NextAction = payment.RequiresAction, "https://bank.example/"+r.Key
			h.Captured = r.Amount // parked here until Complete
			h.Authorized = money.Amount{}
		}
		p.holds[r.Key] = h
	}
	answer := p.show(h)
	p.mu.Unlock()
	if r.Method == Timeout {
		<-ctx.Done()
		return payment.Outcome{}, fmt.Errorf("%w: %w", payment.ErrNoAnswer, context.Cause(ctx))
	}
	return answer, nil
}

func (p *Provider) show(h *payment.Outcome) payment.Outcome {
	o := *h
	o.Captured = money.Amount{}
	return o
}

// Complete is the driver's second step.
func (p *Provider) Complete(ref string, passed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		if h.Ref != ref || h.State != payment.RequiresAction {
			continue
		}
		if passed {
			h.State, h.Authorized, h.NextAction = payment.Authorized, h.Captured, ""
		} else {
			h.State, h.DeclineCode, h.NextAction = payment.Declined, "authentication_failed", ""
		}
	}
}

// Confirm implements payment.Provider.
func (p *Provider) Confirm(_ context.Context, ref, _ string) (payment.Outcome, error) {
	return p.byRef(ref, func(*payment.Outcome) {})
}

// Capture implements payment.Provider.
func (p *Provider) Capture(_ context.Context, _ string, _ money.Amount, _ string) (payment.Outcome, error) {
	return payment.Outcome{}, payment.ErrRefused
}

// Void implements payment.Provider.
func (p *Provider) Void(_ context.Context, ref, _ string) (payment.Outcome, error) {
	return p.byRef(ref, func(h *payment.Outcome) { h.State = payment.Voided })
}

// Find implements payment.Provider.
func (p *Provider) Find(_ context.Context, key string) (payment.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, ok := p.holds[key]; ok {
		return p.show(h), nil
	}
	return payment.Outcome{}, payment.ErrNotFound
}

func (p *Provider) byRef(ref string, do func(*payment.Outcome)) (payment.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		if h.Ref == ref {
			do(h)
			return p.show(h), nil
		}
	}
	return payment.Outcome{}, payment.ErrNotFound
}

// Standing is the number of holds that are authorised.
func (p *Provider) Standing() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, h := range p.holds {
		if h.State == payment.Authorized {
			n++
		}
	}
	return n
}

// Calls is the number of times a hold was asked for with any key.
func (p *Provider) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.calls {
		n += c
	}
	return n
}
