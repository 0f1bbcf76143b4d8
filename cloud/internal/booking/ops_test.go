package booking_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

const altmarkt id.Parking = "altmarkt"

// clock is a now that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 6, 11, 8, 7, 30, 0, time.UTC)} }

func (c *clock) window(from, to time.Duration) timerange.Range {
	return timerange.Range{From: c.at.Truncate(time.Second).Add(from), To: c.at.Truncate(time.Second).Add(to)}
}

func reserveOp(key string, w timerange.Range) *booking.Reserve {
	return &booking.Reserve{
		In: altmarkt, ID: id.New[id.Reservation](w.From), PaymentID: id.New[id.Payment](w.From),
		Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(fmt.Sprint(key, w))),
		SpaceType: id.Standard, Window: w, Quote: reservation.Quote{Total: money.New(400, "EUR"), Tax: money.New(64, "EUR"), TariffVersion: 7},
		Provider: "scripted", Method: bookingtest.OK, Email: "driver@example.org",
	}
}

func apply(t testing.TB, w *bookingtest.World, op commit.Op) {
	t.Helper()
	if _, err := w.Commit(context.Background(), op); err != nil {
		t.Fatalf("%T: %v", op, err)
	}
	check(t, w)
}

func check(t testing.TB, w *bookingtest.World) {
	t.Helper()
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
}

func stored(t testing.TB, w *bookingtest.World, r id.Reservation) booking.Snapshot {
	t.Helper()
	s, err := w.Reservation(context.Background(), r)
	if err != nil || s == nil {
		t.Fatalf("reservation %s: %v", r, err)
	}
	return *s
}

func authorized(ref string) payment.Outcome {
	return payment.Outcome{Ref: ref, State: payment.Authorized, Authorized: money.New(400, "EUR")}
}

func TestReserveClaimsTheWindowAndTellsIt(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 2))
	op := reserveOp("k1", c.window(0, 2*time.Hour)) // 8:07:30 to 10:07:30
	apply(t, w, op)
	s := stored(t, w, op.ID)
	if !reflect.DeepEqual(s, op.After) {
		t.Fatalf("the op says %+v, stored is %+v", op.After, s)
	}
	if s.Reservation.State != reservation.Held || s.Payment.State != payment.Requested || s.Reservation.Generation != 1 ||
		!s.Reservation.HoldUntil.Equal(c.at.Add(10*time.Minute)) || s.Payment.Amount != money.New(400, "EUR") {
		t.Fatalf("%+v", s)
	}
	first := timerange.Floor(c.at)
	for q, want := range map[timerange.Q]int16{first - 1: 2, first: 1, first + 8: 1, first + 9: 2} {
		if got := w.Free(altmarkt, id.Standard, q); got != want {
			t.Errorf("quarter %d: %d free, want %d", q-first, got, want)
		}
	}
	events := w.Events(altmarkt)
	if len(events) != 1 || events[0].Kind != feed.ReservationHeld || events[0].Body.Reservation.Version != 1 || len(events[0].Body.Claims) != 1 {
		t.Fatalf("events %+v", events)
	}
}

