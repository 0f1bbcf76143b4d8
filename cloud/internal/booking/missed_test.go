package booking_test

import (
	"reflect"
	"slices"
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
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// does is an op made of a function, for what no op does.
type does struct{ do func(*commit.Work) error }

func (does) Parking() id.Parking                       { return altmarkt }
func (does) Prefetch(*commit.Rows)                     {}
func (d does) Apply(w *commit.Work, _ time.Time) error { return d.do(w) }

// confirmed is a reservation from now on for eight hours, to come within two.
func confirmed(t testing.TB, c *clock, w *bookingtest.World) booking.Target {
	t.Helper()
	op := reserveOp("k", c.window(0, 8*time.Hour))
	apply(t, w, op)
	apply(t, w, &booking.RecordHold{Target: booking.TargetOf(op.After), Outcome: authorized("h1")})
	return booking.Target{In: altmarkt, ID: op.ID}
}

// same fails unless op changes nothing.
func same(t testing.TB, w *bookingtest.World, op commit.Op, r id.Reservation) {
	t.Helper()
	before, events := stored(t, w, r), len(w.Events(altmarkt))
	apply(t, w, op)
	if after := stored(t, w, r); !reflect.DeepEqual(before, after) || len(w.Events(altmarkt)) != events {
		t.Fatalf("%T changed %+v to %+v", op, before, after)
	}
}

// last are the kinds of the last n events.
func last(w *bookingtest.World, n int) (out []feed.Kind) {
	all := w.Events(altmarkt)
	for _, e := range all[len(all)-n:] {
		out = append(out, e.Kind)
	}
	return out
}

func TestANoShowIsDeclaredBehindTheWatermarkOnly(t *testing.T) {
	for name, x := range map[string]struct {
		after   time.Duration // now, after the deadline
		mark    time.Duration // of the edge's trusted time, after the deadline
		edge    bool
		missing bool // declared
	}{
		"at the deadline":                      {0, 0, true, true},
		"long after it":                        {9 * time.Hour, time.Hour, true, true},
		"before the deadline":                  {-time.Second, time.Minute, true, false},
		"the edge is not there yet":            {3 * time.Hour, -time.Millisecond, true, false},
		"the edge's clock was never known":     {3 * time.Hour, -24 * 365 * time.Hour, true, false},
		"nobody watches":                       {3 * time.Hour, 0, false, false},
		"an edge that went ahead of our clock": {-time.Minute, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
			w.Twice = true
			at := confirmed(t, c, w)
			deadline := stored(t, w, at.ID).Reservation.NoShowAt
			c.at = deadline.Add(x.after)
			if x.edge {
				w.Watched(altmarkt, deadline.Add(x.mark))
			}
			if !x.missing {
				same(t, w, &booking.Miss{Target: at}, at.ID)
				return
			}
			op := &booking.Miss{Target: at}
			apply(t, w, op)
			s := stored(t, w, at.ID)
			if !reflect.DeepEqual(op.After, s) || s.Reservation.State != reservation.NoShow {
				t.Fatalf("%+v, the op says %+v", s, op.After)
			}
			if s.Payment.State != payment.CaptureRequested || s.Payment.CaptureAmount != 400 || s.Payment.CaptureTax != 64 {
				t.Fatalf("%+v", s.Payment)
			}
			if got := last(w, 2); got[0] != feed.PaymentChanged || got[1] != feed.ReservationNoShow {
				t.Fatal(got)
			}
			same(t, w, &booking.Miss{Target: at}, at.ID)
		})
	}
}

