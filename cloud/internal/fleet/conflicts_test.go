package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// This file has a test for each class of conflict between what an edge saw and
// what the cloud had decided. X9, a payment at a kiosk for a stay that was
// settled before, has none: there are no payments at kiosks yet.

func TestX1CheckedInAfterItWasCancelled(t *testing.T) {
	w, j := start(t, 2)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour)) // quoted at 400, which is the tariff's price
	s := j.enter(t, noon.Add(-30*time.Minute), r.ID)
	w.cancel(t, r.ID)
	if w.claimed(noon) != 0 {
		t.Fatal("cancelled and still claimed")
	}
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X1")
	got := w.rows.Sessions[s]
	if got.Reservation != r.ID || w.rows.Reservations[r.ID].State != reservation.Cancelled || w.claimed(noon) != 1 || w.over(noon) != 0 {
		t.Fatalf("%+v, %d claimed", got, w.claimed(noon))
	}
	// The hold was given back: the lower of quote and drive-up price is owed. An
	// hour and a half costs two hours, 400; half an hour costs 200.
	j.exit(t, noon.Add(20*time.Minute), s, r.ID)
	w.later(20 * time.Minute)
	j.applyAll(t, w)
	w.gone(t, s, 200, 200)
	if p := w.rows.Payments[r.Payment]; p.State != payment.VoidRequested {
		t.Fatalf("payment %s", p.State)
	}
	w.raised(t, "X1")
}

func TestX2CameInTimeAndWasGivenUp(t *testing.T) {
	w, j := start(t, 1)
	r := w.reserve(t, noon.Add(-2*time.Hour), noon.Add(2*time.Hour))
	w.deadline(t, r.ID, noon)
	w.later(10 * time.Minute)
	w.miss(t, r.ID)
	if !w.trySell(t, noon.Add(time.Hour), noon.Add(90*time.Minute)) {
		t.Fatal("what was given up is not for sale")
	}
	// The edge had let him in before the deadline, and tells it now.
	s := j.enter(t, noon.Add(-5*time.Minute), r.ID)
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X2", "overfull")
	got := w.rows.Reservations[r.ID]
	if got.State != reservation.Active || got.Session != s || got.Claim.To != got.Window.Claim().To || w.rows.Sessions[s].ClaimTo != got.Claim.To {
		t.Fatalf("%+v", got)
	}
	if w.claimed(noon.Add(30*time.Minute)) != 1 || w.over(noon.Add(30*time.Minute)) != 0 || w.over(noon.Add(time.Hour)) != 1 {
		t.Fatal("his place is claimed to the end of his window, beyond what is left where it was sold again")
	}
	if w.trySell(t, noon.Add(time.Hour), noon.Add(75*time.Minute)) {
		t.Fatal("sold where there is less than nothing")
	}
	w.later(time.Hour)
	j.exit(t, w.now, s, r.ID)
	j.applyAll(t, w)
	w.balance(t)
	if got = w.rows.Reservations[r.ID]; got.State != reservation.Completed || w.claimed(w.now) != 1 || w.over(w.now) != 0 {
		t.Fatalf("%s, %d claimed", got.State, w.claimed(w.now))
	}
	if st := w.rows.Sessions[s]; st.State != session.Left || st.Due.Minor != 400 || st.Owed.Minor != 0 || w.owed() != 0 {
		t.Fatalf("%+v: his own quote is due, and what was taken for missing pays it", st)
	}
	w.raised(t, "X2", "overfull")
}

