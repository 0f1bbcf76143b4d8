package booking_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
)

// keep asks for a reservation that a declined card does not end.
func (s *shop) keep(t testing.TB, key, method string) booking.View {
	t.Helper()
	q := s.request(key, method)
	q.Keep = true
	v, err := s.Reserve(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s.world)
	return v
}

func (s *shop) another(t testing.TB, r id.Reservation, key, method string) (booking.View, error) {
	t.Helper()
	v, err := s.TryCard(context.Background(), r, booking.CardRequest{Key: "a-key-to-try-with-" + key, Method: method})
	check(t, s.world)
	return v, err
}

// A declined card loses neither the space nor the time for paying, and another one
// takes its place; whoever asks again is told how it stands.
func TestADeclinedCardKeepsTheSpace(t *testing.T) {
	s := open(t, 1)
	v := s.keep(t, "k", bookingtest.Declined)
	r, until := v.Reservation.ID, v.Reservation.HoldUntil
	if v.Reservation.State != reservation.Held || v.Payment.State != payment.Declined || v.Reservation.Quote.CardsLeft != booking.MoreCards || v.Pending() || v.Pass != "" {
		t.Fatalf("%+v", v)
	}
	if again := s.keep(t, "k", bookingtest.Declined); again.Reservation.ID != r || again.Payment.ID != v.Payment.ID {
		t.Fatalf("asked again: %+v", again)
	}
	_, err := s.Reserve(t.Context(), s.request("somebody-else", bookingtest.OK))
	wantCode(t, err, booking.CodeSoldOut)
	if v, err = s.another(t, r, "1", bookingtest.Declined); err != nil || v.Payment.State != payment.Declined || v.Reservation.Quote.CardsLeft != booking.MoreCards-1 || !v.Reservation.HoldUntil.Equal(until) {
		t.Fatalf("%+v, %v", v, err)
	}
	for range 2 {
		if v, err = s.another(t, r, "2", bookingtest.OK); err != nil || v.Reservation.ID != r || v.Reservation.State != reservation.Confirmed || v.Pass == "" {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	if again := s.keep(t, "k", bookingtest.Declined); again.Reservation.State != reservation.Confirmed || again.Pass != v.Pass {
		t.Fatalf("the first request again: %+v", again)
	}
	_, err = s.another(t, r, "1", bookingtest.Declined)
	wantCode(t, err, booking.CodePaymentGone)
	_, err = s.another(t, r, "2", bookingtest.Declined)
	wantCode(t, err, booking.CodeKeyReused)
	_, err = s.another(t, r, "3", bookingtest.OK)
	wantCode(t, err, reservation.CodeNoHoldPending)
	if s.provider.Calls() != 3 || s.provider.Standing() != 1 || len(s.world.Payments()) != 3 {
		t.Fatalf("%d calls, %d holds, %d payments", s.provider.Calls(), s.provider.Standing(), len(s.world.Payments()))
	}
}

// So many cards may be tried and no more; the last one gives the space back at once.
func TestCardsAreCounted(t *testing.T) {
	s := open(t, 1)
	r := s.keep(t, "k", bookingtest.Declined).Reservation.ID
	for n := range booking.MoreCards - 1 {
		if v, err := s.another(t, r, fmt.Sprint(n), bookingtest.Declined); err != nil || v.Reservation.State != reservation.Held {
			t.Fatalf("card %d: %+v, %v", n, v, err)
		}
	}
	for range 2 {
		_, err := s.another(t, r, "the last one", bookingtest.Declined)
		wantCode(t, err, booking.CodeKeyInvalid)
		_, err = s.another(t, r, "the-last-one", bookingtest.Declined)
		wantCode(t, err, booking.CodeDeclined)
	}
	_, err := s.another(t, r, "one-more", bookingtest.OK)
	wantCode(t, err, reservation.CodeFinished)
	s.reserve(t, "somebody-else", bookingtest.OK)
}

// What is kept for another card ends when the time for paying does, like anything held.
func TestWhatIsKeptForACardExpires(t *testing.T) {
	s := open(t, 1)
	v := s.keep(t, "k", bookingtest.Declined)
	s.clock.at = v.Reservation.HoldUntil
	_, err := s.another(t, v.Reservation.ID, "late", bookingtest.OK)
	wantCode(t, err, reservation.CodeFinished)
	if again, err := s.Expire(t.Context(), altmarkt, v.Reservation.ID); err != nil || !again.IsZero() || stored(t, s.world, v.Reservation.ID).Reservation.State != reservation.Expired {
		t.Fatalf("%s, %v", again, err)
	}
	_, err = s.another(t, v.Reservation.ID, "later", bookingtest.OK)
	wantCode(t, err, reservation.CodeFinished)
	s.reserve(t, "somebody-else", bookingtest.OK)
	if s.provider.Calls() != 2 {
		t.Fatalf("%d calls", s.provider.Calls())
	}
}

// Nobody's reservation is kept who did not ask for it, and none that waits for no card
// gets another one.
func TestACardIsTriedOnlyWhereOneIsWaitedFor(t *testing.T) {
	s := open(t, 2)
	_, err := s.Reserve(t.Context(), s.request("k", bookingtest.Declined))
	wantCode(t, err, booking.CodeDeclined)
	_, err = s.another(t, s.world.All()[0].Reservation.ID, "1", bookingtest.OK)
	wantCode(t, err, reservation.CodeFinished)
	v := s.reserve(t, "k2", bookingtest.SecondFactor)
	_, err = s.another(t, v.Reservation.ID, "2", bookingtest.OK)
	wantCode(t, err, booking.CodeNoMoreCards)
	_, err = s.another(t, id.New[id.Reservation](s.clock.at), "3", bookingtest.OK)
	wantCode(t, err, booking.CodeReservationNotFound)
	_, err = s.another(t, v.Reservation.ID, "4", "4242424242424242")
	wantCode(t, err, booking.CodeRequestInvalid)
	_, err = s.Cancel(t.Context(), v.Reservation.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.another(t, v.Reservation.ID, "5", bookingtest.OK)
	wantCode(t, err, reservation.CodeFinished)
}

// A second step that nobody takes makes way, and is given back if it is taken after
// all: one of the two stands.
func TestASecondStepMakesWayForAnotherCard(t *testing.T) {
	s := open(t, 1)
	first := s.keep(t, "k", bookingtest.SecondFactor)
	v, err := s.another(t, first.Reservation.ID, "1", bookingtest.OK)
	if err != nil || v.Reservation.State != reservation.Confirmed || v.Payment.ID == first.Payment.ID {
		t.Fatalf("%+v, %v", v, err)
	}
	s.provider.Complete(first.Payment.Ref, true)
	late, err := s.provider.Find(t.Context(), first.Payment.Key(payment.CallHold))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, first.Payment.ID, late); err != nil {
		t.Fatal(err)
	}
	check(t, s.world)
	for _, p := range s.world.Payments() {
		if p.ID == first.Payment.ID && p.State != payment.VoidRequested {
			t.Fatalf("the first payment is %s", p.State)
		}
	}
	if got := stored(t, s.world, v.Reservation.ID); got.Reservation.Payment != v.Payment.ID || got.Payment.State != payment.Authorized {
		t.Fatalf("%+v", got)
	}
}

// The driver's no at the bank keeps the space like the bank's own.
func TestARefusedSecondStepKeepsTheSpace(t *testing.T) {
	s := open(t, 1)
	v := s.keep(t, "k", bookingtest.SecondFactor)
	s.provider.Complete(v.Payment.Ref, false)
	v, err := s.Confirm(t.Context(), v.Reservation.ID)
	if err != nil || v.Reservation.State != reservation.Held || v.Payment.State != payment.Declined {
		t.Fatalf("%+v, %v", v, err)
	}
	if v, err = s.another(t, v.Reservation.ID, "1", bookingtest.OK); err != nil || v.Reservation.State != reservation.Confirmed {
		t.Fatalf("%+v, %v", v, err)
	}
}

// While nobody knows what became of a card, no other one is asked; whoever is first of
// two asks alone.
func TestTwoCardsAreNeverAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1)
		v := s.keep(t, "k", bookingtest.Timeout)
		_, err := s.another(t, v.Reservation.ID, "1", bookingtest.OK)
		wantCode(t, err, booking.CodePaying)
	})
	s := open(t, 1)
	r := s.keep(t, "k", bookingtest.Declined).Reservation.ID
	done := make(chan error, 1)
	go func() {
		_, err := s.TryCard(context.Background(), r, booking.CardRequest{Key: "a-key-to-try-with-1", Method: bookingtest.Gated})
		done <- err
	}()
	<-s.provider.Arrived
	_, err := s.another(t, r, "2", bookingtest.OK)
	wantCode(t, err, booking.CodePaying)
	_, err = s.another(t, r, "1", bookingtest.Gated)
	wantCode(t, err, booking.CodeInProgress)
	s.provider.Gate <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v, err := s.another(t, r, "1", bookingtest.Gated); err != nil || v.Reservation.State != reservation.Confirmed || s.provider.Standing() != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
}

