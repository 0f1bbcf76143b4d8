package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/protocol/fault"
)

// hooks takes every webhook, or answers with a fault.
type hooks struct {
	err   error
	taken []string
}

func (h *hooks) Take(_ context.Context, provider string, header func(string) string, body []byte) error {
	h.taken = append(h.taken, provider+" "+header("webhook-id")+" "+string(body))
	return h.err
}

func TestWebhooksGoInAsTheyCame(t *testing.T) {
	h := &hooks{}
	s := newSite(t, func(c *httpapi.Config) { c.Webhooks = h })
	body := " {\"a\" : 1}\n" // every byte of it is signed
	if got := s.do("POST", "/webhooks/sandbox", body, "Webhook-Id", "evt_1"); got.status != 204 || len(got.body) > 0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if len(h.taken) != 1 || h.taken[0] != "sandbox evt_1 "+body {
		t.Fatalf("%q", h.taken)
	}
	for status, f := range map[int]*fault.Fault{
		401: fault.New(fault.Unauthenticated, "webhook_forged", "It is not signed."),
		400: fault.New(fault.Invalid, "webhook_stale", "It is old."),
		404: fault.New(fault.NotFound, "provider_not_found", "There is none."),
		503: fault.New(fault.Unavailable, "database_unavailable", "Come again."),
	} {
		h.err = f
		if got := s.do("POST", "/webhooks/sandbox", body); got.status != status || got.problem(t).Code != f.Code {
			t.Errorf("%d %s, want %d", got.status, got.body, status)
		}
	}
	h.err = fault.New(fault.Invalid, "webhook_malformed", "It cannot be read.")
	if got := s.do("POST", "/webhooks/sandbox", body); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	before := len(h.taken)
	if got := s.do("POST", "/webhooks/sandbox", strings.Repeat("x", 257<<10)); got.status != 413 || len(h.taken) != before {
		t.Errorf("%d %s, %d taken", got.status, got.body, len(h.taken)-before)
	}
}
