package booking_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/timerange"
)

const changeKey = "a-key-of-a-change-"

// longer asks for so much more at the end.
func longer(v booking.View, key string, by time.Duration) booking.ChangeRequest {
	return booking.ChangeRequest{Key: changeKey + key, To: v.Reservation.Window.To.Add(by)}
}

// shifted asks for the whole window later or earlier.
func shifted(v booking.View, key string, by time.Duration) booking.ChangeRequest {
	w := v.Reservation.Window
	return booking.ChangeRequest{Key: changeKey + key, From: w.From.Add(by), To: w.To.Add(by)}
}

// card makes the reservation's later payments be made with another card.
func (s *shop) card(t *testing.T, r id.Reservation, method string) {
	t.Helper()
	p := stored(t, s.world, r).Payment
	apply(t, s.world, &plant{p.ID, method})
}

// plant changes the card of a payment.
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

func (s *shop) verify(t *testing.T, text string) pass.Pass {
	t.Helper()
	verifier, err := pass.NewVerifier([]pass.PublicKey{s.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := verifier.Verify(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnExtensionSwapsTheHoldAndThePass(t *testing.T) {
	for _, twice := range []bool{false, true} {
		s := open(t, 1)
		v := s.reserve(t, "k", bookingtest.OK)
		s.world.Twice = twice
		ask := longer(v, "1", 2*time.Hour)
		got, err := s.Extend(t.Context(), v.Reservation.ID, ask)
		if err != nil {
			t.Fatal(err)
		}
		check(t, s.world)
		r := stored(t, s.world, v.Reservation.ID).Reservation
		if got.Reservation.Generation != 2 || !got.Reservation.Window.To.Equal(ask.To) || got.Payment.Authorized != 800 ||
			got.Payment.State != payment.Authorized || got.Change != nil || got.Reservation.Version != r.Version {
			t.Fatalf("%+v", got)
		}
		for _, p := range s.world.Payments() {
			if p.ID == v.Payment.ID && p.State != payment.VoidRequested {
				t.Fatalf("the old hold is %s", p.State)
			}
		}
		// An edge that has heard everything up to the revision of the new pass has
		// heard of its generation, and one that has not takes the pass's word.
		p := s.verify(t, got.Pass)
		events := s.world.Events(altmarkt)
		last := events[len(events)-1]
		if p.Generation != 2 || !p.To.Equal(ask.To) || p.Revision != last.Revision || last.Kind != feed.ReservationChanged || last.Body.Reservation.Generation != 2 {
			t.Fatalf("pass %+v, last event %+v", p, last)
		}
		again, err := s.Extend(t.Context(), v.Reservation.ID, ask)
		if err != nil || again.Pass != got.Pass || again.Reservation.Version != got.Reservation.Version || s.provider.Calls() != 2 {
			t.Fatalf("%+v, %v", again, err)
		}
		ask.To = ask.To.Add(time.Hour)
		_, err = s.Extend(t.Context(), v.Reservation.ID, ask)
		wantCode(t, err, booking.CodeKeyReused)
		whole := booking.ChangeRequest{Key: ask.Key, From: v.Reservation.Window.From, To: got.Reservation.Window.To}
		_, err = s.Modify(t.Context(), v.Reservation.ID, whole)
		wantCode(t, err, booking.CodeKeyReused)
		whole.Key = "a-key-of-the-test-k" // the reservation's
		_, err = s.Modify(t.Context(), v.Reservation.ID, whole)
		wantCode(t, err, booking.CodeKeyReused)
	}
}

func TestWhatCostsNoMoreIsChangedAtOnce(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	ask := shifted(v, "1", time.Hour) // the only space, an hour of which it holds itself
	got, err := s.Modify(t.Context(), v.Reservation.ID, ask)
	if err != nil || got.Reservation.Generation != 2 || got.Payment.ID != v.Payment.ID || s.provider.Calls() != 1 || s.verify(t, got.Pass).Generation != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	check(t, s.world)
	first := timerange.Floor(v.Reservation.Window.From)
	if s.world.Free(altmarkt, id.Standard, first) != 1 || s.world.Free(altmarkt, id.Standard, first+4) != 0 {
		t.Fatal("the old window is not free, or the new one is")
	}
	// What both have in common was neither let go of nor taken: the feed says so.
	for _, e := range s.world.Events(altmarkt)[3:] {
		for _, d := range e.Body.Claims {
			if d.From < first+8 && d.To > first+5 {
				t.Errorf("the overlap moved: %+v", d)
			}
		}
	}
	// Shorter, and the same again.
	shorter := booking.ChangeRequest{Key: changeKey + "2", From: ask.From, To: ask.To.Add(-time.Hour)}
	got, err = s.Modify(t.Context(), v.Reservation.ID, shorter)
	if err != nil || got.Reservation.Quote.Total.Minor != 200 || got.Payment.Authorized != 400 || got.Reservation.Generation != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	shorter.Key = changeKey + "3"
	same, err := s.Modify(t.Context(), v.Reservation.ID, shorter)
	if err != nil || same.Reservation.Version != got.Reservation.Version || same.Pass != got.Pass {
		t.Fatalf("%+v, %v", same, err)
	}
	check(t, s.world)
}

// Somebody overstays within the window, so that nothing can be sold there: what
// the reservation holds itself is not asked for again.
func TestAChangeDoesNotStumbleOverItsOwnQuarters(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	crowd := v.Reservation.Claim
	crowd.To -= 2
	if _, err := s.world.Commit(t.Context(), &present{crowd}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", time.Hour)); err != nil || got.Reservation.Generation != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// present stands there, whether or not there is room.
type present struct{ q timerange.Quarters }

func (*present) Parking() id.Parking     { return altmarkt }
func (*present) Prefetch(r *commit.Rows) {}
func (o *present) Apply(w *commit.Work, _ time.Time) error {
	err := w.ClaimPresence(id.Standard, o.q, 1)
	w.Emit(feed.ClaimExtended, feed.Body{})
	return err
}

func TestAnExtensionIntoAFullWindowChangesNothing(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	next := s.request("next", bookingtest.OK)
	next.From = v.Reservation.Window.To.Add(15 * time.Minute)
	next.To = next.From.Add(time.Hour)
	if _, err := s.Reserve(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	before, events := stored(t, s.world, v.Reservation.ID), len(s.world.Events(altmarkt))
	_, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
	wantCode(t, err, booking.CodeSoldOut)
	if after := stored(t, s.world, v.Reservation.ID); after.Reservation.Version != before.Reservation.Version || len(s.world.Events(altmarkt)) != events || s.provider.Calls() != 2 {
		t.Fatalf("%+v", after)
	}
	check(t, s.world)
	// Its key was not used up: once there is room, it goes through.
	if _, err := s.Cancel(t.Context(), s.world.All()[0].Reservation.ID); err != nil {
		t.Fatal(err)
	}
}

func TestADeclinedCardLeavesTheReservationAsItWas(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	s.card(t, v.Reservation.ID, bookingtest.Declined)
	for range 2 { // the repetition is declined likewise, without asking again
		_, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
		wantCode(t, err, booking.CodeDeclined)
		if f := fault.From(err); f.Kind != fault.PaymentRequired || !strings.Contains(f.Fields["payment_method"], "insufficient_funds") {
			t.Fatalf("%+v", f)
		}
	}
	got, err := s.Get(t.Context(), v.Reservation.ID)
	if err != nil || got.Pass != v.Pass || got.Reservation.Generation != 1 || got.Payment.State != payment.Authorized || s.provider.Calls() != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	check(t, s.world)
	if s.world.Free(altmarkt, id.Standard, v.Reservation.Claim.To) != 1 {
		t.Fatal("what was asked for is still claimed")
	}
}

func TestAChangeWithASecondStep(t *testing.T) {
	for _, passed := range []bool{true, false} {
		s := open(t, 1)
		v := s.reserve(t, "k", bookingtest.OK)
		s.card(t, v.Reservation.ID, bookingtest.SecondFactor)
		got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
		if err != nil || got.Change == nil || got.Change.State != payment.RequiresAction || got.Change.NextAction == "" || got.Pass != v.Pass || got.Pending() ||
			!got.Reservation.Pending.Until.Equal(s.clock.at.Add(20*time.Minute)) {
			t.Fatalf("%+v, %v", got, err)
		}
		check(t, s.world)
		_, err = s.Extend(t.Context(), v.Reservation.ID, longer(v, "2", time.Hour))
		wantCode(t, err, booking.CodeChangePending)
		again, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
		if err != nil || again.Change == nil || again.Change.ID != got.Change.ID {
			t.Fatalf("%+v, %v", again, err)
		}
		s.provider.Complete(got.Change.Ref, passed)
		done, err := s.Confirm(t.Context(), v.Reservation.ID)
		if passed {
			if err != nil || done.Reservation.Generation != 2 || done.Payment.ID != got.Change.ID || done.Change != nil || done.Pass == v.Pass {
				t.Fatalf("%+v, %v", done, err)
			}
		} else {
			wantCode(t, err, booking.CodeDeclined)
			if at := stored(t, s.world, v.Reservation.ID); at.Reservation.Generation != 1 || at.Change != nil || at.Payment.ID != v.Payment.ID {
				t.Fatalf("%+v", at)
			}
		}
		check(t, s.world)
	}
}

// What nobody answered for is found out about by the completer, or lapses.
func TestAChangeWithoutAnAnswer(t *testing.T) {
	for _, method := range []string{bookingtest.Timeout, bookingtest.Dead} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, 1)
			v := s.reserve(t, "k", bookingtest.OK)
			s.card(t, v.Reservation.ID, method)
			got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
			if err != nil || !got.Pending() || got.Change.State != payment.Unknown || got.Pass != v.Pass {
				t.Fatalf("%+v, %v", got, err)
			}
			check(t, s.world)
			outcome, err := s.provider.Find(t.Context(), got.Change.Key(payment.CallHold))
			switch {
			case method == bookingtest.Timeout && err == nil:
				if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, got.Change.ID, outcome); err != nil {
					t.Fatal(err)
				}
				again, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
				if err != nil || again.Reservation.Generation != 2 || again.Pending() {
					t.Fatalf("%+v, %v", again, err)
				}
			case method == bookingtest.Dead && errors.Is(err, payment.ErrNotFound):
				again, err := s.Expire(t.Context(), altmarkt, v.Reservation.ID)
				if err != nil || !again.Equal(got.Reservation.Pending.Until) {
					t.Fatalf("%s, %v", again, err)
				}
				s.clock.at = again
				if again, err = s.Expire(t.Context(), altmarkt, v.Reservation.ID); err != nil || !again.IsZero() {
					t.Fatalf("%s, %v", again, err)
				}
				_, err = s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
				wantCode(t, err, booking.CodeChangeLapsed)
				// A hold that comes to stand after all is given back from the books.
				late := payment.Outcome{Ref: "late", State: payment.Authorized, Authorized: got.Change.Amount}
				if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, got.Change.ID, late); err != nil {
					t.Fatal(err)
				}
				if at := stored(t, s.world, v.Reservation.ID); at.Reservation.Generation != 1 || at.Payment.ID != v.Payment.ID {
					t.Fatalf("%+v", at)
				}
			default:
				t.Fatal(err)
			}
			check(t, s.world)
		})
	}
}

func TestOneOfTwoChangesAtOnceWins(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	var wg sync.WaitGroup
	errs := make(chan error, 2)
	for i, by := range []time.Duration{time.Hour, 2 * time.Hour} {
		wg.Go(func() {
			ask := longer(v, string(rune('a'+i)), by)
			ask.Version = v.Reservation.Version
			_, err := s.Extend(context.Background(), v.Reservation.ID, ask)
			errs <- err
		})
	}
	wg.Wait()
	one, other := <-errs, <-errs
	if one != nil {
		one, other = other, one
	}
	if one != nil || fault.Code(other) != booking.CodeVersionConflict {
		t.Fatalf("%v and %v", one, other)
	}
	check(t, s.world)
}

// The two meet in one batch, where the stored version is the same for both.
func TestTheVersionCountsWithinABatch(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	first := modifyOp(v.Snapshot, "x", timerange.Range{From: v.Reservation.Window.From, To: v.Reservation.Window.To.Add(time.Hour)}, 100)
	s.world.Ahead = func(commit.Op) commit.Op { return first }
	ask := longer(v, "1", 2*time.Hour)
	ask.Version = v.Reservation.Version
	_, err := s.Extend(t.Context(), v.Reservation.ID, ask)
	wantCode(t, err, booking.CodeVersionConflict)
}

func TestCancellingDropsAPendingChange(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	s.card(t, v.Reservation.ID, bookingtest.SecondFactor)
	got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	check(t, s.world)
	for _, p := range s.world.Payments() {
		if p.State != payment.VoidRequested {
			t.Fatalf("%s is %s", p.ID, p.State)
		}
	}
	s.provider.Complete(got.Change.Ref, true) // too late
	if v, err := s.Confirm(t.Context(), v.Reservation.ID); err != nil || v.Reservation.State != reservation.Cancelled {
		t.Fatalf("%+v, %v", v, err)
	}
	s.reserve(t, "next", bookingtest.OK) // the only space is free again
}

func TestWhatAChangeMayNotBe(t *testing.T) {
	s := open(t, 3)
	v := s.reserve(t, "k", bookingtest.OK)
	held := s.reserve(t, "held", bookingtest.SecondFactor)
	inside := s.reserve(t, "inside", bookingtest.OK)
	if _, err := s.Cancel(t.Context(), inside.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	day, w := 24*time.Hour, v.Reservation.Window
	ask := func(from, to time.Time) booking.ChangeRequest { return booking.ChangeRequest{From: from, To: to} }
	for name, x := range map[string]struct {
		r      id.Reservation
		extend bool
		ask    booking.ChangeRequest
		code   string
	}{
		"no later":         {v.Reservation.ID, true, ask(w.From, w.To), booking.CodeNotExtended},
		"earlier":          {v.Reservation.ID, true, ask(w.From, w.To.Add(-time.Second)), booking.CodeNotExtended},
		"before its begin": {v.Reservation.ID, true, ask(w.From, w.From.Add(-time.Hour)), booking.CodeNotExtended},
		"too long":         {v.Reservation.ID, true, ask(w.From, w.From.Add(30*day+time.Second)), booking.CodeWindowTooLong},
		"absurd":           {v.Reservation.ID, true, ask(w.From, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), booking.CodeWindowTooLong},
		"reversed":         {v.Reservation.ID, false, ask(w.To, w.From), booking.CodeWindowEmpty},
		"past":             {v.Reservation.ID, false, ask(w.From.Add(-2*time.Hour), w.To), booking.CodeWindowInPast},
		"far":              {v.Reservation.ID, false, ask(w.From.Add(90*day), w.To.Add(90*day)), booking.CodeBeyondHorizon},
		"no such type":     {v.Reservation.ID, false, booking.ChangeRequest{From: w.From, To: w.To, SpaceType: "ev"}, booking.CodeSpaceTypeUnknown},
		"impossible type":  {v.Reservation.ID, false, booking.ChangeRequest{From: w.From, To: w.To, SpaceType: "No Type"}, booking.CodeSpaceTypeUnknown},
		"old version":      {v.Reservation.ID, true, booking.ChangeRequest{To: w.To.Add(time.Hour), Version: 1}, booking.CodeVersionConflict},
		"not paid for":     {held.Reservation.ID, true, ask(w.From, w.To.Add(time.Hour)), reservation.CodeNotConfirmed},
		"cancelled":        {inside.Reservation.ID, true, ask(w.From, w.To.Add(time.Hour)), reservation.CodeFinished},
		"unknown":          {id.New[id.Reservation](s.clock.at), true, ask(w.From, w.To.Add(time.Hour)), booking.CodeReservationNotFound},
		"no key":           {v.Reservation.ID, true, booking.ChangeRequest{Key: "none", To: w.To.Add(time.Hour)}, booking.CodeKeyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			events := len(s.world.Events(altmarkt))
			do := s.Modify
			if x.extend {
				do = s.Extend
			}
			if x.ask.Key == "" {
				x.ask.Key = changeKey + name[:2]
			}
			x.ask.Key = strings.ReplaceAll(x.ask.Key, " ", "-")
			_, err := do(t.Context(), x.r, x.ask)
			wantCode(t, err, x.code)
			if len(s.world.Events(altmarkt)) != events {
				t.Fatal("a refusal left something behind")
			}
		})
	}
	check(t, s.world)
}

// While the vehicle is inside only the end moves; its stay keeps the place up to
// the new end, and leaving gives all of it back.
func TestAChangeDuringTheStay(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	g := newBoom(s.world, s.clock.at)
	s.clock.at = v.Reservation.Window.From.Add(10 * time.Minute)
	apply(t, s.world, g.enter(t, &v.Reservation, s.clock.at))

	for name, ask := range map[string]booking.ChangeRequest{
		"another begin": {Key: changeKey + "begin", From: v.Reservation.Window.From.Add(time.Hour), To: v.Reservation.Window.To.Add(time.Hour)},
	} {
		_, err := s.Modify(t.Context(), v.Reservation.ID, ask)
		if fault.Code(err) != reservation.CodeAlreadyInside {
			t.Fatalf("%s: %v", name, err)
		}
	}
	_, err := s.Modify(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: changeKey + "past", From: v.Reservation.Window.From, To: s.clock.at})
	wantCode(t, err, booking.CodeWindowInPast)
	_, err = s.Cancel(t.Context(), v.Reservation.ID)
	wantCode(t, err, reservation.CodeAlreadyInside)

	got, err := s.Extend(t.Context(), v.Reservation.ID, longer(v, "1", 2*time.Hour))
	if err != nil || got.Reservation.State != reservation.Active || got.Reservation.Generation != 2 || got.Payment.Authorized != 800 {
		t.Fatalf("%+v, %v", got, err)
	}
	check(t, s.world)
	// Another extension waits for its second step when the vehicle leaves.
	s.card(t, v.Reservation.ID, bookingtest.SecondFactor)
	if got, err = s.Extend(t.Context(), v.Reservation.ID, longer(got, "2", time.Hour)); err != nil || got.Change == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	s.clock.at = s.clock.at.Add(time.Hour)
	apply(t, s.world, g.leave(t, v.Reservation.ID, s.clock.at))
	at := stored(t, s.world, v.Reservation.ID)
	if at.Reservation.State != reservation.Completed || at.Reservation.Pending != nil || at.Payment.State != payment.CaptureRequested || at.Payment.CaptureAmount != 800 {
		t.Fatalf("%+v", at)
	}
	for q := timerange.Floor(s.clock.at); q < got.Reservation.Claim.To+8; q++ {
		if s.world.Free(altmarkt, id.Standard, q) != 1 {
			t.Fatalf("quarter %d is not free", q)
		}
	}
	for _, p := range s.world.Payments() {
		if p.ID != at.Payment.ID && p.State != payment.VoidRequested {
			t.Fatalf("%s is %s", p.ID, p.State)
		}
	}
}

