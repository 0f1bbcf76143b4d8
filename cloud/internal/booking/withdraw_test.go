package booking_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A change that is taken back lets go of what it claimed and of its payment. It
// stays taken back, whatever the driver answers the bank afterwards.
func TestAChangeThatIsTakenBack(t *testing.T) {
	for _, twice := range []bool{false, true} {
		s := open(t, 1)
		v := s.reserve(t, "k", bookingtest.OK)
		s.card(t, v.Reservation.ID, bookingtest.SecondFactor)
		ask := longer(v, "1", 2*time.Hour)
		got, err := s.Extend(t.Context(), v.Reservation.ID, ask)
		if err != nil || got.Change == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		end := timerange.Ceil(v.Reservation.Window.To)
		if s.world.Free(altmarkt, id.Standard, end) != 0 {
			t.Fatal("the change claims nothing")
		}
		s.world.Twice = twice
		back, err := s.Withdraw(t.Context(), v.Reservation.ID, id.Payment{})
		r := stored(t, s.world, v.Reservation.ID).Reservation
		if err != nil || back.Change != nil || back.Reservation.Pending != nil || back.Pass != v.Pass || back.Payment.ID != v.Payment.ID ||
			back.Payment.State != payment.Authorized || back.Reservation.Version != r.Version || !back.Reservation.Window.To.Equal(v.Reservation.Window.To) {
			t.Fatalf("%+v, %v", back, err)
		}
		check(t, s.world)
		if s.world.Free(altmarkt, id.Standard, end) != 1 || s.world.Free(altmarkt, id.Standard, end-1) != 0 {
			t.Fatal("what the change claimed is not free, or more is")
		}
		events := s.world.Events(altmarkt)
		if last := events[len(events)-1]; last.Kind != feed.ChangeDropped || last.Body.Reservation.Version != r.Version {
			t.Fatalf("told %+v", last)
		}
		// Again: by its name it is known, and without one nothing is there.
		again, err := s.Withdraw(t.Context(), v.Reservation.ID, got.Change.ID)
		if err != nil || again.Reservation.Version != r.Version || len(s.world.Events(altmarkt)) != len(events) {
			t.Fatalf("%+v, %v", again, err)
		}
		_, err = s.Withdraw(t.Context(), v.Reservation.ID, id.Payment{})
		wantCode(t, err, booking.CodeNoChangePending)
		_, err = s.Extend(t.Context(), v.Reservation.ID, ask)
		wantCode(t, err, booking.CodeChangeLapsed)

		s.provider.Complete(got.Change.Ref, true) // too late
		if v, err := s.Confirm(t.Context(), v.Reservation.ID); err != nil || v.Reservation.Generation != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		late := payment.Outcome{Ref: got.Change.Ref, State: payment.Authorized, Authorized: got.Change.Amount}
		if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, got.Change.ID, late); err != nil {
			t.Fatal(err)
		}
		check(t, s.world)
		for _, p := range s.world.Payments() {
			if p.ID == got.Change.ID && (p.State != payment.VoidRequested || p.Authorized != got.Change.Amount.Minor) {
				t.Fatalf("the late hold is not given back: %+v", p)
			}
		}
		if at := stored(t, s.world, v.Reservation.ID); at.Reservation.Generation != 1 || at.Payment.ID != v.Payment.ID {
			t.Fatalf("%+v", at)
		}
		s.card(t, v.Reservation.ID, bookingtest.OK)
		if next, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "2", time.Hour)); err != nil || next.Reservation.Generation != 2 {
			t.Fatalf("another change: %+v, %v", next, err)
		}
	}
}

// The provider says yes after the change was taken back: there is one hold, and
// who asked for the change hears that it is not in force.
func TestAChangeThatIsTakenBackWhileTheBankIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1)
		v := s.reserve(t, "k", bookingtest.OK)
		s.card(t, v.Reservation.ID, bookingtest.Gated)
		asked := make(chan error, 1)
		go func() {
			_, err := s.Extend(context.WithoutCancel(t.Context()), v.Reservation.ID, longer(v, "1", 2*time.Hour))
			asked <- err
		}()
		<-s.provider.Arrived
		pending := stored(t, s.world, v.Reservation.ID).Change
		if _, err := s.Withdraw(t.Context(), v.Reservation.ID, pending.ID); err != nil {
			t.Fatal(err)
		}
		check(t, s.world)
		s.provider.Gate <- struct{}{}
		wantCode(t, <-asked, booking.CodeChangeLapsed)
		check(t, s.world)
		at := stored(t, s.world, v.Reservation.ID)
		if at.Reservation.Generation != 1 || at.Payment.ID != v.Payment.ID || at.Payment.State != payment.Authorized || at.Change != nil {
			t.Fatalf("%+v", at)
		}
		for _, p := range s.world.Payments() {
			if p.ID == pending.ID && (p.State != payment.VoidRequested || p.Ref == "" || p.Authorized == 0) {
				t.Fatalf("the hold that came late is not given back: %+v", p)
			}
		}
	})
}

func TestWhatCannotBeTakenBack(t *testing.T) {
	s := open(t, 2)
	v, other := s.reserve(t, "k", bookingtest.OK), s.reserve(t, "l", bookingtest.OK)
	got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
	if err != nil || got.Reservation.Generation != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	before := stored(t, s.world, v.Reservation.ID)
	_, err = s.Withdraw(t.Context(), v.Reservation.ID, got.Payment.ID)
	wantCode(t, err, booking.CodeChangeInForce)
	for _, p := range []id.Payment{other.Payment.ID, id.New[id.Payment](s.clock.at)} {
		_, err = s.Withdraw(t.Context(), v.Reservation.ID, p)
		wantCode(t, err, booking.CodeChangeNotFound)
	}
	_, err = s.Withdraw(t.Context(), v.Reservation.ID, id.Payment{})
	wantCode(t, err, booking.CodeNoChangePending)
	_, err = s.Withdraw(t.Context(), id.New[id.Reservation](s.clock.at), id.Payment{})
	wantCode(t, err, booking.CodeReservationNotFound)
	if after := stored(t, s.world, v.Reservation.ID); after.Reservation.Version != before.Reservation.Version {
		t.Fatalf("%+v", after)
	}
	check(t, s.world)
}