func TestX2LateArrivalIsReinstatedWithoutIncident(t *testing.T) {
	t.Run("on a place that is free again", func(t *testing.T) {
		w, j := start(t, 2)
		r := w.reserve(t, noon.Add(-3*time.Hour), noon.Add(2*time.Hour))
		w.deadline(t, r.ID, noon.Add(-time.Hour))
		w.later(-time.Hour)
		w.miss(t, r.ID)
		w.later(time.Hour)
		s := j.enter(t, noon, r.ID)
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t)
		if got := w.rows.Reservations[r.ID]; got.State != reservation.Active || w.claimed(noon.Add(time.Hour)) != 1 {
			t.Fatalf("%+v", got)
		}
		j.exit(t, noon, s, r.ID)
		j.applyAll(t, w)
		if w.claimed(noon) != 0 || w.rows.Reservations[r.ID].State != reservation.Completed {
			t.Fatal("he has left")
		}
		w.balance(t)
	})
	t.Run("on a unit of the allotment", func(t *testing.T) {
		w, j := start(t, 2)
		r := w.reserve(t, noon.Add(-3*time.Hour), noon.Add(2*time.Hour))
		w.deadline(t, r.ID, noon.Add(-time.Hour))
		w.miss(t, r.ID)
		w.allot(t) // both units
		s := j.enterAs(t, noon, r.ID, wire.AdmitWalkin)
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t)
		if got := w.rows.Sessions[s]; !got.Allotted || got.ClaimTo != 0 || w.claimed(noon) != 2 || w.over(noon) != 0 {
			t.Fatalf("%+v, %d claimed: the edge put him on a unit that is claimed", got, w.claimed(noon))
		}
		if w.inside().Allotted[id.Standard] != 1 {
			t.Fatal("his unit is not counted as taken")
		}
		j.enter(t, noon, none)
		j.enter(t, noon, none) // beyond both units
		j.exit(t, noon, s, r.ID)
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t, "X5", "overfull")
		if w.inside().Allotted[id.Standard] != 1 || w.rows.Reservations[r.ID].State != reservation.Completed {
			t.Fatal("his unit is not free again")
		}
	})
	t.Run("seen only when leaving", func(t *testing.T) {
		w, j := start(t, 1)
		r := w.reserve(t, noon.Add(-3*time.Hour), noon.Add(2*time.Hour))
		w.deadline(t, r.ID, noon.Add(-time.Hour))
		w.miss(t, r.ID)
		j.exit(t, noon, id.New[id.Session](noon), r.ID)
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t, "X6")
		if w.rows.Reservations[r.ID].State != reservation.Completed || w.claimed(noon) != 0 {
			t.Fatal("the stay is not over")
		}
	})
}

func TestX3PassThatWasReplaced(t *testing.T) {
	t.Run("within what is reserved now", func(t *testing.T) {
		w, j := start(t, 10)
		r := w.reserve(t, noon.Add(-time.Hour), noon.Add(2*time.Hour))
		w.modify(t, r.ID, noon.Add(-time.Hour), noon.Add(time.Hour))
		s := j.enter(t, noon, r.ID) // with the pass of generation 1
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t, "X3")
		if got := w.rows.Reservations[r.ID]; got.State != reservation.Active || got.Session != s || w.claimed(noon) != 1 {
			t.Fatalf("%+v", got)
		}
		j.exit(t, noon, s, r.ID)
		j.applyAll(t, w)
		w.gone(t, s, 400, 0)
		if w.rows.Payments[r.Payment].CaptureAmount != 400 {
			t.Fatal("his hold pays")
		}
	})
	t.Run("outside of it", func(t *testing.T) {
		w, j := start(t, 10)
		r := w.reserve(t, noon.Add(-time.Hour), noon.Add(2*time.Hour))
		w.modify(t, r.ID, noon.Add(24*time.Hour), noon.Add(26*time.Hour))
		s := j.enter(t, noon, r.ID)
		j.applyAll(t, w)
		w.balance(t)
		w.raised(t, "X3")
		if got := w.rows.Reservations[r.ID]; got.State != reservation.Confirmed || !w.rows.Sessions[s].Reservation.IsZero() || w.claimed(noon) != 1 {
			t.Fatalf("%+v: tomorrow's reservation is not for a vehicle that comes today", got)
		}
		j.exit(t, noon, s, r.ID)
		j.applyAll(t, w)
		w.gone(t, s, 0, 0)
		if w.rows.Payments[r.Payment].State != payment.Authorized || w.claimed(noon.Add(25*time.Hour)) != 1 {
			t.Fatal("tomorrow's reservation was touched")
		}
	})
	t.Run("of a reservation that is not known", func(t *testing.T) {
		w, j := start(t, 10)
		s := j.enter(t, noon.Add(-30*time.Minute), id.New[id.Reservation](noon))
		j.exit(t, noon, s, j.events[0].Reservation)
		j.applyAll(t, w)
		w.raised(t, "X3")
		w.gone(t, s, 200, 200)
	})
}

