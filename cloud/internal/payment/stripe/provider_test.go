package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
	"github.com/openlot/openlot/protocol/money"
)

// listed counts what is in Stripe's books under a key.
func (a account) listed(t *testing.T, key string) (n int) {
	t.Helper()
	err := a.List(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(e payment.Entry) error {
		if e.Key == key {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A hold needs two calls that change something. Whichever is lost, before or after
// its work, the same request gets the one hold, and until then Find is right.
func TestAHoldIsPlacedOnceWhicheverCallIsLost(t *testing.T) {
	for path, left := range map[string]int{"/v1/customers": 0, "/v1/payment_intents": 1} {
		for f, done := range map[stripetest.Fault]int{stripetest.Before: 0, stripetest.After: left} {
			a := open(t, 0)
			r := request(stripetest.OK)
			a.at.Break(path, f)
			if o, err := a.Authorize(t.Context(), r); !errors.Is(err, payment.ErrNoAnswer) {
				t.Fatalf("%s broken: %+v, %v", path, o, err)
			}
			if _, err := a.Find(t.Context(), r.Key); errors.Is(err, payment.ErrNotFound) != (done == 0) || err != nil && done == 1 {
				t.Errorf("%s, fault %d: found %v", path, f, err)
			}
			for range 2 {
				if o, err := a.Authorize(t.Context(), r); err != nil || o.State != payment.Authorized {
					t.Errorf("%s, fault %d: %+v, %v", path, f, o, err)
				}
			}
			if n := a.listed(t, r.Key); n != 1 {
				t.Errorf("%s, fault %d: %d holds", path, f, n)
			}
		}
	}
}

// Stripe may forget keys after a day. A call that is made again then has no second
// effect.
func TestAForgottenKeyIsStillOneCall(t *testing.T) {
	a := open(t, 48*time.Hour)
	r, kept := request(stripetest.OK), request("")
	save := payment.SaveRequest{Key: r.Key + "-save", Parking: "altmarkt", Reservation: r.Reservation, Method: stripetest.OK}
	var was payment.Outcome
	for i := range 2 {
		o, err := a.Authorize(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 - 2*i { // what was taken is not raised any more
			a.at.Forget()
			if o, err := a.Increment(t.Context(), o.Ref, money.New(2000, "EUR"), "raise"); err != nil || o.Authorized.Minor != 2000 {
				t.Fatalf("raised: %+v, %v", o, err)
			}
		}
		a.at.Forget()
		c, err := a.Capture(t.Context(), o.Ref, money.New(1800, "EUR"), "capture")
		if err != nil || c.Captured.Minor != 1800 || i > 0 && c != was {
			t.Fatalf("captured %+v, %v; %+v before", c, err, was)
		}
		was = c
		a.at.Forget()
		if _, err := a.Refund(t.Context(), payment.RefundRequest{Key: "refund", Ref: o.Ref, Amount: money.New(1000, "EUR")}); err != nil {
			t.Fatal(err)
		}
		a.at.Forget()
		s, err := a.SaveMethod(t.Context(), save)
		if err != nil || kept.Method != "" && s.Method != kept.Method {
			t.Fatalf("saved %+v, %v", s, err)
		}
		kept.Method = s.Method
		a.at.Forget()
		if o, err := a.Authorize(t.Context(), kept); err != nil || o.State != payment.Authorized {
			t.Fatalf("held %+v, %v", o, err)
		}
		a.at.Forget()
	}
	for key, want := range map[string]int{r.Key: 1, kept.Key: 1, "refund": 1} {
		if n := a.listed(t, key); n != want {
			t.Errorf("%s is in the books %d times", key, n)
		}
	}
	for what, key := range map[string]string{"hold": r.Key, "hold on a kept method": kept.Key} {
		other := r
		other.Key, other.Amount = key, money.New(9999, "EUR")
		if o, err := a.Authorize(t.Context(), other); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("the key of a %s, used for something else: %+v, %v", what, o, err)
		}
	}
}

func TestALapsedHoldIsGone(t *testing.T) {
	a := open(t, 0)
	r := request(stripetest.OK)
	o, err := a.Authorize(t.Context(), r)
	if err != nil || time.Until(o.CaptureBefore) < 6*24*time.Hour {
		t.Fatalf("%+v, %v", o, err)
	}
	a.at.Clock(func() time.Time { return o.CaptureBefore })
	if _, err := a.Capture(t.Context(), o.Ref, r.Amount, "late"); !errors.Is(err, payment.ErrRefused) {
		t.Fatalf("a lapsed hold was captured: %v", err)
	}
	for range 2 {
		if found, err := a.Void(t.Context(), o.Ref, "void"); err != nil || found.State != payment.Voided {
			t.Fatalf("%+v, %v", found, err)
		}
	}
}

// Whoever pays with a kept method may be away: the bank is told so, the hold is
// shorter, and a refusal for want of a second step is a refusal.
func TestAHoldOnAKeptMethodIsForAnAbsentDriver(t *testing.T) {
	a := open(t, 0)
	for card, want := range map[string]payment.State{stripetest.OK: payment.Authorized, stripetest.Absent: payment.Declined} {
		first := request(card)
		s, err := a.SaveMethod(t.Context(), payment.SaveRequest{Key: first.Key + "-save", Parking: "altmarkt", Method: card})
		if err != nil {
			t.Fatal(err)
		}
		r := request(s.Method)
		o, err := a.Authorize(t.Context(), r)
		if err != nil || o.State != want || time.Until(o.CaptureBefore) > 5*24*time.Hour {
			t.Errorf("%s: %+v, %v", card, o, err)
		}
		if found, err := a.Find(t.Context(), r.Key); err != nil || found != o {
			t.Errorf("%s: found %+v, %v", card, found, err)
		}
	}
}

// hears keeps what is sent to one path.
type hears struct {
	path string
	next http.RoundTripper
	form url.Values
}

func (h *hears) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && r.URL.Path == h.path {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if h.form, err = url.ParseQuery(string(sent)); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(string(sent)))
	}
	return h.next.RoundTrip(r)
}

// A card is kept for what may be asked of it later, and not when it is used once.
func TestACardThatIsUsedOnceIsNotKept(t *testing.T) {
	for once, want := range map[bool]string{true: "", false: "off_session"} {
		heard := &hears{path: "/v1/payment_intents"}
		a := open(t, 0, func(next http.RoundTripper) http.RoundTripper { heard.next = next; return heard })
		r := request(stripetest.OK)
		r.Present, r.Once = true, once
		if o, err := a.Authorize(t.Context(), r); err != nil || o.State != payment.Authorized {
			t.Fatalf("%+v, %v", o, err)
		}
		if got := heard.form.Get("setup_future_usage"); got != want || heard.form.Get("payment_method") == "" {
			t.Errorf("once: %t, kept: %q", once, got)
		}
	}
}

func TestTheSecondStepLeadsBackToTheReservation(t *testing.T) {
	a := open(t, 0)
	r := request(stripetest.SecondFactor)
	o, err := a.Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	next, err := url.Parse(o.NextAction)
	if err != nil || next.Query().Get("back") != "https://openlot.example/#/r/"+r.Reservation.String() {
		t.Fatalf("it leads to %s, %v", next, err)
	}
}

func TestAmountsAreMinorUnitsOfAnyCurrency(t *testing.T) {
	a := open(t, 0)
	for _, want := range []money.Amount{money.New(500, "JPY"), money.New(500, "EUR"), money.New(5000, "KWD")} {
		r := request(stripetest.OK)
		r.Amount = want
		if o, err := a.Authorize(t.Context(), r); err != nil || o.Authorized != want {
			t.Errorf("%s: %+v, %v", want, o, err)
		}
	}
	for _, bad := range []money.Amount{money.New(0, "EUR"), money.New(-1, "EUR"), money.New(500, "XAU"), money.New(500, "")} {
		r := request(stripetest.OK)
		r.Amount = bad
		if o, err := a.Authorize(t.Context(), r); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %+v, %v", bad, o, err)
		}
	}
}

// The books are longer than a page of Stripe's lists.
func TestTheBooksAreReadToTheirEnd(t *testing.T) {
	a := open(t, 0)
	want := map[string]bool{}
	for range 230 {
		r := request(stripetest.OK)
		if _, err := a.Authorize(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want[r.Key] = true
	}
	err := a.List(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(e payment.Entry) error {
		if !want[e.Key] {
			t.Errorf("%s is listed again, or was never placed", e.Key)
		}
		delete(want, e.Key)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Fatalf("%d are not listed, %v", len(want), err)
	}
}

// answers is a Stripe that says the same to everything; with then, to so many calls
// that change something.
type answers struct {
	status int
	body   string
	err    error
	times  int
	then   http.RoundTripper
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.then != nil && (r.Method == http.MethodGet || a.times == 0) {
		return a.then.RoundTrip(r)
	}
	a.times--
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Header: http.Header{"Request-Id": {"req_1"}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

func TestErrorsSayWhatIsKnownAndNothingSecret(t *testing.T) {
	const key = "sk_test_very_secret_4242"
	say := func(kind, code string) string {
		return fmt.Sprintf(`{"error": {"type": %q, "code": %q, "message": "Not so with %s and 4242424242424242."}}`, kind, code, key)
	}
	for name, c := range map[string]struct {
		answers
		want error
	}{
		"no connection":            {answers{err: errors.New("connection reset")}, payment.ErrNoAnswer},
		"status 500":               {answers{status: 500, body: say("api_error", "")}, payment.ErrNoAnswer},
		"status 503":               {answers{status: 503, body: say("api_error", "")}, payment.ErrNoAnswer},
		"a proxy's page":           {answers{status: 502, body: "<html>" + key}, payment.ErrNoAnswer},
		"no error in it":           {answers{status: 400, body: `{"key": "` + key + `"}`}, payment.ErrNoAnswer},
		"an answer cut short":      {answers{status: 200, body: `{"id": "`}, payment.ErrNoAnswer},
		"too many requests":        {answers{status: 429, body: say("invalid_request_error", "rate_limit")}, payment.ErrTemporary},
		"conflict":                 {answers{status: 409, body: say("invalid_request_error", "")}, payment.ErrTemporary},
		"the account's key is old": {answers{status: 401, body: say("invalid_request_error", "api_key_expired")}, payment.ErrTemporary},
		"another use of the key":   {answers{status: 400, body: say("idempotency_error", "")}, payment.ErrRefused},
		"a parameter":              {answers{status: 400, body: say("invalid_request_error", "parameter_unknown")}, payment.ErrRefused},
		"not there":                {answers{status: 404, body: say("invalid_request_error", "resource_missing")}, payment.ErrNotFound},
		"still processing":         {answers{status: 200, body: `{"id": "pi_1", "status": "processing"}`}, payment.ErrNoAnswer},
		"a hold without an end":    {answers{status: 200, body: `{"id": "pi_1", "status": "requires_capture"}`}, payment.ErrNonsense},
		"a step that is nowhere":   {answers{status: 200, body: `{"id": "pi_1", "status": "requires_action"}`}, payment.ErrNonsense},
	} {
		p := stripe.New(stripe.Options{Key: key, URL: "http://stripe.example", Transport: &c.answers})
		_, err := p.Confirm(t.Context(), "pi_1", "k")
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "4242") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	p := stripe.New(stripe.Options{Key: key, URL: "http://stripe.example", Transport: &answers{err: context.Canceled}})
	if _, err := p.Confirm(gone, "pi_1", "k"); !errors.Is(err, payment.ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// While another call with a key, or about a hold, runs, Stripe refuses: it is waited
// for, but not for ever.
func TestACallWaitsForTheOneBeforeIt(t *testing.T) {
	for _, code := range []string{"idempotency_key_in_use", "lock_timeout"} {
		busy := &answers{status: 409, body: fmt.Sprintf(`{"error": {"type": "invalid_request_error", "code": %q}}`, code)}
		a := open(t, 0, func(next http.RoundTripper) http.RoundTripper {
			busy.then = next
			return busy
		})
		r := request(stripetest.OK)
		o, err := a.Authorize(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		busy.times = 3
		if c, err := a.Capture(t.Context(), o.Ref, r.Amount, "c"); err != nil || c.State != payment.Captured || busy.times > 0 {
			t.Errorf("%s: %+v, %v", code, c, err)
		}
		busy.times = 1000
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := a.Void(ctx, o.Ref, "v"); !errors.Is(err, payment.ErrTemporary) {
			t.Errorf("%s for ever: %v", code, err)
		}
		cancel()
	}
}

// A payout that is on its way, or failed, is not booked as one; and what the account
// pays by itself, such as a monthly fee, is about nobody.
func TestOnlyWhatArrivedIsPaidOut(t *testing.T) {
	a := open(t, 0)
	r := request(stripetest.OK)
	o, err := a.Authorize(t.Context(), r)
	if err == nil {
		o, err = a.Capture(t.Context(), o.Ref, r.Amount, r.Key+"-capture")
	}
	if err != nil {
		t.Fatal(err)
	}
	a.at.Charge(-200, "eur")
	ref := a.at.PayOut("in_transit")[0]
	from, to := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
	outs := 0
	ask := func() error {
		return a.Payouts(t.Context(), from, to, func(out payment.Payout) error {
			outs++
			if len(out.Lines) != 2 || out.Lines[0].Hold != "" || out.Lines[1].Hold != o.Ref || out.Lines[0].Net.Minor+out.Lines[1].Net.Minor != out.Amount.Minor {
				t.Errorf("%+v", out)
			}
			return nil
		})
	}
	if err := ask(); !errors.Is(err, payment.ErrUnsettled) || outs != 0 {
		t.Fatalf("on its way: %d, %v", outs, err)
	}
	a.at.Arrive(ref, "paid")
	if err := ask(); err != nil || outs != 1 {
		t.Fatalf("arrived: %d, %v", outs, err)
	}
	a.at.Arrive(ref, "failed")
	if err := ask(); err != nil || outs != 1 {
		t.Fatalf("failed: %d, %v", outs, err)
	}
}