func TestANoShowFreesWhatLiesAhead(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := confirmed(t, c, w)
	first := timerange.Floor(c.at)
	c.at = c.at.Add(3 * time.Hour)
	w.Watched(altmarkt, c.at)
	apply(t, w, &booking.Miss{Target: at})
	if s := stored(t, w, at.ID); s.Reservation.Claim != (timerange.Quarters{From: first, To: first + 12}) {
		t.Fatalf("%+v", s.Reservation.Claim)
	}
	if w.Free(altmarkt, id.Standard, first+11) != 0 || w.Free(altmarkt, id.Standard, first+12) != 1 || w.Free(altmarkt, id.Standard, first+32) != 1 {
		t.Fatal("what has passed is not for sale, what lies ahead is")
	}
}

func TestPolicySaysWhatANoShowCosts(t *testing.T) {
	for percent, want := range map[int]struct {
		state  payment.State
		amount int64
	}{0: {payment.VoidRequested, 0}, 25: {payment.CaptureRequested, 100}, 100: {payment.CaptureRequested, 400}} {
		c := newClock()
		lot := bookingtest.Parking(altmarkt, 1)
		lot.Policy.NoShowCharge = percent
		w := bookingtest.NewWorld(c.now, lot)
		at := confirmed(t, c, w)
		c.at = c.at.Add(2 * time.Hour)
		w.Watched(altmarkt, c.at)
		apply(t, w, &booking.Miss{Target: at})
		if p := stored(t, w, at.ID).Payment; p.State != want.state || p.CaptureAmount != want.amount {
			t.Errorf("%d %%: %+v", percent, p)
		}
	}
}

// What was agreed on for not coming is what counts, whatever the policy is by
// then; it stands when the window is changed.
func TestTheTermsOfANoShowAreThoseOfTheBooking(t *testing.T) {
	c := newClock()
	lot := bookingtest.Parking(altmarkt, 1)
	lot.Policy.NoShowCharge = 100
	w := bookingtest.NewWorld(c.now, lot)
	agreed := 25
	op := reserveOp("k", c.window(0, 8*time.Hour))
	op.Quote.NoShowCharge = &agreed
	apply(t, w, op)
	apply(t, w, &booking.RecordHold{Target: booking.TargetOf(op.After), Outcome: authorized("h1")})
	c.at = c.at.Add(2 * time.Hour)
	w.Watched(altmarkt, c.at)
	apply(t, w, &booking.Miss{Target: booking.Target{In: altmarkt, ID: op.ID}})
	if p := stored(t, w, op.ID).Payment; p.CaptureAmount != 100 || p.State != payment.CaptureRequested {
		t.Errorf("%+v", p)
	}
}

// Whoever gives his place up once it is not kept any more pays what he would have
// paid for not coming; until then it is free.
func TestCancellingIsNoWayAroundTheNoShow(t *testing.T) {
	for name, x := range map[string]struct {
		after   time.Duration
		percent int
		state   payment.State
		amount  int64
	}{
		"just in time":    {2*time.Hour - time.Second, 50, payment.VoidRequested, 0},
		"at the deadline": {2 * time.Hour, 50, payment.CaptureRequested, 200},
		"long after":      {5 * time.Hour, 100, payment.CaptureRequested, 400},
		"and it is free":  {5 * time.Hour, 0, payment.VoidRequested, 0},
	} {
		c := newClock()
		lot := bookingtest.Parking(altmarkt, 1)
		lot.Policy.NoShowCharge = x.percent
		w := bookingtest.NewWorld(c.now, lot)
		at := confirmed(t, c, w)
		c.at = c.at.Add(x.after)
		apply(t, w, &booking.Cancel{Target: at})
		s := stored(t, w, at.ID)
		if s.Reservation.State != reservation.Cancelled || s.Payment.State != x.state || s.Payment.CaptureAmount != x.amount {
			t.Errorf("%s: %s, %+v", name, s.Reservation.State, s.Payment)
		}
		if w.Free(altmarkt, id.Standard, timerange.Ceil(c.at)) != 1 {
			t.Errorf("%s: its space is not free", name)
		}
		same(t, w, &booking.Cancel{Target: at}, at.ID)
	}
}

