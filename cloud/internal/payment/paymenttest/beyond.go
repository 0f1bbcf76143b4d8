package paymenttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Fault is where a call breaks.
type Fault string

// The faults.
const (
	Before Fault = "before" // nothing was done
	After  Fault = "after"  // it was done, and the answer is lost
)

// capable compares what a provider says it can do with what it implements.
func capable(t *testing.T, h Harness) {
	c := h.Provider.Capabilities()
	_, increments := h.Provider.(payment.Incrementer)
	_, refunds := h.Provider.(payment.Refunder)
	_, saves := h.Provider.(payment.Saver)
	_, lists := h.Provider.(payment.Lister)
	_, pays := h.Provider.(payment.Payer)
	for what, pair := range map[string][2]bool{
		"increment": {c.Increment, increments}, "refund": {c.Refund, refunds}, "save a method": {c.SaveMethod, saves},
		"list": {c.List, lists}, "pay out": {c.Pays, pays},
	} {
		if pair[0] && !pair[1] {
			t.Errorf("it says that it can %s and cannot", what)
		}
	}
	_, o := h.hold(t, h.OK)
	if left := time.Until(o.CaptureBefore); c.HoldLife > 0 && left < c.HoldLife-time.Minute {
		t.Errorf("a hold stands for %s, %s were promised", left, c.HoldLife)
	}
}

func increments(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().Increment {
		return
	}
	p := h.Provider.(payment.Incrementer)
	r, o := h.hold(t, h.OK)
	for range 2 {
		raised, err := p.Increment(t.Context(), o.Ref, money.New(2000, "EUR"), r.Key+"-raise")
		if err != nil || raised.Authorized.Minor != 2000 || raised.State != payment.Authorized || raised.DeclineCode != "" {
			t.Fatalf("%+v, %v", raised, err)
		}
	}
	for name, bad := range map[string]money.Amount{"less": money.New(1999, "EUR"), "as much": money.New(2000, "EUR"), "another currency": money.New(9000, "CHF")} {
		if _, err := p.Increment(t.Context(), o.Ref, bad, r.Key+"-"+name); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Increment(t.Context(), o.Ref, money.New(2100, "EUR"), r.Key+"-raise"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("another amount under the same key: %v", err)
	}
	again, err := h.Provider.Authorize(t.Context(), r)
	if err != nil || again.Authorized.Minor != 2000 {
		t.Fatalf("asked for again: %+v, %v", again, err)
	}
	c, err := h.Provider.Capture(t.Context(), o.Ref, money.New(1800, "EUR"), r.Key+"-capture")
	if err != nil || c.Captured.Minor != 1800 {
		t.Fatalf("above the first amount: %+v, %v", c, err)
	}
	if _, err := p.Increment(t.Context(), o.Ref, money.New(3000, "EUR"), r.Key+"-late"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("raised after the capture: %v", err)
	}
}

func incrementDeclined(t *testing.T, h Harness) {
	if h.NoIncrement == "" {
		return
	}
	r, o := h.hold(t, h.NoIncrement)
	for range 2 {
		raised, err := h.Provider.(payment.Incrementer).Increment(t.Context(), o.Ref, money.New(2000, "EUR"), r.Key+"-raise")
		if err != nil || raised.DeclineCode == "" || raised.Authorized != o.Authorized || raised.State != payment.Authorized {
			t.Fatalf("%+v, %v", raised, err)
		}
	}
	if found := h.find(t, r); found != o {
		t.Fatalf("the hold changed: %+v, was %+v", found, o)
	}
}

// taken is a hold of which 1000 were captured.
func (h Harness) taken(t *testing.T) (payment.Request, payment.Outcome) {
	t.Helper()
	r, o := h.hold(t, h.OK)
	o, err := h.Provider.Capture(t.Context(), o.Ref, money.New(1000, "EUR"), r.Key+"-capture")
	if err != nil {
		t.Fatal(err)
	}
	return r, o
}

func refundOf(o payment.Outcome, r payment.Request, reason string, minor int64) payment.RefundRequest {
	return payment.RefundRequest{Key: r.Key + "-" + payment.CallRefund(reason), Ref: o.Ref, Amount: money.New(minor, "EUR"), Reason: reason}
}

func refunds(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().Refund {
		return
	}
	p := h.Provider.(payment.Refunder)
	r, o := h.taken(t)
	ask := refundOf(o, r, "goodwill", 400)
	if _, err := p.FindRefund(t.Context(), o.Ref, ask.Key); !errors.Is(err, payment.ErrNotFound) {
		t.Fatalf("found before it was made: %v", err)
	}
	first, err := p.Refund(t.Context(), ask)
	if err != nil || first.Ref == "" || first.Hold != o.Ref || first.Key != ask.Key || first.Amount != ask.Amount || first.State == payment.RefundFailed {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := p.Refund(t.Context(), ask)
	if err != nil || again != first {
		t.Fatalf("again: %+v, %v", again, err)
	}
	other := ask
	other.Amount.Minor++
	if _, err := p.Refund(t.Context(), other); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("another amount under the same key: %v", err)
	}
	found, err := p.FindRefund(t.Context(), o.Ref, ask.Key)
	if err != nil || found != first {
		t.Fatalf("found %+v, %v", found, err)
	}
	// What is left can be given back for another reason, and no more.
	if _, err := p.Refund(t.Context(), refundOf(o, r, "complaint", 601)); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("more than is left: %v", err)
	}
	if _, err := p.Refund(t.Context(), refundOf(o, r, "complaint", 600)); err != nil {
		t.Fatal(err)
	}
}

