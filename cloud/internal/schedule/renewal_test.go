package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// A stay of two hours on holds of ten minutes: there always is one, never two that
// could be taken, and nobody notices.
func TestAHoldIsRenewedBeforeItLapses(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 30*time.Minute, 2*time.Hour)
	inside := false
	w.on(150*time.Minute, func() {
		got := w.get(v)
		if got.Pass != v.Pass || got.Payment.State != payment.Authorized || !got.Payment.CaptureBefore.After(w.now()) || got.Payment.Authorized != v.Payment.Authorized {
			t.Fatalf("at %s: payment %s until %s, another pass: %v", w.now(), got.Payment.State, got.Payment.CaptureBefore, got.Pass != v.Pass)
		}
		if s, c := w.standing(v), w.capturable(v); s == 0 || c != 1 {
			t.Fatalf("at %s: %d holds stand, %d may be taken", w.now(), s, c)
		}
		if !inside && !w.now().Before(v.Reservation.Window.From) {
			w.enter(&v.Reservation)
			inside = true
		}
	})
	if n := w.count(`select count(*) from event where body -> 'payment' ->> 'state' = 'lapsed'`); n != 0 {
		t.Errorf("%d holds lapsed", n)
	}
	if n := w.told(feed.ReservationChanged, &v.Reservation) + w.told(feed.ChangeHeld, &v.Reservation) + w.told(feed.ChangeDropped, &v.Reservation); n != 0 {
		t.Errorf("the driver hears of it %d times", n)
	}
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds", taken, holds)
	}
}

// The process dies, and answers get lost, anywhere around a renewal.
func TestRenewalsSurviveAnything(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newTill(t)
			v := w.book(sandbox.ShortHold, 0, 90*time.Minute)
			w.enter(&v.Reservation)
			w.on(time.Duration(30+random.IntN(60))*time.Minute, func() {
				if c := w.capturable(v); c > 1 {
					t.Fatalf("at %s: %d may be taken", w.now(), c)
				}
				if got := w.get(v); got.Payment.State == payment.Authorized && got.Payment.CaptureBefore.After(w.now()) && w.standing(v) == 0 {
					t.Fatalf("at %s: nothing stands at the bank", w.now())
				}
				if random.IntN(4) == 0 {
					w.wires.after([]string{"before commit", "after commit", "before hold", "after hold"}[random.IntN(4)], 1+random.IntN(3))
				}
			})
			clear(w.wires.cut)
			w.depart(v)
			got := w.get(v)
			taken, holds := w.settled(v)
			if want := int(v.Reservation.Quote.Total.Minor); got.Payment.State == payment.CaptureRequested && (taken != want || holds != 1) || taken > want || holds > 1 {
				t.Fatalf("%d of %d taken from %d holds; at the exit the payment was %s", taken, want, holds, got.Payment.State)
			}
		})
	}
}

