package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
)

// stays is a reservation for two hours at 4.00, on terms for leaving early, with
// its vehicle inside since the beginning. An hour that was begun costs 2.00.
func stays(t *testing.T, early *int) (*till, *reservation.Reservation) {
	t.Helper()
	x := tillWith(func() string { return well }, 1000*time.Hour)
	op := reserveOp("k", x.c.window(0, 2*time.Hour))
	op.Provider, op.Method, op.Quote.EarlyCharge = sandbox.Name, sandbox.OK, early
	apply(t, x.World, op)
	x.step(t)
	s := stored(t, x.World, op.ID)
	apply(t, x.World, x.gate.enter(t, &s.Reservation, x.c.at))
	return x, &s.Reservation
}

func TestWhoLeavesEarlyPaysWhatWasAgreedForThat(t *testing.T) {
	n := func(percent int) *int { return &percent }
	for name, x := range map[string]struct {
		early *int
		after time.Duration
		taken int64
	}{
		"nothing was agreed":         {nil, 30 * time.Minute, 400},
		"all is kept":                {n(100), 30 * time.Minute, 400},
		"half of it is used":         {n(0), 30 * time.Minute, 200},
		"less is used than is kept":  {n(60), 30 * time.Minute, 240},
		"the last hour was begun":    {n(0), 61 * time.Minute, 400},
		"at the end":                 {n(0), 2 * time.Hour, 400},
		"it left before it begins":   {n(15), 0, 60},
		"in the grace after its end": {n(0), 2*time.Hour + 10*time.Minute, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := stays(t, x.early)
			w.c.at = w.c.at.Add(x.after)
			apply(t, w.World, w.gate.leave(t, r.ID, w.c.at))
			if p := w.step(t); p.State != payment.Captured || p.Captured != x.taken || p.CaptureTax != (64*x.taken+200)/400 {
				t.Fatalf("%+v, want %d", p, x.taken)
			}
			if err := w.rest(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Whose exit nobody saw did not leave early: all is taken. When the exit is heard of
// after all, what was taken beyond it is given back, and nothing is a credit.
func TestAnEarlyExitThatIsHeardOfLateIsGivenBack(t *testing.T) {
	for _, captured := range []bool{true, false} {
		none := 0
		x, r := stays(t, &none)
		left := x.c.at.Add(40 * time.Minute)
		stay := x.gate.inside[r.ID]
		x.c.at = x.c.at.Add(30 * time.Hour)
		x.Watched(altmarkt, x.c.at)
		op := &fleet.Presume{Lot: altmarkt, Sessions: []id.Session{stay}}
		apply(t, x.World, op)
		if p := x.Payments()[0]; op.Ended != 1 || p.State != payment.CaptureRequested || p.CaptureAmount != 400 {
			t.Fatalf("%d ended, %+v", op.Ended, p)
		}
		if captured {
			x.step(t)
		}
		apply(t, x.World, x.gate.leave(t, r.ID, left))
		if err := x.rest(); err != nil {
			t.Fatal(err)
		}
		check(t, x.World)
		p, s := x.Payments()[0], x.Session(stay)
		if p.Captured != 400 || p.Refunded != 200 || p.Refunds[0].Reason != payment.ReasonLessDue || p.Refunds[0].Tax != 32 {
			t.Errorf("captured before: %v: %+v", captured, p)
		}
		if s.State != session.Left || s.Due.Minor != 200 || s.Owed.Minor != 0 || s.Credit != 0 {
			t.Errorf("captured before: %v: %+v due %v owed %v", captured, s, s.Due, s.Owed)
		}
	}
}

// The terms are those of the booking, and stay through a change.
func TestTheTermsOfLeavingEarlyAreThoseOfTheBooking(t *testing.T) {
	s := open(t, 2)
	lot, err := s.world.Parking(context.Background(), altmarkt)
	if err != nil {
		t.Fatal(err)
	}
	lot.Policy.EarlyCharge = 30
	v := s.reserve(t, "1", bookingtest.OK)
	lot.Policy.EarlyCharge = 100
	if q := v.Reservation.Quote; q.EarlyCharge == nil || *q.EarlyCharge != 30 {
		t.Fatalf("%+v", q)
	}
	changed, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if q := changed.Reservation.Quote; q.EarlyCharge == nil || *q.EarlyCharge != 30 {
		t.Fatalf("%+v", q)
	}
}
