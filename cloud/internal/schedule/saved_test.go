package schedule_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
)

// far books a stay of two hours in ten days, of a provider whose holds stand for a
// week.
func (w *till) far(method string) booking.View {
	w.t.Helper()
	w.bank = sandbox.New(postgres.NewSandbox(w.db), sandbox.Options{Now: w.now, HoldLife: 7 * 24 * time.Hour})
	w.wires.Provider, w.wires.Saver, w.wires.Refunder = w.bank, w.bank, w.bank
	return w.book(method, 10*24*time.Hour, 2*time.Hour)
}

// until lets time pass up to so long before the stay, most of it at once.
func (w *till) until(v booking.View, before time.Duration) {
	w.t.Helper()
	to := v.Reservation.Window.From.Add(-before)
	if early := to.Add(-5 * time.Minute); early.After(w.now()) {
		w.move(early)
	}
	w.on(to.Sub(w.now()), nil)
}

// A window beyond a hold's life is confirmed on a saved method, and held a day
// before it begins.
func TestAWindowBeyondAHoldsLifeSavesTheMethod(t *testing.T) {
	w := newTill(t)
	v := w.far(sandbox.OK)
	if v.Reservation.State != reservation.Confirmed || v.Payment.State != payment.MethodKept || v.Payment.Authorized != 0 || v.Pass == "" || w.standing(v) != 0 {
		t.Fatalf("%s, %+v, %d stand", v.Reservation.State, v.Payment, w.standing(v))
	}
	w.until(v, 24*time.Hour+time.Minute)
	if got := w.get(v); got.Payment.ID != v.Payment.ID || w.standing(v) != 0 {
		t.Fatalf("held too soon: %+v", got.Payment)
	}
	w.until(v, 24*time.Hour)
	got := w.get(v)
	if got.Payment.State != payment.Authorized || got.Payment.Authorized != v.Reservation.Quote.Total.Minor || got.Pass != v.Pass || w.standing(v) != 1 || got.Reservation.Generation != 1 {
		t.Fatalf("%+v", got.Payment)
	}
	w.until(v, 0)
	w.enter(&v.Reservation)
	w.on(2*time.Hour, nil)
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds", taken, holds)
	}
	if n := w.count(`select count(*) from payment where reservation = $1 and state not in ('captured', 'voided')`, v.Reservation.ID.UUID()); n != 0 {
		t.Errorf("%d payments are not settled", n)
	}
}

// What is wanted within a hold's life, or at once, is held at once.
func TestWhatAHoldCoversIsHeldAtOnce(t *testing.T) {
	w := newTill(t)
	w.far(sandbox.OK)
	for name, c := range map[string]struct{ in, lasts time.Duration }{
		"within its life":   {6 * 24 * time.Hour, 2 * time.Hour},
		"long, and at once": {time.Hour, 10 * 24 * time.Hour},
	} {
		if v := w.book(sandbox.OK, c.in, c.lasts); v.Payment.State != payment.Authorized {
			t.Errorf("%s: %s", name, v.Payment.State)
		}
	}
}

// The second step of saving works as that of a hold: it is taken, refused, or taken
// by somebody who never comes back.
func TestSavingTakesASecondStep(t *testing.T) {
	w := newTill(t)
	for name, c := range map[string]struct {
		passed, back bool
		state        reservation.State
		pay          payment.State
	}{
		"taken":                  {true, true, reservation.Confirmed, payment.MethodKept},
		"refused":                {false, true, reservation.Expired, payment.Declined},
		"taken and never back":   {true, false, reservation.Confirmed, payment.MethodKept},
		"refused and never back": {false, false, reservation.Expired, payment.Declined},
	} {
		v := w.far(sandbox.SecondFactor)
		if v.Reservation.State != reservation.Held || v.Payment.State != payment.RequiresAction || v.Payment.NextAction == "" {
			t.Fatalf("%s: %+v", name, v.Payment)
		}
		if _, err := w.bank.Complete(t.Context(), v.Payment.Ref, c.passed); err != nil {
			t.Fatal(err)
		}
		if c.back {
			_, err := w.sell.Confirm(t.Context(), v.Reservation.ID)
			if (err != nil) != !c.passed {
				t.Fatal(err)
			}
		} else {
			w.on(25*time.Minute, nil)
		}
		w.expect(name, &v.Reservation, c.state, c.pay)
	}
	// One that is never taken expires, with nothing left to do.
	v := w.far(sandbox.SecondFactor)
	w.on(30*time.Minute, nil)
	w.expect("never taken", &v.Reservation, reservation.Expired, payment.Voided)
}