func TestNoShowDeadlineIsWithinTheWindowAndNeverBehindTheBooking(t *testing.T) {
	c := newClock()
	for name, x := range map[string]struct{ from, to, want time.Duration }{
		"two hours after the beginning": {time.Hour, 8 * time.Hour, 3 * time.Hour},
		"at the end of a short one":     {time.Hour, 2 * time.Hour, 2 * time.Hour},
		"from now when it has begun":    {-5 * time.Minute, 8 * time.Hour, 2 * time.Hour},
	} {
		w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 2))
		op := reserveOp("k", c.window(x.from, x.to))
		apply(t, w, op)
		if got := op.After.Reservation.NoShowAt.Sub(c.at); got != x.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestRefusedReservationsChangeNothing(t *testing.T) {
	c := newClock()
	full := c.window(24*time.Hour, 26*time.Hour)
	for name, x := range map[string]struct {
		change func(*booking.Reserve)
		code   string
	}{
		"full":               {func(o *booking.Reserve) { o.Window = full }, booking.CodeSoldOut},
		"not seeded":         {func(o *booking.Reserve) { o.Window = c.window(0, 100*24*time.Hour) }, booking.CodeBeyondHorizon},
		"no such type":       {func(o *booking.Reserve) { o.SpaceType = "ev" }, booking.CodeSpaceTypeUnknown},
		"empty type":         {func(o *booking.Reserve) { o.SpaceType = "closed" }, booking.CodeNotForSale},
		"key of another":     {func(o *booking.Reserve) { o.Key.Key = "taken" }, booking.CodeKeyReused},
		"refused beforehand": {func(o *booking.Reserve) { o.Refusal = fault.New(fault.Conflict, "quote_expired", "") }, "quote_expired"},
		"listed, not sold":   {func(o *booking.Reserve) { o.In = "listed" }, booking.CodeNotForSale},
		"no such parking":    {func(o *booking.Reserve) { o.In = "nowhere" }, booking.CodeParkingNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			lot := bookingtest.Parking(altmarkt, 1)
			lot.SpaceTypes = append(lot.SpaceTypes, lot.SpaceTypes[0])
			lot.SpaceTypes[1].ID, lot.SpaceTypes[1].Capacity = "closed", 0
			listed := bookingtest.Parking("listed", 0)
			listed.SpaceTypes = nil
			w := bookingtest.NewWorld(c.now, lot, listed)
			apply(t, w, reserveOp("taken", full))
			before := len(w.Events(altmarkt))
			op := reserveOp("new", c.window(time.Hour, 2*time.Hour))
			x.change(op)
			_, err := w.Commit(t.Context(), op)
			if fault.Code(err) != x.code {
				t.Fatalf("%v, want %s", err, x.code)
			}
			check(t, w)
			if len(w.All()) != 1 || len(w.Events(altmarkt)) != before {
				t.Fatal("a refusal left something behind")
			}
			again := reserveOp("new", c.window(time.Hour, 2*time.Hour)) // its key was not used up
			apply(t, w, again)
		})
	}
}

func TestSameKeyFindsTheReservation(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	first := reserveOp("k", c.window(time.Hour, 2*time.Hour))
	apply(t, w, first)
	apply(t, w, &booking.RecordHold{Target: booking.TargetOf(first.After), Outcome: authorized("h1")})
	again := reserveOp("k", first.Window)
	again.Refusal = fault.New(fault.Invalid, "window_in_past", "") // is of no account now
	apply(t, w, again)
	if !again.Replayed || first.Replayed || !reflect.DeepEqual(again.After, stored(t, w, first.ID)) || len(w.All()) != 1 {
		t.Fatalf("replayed %v, %+v", again.Replayed, again.After)
	}
}

// settled brings a reservation into a state of its payment.
func settled(t *testing.T, w *bookingtest.World, s payment.State) booking.Target {
	t.Helper()
	op := reserveOp("k", timerange.Range{From: w.Now().Add(time.Hour), To: w.Now().Add(3 * time.Hour)})
	apply(t, w, op)
	at := booking.Target{In: altmarkt, ID: op.ID}
	record := func(o payment.Outcome) { apply(t, w, &booking.RecordHold{Target: at, Outcome: o}) }
	switch s {
	case payment.Requested:
	case payment.Unknown:
		apply(t, w, &booking.RecordHold{Target: at, NoAnswer: true})
	case payment.RequiresAction:
		record(payment.Outcome{Ref: "h1", State: payment.RequiresAction, NextAction: "https://bank.example"})
	case payment.Authorized:
		record(authorized("h1"))
	case payment.Declined:
		record(payment.Outcome{Ref: "h1", State: payment.Declined, DeclineCode: "lost_card"})
	case payment.VoidRequested:
		apply(t, w, &booking.Cancel{Target: at})
	default:
		t.Fatalf("no way to %s", s)
	}
	if got := stored(t, w, op.ID).Payment.State; got != s {
		t.Fatalf("payment is %s, want %s", got, s)
	}
	return at
}

