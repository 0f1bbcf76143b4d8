package fleet

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

var none id.Reservation

func start(t testing.TB, capacity int16) (*world, *journal) {
	t.Helper()
	w, j := newWorld(capacity), newJournal()
	j.greet(t, w)
	return w, j
}

func TestReservedStayFromEntryToExit(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(3*time.Hour))
	s := j.enter(t, noon.Add(-30*time.Minute), r.ID)
	j.applyAll(t, w)
	if r = w.rows.Reservations[r.ID]; r.State != reservation.Active || r.Session != s {
		t.Fatalf("after the entry: %+v", r)
	}
	if got := w.claimed(noon); got != 1 {
		t.Fatalf("%d claimed: the reservation's claim is the vehicle's", got)
	}
	w.balance(t)

	j.exit(t, noon.Add(-2*time.Minute), s, r.ID)
	j.applyAll(t, w)
	r = w.rows.Reservations[r.ID]
	if r.State != reservation.Completed || w.claimed(noon) != 0 || w.claimed(noon.Add(2*time.Hour)) != 0 {
		t.Fatalf("after the exit: %s, %d claimed", r.State, w.claimed(noon))
	}
	w.balance(t)
	p := w.rows.Payments[r.Payment]
	if p.State != payment.CaptureRequested || p.CaptureAmount != 400 || p.CaptureTax != 64 {
		t.Fatalf("payment %+v", p)
	}
	st := w.rows.Sessions[s]
	if st.State != session.Left || st.Due.Minor != 400 || st.Owed.Minor != 0 {
		t.Fatalf("session %+v", st)
	}
	if len(w.classes()) != 0 || len(w.out.Entries) != 0 {
		t.Fatalf("incidents %v, entries %v", w.classes(), w.out.Entries)
	}
	var kinds []feed.Kind
	for _, e := range w.out.Events[1:] {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []feed.Kind{feed.SessionOpened, feed.SessionClosed, feed.PaymentChanged}) {
		t.Fatalf("told %v", kinds)
	}
}

func TestEarlyArrivalIsCountedUntilItsWindow(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(40*time.Minute), noon.Add(3*time.Hour))
	s := j.enter(t, noon, r.ID)
	j.applyAll(t, w)
	for _, at := range []time.Duration{0, 15 * time.Minute, 30 * time.Minute, time.Hour} {
		if got := w.claimed(noon.Add(at)); got != 1 {
			t.Fatalf("%d claimed %s from now", got, at)
		}
	}
	w.balance(t)
	j.exit(t, noon, s, r.ID) // gone before the window began
	j.applyAll(t, w)
	if w.claimed(noon) != 0 || w.claimed(noon.Add(time.Hour)) != 0 {
		t.Fatal("something is still claimed")
	}
	w.balance(t)
}

func TestOverstayOwesTheRest(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(-4*time.Hour), noon.Add(-2*time.Hour))
	s := j.enter(t, noon.Add(-4*time.Hour), r.ID)
	j.applyAll(t, w)
	w.must(t, &Extend{Lot: lot, Sessions: []id.Session{s}})
	if got := w.claimed(noon); got != 1 {
		t.Fatalf("a vehicle that is still inside is not counted: %d", got)
	}
	w.balance(t)
	j.exit(t, noon, s, r.ID)
	j.applyAll(t, w)
	w.balance(t)
	p := w.rows.Payments[r.Payment]
	if p.State != payment.CaptureRequested || p.CaptureAmount != 400 {
		t.Fatalf("payment %+v", p)
	}
	if len(w.out.Entries) != 1 || w.out.Entries[0].Kind != ledger.Owed || w.out.Entries[0].Postings[0].Amount.Minor != 400 {
		t.Fatalf("entries %+v", w.out.Entries)
	}
	if w.claimed(noon) != 0 {
		t.Fatal("something is still claimed")
	}
}

