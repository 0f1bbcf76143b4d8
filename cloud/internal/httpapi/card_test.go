package httpapi_test

import (
	"testing"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

// Over HTTP a declined card is a 402, or a reservation that waits for another one.
func TestAnotherCardOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	w := wish()
	w["payment_method"] = bookingtest.Declined
	if p := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k0").problem(t); p.Status != 402 || p.Code != booking.CodeDeclined {
		t.Fatalf("%+v", p)
	}
	w["keep_when_declined"] = "yes"
	if p := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k1").problem(t); p.Status != 422 || p.Fields["keep_when_declined"] == "" {
		t.Fatalf("%+v", p)
	}
	w["keep_when_declined"] = true
	got := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-k1")
	r := got.reservation(t)
	if got.status != 201 || r.State != "held" || r.Payment.State != "declined" || r.HoldUntil == nil || r.CardsLeft == nil || *r.CardsLeft != booking.MoreCards || r.ManageToken == nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	path, key := "/reservations/"+r.Id+"/card", "a-key-of-a-card-k1"
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		code   string
	}{
		"no token":         {`{"payment_method":"pm_ok"}`, []string{"Idempotency-Key", key}, 404, "reservation_not_found"},
		"another's token":  {`{"payment_method":"pm_ok"}`, []string{"Authorization", "Bearer mt_aaaa", "Idempotency-Key", key}, 404, "reservation_not_found"},
		"no key":           {`{"payment_method":"pm_ok"}`, []string{"Authorization", bearer(r)}, 422, "idempotency_key_missing"},
		"no card":          {`{}`, []string{"Authorization", bearer(r), "Idempotency-Key", key}, 422, "request_invalid"},
		"a card number":    {`{"payment_method":"4242424242424242"}`, []string{"Authorization", bearer(r), "Idempotency-Key", key}, 422, "request_invalid"},
		"an unknown field": {`{"payment_method":"pm_ok","amount":1}`, []string{"Authorization", bearer(r), "Idempotency-Key", key}, 422, "unknown_field"},
	} {
		if p := s.do("POST", path, c.body, c.header...).problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	again := s.do("POST", path, `{"payment_method":"pm_declined"}`, "Authorization", bearer(r), "Idempotency-Key", key)
	if a := again.reservation(t); again.status != 200 || a.State != "held" || a.Payment.State != "declined" || *a.CardsLeft != booking.MoreCards-1 || !a.HoldUntil.Equal(*r.HoldUntil) {
		t.Fatalf("%d %s", again.status, again.body)
	}
	for range 2 {
		taken := s.do("POST", path, `{"payment_method":"pm_ok"}`, "Authorization", bearer(r), "Idempotency-Key", key+"-2")
		if a := taken.reservation(t); taken.status != 200 || a.Id != r.Id || a.State != "confirmed" || a.Pass == nil || a.CardsLeft != nil || a.HoldUntil != nil {
			t.Fatalf("%d %s", taken.status, taken.body)
		}
	}
	if p := s.do("POST", path, `{"payment_method":"pm_ok"}`, "Authorization", bearer(r), "Idempotency-Key", key+"-3").problem(t); p.Status != 409 || p.Code != "no_hold_pending" {
		t.Fatalf("%+v", p)
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}