func concurrentRefunds(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().Refund {
		return
	}
	p := h.Provider.(payment.Refunder)
	r, o := h.taken(t)
	ask := refundOf(o, r, "goodwill", 400)
	refs := make([]string, 50)
	_, errs := all(50, func(i int) (payment.Outcome, error) {
		made, err := p.Refund(t.Context(), ask)
		refs[i] = made.Ref
		return payment.Outcome{}, err
	})
	for i, err := range errs {
		if err != nil || refs[i] != refs[0] {
			t.Fatalf("call %d made %s, %v; call 0 made %s", i, refs[i], err, refs[0])
		}
	}
	if _, err := p.Refund(t.Context(), refundOf(o, r, "rest", 600)); err != nil {
		t.Fatalf("more than 400 were given back: %v", err)
	}
}

func refundLimits(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().Refund {
		return
	}
	p := h.Provider.(payment.Refunder)
	r, held := h.hold(t, h.OK)
	if _, err := p.Refund(t.Context(), refundOf(held, r, "early", 1)); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("refunded before it was taken: %v", err)
	}
	r, o := h.taken(t)
	for reason, minor := range map[string]int64{"more": 1001, "nothing": 0, "negative": -1} {
		if _, err := p.Refund(t.Context(), refundOf(o, r, reason, minor)); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	foreign := refundOf(o, r, "currency", 100)
	foreign.Amount.Currency = "CHF"
	if _, err := p.Refund(t.Context(), foreign); !errors.Is(err, payment.ErrRefused) {
		t.Errorf("another currency: %v", err)
	}
	lost := refundOf(payment.Outcome{Ref: "no-such-hold"}, r, "lost", 1)
	if _, err := p.Refund(t.Context(), lost); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("no such hold: %v", err)
	}
}

func (h Harness) save(t *testing.T, method string) (payment.SaveRequest, payment.Saved) {
	t.Helper()
	r := id.New[id.Reservation](time.Now())
	ask := payment.SaveRequest{Key: key(payment.CallSave), Parking: "altmarkt", Reservation: r, Method: method}
	s, err := h.Provider.(payment.Saver).SaveMethod(t.Context(), ask)
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	return ask, s
}

func savedMethod(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().SaveMethod {
		return
	}
	p := h.Provider.(payment.Saver)
	ask, s := h.save(t, h.OK)
	if s.State != payment.MethodSaved || s.Method == "" || s.Method == h.OK || s.Ref == "" {
		t.Fatalf("%+v", s)
	}
	again, err := p.SaveMethod(t.Context(), ask)
	if err != nil || again != s {
		t.Fatalf("again: %+v, %v", again, err)
	}
	if found, err := p.FindSaved(t.Context(), ask.Key); err != nil || found != s {
		t.Fatalf("found %+v, %v", found, err)
	}
	if _, err := h.Provider.Find(t.Context(), ask.Key); !errors.Is(err, payment.ErrNotFound) {
		t.Fatalf("a saved method is taken for a hold: %v", err)
	}
	if _, err := p.FindSaved(t.Context(), "no-such-key"); !errors.Is(err, payment.ErrNotFound) {
		t.Fatal(err)
	}
	_, held := h.hold(t, s.Method)
	if held.State != payment.Authorized {
		t.Fatalf("a hold on a saved method: %+v", held)
	}
}