// Answers get lost, and the process dies, while a method is saved.
func TestSavingSurvivesAnything(t *testing.T) {
	for _, cut := range []string{"before save", "after save", "before commit", "after commit"} {
		for nth := 1; nth <= 2; nth++ {
			w := newTill(t)
			w.far(sandbox.OK)
			w.wires.after(cut, nth)
			from := w.now().Add(10 * 24 * time.Hour)
			ask := booking.Request{
				Key: "a-key-that-is-sent-again", Parking: "altmarkt", SpaceType: string(id.Standard),
				From: from, To: from.Add(time.Hour), Method: sandbox.OK, Email: "jana@posteo.example",
			}
			_, err := w.sell.Reserve(t.Context(), ask)
			w.on(2*time.Minute, nil)
			again, err2 := w.sell.Reserve(t.Context(), ask)
			lost := (cut == "before save" || cut == "after commit") && nth == 1 // the bank knows of nothing
			switch {
			case lost && again.Reservation.State == "" && err2 != nil:
			case !lost && err2 == nil && again.Reservation.State == reservation.Confirmed && again.Payment.State == payment.MethodKept:
			default:
				t.Errorf("%s %d: %v, then %s %s, %v", cut, nth, err, again.Reservation.State, again.Payment.State, err2)
			}
			if n := w.count(`select count(*) from reservation`); n != 2 {
				t.Errorf("%s %d: %d reservations", cut, nth, n)
			}
		}
	}
}

// A card that declines when the hold is due is told once and asked again until the
// stay begins. The place is kept, and the stay is owed.
func TestASavedMethodThatDeclines(t *testing.T) {
	w := newTill(t)
	v := w.far(sandbox.OK)
	if _, err := w.owner.Exec(t.Context(), `update sandbox.hold set state = 'declined' where ref = $1`, v.Payment.Ref); err != nil {
		t.Fatal(err)
	}
	told := func() int {
		return w.count(`select count(*) from event e where kind = 'payment.changed' and body -> 'payment' ->> 'id' = $1 and body -> 'payment' ->> 'state' = 'method_saved'`, v.Payment.ID.String())
	}
	w.until(v, 24*time.Hour)
	if got := w.get(v); got.Payment.State != payment.MethodKept || got.Payment.DeclineCode == "" || got.Reservation.State != reservation.Confirmed || got.Pass != v.Pass {
		t.Fatalf("%+v", got.Payment)
	}
	first := told()
	for before := 20 * time.Hour; before >= 0; before -= 4 * time.Hour {
		w.until(v, before)
	}
	w.on(10*time.Minute, nil)
	if n := told(); first != 2 || n != 2 { // that it was saved, and that it declined
		t.Errorf("told %d times, then %d", first, n)
	}
	if n := w.count(`select count(*) from payment where reservation = $1 and state = 'declined'`, v.Reservation.ID.UUID()); n != 6 {
		t.Errorf("the bank was asked %d times", n)
	}
	got := w.get(v)
	if got.Reservation.State != reservation.Confirmed || got.Pass != v.Pass {
		t.Fatalf("%s", got.Reservation.State)
	}
	here := postgrestest.Parking("altmarkt", 5)
	if due := settlement.AtExit(settlement.ExitInput{Parking: &here, Reservation: &got.Reservation, Payment: &got.Payment, ExitedAt: v.Reservation.Window.To}); due.Owed != v.Reservation.Quote.Total {
		t.Errorf("%+v", due)
	}
}

// A change of what is on a saved method costs nothing now, and what is cancelled
// leaves nothing behind.
func TestASavedMethodIsChangedAndGivenUp(t *testing.T) {
	w := newTill(t)
	v := w.far(sandbox.OK)
	longer, err := w.sell.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "a-key-of-this-change", To: v.Reservation.Window.To.Add(3 * time.Hour)})
	if err != nil || longer.Payment.State != payment.MethodKept || longer.Reservation.Generation != 2 || longer.Payment.Amount != longer.Reservation.Quote.Total {
		t.Fatalf("%+v, %v", longer.Payment, err)
	}
	w.until(v, 24*time.Hour)
	if got := w.get(v); got.Payment.Authorized != longer.Reservation.Quote.Total.Minor || longer.Reservation.Quote.Total.Minor <= v.Reservation.Quote.Total.Minor {
		t.Fatalf("%+v", got.Payment)
	}
	if _, err := w.sell.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	other := w.far(sandbox.OK)
	if _, err := w.sell.Cancel(t.Context(), other.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	for _, x := range []booking.View{v, other} {
		if taken, _ := w.settled(x); taken != 0 {
			t.Errorf("%d taken", taken)
		}
		w.expect("given up", &x.Reservation, reservation.Cancelled, payment.Voided)
	}
}

// A reservation on a saved method that is moved to within a hold's life is held
// before it moves; a bank that says no leaves it as it was.
func TestASavedMethodThatIsMovedNearIsHeldAtOnce(t *testing.T) {
	w := newTill(t)
	v := w.far(sandbox.OK)
	from := w.now().Add(time.Second).Truncate(time.Second)
	near, err := w.sell.Modify(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "a-key-of-this-change", From: from, To: from.Add(2 * time.Hour)})
	if err != nil || near.Payment.State != payment.Authorized || near.Payment.Authorized != near.Reservation.Quote.Total.Minor || w.standing(v) != 1 {
		t.Fatalf("%+v, %v, %d stand", near.Payment, err, w.standing(v))
	}
	if !near.Reservation.Window.From.Equal(from) || near.Reservation.Generation != 2 {
		t.Errorf("%+v", near.Reservation)
	}
}