// The deadline passes between showing and pressing: whoever was shown that giving up
// is free is not charged for it.
func TestGivingUpCostsWhatWasShownOrNothingHappens(t *testing.T) {
	eur := func(minor int64) *money.Amount { return new(money.New(minor, "EUR")) }
	for name, x := range map[string]struct {
		after time.Duration
		shown *money.Amount
		code  string
	}{
		"free, and it is":              {2*time.Hour - time.Second, eur(0), ""},
		"free, and it is not any more": {2 * time.Hour, eur(0), booking.CodePriceChanged},
		"what it costs":                {2 * time.Hour, eur(200), ""},
		"less than it costs":           {2 * time.Hour, eur(199), booking.CodePriceChanged},
		"in other money":               {2 * time.Hour, new(money.New(200, "CHF")), booking.CodePriceChanged},
		"nothing was shown":            {2 * time.Hour, nil, ""},
	} {
		c := newClock()
		lot := bookingtest.Parking(altmarkt, 1)
		lot.Policy.NoShowCharge = 50
		w := bookingtest.NewWorld(c.now, lot)
		at := confirmed(t, c, w)
		c.at = c.at.Add(x.after)
		before := stored(t, w, at.ID)
		_, err := w.Commit(t.Context(), &booking.Cancel{Target: at, Shown: x.shown})
		if fault.Code(err) != x.code && (x.code != "" || err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		after := stored(t, w, at.ID)
		if x.code != "" && (!reflect.DeepEqual(after, before) || fault.From(err).Fields["charge"] != "is 200 EUR now, in minor units") {
			t.Errorf("%s: %+v, %v", name, after.Reservation, err)
		}
		if x.code == "" {
			if after.Reservation.State != reservation.Cancelled {
				t.Errorf("%s: %s", name, after.Reservation.State)
			}
			same(t, w, &booking.Cancel{Target: at, Shown: eur(1)}, at.ID) // once is once
		}
	}
}

func TestOnlyWhatWaitsForItsDriverIsMissed(t *testing.T) {
	for name, prepare := range map[string]func(*reservation.Reservation){
		"inside": func(r *reservation.Reservation) { r.State = reservation.Active },
		"a change waits": func(r *reservation.Reservation) {
			r.Pending = &reservation.Change{Window: r.Window, Payment: r.Payment}
		},
		"cancelled":               func(r *reservation.Reservation) { r.State = reservation.Cancelled },
		"completed":               func(r *reservation.Reservation) { r.State = reservation.Completed },
		"declared already":        func(r *reservation.Reservation) { r.State = reservation.NoShow },
		"the payment is not held": func(r *reservation.Reservation) { r.State = reservation.Held },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
			at := confirmed(t, c, w)
			plant := func(work *commit.Work) error {
				r, err := work.Reservation(at.ID)
				if err == nil {
					prepare(r)
					work.PutReservation(r)
				}
				return err
			}
			if _, err := w.Commit(t.Context(), does{plant}); err != nil {
				t.Fatal(err)
			}
			c.at = c.at.Add(9 * time.Hour)
			before, events := stored(t, w, at.ID), len(w.Events(altmarkt))
			for _, op := range []commit.Op{&booking.Elapse{Target: at}, &booking.Miss{Target: at}} {
				if _, err := w.Commit(t.Context(), op); err != nil {
					t.Fatal(err)
				}
				w.Watched(altmarkt, c.at)
			}
			if !reflect.DeepEqual(before, stored(t, w, at.ID)) || len(w.Events(altmarkt)) != events {
				t.Fatalf("%+v", stored(t, w, at.ID))
			}
		})
	}
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	for _, op := range []commit.Op{
		&booking.Miss{Target: booking.Target{In: altmarkt, ID: id.New[id.Reservation](c.at)}},
		&booking.Elapse{Target: booking.Target{In: altmarkt, ID: id.New[id.Reservation](c.at)}},
	} {
		if _, err := w.Commit(t.Context(), op); fault.Code(err) != booking.CodeReservationNotFound {
			t.Fatal(err)
		}
	}
}