func TestEveryAnswerInEveryState(t *testing.T) {
	answers := map[string]booking.RecordHold{
		"authorized": {Outcome: authorized("h1")},
		"action":     {Outcome: payment.Outcome{Ref: "h1", State: payment.RequiresAction, NextAction: "https://bank.example"}},
		"declined":   {Outcome: payment.Outcome{Ref: "h1", State: payment.Declined, DeclineCode: "lost_card"}},
		"voided":     {Outcome: payment.Outcome{Ref: "h1", State: payment.Voided}},
		"none":       {NoAnswer: true},
	}
	type want struct {
		payment     payment.State
		reservation reservation.State
	}
	held, confirmed, expired, cancelled := reservation.Held, reservation.Confirmed, reservation.Expired, reservation.Cancelled
	for from, row := range map[payment.State]map[string]want{
		payment.Requested: {
			"authorized": {payment.Authorized, confirmed}, "action": {payment.RequiresAction, held},
			"declined": {payment.Declined, expired}, "voided": {payment.Declined, expired}, "none": {payment.Unknown, held},
		},
		payment.Unknown: {
			"authorized": {payment.Authorized, confirmed}, "action": {payment.RequiresAction, held},
			"declined": {payment.Declined, expired}, "voided": {payment.Declined, expired}, "none": {payment.Unknown, held},
		},
		payment.RequiresAction: {
			"authorized": {payment.Authorized, confirmed}, "action": {payment.RequiresAction, held},
			"declined": {payment.Declined, expired}, "voided": {payment.Declined, expired}, "none": {payment.Unknown, held},
		},
		payment.Authorized: {
			"authorized": {payment.Authorized, confirmed}, "action": {payment.Authorized, confirmed},
			"declined": {payment.Authorized, confirmed}, "voided": {payment.Authorized, confirmed}, "none": {payment.Authorized, confirmed},
		},
		payment.Declined: {
			"action": {payment.Declined, expired}, "declined": {payment.Declined, expired},
			"voided": {payment.Declined, expired}, "none": {payment.Declined, expired},
		},
		payment.VoidRequested: {
			"authorized": {payment.VoidRequested, cancelled}, "action": {payment.VoidRequested, cancelled},
			"declined": {payment.Declined, cancelled}, "voided": {payment.Declined, cancelled}, "none": {payment.VoidRequested, cancelled},
		},
	} {
		for name, want := range row {
			t.Run(string(from)+" "+name, func(t *testing.T) {
				c := newClock()
				w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
				at := settled(t, w, from)
				op := answers[name]
				op.Target = at
				apply(t, w, &op)
				s := stored(t, w, at.ID)
				if s.Payment.State != want.payment || s.Reservation.State != want.reservation {
					t.Fatalf("payment %s, reservation %s", s.Payment.State, s.Reservation.State)
				}
				if claimed := w.Free(altmarkt, id.Standard, timerange.Floor(c.at)+4) == 0; claimed != s.Reservation.State.Sells() {
					t.Fatalf("%s, claimed: %v", s.Reservation.State, claimed)
				}
				// Again: nothing more happens.
				before := len(w.Events(altmarkt))
				again := answers[name]
				again.Target = at
				apply(t, w, &again)
				if len(w.Events(altmarkt)) != before || again.Confirmed {
					t.Fatal("the same answer was booked twice")
				}
				after := stored(t, w, at.ID)
				after.Reservation.ConfirmedRevision, s.Reservation.ConfirmedRevision = 0, 0
				if !reflect.DeepEqual(after, s) {
					t.Fatalf("the same answer changed %+v to %+v", s, after)
				}
			})
		}
	}
}

