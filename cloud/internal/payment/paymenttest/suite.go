// Package paymenttest says what every payment provider must do. Each
// implementation runs Suite against its real self.
package paymenttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Harness is a provider and the methods of payment that make it behave. A
// method that the provider cannot produce is left empty, and its cases do not
// run.
type Harness struct {
	Provider     payment.Provider
	OK           string
	Declined     string
	Unknown      string // no such method
	SecondFactor string
	Timeout      string // holds, but the answer is lost
	Flaky        string // fails without effect, then holds
	NoIncrement  string // holds, and cannot be raised: the bank says no
	Absent       string // is kept; then declined while the driver is away, and asks for a second step when he is there
	// Break makes the next call that changes something fail, before it did its work
	// or after; nil when the provider cannot be broken into.
	Break func(t *testing.T, f Fault)
	// Webhook is an event about a hold, as the provider would send it, and Sign the
	// headers of one that is sent at a time; nil when it sends none.
	Webhook func(t *testing.T, r payment.Request, o payment.Outcome) (event string, body []byte)
	Sign    func(event string, body []byte, at time.Time) map[string]string
	// PayOut has the provider pay out what is on its balance; nil when it never does.
	PayOut func(t *testing.T)
	// SendBack has the bank send back what was paid out; nil when it never does.
	SendBack func(t *testing.T)
	// Complete is the driver's answer to a second factor.
	Complete func(t *testing.T, ref string, passed bool)
}

// Suite runs the cases. fresh is called once for each.
func Suite(t *testing.T, fresh func(t *testing.T) Harness) {
	cases := secured
	if !fresh(t).Provider.Capabilities().Secures {
		cases = promised
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { t.Parallel(); run(t, fresh(t)) })
	}
}

// promised are the cases of a provider whose holds secure nothing.
var promised = map[string]func(*testing.T, Harness){
	"a promise stands and secures nothing": promises,
	"one key is one hold":                  oneKey,
	"50 calls with one key are one hold":   concurrentHolds,
	"a key belongs to its request":         keyReuse,
	"nothing is taken from a promise":      nothingTaken,
	"a void gives the hold back, for good": voids,
	"what is not there is not found":       notFound,
	"a call ends with its context":         obeysContext,
	"it can do what it says":               capable,
}

// secured are the cases of a provider whose holds secure the money.
var secured = map[string]func(*testing.T, Harness){
	"a hold stands":                        holds,
	"one key is one hold":                  oneKey,
	"50 calls with one key are one hold":   concurrentHolds,
	"a key belongs to its request":         keyReuse,
	"a declined hold is an answer":         declined,
	"an unknown method is declined":        unknownMethod,
	"capture takes at most what is held":   captureLimits,
	"a hold is captured once":              captureOnce,
	"50 captures with one key are one":     concurrentCaptures,
	"captures with many keys take once":    racingCaptures,
	"a void gives the hold back, for good": voids,
	"capture and void exclude each other":  captureOrVoid,
	"a second factor confirms":             secondFactorPassed,
	"a second factor refuses":              secondFactorRefused,
	"a lost answer is found":               lostAnswer,
	"a flaky call is repeated":             flaky,
	"what is not there is not found":       notFound,
	"a call ends with its context":         obeysContext,
	"it can do what it says":               capable,
	"a hold is raised once per key":        increments,
	"a bank that does not raise a hold":    incrementDeclined,
	"a refund is made once per key":        refunds,
	"50 refunds with one key are one":      concurrentRefunds,
	"refunds stay within what was taken":   refundLimits,
	"a saved method holds and is charged":  savedMethod,
	"saving a method takes a second step":  savedBySecondFactor,
	"who does not keep a method says so":   saveDeclined,
	"a bank asks for its absent driver":    absentHold,
	"the books list everything once":       lists,
	"the balance is taken less fees":       balance,
	"a fault at any call has one effect":   oneEffect,
	"a webhook names its hold":             webhookRead,
	"a webhook that was altered is forged": webhookForged,
	"a webhook that was kept is stale":     webhookStale,
	"a webhook that says nothing":          webhookEmpty,
}