func TestWithoutAnEdgeAReservationIsCompletedAtItsEnd(t *testing.T) {
	for name, x := range map[string]struct {
		after   time.Duration // now, after the end
		since   time.Duration // when an edge said hello first, after the deadline; with edge
		edge    bool
		known   bool          // the caller knows of the edge
		retired time.Duration // until when it was heard of, after the deadline; 0: it still is
		ends    bool
	}{
		"at the end of the grace":             {after: 15 * time.Minute, ends: true},
		"days later":                          {after: 72 * time.Hour, ends: true},
		"within the grace":                    {after: 15*time.Minute - time.Second},
		"an edge watched it":                  {after: time.Hour, edge: true, known: true, since: -time.Second},
		"an edge came after the deadline":     {after: time.Hour, edge: true, known: true, since: 0, ends: true},
		"an edge came that nobody knew about": {after: time.Hour, edge: true},
		"the edge was retired before":         {after: time.Hour, edge: true, known: true, since: -time.Hour, retired: -time.Millisecond, ends: true},
		"the edge was retired after it":       {after: time.Hour, edge: true, known: true, since: -time.Hour, retired: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			lot := bookingtest.Parking(altmarkt, 1)
			lot.Policy.NoShowCharge = 0
			w := bookingtest.NewWorld(c.now, lot)
			w.Twice = true
			at := confirmed(t, c, w)
			r := stored(t, w, at.ID).Reservation
			c.at = r.Window.To.Add(x.after)
			op := &booking.Elapse{Target: at}
			if x.edge {
				w.Watched(altmarkt, c.at)
			}
			if x.known {
				op.WatchedSince = r.NoShowAt.Add(x.since)
			}
			if x.retired != 0 {
				w.Retired(altmarkt, r.NoShowAt.Add(x.retired))
			}
			if !x.ends {
				same(t, w, op, at.ID)
				return
			}
			apply(t, w, op)
			s := stored(t, w, at.ID)
			if s.Reservation.State != reservation.Completed || s.Payment.State != payment.CaptureRequested || s.Payment.CaptureAmount != 400 ||
				!reflect.DeepEqual(op.After, s) || !slices.Equal(last(w, 2), []feed.Kind{feed.PaymentChanged, feed.ReservationCompleted}) {
				t.Fatalf("%+v, %v", s, last(w, 2))
			}
			same(t, w, op, at.ID)
		})
	}
}

// A hold that cannot be charged is given back, and a person is told.
func TestANoShowThatCannotBeChargedIsOnRecord(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := confirmed(t, c, w)
	foreign := func(work *commit.Work) error {
		r, err := work.Reservation(at.ID)
		if err == nil {
			r.Quote.Total = money.New(400, "CHF")
			work.PutReservation(r)
		}
		return err
	}
	apply(t, w, does{foreign})
	c.at = c.at.Add(3 * time.Hour)
	w.Watched(altmarkt, c.at)
	apply(t, w, &booking.Miss{Target: at})
	s := stored(t, w, at.ID)
	if s.Reservation.State != reservation.NoShow || s.Payment.State != payment.VoidRequested || !slices.Equal(w.Incidents(), []string{booking.ClassUnpriced}) {
		t.Fatalf("%+v, incidents %v", s, w.Incidents())
	}
}

// inside brings the vehicle of a confirmed reservation in.
func inside(t testing.TB, w *bookingtest.World, r id.Reservation) {
	t.Helper()
	apply(t, w, does{func(work *commit.Work) error {
		res, err := work.Reservation(r)
		if err != nil {
			return err
		}
		if res.State == reservation.Active {
			return nil
		}
		if _, err := res.Apply(reservation.CheckIn, w.Now()); err != nil {
			return err
		}
		work.PutReservation(res)
		return nil
	}})
}

