package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A driver takes the second step on the bank's page and never comes back: what the
// bank tells confirms the reservation, whatever happens to it on the way.
func TestTheBankTellsWhoConfirmed(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	base := "http://" + r.HTTP
	if _, err := importPark(t, dir, strings.Replace(park, `"capacity":2`, `"capacity":9`, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "9" })
	stands := func(of reservation) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/reservations/"+of.Reservation.ID, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+of.Reservation.Token)
		_, got := call(t, req)
		return got.Reservation.State + " " + got.Reservation.Payment.State
	}
	for _, method := range []string{"pm_sandbox_second_factor", "pm_sandbox_webhook_twice", "pm_sandbox_webhook_reordered"} {
		status, got := reserve(t, base, "a-key-of-"+method, method)
		if status != http.StatusCreated || got.Reservation.State != "held" || got.Reservation.Payment.NextAction == "" {
			t.Fatal(status, got)
		}
		resp, err := http.PostForm(got.Reservation.Payment.NextAction, url.Values{"answer": {"confirm"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		eventually(t, method+" is confirmed", func() bool { return stands(got) == "confirmed authorized" })
	}
	// A forged one is answered and not heeded.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/webhooks/sandbox", strings.NewReader(`{"id":"evt_1"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Webhook-Id", "evt_1")
	req.Header.Set("Webhook-Timestamp", "1780000000")
	req.Header.Set("Webhook-Signature", "v1,bm9wZQ==")
	if status, got := call(t, req); status != http.StatusUnauthorized || got.Code != "webhook_forged" {
		t.Fatal(status, got)
	}
}
