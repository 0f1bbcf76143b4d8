package booking

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

var begins = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

func stay(state reservation.State, lasts time.Duration) *reservation.Reservation {
	return &reservation.Reservation{
		ID: id.New[id.Reservation](begins), State: state, Window: timerange.Range{From: begins, To: begins.Add(lasts)},
		Quote: reservation.Quote{Total: money.New(400, "EUR")},
	}
}

func TestWhenAHoldIsRenewed(t *testing.T) {
	const day = 24 * time.Hour
	week := payment.Payment{State: payment.Authorized, UpdatedAt: begins.Add(-5 * day), CaptureBefore: begins.Add(2 * day)}
	saved := payment.Payment{State: payment.MethodKept, UpdatedAt: begins.Add(-60 * day)}
	lapsed := payment.Payment{State: payment.Lapsed, UpdatedAt: begins.Add(2 * day), CaptureBefore: begins.Add(2 * day)}
	never := week
	never.CaptureBefore = time.Time{}
	short := payment.Payment{State: payment.Authorized, UpdatedAt: begins, CaptureBefore: begins.Add(10 * time.Minute)}
	for name, c := range map[string]struct {
		r    *reservation.Reservation
		p    payment.Payment
		at   time.Duration // after the beginning
		try  uint32
		want bool
	}{
		"a hold that covers the stay":               {stay(reservation.Confirmed, 40*time.Hour), week, 39 * time.Hour, 0, false},
		"one that lapses within the stay, too soon": {stay(reservation.Confirmed, 3*day), week, day - time.Minute, 0, false},
		"one that lapses within a day":              {stay(reservation.Confirmed, 3*day), week, day, 0, true},
		"four hours later":                          {stay(reservation.Active, 3*day), week, day + 4*time.Hour, 1, true},
		"the last try before it lapses":             {stay(reservation.Active, 3*day), week, 2*day - time.Minute, 5, true},
		"that lapses right after the stay":          {stay(reservation.Active, 2*day-30*time.Minute), week, day, 0, true},
		"that lapses while somebody overstays":      {stay(reservation.Active, 40*time.Hour), week, 2*day - 30*time.Minute, 5, true},
		"of somebody who overstays and is covered":  {stay(reservation.Active, 40*time.Hour), week, 2*day - 70*time.Minute, 0, false},
		"one that never lapses":                     {stay(reservation.Active, 300*day), never, 299 * day, 0, false},
		"a short one in its first half":             {stay(reservation.Active, time.Hour), short, 5*time.Minute - 1, 0, false},
		"a short one in its second":                 {stay(reservation.Active, time.Hour), short, 5 * time.Minute, 0, true},
		"of a stay that is over":                    {stay(reservation.Completed, 3*day), week, 2*day - time.Hour, 0, false},
		"one that has lapsed":                       {stay(reservation.Active, 5*day), lapsed, 2 * day, 6, true},
		"one that has lapsed, the last try":         {stay(reservation.Active, 5*day), lapsed, 3*day - time.Minute, 11, true},
		"one that has lapsed, and the bank bored":   {stay(reservation.Active, 5*day), lapsed, 3 * day, 0, false},
		"a saved method, too soon":                  {stay(reservation.Confirmed, day), saved, -day - time.Minute, 0, false},
		"a saved method a day before":               {stay(reservation.Confirmed, day), saved, -day, 0, true},
		"a saved method in the last hours":          {stay(reservation.Confirmed, day), saved, -time.Minute, 5, true},
		"a saved method when it has begun":          {stay(reservation.Confirmed, day), saved, 0, 0, false},
	} {
		if try, due := renewal(c.r, &c.p, 10*time.Minute, 7*day, begins.Add(c.at)); due != c.want || try != c.try {
			t.Errorf("%s: try %d, due %v; want %d, %v", name, try, due, c.try, c.want)
		}
	}
	free := stay(reservation.Active, 3*day)
	free.Quote.Total.Minor = 0
	if _, due := renewal(free, &week, 0, 7*day, begins.Add(2*day-time.Hour)); due {
		t.Error("nothing is to be held for what costs nothing")
	}
	// Holds of two hours that would not cover a stay of one if they were placed a day
	// before are placed when they do, and no later than an hour before.
	for lasts, opens := range map[time.Duration]time.Duration{30 * time.Minute: -20 * time.Minute, time.Hour: 0, 5 * time.Hour: 0} {
		want := min(opens, -time.Hour)
		before, _ := renewal(stay(reservation.Confirmed, lasts), &saved, 10*time.Minute, 2*time.Hour, begins.Add(want-time.Second))
		if _, due := renewal(stay(reservation.Confirmed, lasts), &saved, 10*time.Minute, 2*time.Hour, begins.Add(want)); !due || before != 0 {
			t.Errorf("a stay of %s: not due %s before it", lasts, -want)
		}
	}
}

// Whatever the hold and the stay: a hold that covers the stay is left alone, one
// that does not is renewed before it lapses, and the bank is not asked more than
// twelve times.
func TestRenewalsAreInTimeAndFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := stay(rapid.SampledFrom([]reservation.State{reservation.Confirmed, reservation.Active}).Draw(t, "state"), time.Duration(rapid.IntRange(15, 60*24*14).Draw(t, "lasts"))*time.Minute)
		placed := begins.Add(-time.Duration(rapid.IntRange(0, 60*24*7).Draw(t, "ahead")) * time.Minute)
		p := payment.Payment{State: payment.Authorized, UpdatedAt: placed, CaptureBefore: placed.Add(time.Duration(rapid.IntRange(5, 60*24*7).Draw(t, "life")) * time.Minute)}
		grace := 10 * time.Minute
		step := max(p.CaptureBefore.Sub(placed)/100, time.Second)
		tries := map[uint32]bool{}
		var last uint32
		for now := placed; now.Before(p.CaptureBefore); now = now.Add(step) {
			if try, due := renewal(r, &p, grace, 0, now); due {
				if try < last {
					t.Fatalf("try %d after %d", try, last)
				}
				tries[try], last = true, try
			}
		}
		covers := !p.CaptureBefore.Before(r.Window.To.Add(grace + renewSlack))
		if covers != (len(tries) == 0) && (r.State == reservation.Confirmed || !covers) {
			t.Fatalf("the hold covers the stay: %v; %d tries", covers, len(tries))
		}
		p.State, p.UpdatedAt = payment.Lapsed, p.CaptureBefore
		for now := p.CaptureBefore; now.Before(p.CaptureBefore.Add(14 * 24 * time.Hour)); now = now.Add(time.Hour) {
			if try, due := renewal(r, &p, grace, 0, now); due {
				tries[try] = true
			}
		}
		if len(tries) > 2*renewTries {
			t.Fatalf("%d tries", len(tries))
		}
	})
}

func TestEachTryHasItsPayment(t *testing.T) {
	r, p, q := id.New[id.Reservation](begins), id.New[id.Payment](begins), id.New[id.Payment](begins)
	seen := map[id.Payment]bool{}
	for try := range uint32(20) {
		for _, of := range []id.Payment{p, q} {
			i := renewed(r, of, try)
			if seen[i] || i.IsZero() || renewed(r, of, try) != i {
				t.Fatalf("%s of try %d", i, try)
			}
			seen[i] = true
		}
	}
}
