package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
)

// refOf is Stripe's name for what a second step is about.
func refOf(t *testing.T, next, id string) string {
	t.Helper()
	ref, back, _ := strings.Cut(strings.TrimPrefix(next, "https://hooks.stripe.example/"), "?")
	if ref == "" || !strings.Contains(back, id) {
		t.Fatalf("the second step is at %q", next)
	}
	return ref
}

// A card that is to be kept takes its second step as one that is held does, and a
// bank that wants its driver for a kept card gets him when he is there.
func TestACardThatIsKeptTakesItsSecondStep(t *testing.T) {
	dir := home(t)
	bank := &stripetest.Server{}
	api := httptest.NewServer(bank)
	defer api.Close()
	base := "http://" + servePaid(t, dir, quiet(), app.Stripe{Key: stripetest.Key, Secret: []byte("whsec_openlot"), URL: api.URL}).HTTP
	if _, err := importPark(t, dir, strings.Replace(park, `"capacity":2`, `"capacity":9`, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the parking is listed", func() bool { return availableNow(t, base) == "9" })
	far := time.Now().UTC().Add(20 * 24 * time.Hour).Truncate(time.Hour)
	ask := func(method, path string, of reservation, body, key string) (int, reservation) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+"/reservations/"+of.Reservation.ID+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+of.Reservation.Token)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", key)
		}
		return call(t, req)
	}
	stands := func(r reservation) string { return r.Reservation.State + " " + r.Reservation.Payment.State }

	for n, how := range []string{"taken", "refused", "taken, and told by Stripe"} {
		status, waits := reserveFrom(t, base, fmt.Sprint("a-key-of-a-careful-card-", n), stripetest.SecondFactor, far)
		if status != http.StatusCreated || stands(waits) != "held requires_action" {
			t.Fatal(how, status, waits)
		}
		ref := refOf(t, waits.Reservation.Payment.NextAction, waits.Reservation.ID)
		if status, early := ask(http.MethodPost, "/confirm", waits, "", ""); status != http.StatusOK || stands(early) != "held requires_action" {
			t.Fatal(how, status, early)
		}
		if err := bank.Complete(ref, how != "refused"); err != nil {
			t.Fatal(err)
		}
		if how == "taken, and told by Stripe" {
			_, body, err := bank.Event("setup_intent.succeeded", ref)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/webhooks/stripe", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range stripetest.Sign([]byte("whsec_openlot"), body, time.Now()) {
				req.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.Body.Close() != nil || resp.StatusCode/100 != 2 {
				t.Fatal(resp, err)
			}
			eventually(t, "the second step confirms", func() bool {
				_, now := ask(http.MethodGet, "", waits, "", "")
				return stands(now) == "confirmed method_saved"
			})
			continue
		}
		status, done := ask(http.MethodPost, "/confirm", waits, "", "")
		if how == "taken" && (status != http.StatusOK || stands(done) != "confirmed method_saved") || how == "refused" && status != http.StatusPaymentRequired {
			t.Fatal(how, status, done)
		}
	}

	// Moved near, it is held at once, and the bank wants the driver for that.
	status, kept := reserveFrom(t, base, "a-key-of-a-wary-bank-1", stripetest.Absent, far)
	if status != http.StatusCreated || stands(kept) != "confirmed method_saved" {
		t.Fatal(status, kept)
	}
	soon := time.Now().UTC().Add(2 * time.Hour).Truncate(time.Hour)
	body := fmt.Sprintf(`{"from":%q,"to":%q}`, soon.Format(time.RFC3339), soon.Add(2*time.Hour).Format(time.RFC3339))
	status, moved := ask(http.MethodPost, "/modify", kept, body, "a-key-of-a-wary-bank-2")
	if status != http.StatusOK || moved.Reservation.Change == nil || moved.Reservation.Change.Payment.State != "requires_action" {
		t.Fatal(status, moved)
	}
	if err := bank.Complete(refOf(t, moved.Reservation.Change.Payment.NextAction, kept.Reservation.ID), true); err != nil {
		t.Fatal(err)
	}
	if status, moved = ask(http.MethodPost, "/confirm", kept, "", ""); status != http.StatusOK || stands(moved) != "confirmed authorized" || moved.Reservation.Change != nil {
		t.Fatal(status, moved)
	}
}