func TestTheEndIsToldOnceAndInTime(t *testing.T) {
	for name, x := range map[string]struct {
		left   time.Duration // until the end
		before time.Duration // policy
		told   bool
	}{
		"a quarter before":        {15 * time.Minute, 15 * time.Minute, true},
		"a tick late":             {7 * time.Minute, 15 * time.Minute, true},
		"too early":               {15*time.Minute + time.Second, 15 * time.Minute, false},
		"when it is over":         {0, 15 * time.Minute, false},
		"long after":              {-time.Hour, 15 * time.Minute, false},
		"an hour before":          {time.Hour, time.Hour, true},
		"nobody wants to be told": {time.Second, 0, false},
		"nonsense":                {time.Second, -time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			lot := bookingtest.Parking(altmarkt, 1)
			lot.Policy.RemindBefore = x.before
			w := bookingtest.NewWorld(c.now, lot)
			w.Twice = true
			at := confirmed(t, c, w)
			c.at = stored(t, w, at.ID).Reservation.Window.To.Add(-x.left)
			same(t, w, &booking.Remind{Target: at}, at.ID) // nobody is inside
			inside(t, w, at.ID)
			if !x.told {
				same(t, w, &booking.Remind{Target: at}, at.ID)
				return
			}
			op := &booking.Remind{Target: at}
			apply(t, w, op)
			s := stored(t, w, at.ID)
			if !s.Reservation.RemindedAt.Equal(c.at) || s.Reservation.State != reservation.Active || last(w, 1)[0] != feed.ReservationEndsSoon || !reflect.DeepEqual(op.After, s) {
				t.Fatalf("%+v, %v", s.Reservation, last(w, 1))
			}
			c.at = c.at.Add(time.Second)
			same(t, w, &booking.Remind{Target: at}, at.ID)
		})
	}
}

// Whoever stays longer has no longer to come: an extension pays for its own time
// and not for a place that is kept empty.
func TestAnExtensionDoesNotMoveTheDeadlineForComing(t *testing.T) {
	c := newClock()
	w := bookingtest.NewWorld(c.now, bookingtest.Parking(altmarkt, 1))
	at := confirmed(t, c, w) // eight hours from now on, two to come
	deadline := stored(t, w, at.ID).Reservation.NoShowAt
	change := func(extend bool, from, to time.Time) error {
		_, err := w.Commit(t.Context(), &booking.Modify{
			Target: at, Key: commit.Key{Principal: booking.Guest, Key: to.String()}, PaymentID: id.New[id.Payment](c.at), Extend: extend,
			Window: timerange.Range{From: from, To: to}, SpaceType: id.Standard, Quote: reservation.Quote{Total: money.New(400, "EUR"), Tax: money.New(64, "EUR")},
		})
		check(t, w)
		return err
	}
	r := stored(t, w, at.ID).Reservation
	for n := range 3 {
		c.at = c.at.Add(30 * time.Minute)
		if err := change(true, r.Window.From, r.Window.To.Add(time.Duration(n+1)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, w, at.ID).Reservation; !got.NoShowAt.Equal(deadline) {
			t.Fatalf("after %d extensions the place is kept until %v, not %v", n+1, got.NoShowAt, deadline)
		}
	}
	// Once it is not kept any more there is nothing to change: not coming would cost
	// nothing if the window could still be moved to another day.
	c.at = deadline
	before, events := stored(t, w, at.ID), len(w.Events(altmarkt))
	for name, err := range map[string]error{
		"longer":      change(true, r.Window.From, r.Window.To.Add(9*time.Hour)),
		"another day": change(false, c.at.Add(24*time.Hour), c.at.Add(32*time.Hour)),
	} {
		if fault.Code(err) != booking.CodeNotChangeable || !reflect.DeepEqual(before, stored(t, w, at.ID)) || len(w.Events(altmarkt)) != events {
			t.Errorf("%s: %v", name, err)
		}
	}
}
