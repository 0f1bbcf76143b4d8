package httpapi_test

import (
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

func TestAChangeIsTakenBackOverHTTP(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	s.card(r, bookingtest.SecondFactor)
	later := map[string]any{"to": "2026-06-11T16:00:00+02:00"}
	g := s.change(r, "extend", "a-key-of-a-change-1", later).reservation(t)
	if g.PendingChange == nil {
		t.Fatalf("%+v", g)
	}
	e := s.stream("/reservations/"+r.Id, "Authorization", bearer(r))
	e.next(t)
	back := func(query string, header ...string) reply {
		return s.do("DELETE", "/reservations/"+r.Id+"/change"+query, "", header...)
	}
	for name, c := range map[string]struct {
		query  string
		header []string
		status int
		code   string
	}{
		"no token":      {"", nil, 404, "reservation_not_found"},
		"another token": {"?payment=" + g.PendingChange.Payment.Id, []string{"Authorization", "Bearer mt_x"}, 404, "reservation_not_found"},
		"no payment":    {"?payment=", []string{"Authorization", bearer(r)}, 422, "request_invalid"},
		"no id":         {"?payment=" + r.Id, []string{"Authorization", bearer(r)}, 422, "request_invalid"},
		"in force":      {"?payment=" + r.Payment.Id, []string{"Authorization", bearer(r)}, 409, "change_in_force"},
		"unknown":       {"?payment=pay_01jxfq6hg8e4ft3vs9j8qk2mzn", []string{"Authorization", bearer(r)}, 404, "change_not_found"},
	} {
		if p := back(c.query, c.header...).problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if s.find(r.Id).Change == nil {
		t.Fatal("a refused request took the change back")
	}
	for range 2 {
		got := back("?payment="+g.PendingChange.Payment.Id, "Authorization", bearer(r))
		if a := got.reservation(t); got.status != 200 || a.PendingChange != nil || !a.To.Equal(r.To) || *a.Pass != *r.Pass || a.Payment.State != "authorized" {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	e.until(t, func(r api.Reservation) bool { return r.PendingChange == nil })
	if p := back("", "Authorization", bearer(r)).problem(t); p.Status != 409 || p.Code != "no_change_pending" {
		t.Fatalf("%+v", p)
	}
	if p := s.change(r, "extend", "a-key-of-a-change-1", later).problem(t); p.Status != 409 || p.Code != "change_not_in_force" {
		t.Fatalf("%+v", p)
	}
	if err := s.world.Check(); err != nil {
		t.Fatal(err)
	}
}