func TestTheLastEventOfAConfirmationIsItsRevision(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := settled(t, w, payment.Requested)
	op := &booking.RecordHold{Target: at, Outcome: authorized("h1")}
	receipt, err := w.Commit(t.Context(), op)
	if err != nil {
		t.Fatal(err)
	}
	events := w.Events(altmarkt)
	last := events[len(events)-1]
	if last.Kind != feed.ReservationConfirmed || last.Revision != receipt.Revision || !op.Confirmed ||
		stored(t, w, at.ID).Reservation.ConfirmedRevision != last.Revision || events[len(events)-2].Kind != feed.PaymentChanged {
		t.Fatalf("receipt %d, last %+v", receipt.Revision, last)
	}
}

func TestAHoldThatComesTooLateIsNotedAndGivenBack(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := settled(t, w, payment.Requested)
	c.at = c.at.Add(11 * time.Minute)
	apply(t, w, &booking.Expire{Target: at})
	apply(t, w, &booking.RecordHold{Target: at, Outcome: authorized("h9")})
	s := stored(t, w, at.ID)
	if s.Reservation.State != reservation.Expired || s.Payment.State != payment.VoidRequested || s.Payment.Ref != "h9" || s.Payment.Authorized != 400 {
		t.Fatalf("%+v", s)
	}
	// Nor does one that nobody knew of when the payment was settled: it is put
	// on the books and given back from there.
	w2 := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at = settled(t, w2, payment.Declined)
	apply(t, w2, &booking.RecordHold{Target: at, Outcome: authorized("h9")})
	s = stored(t, w2, at.ID)
	if s.Reservation.State != reservation.Expired || s.Payment.State != payment.VoidRequested || s.Payment.Ref != "h9" || s.Payment.Authorized != 400 {
		t.Fatalf("%+v", s)
	}
	apply(t, w2, &booking.RecordHold{Target: at, Outcome: authorized("h9")})
	check(t, w2)
}

func TestForeignMoneyIsNotBooked(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := settled(t, w, payment.Requested)
	_, err := w.Commit(t.Context(), &booking.RecordHold{Target: at, Outcome: payment.Outcome{Ref: "h", State: payment.Authorized, Authorized: money.New(400, "CHF")}})
	if fault.From(err).Kind != fault.Internal || stored(t, w, at.ID).Payment.State != payment.Requested {
		t.Fatal(err)
	}
}

func TestASecondStepExtendsTheClaimOnce(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	start := c.at
	at := settled(t, w, payment.RequiresAction)
	for range 3 {
		c.at = c.at.Add(4 * time.Minute)
		apply(t, w, &booking.RecordHold{Target: at, NoAnswer: true})
		apply(t, w, &booking.RecordHold{Target: at, Outcome: payment.Outcome{Ref: "h1", State: payment.RequiresAction, NextAction: "https://bank.example"}})
	}
	if got := stored(t, w, at.ID).Reservation.HoldUntil.Sub(start); got != 20*time.Minute {
		t.Fatalf("held for %s", got)
	}
	early := &booking.Expire{Target: at}
	apply(t, w, early)
	if early.After.Reservation.State != reservation.Held {
		t.Fatal("expired with time left")
	}
	c.at = start.Add(20 * time.Minute)
	apply(t, w, &booking.Expire{Target: at})
	if s := stored(t, w, at.ID); s.Reservation.State != reservation.Expired || s.Payment.State != payment.VoidRequested {
		t.Fatalf("%+v", s)
	}
}