// The vehicle goes in on the old window while another begin waits for its
// second step: that change cannot take place any more, whoever pays for it.
func TestAChangeThatTheVehicleHasOvertaken(t *testing.T) {
	s := open(t, 1)
	v := s.reserve(t, "k", bookingtest.OK)
	s.card(t, v.Reservation.ID, bookingtest.SecondFactor)
	g := newBoom(s.world, s.clock.at)
	w := v.Reservation.Window
	got, err := s.Modify(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: changeKey + "1", From: w.From.Add(time.Hour), To: w.To.Add(2 * time.Hour)})
	if err != nil || got.Change == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	s.clock.at = w.From.Add(time.Minute)
	apply(t, s.world, g.enter(t, &v.Reservation, s.clock.at))
	s.provider.Complete(got.Change.Ref, true)
	outcome, err := s.provider.Find(t.Context(), got.Change.Key(payment.CallHold))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, got.Change.ID, outcome); err != nil {
		t.Fatal(err)
	}
	at := stored(t, s.world, v.Reservation.ID)
	if at.Reservation.State != reservation.Active || at.Reservation.Generation != 1 || at.Payment.ID != v.Payment.ID || at.Payment.State != payment.Authorized {
		t.Fatalf("%+v", at)
	}
	check(t, s.world)
}