func TestX4SamePassTwice(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	first := j.enter(t, noon.Add(-30*time.Minute), r.ID)
	second := j.enter(t, noon.Add(-20*time.Minute), r.ID)
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X4")
	if w.rows.Reservations[r.ID].Session != first || !w.rows.Sessions[second].Reservation.IsZero() || w.claimed(noon) != 2 {
		t.Fatal("the first keeps the right, and both are counted")
	}
	j.exit(t, noon, second, r.ID)
	j.applyAll(t, w)
	if w.rows.Reservations[r.ID].State != reservation.Active || w.owed() != 200 {
		t.Fatalf("%s, %d owed: the second pays as a walk-in", w.rows.Reservations[r.ID].State, w.owed())
	}
	j.exit(t, noon, first, r.ID)
	j.enter(t, noon, r.ID) // and once more after both have left
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X4", "X4")
	if p := w.rows.Payments[r.Payment]; p.CaptureAmount != 400 || w.owed() != 200 {
		t.Fatalf("%d captured, %d owed", p.CaptureAmount, w.owed())
	}
}

func TestX5WalkInsBeyondTheAllotment(t *testing.T) {
	w, j := start(t, 2)
	w.allot(t) // both
	var in []id.Session
	for range 3 {
		in = append(in, j.enter(t, noon, none))
	}
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X5", "overfull")
	if w.claimed(noon) != 3 || w.over(noon) != 1 {
		t.Fatalf("%d claimed, %d over: the count wins", w.claimed(noon), w.over(noon))
	}
	w.allot(t)
	if w.trySell(t, noon, noon.Add(15*time.Minute)) || w.rows.Allotments[id.Standard].Granted != 2 {
		t.Fatal("nothing is sold or lent until there is room")
	}
	j.exit(t, noon, in[2], none)
	j.exit(t, noon, in[1], none)
	j.applyAll(t, w)
	w.balance(t)
	if w.over(noon) != 0 || w.claimed(noon) != 2 {
		t.Fatalf("%d claimed, %d over", w.claimed(noon), w.over(noon))
	}
}

func TestX6EntryOrExitThatWasNotSeen(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	j.exit(t, noon, id.New[id.Session](noon), r.ID)
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X6")
	if w.rows.Reservations[r.ID].State != reservation.Completed || w.claimed(noon) != 0 || w.rows.Payments[r.Payment].CaptureAmount != 400 || w.owed() != 0 {
		t.Fatal("an exit on a reservation is its stay")
	}
	unseen := id.New[id.Session](noon)
	j.exit(t, noon, unseen, none)
	j.applyAll(t, w)
	w.raised(t, "X6", "X6")
	if s := w.rows.Sessions[unseen]; s.State != session.Left || !s.Inferred || s.Due != nil || w.owed() != 0 {
		t.Fatalf("%+v: without evidence of a stay nothing is due", s)
	}
	w.balance(t)

	// Somebody presses the button; the oldest walk-in is closed in his place.
	w.allot(t)
	s := j.enter(t, noon.Add(-3*time.Hour), none)
	j.add(t, noon, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, SpaceType: id.Standard, Reason: wire.AdmitPolicy})
	j.applyAll(t, w)
	w.raised(t, "X6", "X6", "X6")
	if got := w.rows.Sessions[s]; got.State != session.Left || got.Due.Minor != 0 || w.owed() != 0 || w.inside().Allotted[id.Standard] != 0 {
		t.Fatalf("%+v", got)
	}
	w.balance(t)
}

