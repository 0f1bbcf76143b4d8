package httpapi_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/protocol/id"
)

// asked keeps by what drivers want to be reminded.
type asked struct {
	said map[id.Reservation]account.Reminders
}

func (a *asked) Reminders(_ context.Context, _ id.Parking, r id.Reservation) (account.Reminders, string, error) {
	if w, said := a.said[r]; said {
		return w, "", nil
	}
	return account.Reminded(nil, nil), "", nil
}

func (a *asked) Remind(_ context.Context, _ id.Parking, r id.Reservation, w account.Reminders) error {
	if a.said == nil {
		a.said = map[id.Reservation]account.Reminders{}
	}
	a.said[r] = w
	return nil
}

// A guest says with his token by what he is reminded, for his own reservation alone.
func TestAGuestSaysByWhatHeIsReminded(t *testing.T) {
	s := newSite(t, nil)
	r, other := s.reserve("a-key-that-is-long-k1", bookingtest.OK), s.reserve("a-key-that-is-long-k2", bookingtest.OK)
	path := "/reservations/" + r.Id + "/reminders"
	read := func(got reply) (a api.RemindersAnswer) {
		t.Helper()
		if err := json.Unmarshal(got.body, &a); err != nil || got.status != 200 {
			t.Fatalf("%d %s, %v", got.status, got.body, err)
		}
		return a
	}
	if a := read(s.do("GET", path, "", "Authorization", bearer(r))); !*a.Reminders.Mail || !*a.Reminders.Sms {
		t.Fatalf("%+v", a)
	}
	for name, c := range map[string]struct {
		body, token string
		status      int
		code        string
	}{
		"no token":        {`{"mail":false,"sms":false}`, "Bearer ", 404, "reservation_not_found"},
		"another's token": {`{"mail":false,"sms":false}`, bearer(other), 404, "reservation_not_found"},
		"half of it":      {`{"mail":false}`, bearer(r), 422, "request_invalid"},
		"no flag":         {`{"mail":"no","sms":false}`, bearer(r), 422, "request_invalid"},
		"something else":  {`{"mail":false,"sms":false,"post":true}`, bearer(r), 422, "unknown_field"},
	} {
		if p := s.do("PUT", path, c.body, "Authorization", c.token).problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if a := read(s.do("GET", path, "", "Authorization", bearer(r))); !*a.Reminders.Mail || !*a.Reminders.Sms {
		t.Fatalf("a refused request was kept: %+v", a)
	}
	for range 2 {
		if a := read(s.do("PUT", path, `{"mail":false,"sms":true}`, "Authorization", bearer(r))); *a.Reminders.Mail || !*a.Reminders.Sms {
			t.Fatalf("%+v", a)
		}
	}
	if a := read(s.do("GET", "/reservations/"+other.Id+"/reminders", "", "Authorization", bearer(other))); !*a.Reminders.Mail {
		t.Fatalf("another's: %+v", a)
	}
}