func request(method string) payment.Request {
	r := id.New[id.Reservation](time.Now())
	return payment.Request{Key: key(payment.CallHold), Parking: "altmarkt", Reservation: r, Amount: money.New(1500, "EUR"), Method: method}
}

// key is one of a payment of its own.
func key(call string) string {
	p := payment.Payment{ID: id.New[id.Payment](time.Now())}
	return p.Key(call)
}

func (h Harness) hold(t *testing.T, method string) (payment.Request, payment.Outcome) {
	t.Helper()
	r := request(method)
	o, err := h.Provider.Authorize(t.Context(), r)
	if err != nil {
		t.Fatalf("authorize: %v", err)
	}
	return r, o
}

func (h Harness) find(t *testing.T, r payment.Request) payment.Outcome {
	t.Helper()
	o, err := h.Provider.Find(t.Context(), r.Key)
	if err != nil {
		t.Fatalf("find %s: %v", r.Key, err)
	}
	return o
}

func promises(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	if o.State != payment.Authorized || o.Ref == "" || o.Authorized != money.New(0, "EUR") || o.Captured.Minor != 0 || !o.CaptureBefore.IsZero() {
		t.Fatalf("%+v", o)
	}
	if err := o.Sense(r.Amount); err != nil {
		t.Fatal(err)
	}
	if found := h.find(t, r); found != o {
		t.Fatalf("found %+v, was told %+v", found, o)
	}
	if again, err := h.Provider.Confirm(t.Context(), o.Ref, "k"); err != nil || again != o {
		t.Fatalf("%+v, %v", again, err)
	}
	if h.Provider.Name() == "" {
		t.Fatal("a provider has a name")
	}
}

func nothingTaken(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	for _, minor := range []int64{0, 1, r.Amount.Minor} {
		if _, err := h.Provider.Capture(t.Context(), o.Ref, money.New(minor, "EUR"), r.Key+"-capture"); !errors.Is(err, payment.ErrRefused) {
			t.Fatalf("%d was taken: %v", minor, err)
		}
	}
	if found := h.find(t, r); found != o {
		t.Fatalf("a refused capture left %+v", found)
	}
}

func holds(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	if o.State != payment.Authorized || o.Ref == "" || o.Authorized != r.Amount || o.Captured.Minor != 0 || !o.CaptureBefore.After(time.Now()) {
		t.Fatalf("%+v", o)
	}
	if found := h.find(t, r); found != o {
		t.Fatalf("found %+v, was told %+v", found, o)
	}
	if h.Provider.Name() == "" {
		t.Fatal("a provider has a name")
	}
}

func oneKey(t *testing.T, h Harness) {
	r, first := h.hold(t, h.OK)
	again, err := h.Provider.Authorize(t.Context(), r)
	if err != nil || again != first {
		t.Fatalf("again: %+v, %v; first %+v", again, err, first)
	}
}

// all makes n calls at once and returns their answers.
func all(n int, call func(i int) (payment.Outcome, error)) ([]payment.Outcome, []error) {
	out, errs := make([]payment.Outcome, n), make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			out[i], errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return out, errs
}

func concurrentHolds(t *testing.T, h Harness) {
	r := request(h.OK)
	out, errs := all(50, func(int) (payment.Outcome, error) { return h.Provider.Authorize(t.Context(), r) })
	for i := range out {
		if errs[i] != nil || out[i] != out[0] {
			t.Fatalf("call %d: %+v, %v; call 0: %+v", i, out[i], errs[i], out[0])
		}
	}
}

func keyReuse(t *testing.T, h Harness) {
	r, first := h.hold(t, h.OK)
	other := r
	other.Amount.Minor++
	if _, err := h.Provider.Authorize(t.Context(), other); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("another amount under the same key: %v", err)
	}
	if found := h.find(t, r); found != first {
		t.Fatalf("the hold changed: %+v", found)
	}
}