// A card that declines keeps the old hold until it lapses; then the payment says
// so, once, and the stay is owed at its exit.
func TestAHoldThatCannotBeRenewedLapses(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, 3*time.Hour)
	w.enter(&v.Reservation)
	if _, err := w.owner.Exec(t.Context(), `update payment set method = $1 where id = $2`, sandbox.Declined, v.Payment.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	w.on(9*time.Minute, func() {
		if got := w.get(v); got.Payment.ID != v.Payment.ID || got.Payment.State != payment.Authorized || w.standing(v) != 1 {
			t.Fatalf("%s, %d stand", got.Payment.State, w.standing(v))
		}
	})
	w.on(160*time.Minute, nil)
	if got := w.get(v); got.Payment.State != payment.Lapsed || got.Reservation.State != reservation.Active || got.Pass == "" {
		t.Fatalf("%s, %s", got.Payment.State, got.Reservation.State)
	}
	if n := w.count(`select count(*) from event where kind = 'payment.changed' and body -> 'payment' ->> 'state' = 'lapsed'`); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	if sum := w.count(`select coalesce(sum(amount), 0) from ledger_entry where account = 'held'`); sum != 0 {
		t.Errorf("the books hold %d", sum)
	}
	if n := w.count(`select count(*) from payment where state = 'declined'`); n < 2 || n > 12 {
		t.Errorf("the bank was asked %d times", n)
	}
	lapsed := w.get(v)
	here := postgrestest.Parking("altmarkt", 5)
	due := settlement.AtExit(settlement.ExitInput{Parking: &here, Reservation: &v.Reservation, Payment: &lapsed.Payment, ExitedAt: v.Reservation.Window.To})
	if due.Owed != v.Reservation.Quote.Total || due.Capture.Minor != 0 {
		t.Errorf("%+v", due)
	}
	// Later the card works again.
	if _, err := w.owner.Exec(t.Context(), `update payment set method = $1 where id = $2`, sandbox.OK, v.Payment.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	w.on(4*time.Hour, nil)
	if got := w.get(v); got.Payment.State != payment.Authorized || w.capturable(v) != 1 || w.standing(v) != 1 {
		t.Fatalf("%s, %d stand", got.Payment.State, w.standing(v))
	}
}

// The vehicle leaves between the bank's yes and its being booked.
func TestWhoLeavesDuringARenewalPaysOnce(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.enter(&v.Reservation)
	w.on(4*time.Minute, nil)
	w.wires.after("before commit", 2) // the renewal is stored, the bank has said yes
	w.on(time.Minute, nil)
	if n := w.standing(v); n != 2 {
		t.Fatalf("%d holds stand", n)
	}
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds", taken, holds)
	}
	if got := w.get(v); got.Payment.ID != v.Payment.ID || got.Payment.Captured != v.Reservation.Quote.Total.Minor || got.Payment.Amount != money.New(got.Payment.Captured, "EUR") {
		t.Fatalf("%+v", got.Payment)
	}
}

// What a driver changes goes before a renewal.
func TestAChangeReplacesARenewal(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.on(4*time.Minute, nil)
	w.wires.after("after commit", 1) // it is stored and the bank was never asked
	w.on(time.Minute, nil)
	if got := w.get(v); got.Change == nil || !got.Reservation.Pending.Renews || got.Pending() {
		t.Fatalf("%+v", got.Reservation.Pending)
	}
	if _, err := w.sell.Withdraw(t.Context(), v.Reservation.ID, id.Payment{}); err == nil {
		t.Error("a renewal was taken back")
	}
	longer, err := w.sell.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "a-key-of-this-change", To: v.Reservation.Window.To.Add(time.Hour)})
	if err != nil || longer.Reservation.Generation != 2 || longer.Change != nil || longer.Payment.State != payment.Authorized {
		t.Fatalf("%+v, %v", longer.Payment, err)
	}
	w.on(4*time.Minute, nil)
	if c, s := w.capturable(v), w.standing(v); c != 1 || s != 1 {
		t.Fatalf("%d may be taken, %d stand", c, s)
	}
}

// A hold that somebody captured by hand is not renewed: the driver would pay twice.
func TestAHoldThatWasTakenByHandIsNotRenewed(t *testing.T) {
	w := newTill(t)
	v := w.book(sandbox.ShortHold, 0, time.Hour)
	w.enter(&v.Reservation)
	if _, err := w.bank.Capture(t.Context(), v.Payment.Ref, v.Reservation.Quote.Total, "by hand"); err != nil {
		t.Fatal(err)
	}
	w.on(55*time.Minute, nil)
	w.depart(v)
	if taken, holds := w.settled(v); taken != int(v.Reservation.Quote.Total.Minor) || holds != 1 {
		t.Fatalf("%d taken from %d holds, the price is %s", taken, holds, v.Reservation.Quote.Total)
	}
	if n := w.count(`select count(*) from incident where class = 'taken_elsewhere'`); n != 1 {
		t.Errorf("%d incidents", n)
	}
}
