package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

func TestThePriceOfAChangeOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	ask := func(body string, header ...string) reply {
		return s.do("POST", "/reservations/"+r.Id+"/price", body, header...)
	}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		code   string
	}{
		"no token":            {`{}`, nil, 404, "reservation_not_found"},
		"no end":              {`{"space_type":"ev"}`, []string{"Authorization", bearer(r)}, 422, "request_invalid"},
		"no offset":           {`{"to":"2026-06-11T16:00:00"}`, []string{"Authorization", bearer(r)}, 422, "time_without_offset"},
		"a window of nothing": {`{"to":"2026-06-10T16:00:00Z"}`, []string{"Authorization", bearer(r)}, 422, "window_empty"},
		"no such type":        {`{"to":"2026-06-11T14:00:00Z","space_type":"boat"}`, []string{"Authorization", bearer(r)}, 422, "space_type_unknown"},
	} {
		if p := ask(c.body, c.header...).problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	read := func(a reply, into any) {
		t.Helper()
		if err := json.Unmarshal(a.body, into); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	var said api.PriceAnswer
	read(ask(`{"to":"2026-06-11T16:00:00+02:00"}`, "Authorization", bearer(r)), &said)
	if said.Price.Minor != 800 || len(said.PriceDetail.Lines) == 0 {
		t.Fatalf("%+v", said)
	}
	read(ask(`{}`, "Authorization", bearer(r)), &said)
	if said.Price != r.Price {
		t.Fatalf("leaving before it begins costs %+v", said)
	}
	var c api.PaymentConfig
	read(s.do("GET", "/payment-config", ""), &c)
	if c.Provider != "sandbox" || c.PublishableKey != nil {
		t.Fatalf("%+v", c)
	}
}
