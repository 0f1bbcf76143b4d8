package booking_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// takings are both ways in which an operator ends a reservation.
var takings = map[reservation.State]struct {
	op    func(booking.Target) commit.Op
	after func(commit.Op) booking.Snapshot
	kind  feed.Kind
	class []string
}{
	reservation.Walked: {
		func(at booking.Target) commit.Op { return &booking.Walk{Target: at, Reason: "Level 2 is flooded."} },
		func(o commit.Op) booking.Snapshot { return o.(*booking.Walk).After }, feed.ReservationWalked,
		[]string{booking.ClassWalked},
	},
	reservation.Voided: {
		func(at booking.Target) commit.Op {
			return &booking.Void{Target: at, Reason: "Made twice by a partner."}
		},
		func(o commit.Op) booking.Snapshot { return o.(*booking.Void).After }, feed.ReservationVoided,
		[]string{booking.ClassVoided},
	},
}

func TestWhatTheOperatorTakesBackIsFreeAndCostsNothing(t *testing.T) {
	for state, x := range takings {
		for _, pay := range []payment.State{payment.Requested, payment.RequiresAction, payment.Unknown, payment.Authorized} {
			t.Run(string(state)+" "+string(pay), func(t *testing.T) {
				c := newClock()
				w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
				w.Twice = true
				at := settled(t, w, pay)
				op := x.op(at)
				apply(t, w, op)
				s := stored(t, w, at.ID)
				if s.Reservation.State != state || s.Payment.State != payment.VoidRequested || !reflect.DeepEqual(x.after(op), s) {
					t.Fatalf("%+v", s)
				}
				if w.Free(altmarkt, id.Standard, timerange.Floor(c.at)+5) != 1 {
					t.Fatal("its space is not free")
				}
				if !slices.Equal(w.Incidents(), x.class) {
					t.Fatalf("incidents %v", w.Incidents())
				}
				told := 0
				for _, e := range w.Events(altmarkt) {
					if e.Kind == x.kind {
						told++
					}
				}
				if told != 1 {
					t.Fatalf("told %d times", told)
				}
				same(t, w, x.op(at), at.ID)
			})
		}
	}
}

func TestWhatTheOperatorCannotTakeBack(t *testing.T) {
	for state, x := range takings {
		for name, refused := range map[string]struct {
			prepare func(*reservation.Reservation)
			code    string
		}{
			"inside":    {func(r *reservation.Reservation) { r.State = reservation.Active }, reservation.CodeAlreadyInside},
			"completed": {func(r *reservation.Reservation) { r.State = reservation.Completed }, reservation.CodeFinished},
			"a no-show": {func(r *reservation.Reservation) { r.State = reservation.NoShow }, reservation.CodeFinished},
			"a change waits": {func(r *reservation.Reservation) {
				r.Pending = &reservation.Change{Window: r.Window, Payment: r.Payment}
			}, booking.CodeChangePending},
		} {
			c := newClock()
			w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
			at := settled(t, w, payment.Authorized)
			if _, err := w.Commit(t.Context(), does{func(work *commit.Work) error {
				r, err := work.Reservation(at.ID)
				if err == nil {
					refused.prepare(r)
					work.PutReservation(r)
				}
				return err
			}}); err != nil {
				t.Fatal(err)
			}
			before, events := stored(t, w, at.ID), len(w.Events(altmarkt))
			_, err := w.Commit(t.Context(), x.op(at))
			if fault.Code(err) != refused.code || !reflect.DeepEqual(before, stored(t, w, at.ID)) || len(w.Events(altmarkt)) != events {
				t.Errorf("%s, %s: %v", state, name, err)
			}
		}
	}
}

