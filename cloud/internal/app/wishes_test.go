package app

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/protocol/id"
)

// ownersPark is a store in which one reservation belongs to an account.
type owned struct {
	account.Store
	reservation id.Reservation
	by          id.Account
	it          *account.Account // nil: closed since
}

func (o owned) ReservationAccount(_ context.Context, r id.Reservation) (id.Account, error) {
	if r != o.reservation {
		return id.Account{}, nil
	}
	return o.by, nil
}

func (o owned) ByID(context.Context, id.Account) (*account.Account, error) { return o.it, nil }

// spoken is what was said for single reservations.
type spoken map[id.Reservation]account.Reminders

func (s spoken) Reminders(_ context.Context, _ id.Parking, r id.Reservation) (*account.Reminders, error) {
	if w, said := s[r]; said {
		return &w, nil
	}
	return nil, nil
}

func (s spoken) Remind(context.Context, id.Parking, id.Reservation, account.Reminders) error {
	return nil
}

func TestARemindersWishesAreThoseOfTheReservationsAccount(t *testing.T) {
	own, guests := id.New[id.Reservation](time.Now()), id.New[id.Reservation](time.Now())
	ownSaid, guestSaid := id.New[id.Reservation](time.Now()), id.New[id.Reservation](time.Now())
	said := spoken{ownSaid: {Mail: true}, guestSaid: {SMS: true}}
	it := &account.Account{Language: "de", HourCycle: "h12", Phone: "+4915112345678", RemindByMail: false, RemindBySMS: true}
	with := func(change func(*account.Account)) *account.Account {
		other := *it
		change(&other)
		return &other
	}
	for name, x := range map[string]struct {
		of           *account.Account
		r            id.Reservation
		phone, wants string
		says         notify.Wishes
	}{
		"its own":               {it, own, "", "+4915112345678", notify.Wishes{Language: "de", TwelveHour: true, Quiet: []notify.Channel{notify.ByMail}}},
		"with a number":         {it, own, "+49301234567", "+49301234567", notify.Wishes{Language: "de", TwelveHour: true, Quiet: []notify.Channel{notify.ByMail}}},
		"by nothing":            {with(func(a *account.Account) { a.RemindBySMS = false }), own, "", "+4915112345678", notify.Wishes{Language: "de", TwelveHour: true, Quiet: []notify.Channel{notify.ByMail, notify.BySMS}}},
		"by both, 24 h":         {with(func(a *account.Account) { a.RemindByMail, a.HourCycle = true, "h23" }), own, "", "+4915112345678", notify.Wishes{Language: "de"}},
		"a guest's":             {it, guests, "+49301234567", "+49301234567", notify.Wishes{}},
		"a guest's, no number":  {it, guests, "", "", notify.Wishes{}},
		"a guest's who said":    {it, guestSaid, "+49301234567", "+49301234567", notify.Wishes{Quiet: []notify.Channel{notify.ByMail}}},
		"its own, said for it":  {it, ownSaid, "", "+4915112345678", notify.Wishes{Language: "de", TwelveHour: true, Quiet: []notify.Channel{notify.BySMS}}},
		"of a closed account's": {nil, own, "", "", notify.Wishes{}},
	} {
		m := notify.Mail{Phone: x.phone}
		whose := own
		if x.r == ownSaid {
			whose = ownSaid
		}
		d := letters{reminders: reminding{said, owned{reservation: whose, by: id.New[id.Account](time.Now()), it: x.of}}}
		if err := d.wishes(t.Context(), "altmarkt", x.r, &m); err != nil || m.Phone != x.wants || m.Wishes.Language != x.says.Language ||
			m.Wishes.TwelveHour != x.says.TwelveHour || !slices.Equal(m.Wishes.Quiet, x.says.Quiet) {
			t.Errorf("%s: %q %+v, %v", name, m.Phone, m.Wishes, err)
		}
	}
}