// Whatever a bank says too late of a card that was declined is given back.
func TestACardThatIsTakenTooLateIsGivenBack(t *testing.T) {
	s := open(t, 1)
	v := s.keep(t, "k", bookingtest.Declined)
	late := payment.Outcome{Ref: "hold-late", State: payment.Authorized, Authorized: v.Payment.Amount}
	if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, v.Payment.ID, late); err != nil {
		t.Fatal(err)
	}
	check(t, s.world)
	if got := stored(t, s.world, v.Reservation.ID); got.Reservation.State != reservation.Held || got.Payment.State != payment.VoidRequested {
		t.Fatalf("%+v", got)
	}
	got, err := s.another(t, v.Reservation.ID, "1", bookingtest.OK)
	if err != nil || got.Reservation.State != reservation.Confirmed || got.Payment.ID == v.Payment.ID {
		t.Fatalf("%+v, %v", got, err)
	}
}

// What is no card keeps no space: words are made up for nothing.
func TestNothingIsKeptForWhatIsNoCard(t *testing.T) {
	s := open(t, 1)
	q := s.request("k", bookingtest.NoCard)
	q.Keep = true
	_, err := s.Reserve(t.Context(), q)
	wantCode(t, err, booking.CodeDeclined)
	check(t, s.world)
	r := s.keep(t, "k2", bookingtest.Declined).Reservation.ID // the space is free again
	_, err = s.another(t, r, "1", bookingtest.NoCard)
	wantCode(t, err, booking.CodeDeclined)
	s.reserve(t, "somebody-else", bookingtest.OK)
}
