package stripe_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/paymenttest"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
)

// mock checks every request that is made here.
var mock *stripetest.Mock

func TestMain(m *testing.M) {
	started, stop, err := stripetest.StartMock(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mock = started
	code := m.Run()
	if seen := mock.Seen(); code == 0 && flag.Lookup("test.run").Value.String() == "" && len(seen) != stripetest.Calls {
		fmt.Fprintf(os.Stderr, "stripe-mock has seen %d calls of %d: %v\n", len(seen), stripetest.Calls, seen)
		code = 1
	}
	if err := errors.Join(stop(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var secret = []byte("whsec_openlot")

// account is a provider and the Stripe it talks to.
type account struct {
	*stripe.Provider
	at *stripetest.Server
}

// open makes an account, whose provider's clock is ahead, and what is between them.
func open(t *testing.T, ahead time.Duration, between ...func(http.RoundTripper) http.RoundTripper) account {
	t.Helper()
	a := account{at: &stripetest.Server{}}
	server := httptest.NewServer(a.at)
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	through := mock.Through(transport, t.Error)
	for _, put := range between {
		through = put(through)
	}
	a.Provider = stripe.New(stripe.Options{
		Key: stripetest.Key, Secret: secret, URL: server.URL, ReturnURL: "https://openlot.example/#/r/", Transport: through,
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	return a
}

func (a account) harness() paymenttest.Harness {
	var paidOut []string
	return paymenttest.Harness{
		Provider: a.Provider, OK: stripetest.OK, Declined: stripetest.Declined, Unknown: "pm_nobodys",
		SecondFactor: stripetest.SecondFactor, Timeout: stripetest.Timeout, Flaky: stripetest.Flaky,
		NoIncrement: stripetest.NoIncrement, Absent: stripetest.Absent,
		Break: func(_ *testing.T, f paymenttest.Fault) {
			a.at.Break("/v1/", map[paymenttest.Fault]stripetest.Fault{paymenttest.Before: stripetest.Before, paymenttest.After: stripetest.After}[f])
		},
		Webhook: func(t *testing.T, _ payment.Request, o payment.Outcome) (string, []byte) {
			event, body, err := a.at.Event("payment_intent.amount_capturable_updated", o.Ref)
			if err != nil {
				t.Fatal(err)
			}
			return event, body
		},
		PayOut: func(*testing.T) { paidOut = append(paidOut, a.at.PayOut("paid")...) },
		SendBack: func(*testing.T) {
			for _, ref := range paidOut {
				a.at.Arrive(ref, "failed")
			}
		},
		Sign: func(_ string, body []byte, at time.Time) map[string]string { return stripetest.Sign(secret, body, at) },
		Complete: func(t *testing.T, ref string, passed bool) {
			if err := a.at.Complete(ref, passed); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestStripeIsAProvider(t *testing.T) {
	paymenttest.Suite(t, func(t *testing.T) paymenttest.Harness { return open(t, 0).harness() })
}

// A key that Stripe may have forgotten is looked up before it is used.
func TestStripeIsAProviderOfOldPayments(t *testing.T) {
	paymenttest.Suite(t, func(t *testing.T) paymenttest.Harness { return open(t, 48*time.Hour).harness() })
}