func savedBySecondFactor(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().SaveMethod || h.SecondFactor == "" {
		return
	}
	p := h.Provider.(payment.Saver)
	_, s := h.save(t, h.SecondFactor)
	if s.State != payment.MethodRequiresAction || s.NextAction == "" || s.Method != "" {
		t.Fatalf("%+v", s)
	}
	h.Complete(t, s.Ref, true)
	after, err := p.ConfirmSaved(t.Context(), s.Ref)
	if err != nil || after.State != payment.MethodSaved || after.NextAction != "" {
		t.Fatalf("%+v, %v", after, err)
	}
	if _, held := h.hold(t, after.Method); held.State != payment.Authorized {
		t.Fatalf("a second step is asked for again: %+v", held)
	}
	_, refused := h.save(t, h.SecondFactor)
	h.Complete(t, refused.Ref, false)
	if after, err := p.ConfirmSaved(t.Context(), refused.Ref); err != nil || after.State != payment.MethodDeclined || after.Method != "" {
		t.Fatalf("%+v, %v", after, err)
	}
}

func saveDeclined(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().SaveMethod || h.Declined == "" {
		return
	}
	if _, s := h.save(t, h.Declined); s.State != payment.MethodDeclined || s.DeclineCode == "" || s.Method != "" {
		t.Fatalf("%+v", s)
	}
}

// What is held on a kept method while its driver is away is held without him, or
// declined because his bank asks for him; when he is there, he takes the second step.
func absentHold(t *testing.T, h Harness) {
	if h.Absent == "" {
		return
	}
	_, s := h.save(t, h.Absent)
	away := request(s.Method)
	for range 2 {
		o, err := h.Provider.Authorize(t.Context(), away)
		if err != nil || o.State != payment.Declined || o.DeclineCode != "authentication_required" || o.Authorized.Minor != 0 || o.NextAction != "" {
			t.Fatalf("away: %+v, %v", o, err)
		}
	}
	if found := h.find(t, away); found.State != payment.Declined {
		t.Fatalf("found %+v", found)
	}
	for passed, want := range map[bool]payment.State{true: payment.Authorized, false: payment.Declined} {
		there := request(s.Method)
		there.Present = true
		o, err := h.Provider.Authorize(t.Context(), there)
		if err != nil || o.State != payment.RequiresAction || o.NextAction == "" {
			t.Fatalf("there: %+v, %v", o, err)
		}
		h.Complete(t, o.Ref, passed)
		if after, err := h.Provider.Confirm(t.Context(), o.Ref, there.Key+"-confirm"); err != nil || after.State != want {
			t.Fatalf("%v: %+v, %v", passed, after, err)
		}
	}
	_, plain := h.save(t, h.OK)
	there := request(plain.Method)
	there.Present = true
	if o, err := h.Provider.Authorize(t.Context(), there); err != nil || o.State != payment.Authorized {
		t.Fatalf("a bank that asks for nobody: %+v, %v", o, err)
	}
}

