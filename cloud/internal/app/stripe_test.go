package app_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
	"github.com/openlot/openlot/protocol/fault"
)

// With an account at Stripe cards are held there, and what the sandbox holds is
// still settled by it.
func TestCardsArePaidThroughStripe(t *testing.T) {
	dir := home(t)
	var old reservation
	t.Run("before", func(t *testing.T) {
		base := "http://" + serve(t, dir).HTTP
		if _, err := importPark(t, dir, strings.Replace(park, `"capacity":2`, `"capacity":9`, 1)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "9" })
		var status int
		if status, old = reserve(t, base, "a-key-of-the-sandbox", "pm_sandbox_ok"); status != http.StatusCreated {
			t.Fatal(status, old)
		}
	})
	bank := &stripetest.Server{}
	api := httptest.NewServer(bank)
	defer api.Close()
	account := app.Stripe{Key: stripetest.Key, Publishable: "pk_test_openlot", Secret: []byte("whsec_openlot"), URL: api.URL}
	base := "http://" + servePaid(t, dir, quiet(), account).HTTP
	eventually(t, "the parking is listed", func() bool { return availableNow(t, base) == "8" })

	ask := func(method, path, token string) reservation {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		_, got := call(t, req)
		return got
	}
	stands := func(of reservation) string {
		r := ask(http.MethodGet, "/reservations/"+of.Reservation.ID, of.Reservation.Token).Reservation
		return r.State + " " + r.Payment.State
	}
	// The page is told whose fields to show, and its policy lets their script in.
	page := func(path string) (string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatal(a.Status, err)
		}
		return string(text), a.Header.Get("Content-Security-Policy")
	}
	if got, _ := page("/payment-config"); strings.TrimSpace(got) != `{"provider":"stripe","publishable_key":"pk_test_openlot"}` {
		t.Error(got)
	}
	if _, policy := page("/"); !strings.Contains(policy, "script-src 'self' https://js.stripe.com;") || !strings.Contains(policy, "frame-src https://js.stripe.com") {
		t.Error(policy)
	}
	status, held := reserve(t, base, "a-key-of-a-good-card", stripetest.OK)
	if status != http.StatusCreated || held.Reservation.State != "confirmed" || held.Reservation.Payment.State != "authorized" {
		t.Fatal(status, held)
	}
	if status, got := reserve(t, base, "a-key-of-a-bad-card", stripetest.Declined); status != http.StatusPaymentRequired {
		t.Fatal(status, got)
	}
	if status, got := reserve(t, base, "a-key-of-nobodys-card", "pm_sandbox_ok"); status != http.StatusPaymentRequired {
		t.Fatal("the sandbox still holds: ", status, got)
	}

	// The second step is taken at the bank, and Stripe tells it.
	status, waits := reserve(t, base, "a-key-of-a-careful-card", stripetest.SecondFactor)
	next := waits.Reservation.Payment.NextAction
	ref, _, _ := strings.Cut(strings.TrimPrefix(next, "https://hooks.stripe.example/"), "?")
	if status != http.StatusCreated || waits.Reservation.State != "held" || !strings.Contains(next, waits.Reservation.ID) {
		t.Fatal(status, waits)
	}
	if err := bank.Complete(ref, true); err != nil {
		t.Fatal(err)
	}
	_, body, err := bank.Event("payment_intent.amount_capturable_updated", ref)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(secret string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/webhooks/stripe", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range stripetest.Sign([]byte(secret), body, time.Now()) {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if status := tell("guessed"); status != http.StatusUnauthorized {
		t.Fatal("a forged webhook is answered with ", status)
	}
	if status := tell("whsec_openlot"); status/100 != 2 {
		t.Fatal("a webhook is answered with ", status)
	}
	eventually(t, "the second step confirms", func() bool { return stands(waits) == "confirmed authorized" })

	for _, r := range []reservation{held, waits, old} {
		ask(http.MethodPost, "/reservations/"+r.Reservation.ID+"/cancel", r.Reservation.Token)
		eventually(t, "the hold is given back", func() bool { return stands(r) == "cancelled voided" })
	}
	cards := stripe.New(stripe.Options{Key: stripetest.Key, URL: api.URL})
	states := map[payment.State]int{}
	err = cards.List(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(e payment.Entry) error {
		states[e.Hold.State]++
		return nil
	})
	if err != nil || states[payment.Voided] != 2 || states[payment.Declined] != 1 || len(states) != 2 {
		t.Fatal("Stripe's books: ", states, err)
	}
}

func TestAnAccountThatCannotBeUsedIsRefused(t *testing.T) {
	for name, account := range map[string]app.Stripe{
		"a secret without a key":  {Secret: []byte("whsec_openlot")},
		"an address without one":  {URL: "https://api.stripe.com"},
		"an address that is none": {Key: stripetest.Key, URL: "api.stripe.com"},
	} {
		err := app.Administer(t.Context(), nil, quiet(), account, func(app.Administration) error { return errors.New("done all the same") })
		if fault.Code(err) != app.CodeStripe {
			t.Errorf("%s: %v", name, err)
		}
	}
}
