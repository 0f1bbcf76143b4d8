package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

// Whatever is sent, the answer is one that the contract knows and never our
// fault, and nothing is sold twice.
func TestAnyBodyGetsAnAnswerOfTheContract(t *testing.T) {
	s := newSite(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		body := wish()
		values := []any{
			nil, true, 7, -1.5, "", " ", "altmarkt", "standard", "ev", "2026-06-11T12:00:00Z", "2026-06-11T12:00:00", "0000-00-00T00:00:00Z",
			bookingtest.Declined, bookingtest.OK, "\u0000", "rsv_x",
			[]any{},
			map[string]any{},
			map[string]any{"email": "a@example.org"},
			rapid.String().Draw(t, "text"),
		}
		names := []string{
			"parking_id", "space_type", "from", "to", "vehicle_plate", "payment_method", "contact", "quote_id", "extra",
			rapid.StringN(0, 8, -1).Draw(t, "name"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			name := rapid.SampledFrom(names).Draw(t, "which")
			if rapid.Bool().Draw(t, "drop") {
				delete(body, name)
				continue
			}
			body[name] = values[rapid.IntRange(0, len(values)-1).Draw(t, "value")]
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "cut") {
			raw = raw[:rapid.IntRange(0, len(raw)).Draw(t, "at")]
		}
		key := rapid.StringMatching(`[!-~]{0,12}`).Draw(t, "key")
		got := s.do(http.MethodPost, rapid.SampledFrom([]string{"/reserve", "/quotes"}).Draw(t, "path"), string(raw), "Idempotency-Key", key)
		switch got.status {
		case 201, 202, 400, 402, 404, 409, 415, 422:
		default:
			t.Fatalf("%s: %d %s", raw, got.status, got.body)
		}
	})
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}