func TestFactsWinOverStates(t *testing.T) {
	window := func(t *testing.T, w *world) *reservation.Reservation {
		return w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	}
	for name, c := range map[string]struct {
		arrange func(t *testing.T, w *world, j *journal) // leaves one surprising entry at the end of the journal
		class   string
	}{
		"X1 cancelled": {func(t *testing.T, w *world, j *journal) {
			r := window(t, w)
			w.cancel(t, r.ID)
			j.enter(t, noon, r.ID)
		}, "X1"},
		"X3 unknown": {func(t *testing.T, w *world, j *journal) { j.enter(t, noon, id.New[id.Reservation](noon)) }, "X3"},
		"X4 already inside": {func(t *testing.T, w *world, j *journal) {
			r := window(t, w)
			j.enter(t, noon, r.ID)
			j.enter(t, noon, r.ID)
		}, "X4"},
		"X4 in and out before": {func(t *testing.T, w *world, j *journal) {
			r := window(t, w)
			j.exit(t, noon, j.enter(t, noon, r.ID), r.ID)
			j.enter(t, noon, r.ID)
		}, "X4"},
		"X5 beyond the allotment": {func(t *testing.T, w *world, j *journal) { j.enter(t, noon, none) }, "X5"},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 10)
			c.arrange(t, w, j)
			j.applyAll(t, w)
			w.balance(t)
			last := j.events[len(j.events)-1]
			s := w.rows.Sessions[last.Session]
			if s == nil || s.State != session.Inside || s.Allotted || s.ClaimTo != timerange.Floor(noon)+2 {
				t.Fatalf("session %+v", s)
			}
			if !slices.Equal(w.classes(), []string{c.class}) {
				t.Fatalf("incidents %v", w.out.Incidents)
			}
			j.exit(t, noon, last.Session, last.Reservation)
			j.applyAll(t, w)
			w.balance(t)
			if w.rows.Sessions[last.Session].State != session.Left {
				t.Fatal("it cannot leave")
			}
		})
	}
}

func TestCancelledReservationTwiceInsideIsOneLinkOnly(t *testing.T) {
	w, j := start(t, 10)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	w.cancel(t, r.ID)
	first, second := j.enter(t, noon, r.ID), j.enter(t, noon, r.ID)
	j.applyAll(t, w)
	if w.rows.Sessions[first].Reservation != r.ID || !w.rows.Sessions[second].Reservation.IsZero() {
		t.Fatal("one running session per reservation")
	}
	if !slices.Equal(w.classes(), []string{"X1", "X4"}) {
		t.Fatalf("incidents %v", w.classes())
	}
}

func TestExitsWithoutEntry(t *testing.T) {
	t.Run("walk-in", func(t *testing.T) {
		w, j := start(t, 10)
		s := id.New[id.Session](noon)
		j.exit(t, noon, s, none)
		j.applyAll(t, w)
		if got := w.rows.Sessions[s]; got == nil || got.State != session.Left || !got.Inferred || got.Due != nil {
			t.Fatalf("%+v", got)
		}
		if !slices.Equal(w.classes(), []string{"X6"}) || len(w.out.Entries) != 0 {
			t.Fatalf("%v %v", w.classes(), w.out.Entries)
		}
		w.balance(t)
	})
	t.Run("reservation whose entry was never seen", func(t *testing.T) {
		w, j := start(t, 10)
		r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
		j.exit(t, noon, id.New[id.Session](noon), r.ID)
		j.applyAll(t, w)
		if got := w.rows.Reservations[r.ID]; got.State != reservation.Completed || w.claimed(noon) != 0 {
			t.Fatalf("%s, %d claimed", got.State, w.claimed(noon))
		}
		if p := w.rows.Payments[r.Payment]; p.State != payment.CaptureRequested || p.CaptureAmount != 400 {
			t.Fatalf("%+v", p)
		}
		w.balance(t)
	})
	t.Run("under another session", func(t *testing.T) {
		w, j := start(t, 10)
		r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
		in := j.enter(t, noon.Add(-time.Minute), r.ID)
		j.exit(t, noon, id.New[id.Session](noon), r.ID)
		j.applyAll(t, w)
		if w.rows.Sessions[in].State != session.Left || w.rows.Reservations[r.ID].State != reservation.Completed {
			t.Fatal("the stay goes on")
		}
		w.balance(t)
	})
}

func TestClockThatWasNeverSetPricesInTheDriversFavour(t *testing.T) {
	w, j := start(t, 10)
	s := id.New[id.Session](noon)
	j.add(t, time.UnixMilli(1000), wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: s, SpaceType: id.Standard, Uncertainty: wire.Uncertain})
	j.applyAll(t, w)
	if got := w.rows.Sessions[s].EnteredAt; !got.Equal(noon) {
		t.Fatalf("entered at %s", got)
	}
	w.now = noon.Add(5 * time.Hour)
	j.add(t, time.UnixMilli(9000), wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, SpaceType: id.Standard, Uncertainty: wire.Uncertain})
	j.applyAll(t, w)
	if got := w.rows.Sessions[s]; got.State != session.Left || got.Due.Minor != 0 {
		t.Fatalf("%+v", got)
	}
	if !slices.Contains(w.classes(), "X7") {
		t.Fatalf("incidents %v", w.classes())
	}
	w.balance(t)
}

func TestEventOfUncountedTypeHoldsUpNothing(t *testing.T) {
	w, j := start(t, 10)
	s := id.New[id.Session](noon)
	j.add(t, noon, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: s, SpaceType: "boats"})
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	j.enter(t, noon, r.ID)
	j.add(t, noon, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, SpaceType: "boats"})
	j.applyAll(t, w)
	if w.rows.Watermark.Seq != 3 || w.rows.Reservations[r.ID].State != reservation.Active || w.rows.Sessions[s].State != session.Left {
		t.Fatal("an event that cannot be counted held up the others")
	}
	if len(w.classes()) != 1 {
		t.Fatalf("incidents %v", w.classes())
	}
	w.balance(t)
}