func TestX7ClockThatIsNotToBeTrusted(t *testing.T) {
	// Whatever is wrong with the clock: both passages count, both are on record,
	// and no more is due than the shortest stay costs.
	odd := func(at time.Time, uncertain time.Duration) wire.Event {
		e := wire.Event{Wall: at.UnixMilli(), Uncertainty: uint32(uncertain.Milliseconds()), SpaceType: id.Standard}
		if uncertain < 0 {
			e.Uncertainty = wire.Uncertain
		}
		return e
	}
	for name, c := range map[string]struct {
		in, out wire.Event
		due     int64
		classes []string
	}{
		"never set":         {odd(time.UnixMilli(1000), -1), odd(time.UnixMilli(9000), -1), 0, []string{"X5", "X7", "X7"}},
		"exit in future":    {odd(noon, 0), odd(noon.Add(24*time.Hour), 0), 0, []string{"X5", "X7"}},
		"exit long ago":     {odd(noon, 0), odd(noon.Add(-60*24*time.Hour), 0), 0, []string{"X5", "X7"}},
		"entry in future":   {odd(noon.Add(time.Hour), 0), odd(noon.Add(3*time.Hour), 0), 600, []string{"X5", "X7"}},
		"an hour of doubt":  {odd(noon.Add(-time.Hour), time.Hour), odd(noon.Add(3*time.Hour), time.Hour), 400, []string{"X5", "X7", "X7"}},
		"the first instant": {odd(time.UnixMilli(0), 0), odd(time.UnixMilli(0), 0), 0, []string{"X5", "X7", "X7"}},
		"the last instant":  {odd(time.UnixMilli(1<<43-1), 0), odd(time.UnixMilli(1<<43-1), 0), 0, []string{"X5", "X7", "X7"}},
		"from end to end":   {odd(time.UnixMilli(0), 0), odd(time.UnixMilli(1<<43-1), 0), 0, []string{"X5", "X7", "X7"}},
		"back to the start": {odd(time.UnixMilli(1<<43-1), 0), odd(time.UnixMilli(0), 0), 0, []string{"X5", "X7", "X7"}},
		"a little of doubt": {odd(noon, 0), odd(noon.Add(2*time.Hour+time.Minute), 5*time.Minute), 400, []string{"X5"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 10)
			s := id.New[id.Session](noon)
			c.in.Kind, c.in.Session, c.in.Lane = wire.Entered, s, "entry-1"
			c.out.Kind, c.out.Session, c.out.Lane = wire.Exited, s, "exit-1"
			j.add(t, time.UnixMilli(c.in.Wall), c.in)
			j.applyAll(t, w)
			if got := w.rows.Sessions[s]; got == nil || got.State != session.Inside || got.EnteredAt.After(w.now) || w.claimed(noon) != 1 {
				t.Fatalf("%+v", got)
			}
			w.balance(t)
			w.later(3 * time.Hour)
			j.add(t, time.UnixMilli(c.out.Wall), c.out)
			j.applyAll(t, w)
			w.raised(t, c.classes...)
			w.gone(t, s, c.due, c.due)
			for _, i := range w.out.Incidents {
				if i.At.After(w.now) || i.At.Before(noon.Add(-24*time.Hour)) {
					t.Fatalf("an incident of %s", i.At)
				}
			}
		})
	}
}