func declined(t *testing.T, h Harness) {
	if h.Declined == "" {
		return
	}
	r, o := h.hold(t, h.Declined)
	if o.State != payment.Declined || o.DeclineCode != "card_declined" || o.Authorized.Minor != 0 {
		t.Fatalf("%+v", o)
	}
	if found := h.find(t, r); found.State != payment.Declined {
		t.Fatalf("found %+v", found)
	}
	if _, err := h.Provider.Capture(t.Context(), o.Ref, r.Amount, r.Key+"-capture"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("a declined hold was captured: %v", err)
	}
}

func unknownMethod(t *testing.T, h Harness) {
	if h.Unknown == "" {
		return
	}
	if _, o := h.hold(t, h.Unknown); o.State != payment.Declined || o.DeclineCode != "unknown_payment_method" {
		t.Fatalf("%+v", o)
	}
}

func captureLimits(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	for name, bad := range map[string]money.Amount{
		"more than held": money.New(1501, "EUR"), "nothing": money.New(0, "EUR"), "less than nothing": money.New(-1, "EUR"), "another currency": money.New(100, "CHF"),
	} {
		if _, err := h.Provider.Capture(t.Context(), o.Ref, bad, r.Key+"-"+name); !errors.Is(err, payment.ErrRefused) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if found := h.find(t, r); found != o {
		t.Fatalf("a refused capture left %+v", found)
	}
	c, err := h.Provider.Capture(t.Context(), o.Ref, money.New(1499, "EUR"), r.Key+"-capture")
	if err != nil || c.State != payment.Captured || c.Captured != money.New(1499, "EUR") {
		t.Fatalf("%+v, %v", c, err)
	}
}

func captureOnce(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	first, err := h.Provider.Capture(t.Context(), o.Ref, money.New(700, "EUR"), r.Key+"-capture")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Provider.Capture(t.Context(), o.Ref, money.New(700, "EUR"), r.Key+"-capture")
	if err != nil || again != first {
		t.Fatalf("the same call again: %+v, %v", again, err)
	}
	if _, err := h.Provider.Capture(t.Context(), o.Ref, money.New(800, "EUR"), r.Key+"-capture"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("another amount under the same key: %v", err)
	}
	if _, err := h.Provider.Capture(t.Context(), o.Ref, money.New(100, "EUR"), r.Key+"-second"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("a second capture: %v", err)
	}
	if found := h.find(t, r); found.Captured.Minor != 700 {
		t.Fatalf("%+v", found)
	}
}

func concurrentCaptures(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	out, errs := all(50, func(int) (payment.Outcome, error) {
		return h.Provider.Capture(t.Context(), o.Ref, money.New(900, "EUR"), r.Key+"-capture")
	})
	for i := range out {
		if errs[i] != nil || out[i].Captured.Minor != 900 {
			t.Fatalf("call %d: %+v, %v", i, out[i], errs[i])
		}
	}
}

func racingCaptures(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	_, errs := all(20, func(i int) (payment.Outcome, error) {
		return h.Provider.Capture(t.Context(), o.Ref, money.New(int64(100+i), "EUR"), r.Key+"-capture-"+string(rune('a'+i)))
	})
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, payment.ErrRefused):
			t.Fatal(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d of 20 captures of one hold were taken", won)
	}
}