func lists(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().List {
		return
	}
	from := time.Now().Add(-time.Minute)
	held, _ := h.hold(t, h.OK)
	taken, o := h.taken(t)
	refund, err := h.Provider.(payment.Refunder).Refund(t.Context(), refundOf(o, taken, "goodwill", 300))
	if err != nil {
		t.Fatal(err)
	}
	read := func(from, to time.Time) map[string]int {
		seen := map[string]int{}
		err := h.Provider.(payment.Lister).List(t.Context(), from, to, func(e payment.Entry) error {
			seen[e.Key]++
			switch e.Key {
			case held.Key:
				if e.Hold.State != payment.Authorized {
					t.Errorf("%+v", e)
				}
			case taken.Key:
				if e.Hold.Captured.Minor != 1000 {
					t.Errorf("%+v", e)
				}
			case refund.Key:
				if e.Refund != refund || e.Hold.Ref != "" {
					t.Errorf("%+v", e)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	seen := read(from, time.Now().Add(time.Minute))
	for _, key := range []string{held.Key, taken.Key, refund.Key} {
		if seen[key] != 1 {
			t.Errorf("%s is listed %d times", key, seen[key])
		}
	}
	before := read(from.Add(-time.Hour), from)
	if before[held.Key]+before[taken.Key]+before[refund.Key] > 0 {
		t.Errorf("listed before it was placed: %v", before)
	}
	stop := errors.New("enough")
	if err := h.Provider.(payment.Lister).List(t.Context(), from, time.Now().Add(time.Minute), func(payment.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it goes on after an error: %v", err)
	}
}

// oneEffect breaks every call before and after its work, makes it again with the
// same key, and counts what there is.
func oneEffect(t *testing.T, h Harness) {
	if h.Break == nil {
		return
	}
	c := h.Provider.Capabilities()
	for _, f := range []Fault{Before, After} {
		// again makes a call that breaks, and then the same call.
		again := func(what string, call func(ctx context.Context) error) {
			t.Helper()
			h.Break(t, f)
			if err := call(t.Context()); err == nil || errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrNotFound) {
				t.Fatalf("%s broken %s its work: %v", what, f, err)
			}
			if err := call(t.Context()); err != nil {
				t.Fatalf("%s again, after it was broken %s its work: %v", what, f, err)
			}
		}
		r := request(h.OK)
		var o payment.Outcome
		outcome := func(do func(ctx context.Context) (payment.Outcome, error)) func(context.Context) error {
			return func(ctx context.Context) (err error) {
				got, err := do(ctx)
				if err == nil {
					o = got
				}
				return err
			}
		}
		again("authorize", outcome(func(ctx context.Context) (payment.Outcome, error) { return h.Provider.Authorize(ctx, r) }))
		most := r.Amount
		if c.Increment {
			most.Minor += 500
			again("increment", outcome(func(ctx context.Context) (payment.Outcome, error) {
				return h.Provider.(payment.Incrementer).Increment(ctx, o.Ref, most, r.Key+"-raise")
			}))
		}
		if o.Authorized != most {
			t.Fatalf("%s: %s is held, not %s", f, o.Authorized, most)
		}
		again("capture", outcome(func(ctx context.Context) (payment.Outcome, error) {
			return h.Provider.Capture(ctx, o.Ref, most, r.Key+"-capture")
		}))
		if found := h.find(t, r); found.Captured != most {
			t.Fatalf("%s: %+v", f, found)
		}
		if c.Refund {
			ask := refundOf(o, r, "goodwill", most.Minor-1)
			p := h.Provider.(payment.Refunder)
			again("refund", func(ctx context.Context) error { _, err := p.Refund(ctx, ask); return err })
			if _, err := p.Refund(t.Context(), refundOf(o, r, "rest", 2)); !errors.Is(err, payment.ErrRefused) {
				t.Fatalf("%s: less was refunded than was asked for: %v", f, err)
			}
			if _, err := p.Refund(t.Context(), refundOf(o, r, "rest", 1)); err != nil {
				t.Fatalf("%s: more was refunded than was asked for: %v", f, err)
			}
		}
		second := request(h.OK)
		again("authorize", outcome(func(ctx context.Context) (payment.Outcome, error) { return h.Provider.Authorize(ctx, second) }))
		again("void", outcome(func(ctx context.Context) (payment.Outcome, error) {
			return h.Provider.Void(ctx, o.Ref, second.Key+"-void")
		}))
		if c.SaveMethod {
			kept := payment.SaveRequest{Key: second.Key + "-save", Parking: "altmarkt", Reservation: second.Reservation, Method: h.OK}
			var s payment.Saved
			again("save", func(ctx context.Context) (err error) {
				s, err = h.Provider.(payment.Saver).SaveMethod(ctx, kept)
				return err
			})
			later := request(s.Method)
			again("a hold on what is kept", outcome(func(ctx context.Context) (payment.Outcome, error) { return h.Provider.Authorize(ctx, later) }))
			if o.Authorized != later.Amount {
				t.Fatalf("%s: %+v", f, o)
			}
		}
	}
}