// Money that was taken, or is being taken, for what costs nothing is asked to be
// given back in the commit that ends the reservation, once.
func TestWhatWasTakenIsGivenBackWhenTheReservationIsTakenBack(t *testing.T) {
	for state, x := range takings {
		for _, pay := range []payment.State{payment.CaptureRequested, payment.Captured} {
			c := newClock()
			w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
			at := settled(t, w, payment.Authorized)
			take := does{func(work *commit.Work) error {
				r, err := work.Reservation(at.ID)
				if err != nil {
					return err
				}
				p, err := work.Payment(r.Payment)
				if err != nil {
					return err
				}
				p.State, p.CaptureAmount, p.CaptureTax = pay, 400, 64
				if pay == payment.Captured {
					p.Captured = 400
				}
				work.PutPayment(p)
				return nil
			}}
			for _, op := range []commit.Op{take, x.op(at), x.op(at)} {
				if _, err := w.Commit(t.Context(), op); err != nil {
					t.Fatal(err)
				}
			}
			s := stored(t, w, at.ID)
			want := []payment.Refunding{{Reason: string(state), State: payment.RefundRequested, Amount: 400, Tax: 64, At: c.at}}
			if s.Payment.State != pay || s.Reservation.State != state || !reflect.DeepEqual(s.Payment.Refunds, want) {
				t.Errorf("%s %s: %+v", state, pay, s)
			}
			asked := 0
			for _, e := range w.Events(altmarkt) {
				if e.Kind == feed.RefundRequested && e.Body.Payment.ID == s.Payment.ID {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("%s %s: asked for %d times", state, pay, asked)
			}
		}
	}
}

// A renewal of the hold that waits for its driver, for up to a day, does not keep the
// operator from ending the reservation: both holds are given back.
func TestARenewalThatWaitsDoesNotKeepAReservationFromBeingTakenBack(t *testing.T) {
	for state, x := range takings {
		c := newClock()
		w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
		at := settled(t, w, payment.Authorized)
		own := stored(t, w, at.ID).Payment
		renewal := payment.Payment{
			ID: id.New[id.Payment](c.at), Reservation: at.ID, State: payment.RequiresAction, Provider: own.Provider, Ref: "h2", Amount: own.Amount, UpdatedAt: c.at,
		}
		for _, op := range []commit.Op{does{func(work *commit.Work) error {
			r, err := work.Reservation(at.ID)
			if err != nil {
				return err
			}
			p := renewal
			work.PutPayment(&p)
			r.Pending = &reservation.Change{
				Window: r.Window, SpaceType: r.SpaceType, Claim: r.Claim, Quote: r.Quote, Payment: p.ID, Until: r.Window.From, Renews: true,
			}
			work.PutReservation(r)
			return nil
		}}, x.op(at), x.op(at)} {
			apply(t, w, op)
		}
		s := stored(t, w, at.ID)
		if s.Reservation.State != state || s.Reservation.Pending != nil || s.Payment.State != payment.VoidRequested {
			t.Errorf("%s: %+v", state, s)
		}
		for _, p := range w.Payments() {
			if p.State != payment.VoidRequested {
				t.Errorf("%s: payment %s is %s", state, p.Ref, p.State)
			}
		}
		if w.Free(altmarkt, id.Standard, timerange.Floor(c.at)+5) != 1 {
			t.Errorf("%s: its space is not free", state)
		}
	}
}

func TestTheOperatorWalksAndVoids(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	o := booking.Operator{Reservations: w, Commits: w}
	at := settled(t, w, payment.Authorized)
	const why = "Level 2 is flooded."
	for reason, code := range map[string]string{strings.Repeat("x", 501): booking.CodeInvalidReason, "two\nlines": booking.CodeInvalidReason, "\xff": booking.CodeInvalidReason, " ": booking.CodeInvalidReason} {
		if _, err := o.Walk(t.Context(), altmarkt, at.ID, reason); fault.Code(err) != code {
			t.Fatalf("%q: %v", reason, err)
		}
	}
	// A reservation of another operator's parking is none.
	if _, err := o.Walk(t.Context(), "elsewhere", at.ID, why); fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatal(err)
	}
	if got := stored(t, w, at.ID).Reservation.State; got != reservation.Confirmed {
		t.Fatal(got)
	}
	s, err := o.Walk(t.Context(), altmarkt, at.ID, why)
	if err != nil || s.Reservation.State != reservation.Walked || s.Payment.State != payment.VoidRequested {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := o.Void(t.Context(), altmarkt, at.ID, why); fault.Code(err) != reservation.CodeFinished {
		t.Fatal(err)
	}
	if _, err := o.Void(t.Context(), altmarkt, id.New[id.Reservation](time.Now()), why); fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatal(err)
	}
}