func voids(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	for range 2 {
		v, err := h.Provider.Void(t.Context(), o.Ref, r.Key+"-void")
		if err != nil || v.State != payment.Voided || v.Captured.Minor != 0 {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	if _, err := h.Provider.Capture(t.Context(), o.Ref, money.New(1, "EUR"), r.Key+"-capture"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("captured after the void: %v", err)
	}
	again, err := h.Provider.Authorize(t.Context(), r)
	if err != nil || again.State != payment.Voided {
		t.Fatalf("a void was undone by asking again: %+v, %v", again, err)
	}
}

func captureOrVoid(t *testing.T, h Harness) {
	r, o := h.hold(t, h.OK)
	out, errs := all(20, func(i int) (payment.Outcome, error) {
		if i%2 == 0 {
			return h.Provider.Capture(t.Context(), o.Ref, money.New(500, "EUR"), r.Key+"-capture")
		}
		return h.Provider.Void(t.Context(), o.Ref, r.Key+"-void")
	})
	won := map[payment.State]bool{}
	for i, err := range errs {
		switch {
		case err == nil:
			won[out[i].State] = true
		case !errors.Is(err, payment.ErrRefused):
			t.Fatal(err)
		}
	}
	if len(won) != 1 || !won[h.find(t, r).State] {
		t.Fatalf("both were done: %v", won)
	}
}

func secondFactorPassed(t *testing.T, h Harness) {
	if h.SecondFactor == "" {
		return
	}
	r, o := h.hold(t, h.SecondFactor)
	if o.State != payment.RequiresAction || o.NextAction == "" || o.Authorized.Minor != 0 {
		t.Fatalf("%+v", o)
	}
	if _, err := h.Provider.Capture(t.Context(), o.Ref, money.New(1, "EUR"), r.Key+"-capture"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("captured before the second factor: %v", err)
	}
	before, err := h.Provider.Confirm(t.Context(), o.Ref, r.Key+"-confirm")
	if err != nil || before.State != payment.RequiresAction {
		t.Fatalf("before the driver answered: %+v, %v", before, err)
	}
	h.Complete(t, o.Ref, true)
	after, err := h.Provider.Confirm(t.Context(), o.Ref, r.Key+"-confirm")
	if err != nil || after.State != payment.Authorized || after.Authorized != r.Amount || after.NextAction != "" {
		t.Fatalf("after: %+v, %v", after, err)
	}
}

func secondFactorRefused(t *testing.T, h Harness) {
	if h.SecondFactor == "" {
		return
	}
	r, o := h.hold(t, h.SecondFactor)
	h.Complete(t, o.Ref, false)
	after, err := h.Provider.Confirm(t.Context(), o.Ref, r.Key+"-confirm")
	if err != nil || after.State != payment.Declined || after.DeclineCode == "" || after.Authorized.Minor != 0 {
		t.Fatalf("%+v, %v", after, err)
	}
}

func lostAnswer(t *testing.T, h Harness) {
	if h.Timeout == "" {
		return
	}
	r := request(h.Timeout)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := h.Provider.Authorize(ctx, r)
		asked <- err
	}()
	for { // the hold appears although nobody is told
		o, err := h.Provider.Find(t.Context(), r.Key)
		if err == nil {
			if o.State != payment.Authorized {
				t.Errorf("%+v", o)
			}
			break
		}
		if !errors.Is(err, payment.ErrNotFound) {
			t.Fatal(err)
		}
		select {
		case err := <-asked:
			t.Fatalf("answered: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-asked; !errors.Is(err, payment.ErrNoAnswer) {
		t.Fatalf("a lost answer is %v", err)
	}
}

func flaky(t *testing.T, h Harness) {
	if h.Flaky == "" {
		return
	}
	r := request(h.Flaky)
	for range 10 {
		o, err := h.Provider.Authorize(t.Context(), r)
		if err == nil {
			if o.State != payment.Authorized {
				t.Fatalf("%+v", o)
			}
			return
		}
		if !errors.Is(err, payment.ErrTemporary) {
			t.Fatal(err)
		}
		if _, err := h.Provider.Find(t.Context(), r.Key); !errors.Is(err, payment.ErrNotFound) {
			t.Fatalf("a temporary failure has left something: %v", err)
		}
	}
	t.Fatal("it never holds")
}

func notFound(t *testing.T, h Harness) {
	ctx := t.Context()
	for name, call := range map[string]func() (payment.Outcome, error){
		"find":    func() (payment.Outcome, error) { return h.Provider.Find(ctx, "no-such-key") },
		"confirm": func() (payment.Outcome, error) { return h.Provider.Confirm(ctx, "no-such-hold", "k1") },
		"capture": func() (payment.Outcome, error) {
			return h.Provider.Capture(ctx, "no-such-hold", money.New(1, "EUR"), "k2")
		},
		"void": func() (payment.Outcome, error) { return h.Provider.Void(ctx, "no-such-hold", "k3") },
	} {
		if _, err := call(); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func obeysContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Provider.Authorize(ctx, request(h.OK)); err == nil {
		t.Fatal("a call after its context ended was answered")
	}
}