func TestRefusedBatchesChangeNothing(t *testing.T) {
	w, j := start(t, 10)
	j.enter(t, noon, none)
	j.enter(t, noon, none)
	j.enter(t, noon, none)
	before := w.commits
	for name, c := range map[string]struct {
		op   *ApplyEvents
		want error
	}{
		"gap":             {j.batch(w, 1, 3), ErrGap},
		"another journal": {func() *ApplyEvents { b := j.batch(w, 0, 3); b.Journal = id.New[id.Journal](noon); return b }(), ErrJournal},
		"another epoch":   {func() *ApplyEvents { b := j.batch(w, 0, 3); b.Epoch++; return b }(), ErrJournal},
		"stale count":     {func() *ApplyEvents { b := j.batch(w, 0, 3); b.Inside.At.Seq++; return b }(), ErrStale},
	} {
		if _, err := w.Commit(context.Background(), c.op); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.commits != before {
		t.Fatal("a refused batch was written")
	}
}

// Whatever the batches, their repetitions and their overlaps: the same journal
// ends in the same state, and every event is applied once, in order.
func TestSameJournalSameState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, j := start(t, 4)
		// Reservations, some cancelled, some claimed in several ways.
		var rs []id.Reservation
		for range rapid.IntRange(1, 3).Draw(rt, "reservations") {
			from := noon.Add(time.Duration(rapid.IntRange(-8, 8).Draw(rt, "from")) * 10 * time.Minute)
			r := one.reserve(t, from, from.Add(time.Duration(rapid.IntRange(1, 8).Draw(rt, "length"))*10*time.Minute))
			rs = append(rs, r.ID)
			if rapid.Bool().Draw(rt, "cancelled") {
				one.cancel(t, r.ID)
			}
		}
		one.must(t, &Allot{Lot: lot, Inside: one.inside()})
		if rapid.Bool().Draw(rt, "shrink") {
			one.must(t, does{func(w *commit.Work) error {
				al, err := w.Allotment(id.Standard)
				if err != nil || al == nil || al.Granted == 0 {
					return err
				}
				al.Granted--
				w.PutAllotment(al)
				w.Emit(feed.AllotmentChanged, feed.Body{})
				return nil
			}})
		}
		al := one.rows.Allotments[id.Standard]

		sessions := []id.Session{id.New[id.Session](noon)}
		at := noon.Add(-time.Hour)
		adopted := false
		for range rapid.IntRange(1, 25).Draw(rt, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "step")) * time.Minute)
			r := none
			if rapid.Bool().Draw(rt, "reserved") {
				r = rapid.SampledFrom(rs).Draw(rt, "which")
			}
			switch rapid.IntRange(0, 5).Draw(rt, "kind") {
			case 0, 1:
				sessions = append(sessions, j.enter(t, at, r))
			case 2, 3:
				j.exit(t, at, rapid.SampledFrom(sessions).Draw(rt, "session"), r)
			case 4:
				j.add(t, at, wire.Event{Kind: wire.TimeMark, TrustedLo: at.UnixMilli()})
			case 5:
				if adopted || al == nil {
					continue
				}
				adopted = true
				j.add(t, at, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(al.Version), Units: uint16(al.Granted)})
			}
		}
		if len(j.events) == 0 {
			return
		}
		many := one.copy()

		j.applyAll(t, one)
		one.balance(t)

		for acked := 0; acked < len(j.events); {
			from := rapid.IntRange(0, acked).Draw(rt, "back to")
			to := rapid.IntRange(from+1, len(j.events)).Draw(rt, "up to")
			b := j.batch(many, from, to)
			if rapid.Bool().Draw(rt, "gap first") && acked+1 < len(j.events) {
				if _, err := many.Commit(context.Background(), j.batch(many, acked+1, len(j.events))); !errors.Is(err, ErrGap) {
					rt.Fatalf("a gap was %v", err)
				}
			}
			many.must(t, b)
			acked = max(acked, to)
			if int(b.Mark.Seq) != acked || b.Mark.Hash != j.hash(acked) {
				rt.Fatalf("mark %d after %d", b.Mark.Seq, acked)
			}
			many.balance(t)
		}
		if a, b := one.summary(), many.summary(); !slices.Equal(a, b) {
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					rt.Fatalf("at once:   %s\nin pieces: %s", a[i], b[i])
				}
			}
			rt.Fatalf("%d and %d facts", len(a), len(b))
		}
		if len(many.out.Observations) != len(j.events) {
			rt.Fatalf("%d observations of %d events", len(many.out.Observations), len(j.events))
		}
	})
}
