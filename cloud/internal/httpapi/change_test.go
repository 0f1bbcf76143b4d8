package httpapi_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
)

// card makes a reservation's later payments be made with another card.
func (s *site) card(r api.Reservation, method string) {
	s.t.Helper()
	if _, err := s.world.Commit(s.t.Context(), &plant{s.find(r.Id).Payment.ID, method}); err != nil {
		s.t.Fatal(err)
	}
}

type plant struct {
	p      id.Payment
	method string
}

func (*plant) Parking() id.Parking       { return altmarkt }
func (o *plant) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.p) }
func (o *plant) Apply(w *commit.Work, _ time.Time) error {
	p, err := w.Payment(o.p)
	if err != nil {
		return err
	}
	p.Method = o.method
	w.PutPayment(p)
	return nil
}

// change sends a change with a key.
func (s *site) change(r api.Reservation, what, key string, body map[string]any) reply {
	s.t.Helper()
	return s.do("POST", "/reservations/"+r.Id+"/"+what, text(s.t, body), "Authorization", bearer(r), "Idempotency-Key", key)
}

func TestExtendAndModifyOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	ask := map[string]any{"to": "2026-06-11T16:00:00+02:00", "version": r.Version}
	first := s.change(r, "extend", "a-key-of-a-change-1", ask)
	got := first.reservation(t)
	if first.status != 200 || got.Price.Minor != 800 || got.Payment.Authorized.Minor != 800 || got.PendingChange != nil || got.ManageToken != nil ||
		!got.To.Equal(time.Date(2026, 6, 11, 14, 0, 0, 0, time.UTC)) || *got.Pass == *r.Pass || got.Payment.Id == r.Payment.Id {
		t.Fatalf("%d %s", first.status, first.body)
	}
	again := s.change(r, "extend", "a-key-of-a-change-1", ask)
	if again.status != 200 || !bytes.Equal(again.body, first.body) {
		t.Fatalf("%d %s\nfirst: %s", again.status, again.body, first.body)
	}
	if pass := s.do("GET", "/reservations/"+r.Id+"/pass", "", "Authorization", bearer(r)); string(pass.body) != *got.Pass {
		t.Fatalf("%s", pass.body)
	}
	back := s.change(r, "modify", "a-key-of-a-change-2", map[string]any{"from": "2026-06-11T13:00:00+02:00", "to": "2026-06-11T15:00:00+02:00", "space_type": "standard"})
	if g := back.reservation(t); back.status != 200 || g.Price.Minor != 400 || g.Payment.Authorized.Minor != 800 || g.Payment.Id != got.Payment.Id {
		t.Fatalf("%d %s", back.status, back.body)
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeThatIsNotPaidForAtOnce(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	later := map[string]any{"to": "2026-06-11T16:00:00+02:00"}

	s.card(r, bookingtest.Declined)
	if p := s.change(r, "extend", "a-key-of-a-change-1", later).problem(t); p.Status != 402 || p.Code != "payment_declined" || p.Fields["payment_method"] == "" {
		t.Fatalf("%+v", p)
	}
	s.card(r, bookingtest.Dead)
	for range 2 {
		got := s.change(r, "extend", "a-key-of-a-change-2", later)
		if g := got.reservation(t); got.status != 202 || g.State != "confirmed" || g.PendingChange.Payment.State != "unknown" || *g.Pass != *r.Pass {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if p := s.change(r, "extend", "a-key-of-a-change-3", later).problem(t); p.Status != 409 || p.Code != "change_pending" {
		t.Fatalf("%+v", p)
	}

	r = s.reserve("a-key-that-is-long-k2", bookingtest.OK)
	s.card(r, bookingtest.SecondFactor)
	e := s.stream("/reservations/"+r.Id, "Authorization", bearer(r))
	e.next(t)
	got := s.change(r, "extend", "a-key-of-a-change-4", later)
	g := got.reservation(t)
	if got.status != 200 || g.PendingChange == nil || g.PendingChange.Payment.NextAction == nil || g.PendingChange.Price.Minor != 800 || g.Price.Minor != 400 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	e.until(t, func(r api.Reservation) bool {
		return r.PendingChange != nil && r.PendingChange.Payment.State == "requires_action"
	})
	s.provider.Complete(s.find(r.Id).Change.Ref, true)
	done := s.do("POST", "/reservations/"+r.Id+"/confirm", "", "Authorization", bearer(r))
	if g := done.reservation(t); done.status != 200 || g.PendingChange != nil || g.Price.Minor != 800 || *g.Pass == *r.Pass {
		t.Fatalf("%d %s", done.status, done.body)
	}
	e.until(t, func(r api.Reservation) bool { return r.PendingChange == nil && r.Price.Minor == 800 })
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestOfTwoChangesAtOnceOneIsRefused(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	replies := make(chan reply, 2)
	var wg sync.WaitGroup
	for key, to := range map[string]string{"a-key-of-a-change-1": "2026-06-11T15:00:00+02:00", "a-key-of-a-change-2": "2026-06-11T16:00:00+02:00"} {
		wg.Go(func() { replies <- s.change(r, "extend", key, map[string]any{"to": to, "version": r.Version}) })
	}
	wg.Wait()
	one, other := <-replies, <-replies
	if one.status != 200 {
		one, other = other, one
	}
	if p := other.problem(t); one.status != 200 || p.Status != 409 || p.Code != "version_conflict" {
		t.Fatalf("%d and %d %s", one.status, other.status, other.body)
	}
}

func TestBadChanges(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	full := wish()
	full["from"], full["to"] = "2026-06-11T14:30:00+02:00", "2026-06-11T15:00:00+02:00"
	for _, key := range []string{"a-key-that-is-long-k2", "a-key-that-is-long-k3"} {
		if got := s.do("POST", "/reserve", text(t, full), "Idempotency-Key", key); got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	const good = `{"to":"2026-06-11T14:15:00+02:00"}`
	for name, x := range map[string]struct {
		what, body string
		header     []string
		status     int
		code       string
	}{
		"full":            {"extend", `{"to":"2026-06-11T16:00:00+02:00"}`, nil, 409, "sold_out"},
		"no later":        {"extend", `{"to":"2026-06-11T14:00:00+02:00"}`, nil, 422, "end_not_later"},
		"no offset":       {"extend", `{"to":"2026-06-11T16:00:00"}`, nil, 422, "time_without_offset"},
		"nothing":         {"extend", `{}`, nil, 422, "request_invalid"},
		"a begin":         {"extend", `{"from":"2026-06-11T12:00:00Z","to":"2026-06-11T16:00:00Z"}`, nil, 422, "unknown_field"},
		"version text":    {"extend", `{"to":"2026-06-11T14:15:00+02:00","version":"1"}`, nil, 422, "request_invalid"},
		"version 0":       {"extend", `{"to":"2026-06-11T14:15:00+02:00","version":0}`, nil, 422, "request_invalid"},
		"version null":    {"extend", `{"to":"2026-06-11T14:15:00+02:00","version":null}`, nil, 422, "request_invalid"},
		"version broken":  {"extend", `{"to":"2026-06-11T14:15:00+02:00","version":1.5}`, nil, 422, "request_invalid"},
		"another version": {"extend", `{"to":"2026-06-11T14:15:00+02:00","version":1}`, nil, 409, "version_conflict"},
		"no key":          {"extend", good, []string{"Idempotency-Key", ""}, 422, "idempotency_key_missing"},
		"two keys":        {"extend", good, []string{"Idempotency-Key", "another-key-that-is-long"}, 422, "idempotency_key_invalid"},
		"no token":        {"extend", good, []string{"Authorization", ""}, 404, "reservation_not_found"},
		"no begin":        {"modify", good, nil, 422, "request_invalid"},
		"reversed":        {"modify", `{"from":"2026-06-11T16:00:00Z","to":"2026-06-11T12:00:00Z"}`, nil, 422, "window_empty"},
		"past":            {"modify", `{"from":"2026-06-11T07:00:00Z","to":"2026-06-11T12:00:00Z"}`, nil, 422, "window_in_past"},
		"long":            {"modify", `{"from":"2026-06-11T10:00:00Z","to":"2026-08-11T12:00:00Z"}`, nil, 422, "window_too_long"},
		"far":             {"modify", `{"from":"2027-06-11T10:00:00Z","to":"2027-06-11T12:00:00Z"}`, nil, 422, "beyond_horizon"},
		"unknown type":    {"modify", `{"from":"2026-06-11T10:00:00Z","to":"2026-06-11T12:00:00Z","space_type":"ev"}`, nil, 422, "space_type_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			header := append([]string{"Authorization", bearer(r), "Idempotency-Key", "a-key-of-a-bad-change"}, x.header...)
			got := s.do("POST", "/reservations/"+r.Id+"/"+x.what, x.body, header...)
			if p := got.problem(t); got.status != x.status || p.Code != x.code {
				t.Fatalf("%d %s, want %d %s", got.status, got.body, x.status, x.code)
			}
		})
	}
	if at := s.find(r.Id).Reservation; at.Version != r.Version || at.Generation != 1 {
		t.Fatalf("%+v", at)
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Get(context.Background(), s.find(r.Id).Reservation.ID); err != nil {
		t.Fatal(err)
	}
}

// What was shown is sent along, and what costs other by now is refused.
func TestWhatWasShownIsComparedOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	for i, what := range []string{"extend", "modify"} {
		ask := map[string]any{"to": "2026-06-11T16:00:00+02:00", "price": map[string]any{"minor": 799, "currency": "EUR"}}
		if what == "modify" {
			ask["from"] = "2026-06-11T13:00:00+02:00"
		}
		p := s.change(r, what, "a-key-of-a-change-"+what, ask).problem(t)
		if want := []string{"is 800 EUR now, in minor units", "is 600 EUR now, in minor units"}[i]; p.Status != 409 || p.Code != "price_changed" || p.Fields["price"] != want {
			t.Fatalf("%+v", p)
		}
	}
	for name, price := range map[string]any{
		"price": 800, "price.minor": map[string]any{"minor": 8.5, "currency": "EUR"}, "price.currency": map[string]any{"minor": 800, "currency": "euro"},
	} {
		p := s.change(r, "extend", "a-key-of-a-change-bad", map[string]any{"to": "2026-06-11T16:00:00+02:00", "price": price}).problem(t)
		if p.Status != 422 || p.Code != "request_invalid" || p.Fields[name] == "" || len(p.Fields) != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	got := s.change(r, "extend", "a-key-of-a-change-ok", map[string]any{"to": "2026-06-11T16:00:00+02:00", "price": map[string]any{"minor": 800, "currency": "EUR"}})
	if got.status != 200 || got.reservation(t).Price.Minor != 800 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	cancel := func(body string) reply {
		return s.do("POST", "/reservations/"+r.Id+"/cancel", body, "Authorization", bearer(r))
	}
	if p := cancel(`{"charge":{"minor":100,"currency":"EUR"}}`).problem(t); p.Status != 409 || p.Code != "price_changed" || p.Fields["charge"] != "is 0 EUR now, in minor units" {
		t.Fatalf("%+v", p)
	}
	if p := cancel(`{"charge":null}`).problem(t); p.Status != 422 || p.Code != "request_invalid" {
		t.Fatalf("%+v", p)
	}
	if got := cancel(`{"charge":{"minor":0,"currency":"EUR"}}`); got.status != 200 || got.reservation(t).State != "cancelled" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := cancel(""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}
