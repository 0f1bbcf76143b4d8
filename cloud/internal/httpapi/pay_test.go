package httpapi_test

import (
	"testing"

	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

// What cannot be paid is refused with a code that says why; receipt and booking test
// what can.
func TestPayingWhatIsNotOwedOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	path := "/reservations/" + r.Id + "/pay"
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		code   string
	}{
		"nothing owed":     {`{}`, []string{"Authorization", bearer(r), "Idempotency-Key", "a-key-to-pay-with-1"}, 409, "nothing_owed"},
		"with a card":      {`{"payment_method":"pm_ok"}`, []string{"Authorization", bearer(r), "Idempotency-Key", "a-key-to-pay-with-1"}, 409, "nothing_owed"},
		"no token":         {`{}`, []string{"Idempotency-Key", "a-key-to-pay-with-1"}, 404, "reservation_not_found"},
		"another's token":  {`{}`, []string{"Authorization", "Bearer mt_aaaa", "Idempotency-Key", "a-key-to-pay-with-1"}, 404, "reservation_not_found"},
		"no key":           {`{}`, []string{"Authorization", bearer(r)}, 422, "idempotency_key_missing"},
		"a short key":      {`{}`, []string{"Authorization", bearer(r), "Idempotency-Key", "short"}, 422, "idempotency_key_invalid"},
		"a card number":    {`{"payment_method":"4242424242424242"}`, []string{"Authorization", bearer(r), "Idempotency-Key", "a-key-to-pay-with-1"}, 422, "request_invalid"},
		"an unknown field": {`{"amount":1}`, []string{"Authorization", bearer(r), "Idempotency-Key", "a-key-to-pay-with-1"}, 422, "unknown_field"},
		"no JSON":          {`{`, []string{"Authorization", bearer(r), "Idempotency-Key", "a-key-to-pay-with-1"}, 400, "malformed_json"},
	} {
		if p := s.do("POST", path, c.body, c.header...).problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}