func TestCancelReleasesWhatLiesAhead(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	op := reserveOp("k", c.window(0, 2*time.Hour))
	apply(t, w, op)
	apply(t, w, &booking.RecordHold{Target: booking.TargetOf(op.After), Outcome: authorized("h1")})
	first := timerange.Floor(c.at)
	c.at = c.at.Add(time.Hour) // four quarters are gone, the fifth is running
	apply(t, w, &booking.Cancel{Target: booking.Target{In: altmarkt, ID: op.ID}})
	s := stored(t, w, op.ID)
	if s.Reservation.State != reservation.Cancelled || s.Payment.State != payment.VoidRequested || s.Reservation.Claim != (timerange.Quarters{From: first, To: first + 4}) {
		t.Fatalf("%+v", s)
	}
	if w.Free(altmarkt, id.Standard, first+3) != 0 || w.Free(altmarkt, id.Standard, first+4) != 1 {
		t.Fatal("what has passed is not for sale, what lies ahead is")
	}
	events := w.Events(altmarkt)
	if n := len(events); events[n-1].Kind != feed.ReservationCancelled || events[n-2].Kind != feed.PaymentChanged || len(events[n-1].Body.Claims) != 1 {
		t.Fatalf("%+v", events)
	}
	before := len(events)
	apply(t, w, &booking.Cancel{Target: booking.Target{In: altmarkt, ID: op.ID}})
	if len(w.Events(altmarkt)) != before {
		t.Fatal("cancelled twice")
	}
}

func TestWhatHasEndedIsNotCancelled(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := settled(t, w, payment.Declined)
	if _, err := w.Commit(t.Context(), &booking.Cancel{Target: at}); fault.Code(err) != reservation.CodeFinished {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), &booking.Cancel{Target: booking.Target{In: altmarkt, ID: id.New[id.Reservation](c.at)}}); fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatal(err)
	}
}

// Whatever comes in whatever order: capacity adds up, the feed tells all of it,
// the ledger holds what is authorised, and a key never makes two reservations.
func TestRandomWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 2))
		w.Twice = rapid.Bool().Draw(t, "twice")
		made := map[string]id.Reservation{}
		var known []id.Reservation
		pick := func() booking.Target {
			at := booking.Target{In: altmarkt, ID: known[rapid.IntRange(0, len(known)-1).Draw(t, "which")]}
			if rapid.Bool().Draw(t, "known") {
				s, _ := w.Reservation(context.Background(), at.ID)
				at.Known = s
			}
			return at
		}
		do := func(op commit.Op) {
			events := len(w.Events(altmarkt))
			if _, err := w.Commit(context.Background(), op); err != nil {
				if fault.From(err).Kind == fault.Internal {
					t.Fatalf("%T: %v", op, err)
				}
				if len(w.Events(altmarkt)) != events {
					t.Fatalf("%T was refused (%v) and left events", op, err)
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
			step := "reserve"
			if len(known) > 0 {
				step = rapid.SampledFrom([]string{"reserve", "reserve", "hold", "hold", "hold", "expire", "cancel"}).Draw(t, "step")
			}
			switch step {
			case "reserve":
				key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "key")
				from := timerange.Floor(c.at).Time().Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "from")) * 5 * time.Minute)
				op := reserveOp(key, timerange.Range{From: from, To: from.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "long")) * 7 * time.Minute)})
				op.RequestHash = sha256.Sum256([]byte(key))
				do(op)
				got := op.After.Reservation.ID
				if got.IsZero() {
					continue
				}
				if was, used := made[key]; used && was != got {
					t.Fatalf("key %s made %s and %s", key, was, got)
				}
				if _, used := made[key]; !used {
					made[key] = got
					known = append(known, got)
				}
			case "hold":
				op := &booking.RecordHold{Target: pick(), NoAnswer: rapid.Bool().Draw(t, "silent")}
				state := rapid.SampledFrom([]payment.State{payment.Authorized, payment.RequiresAction, payment.Declined, payment.Voided}).Draw(t, "says")
				op.Outcome = payment.Outcome{Ref: "h-" + op.ID.String(), State: state}
				if state == payment.Authorized {
					op.Outcome.Authorized = money.New(400, "EUR")
				}
				do(op)
			case "expire":
				do(&booking.Expire{Target: pick()})
			case "cancel":
				do(&booking.Cancel{Target: pick()})
			}
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