func TestX8UploadedTwice(t *testing.T) {
	w, j := start(t, 4)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	w.allot(t)
	s := j.enter(t, noon, r.ID)
	j.exit(t, noon, j.enter(t, noon, none), none)
	j.exit(t, noon, s, r.ID)
	first := j.batch(w, 0, len(j.events))
	w.must(t, first)
	before, commits := w.summary(), w.commits
	for range 2 {
		again := j.batch(w, 0, len(j.events))
		w.must(t, again)
		if again.Applied != 0 || again.Mark.Hash != first.Mark.Hash {
			t.Fatalf("%d applied again", again.Applied)
		}
	}
	if w.commits != commits || !slices.Equal(before, w.summary()) {
		t.Fatal("a duplicate has changed something")
	}
	w.raised(t)
	w.balance(t)
}

func TestX10JournalThatDoesNotFit(t *testing.T) {
	w, j := start(t, 4)
	w.allot(t)
	stays := j.enter(t, noon, none)
	j.applyAll(t, w)

	// The edge was restored from a backup: it is turned away, or it finds out by
	// itself. Either way a new journal follows, and that is on record once.
	old := j.hello()
	old.LastSeq = 0
	for range 2 {
		g := &Greet{Lot: lot, Hello: old, Standing: w.standing(old.Journal)}
		w.must(t, g)
		if g.Verdict != wire.Rewound {
			t.Fatalf("verdict %s", g.Verdict)
		}
	}
	next := newJournal()
	next.greet(t, w)
	next.greet(t, w) // the welcome was lost
	w.raised(t, "X10")
	w.balance(t)

	// Whom the new journal does not know stands on a claim of his own, and the
	// edge is lent other units.
	got := w.rows.Sessions[stays]
	if got.Allotted || got.State != session.Inside || got.ClaimTo != timerange.Floor(noon.Add(4*time.Hour)) {
		t.Fatalf("%+v", got)
	}
	if al := w.rows.Allotments[id.Standard]; al.Units != 1 || al.Granted != 1 || w.claimed(noon) != 2 {
		t.Fatalf("%+v, %d claimed", al, w.claimed(noon))
	}
	w.allot(t)
	if al := w.rows.Allotments[id.Standard]; al.Granted != 1 && al.Granted != 2 || w.claimed(noon) != int(al.Units)+1 {
		t.Fatalf("%+v", al)
	}
	// The old journal is not heard any more.
	if _, err := w.Commit(t.Context(), j.batch(w, 0, 1)); err != ErrJournal {
		t.Fatalf("an old journal: %v", err)
	}
	w.later(time.Hour)
	next.exit(t, w.now, stays, none)
	next.applyAll(t, w)
	w.balance(t)
	if got = w.rows.Sessions[stays]; got.State != session.Left || got.Due.Minor != 200 {
		t.Fatalf("%+v", got)
	}
	w.raised(t, "X10")
}

func TestX11PriceThatChanged(t *testing.T) {
	w, j := start(t, 4)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	s := j.enter(t, noon.Add(-time.Hour), r.ID)
	j.applyAll(t, w)
	dearer := *w.parking
	dearer.Tariff.Version, dearer.Tariff.Rate = 2, 5000
	w.parking = &dearer
	w.later(time.Hour)
	j.add(t, w.now, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, Reservation: r.ID, SpaceType: id.Standard, Offline: true})
	j.applyAll(t, w)
	w.gone(t, s, 400, 0)
	if p := w.rows.Payments[r.Payment]; p.State != payment.CaptureRequested || p.CaptureAmount != 400 {
		t.Fatalf("%+v", p)
	}
	w.raised(t, "X11")

	// Whoever stays longer pays the new price for the time beyond, and no more.
	r = w.reserve(t, w.now.Add(-2*time.Hour), w.now)
	late := *r
	late.Quote.TariffVersion = 1
	w.rows.Reservations[r.ID] = &late
	s = j.enter(t, w.now.Add(-time.Hour), r.ID)
	w.later(time.Hour)
	j.exit(t, w.now, s, r.ID)
	j.applyAll(t, w)
	w.gone(t, s, 400+5000, 5000)
}
