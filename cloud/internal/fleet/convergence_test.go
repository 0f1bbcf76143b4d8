package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// step is one thing that comes to the cloud: an event of the journal, or
// something that the cloud does by itself.
type step struct {
	what  string // "event", "cancel", "miss", "settle", "tick"
	event int    // of the journal
	about []id.Reservation
}

// commutes reports whether the order of two steps is not a fact: the journal's
// is one, and so is that of what happens to one reservation, because what the
// cloud decides about it depends on what it knows by then.
func (s step) commutes(o step) bool {
	if s.what == "event" && o.what == "event" {
		return false
	}
	return !slices.ContainsFunc(s.about, func(r id.Reservation) bool { return slices.Contains(o.about, r) })
}

// shuffle is another order of the steps in which only those have changed places
// that commute.
func shuffle(t *rapid.T, steps []step) []step {
	left, out := slices.Clone(steps), []step(nil)
	for len(left) > 0 {
		var ready []int
		for i := range left {
			if !slices.ContainsFunc(left[:i], func(before step) bool { return !before.commutes(left[i]) }) {
				ready = append(ready, i)
			}
		}
		i := rapid.SampledFrom(ready).Draw(t, "next")
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// giveUp cancels as package booking does: not what has begun or ended.
func (w *world) giveUp(t testing.TB, i id.Reservation) {
	t.Helper()
	w.must(t, does{func(work *commit.Work) error {
		r, err := work.Reservation(i)
		if err != nil || reservation.Next(r.State, reservation.Cancel).To != reservation.Cancelled || r.State == reservation.Cancelled {
			return err
		}
		p, err := work.Payment(r.Payment)
		if err != nil {
			return err
		}
		from := min(max(timerange.Floor(w.now), r.Claim.From), r.Claim.To)
		if err := work.Release(r.SpaceType, timerange.Quarters{From: from, To: r.Claim.To}, 1); err != nil {
			return err
		}
		r.State, r.Claim.To, p.State = reservation.Cancelled, from, payment.VoidRequested
		work.PutReservation(r)
		work.PutPayment(p)
		work.Emit("test", feed.Body{})
		return nil
	}})
}

// settle is the provider's answer to what a payment asks for.
func (w *world) settle(t testing.TB, i id.Reservation) {
	t.Helper()
	switch p := w.rows.Payments[w.rows.Reservations[i].Payment]; p.State {
	case payment.CaptureRequested:
		w.must(t, settlement.RecordCapture{At: lot, Payment: p.ID, Outcome: payment.Outcome{
			State: payment.Captured, Captured: money.New(p.CaptureAmount, "EUR"),
		}})
	case payment.VoidRequested:
		w.must(t, settlement.RecordVoid{At: lot, Payment: p.ID})
	default:
	}
}

func (w *world) extend(t testing.TB) {
	t.Helper()
	var in []id.Session
	for i, s := range w.rows.Sessions {
		if s.State == session.Inside {
			in = append(in, i)
		}
	}
	w.must(t, &Extend{Lot: lot, Sessions: in})
}

// play does the steps, the events in batches that are cut anywhere, sent again,
// and sent when they have been applied long since.
func (w *world) play(t *testing.T, rt *rapid.T, j *journal, steps []step) {
	for i := 0; i < len(steps); i++ {
		switch s := steps[i]; s.what {
		case "event":
			to := s.event + 1
			for i+1 < len(steps) && steps[i+1].what == "event" && rapid.IntRange(0, 2).Draw(rt, "cut") > 0 {
				i++
				to = steps[i].event + 1
			}
			from := rapid.IntRange(0, s.event).Draw(rt, "from")
			for range rapid.IntRange(1, 2).Draw(rt, "times") {
				w.must(t, j.batch(w, from, to))
			}
		case "cancel":
			w.giveUp(t, s.about[0])
		case "miss":
			w.miss(t, s.about[0])
		case "settle":
			w.settle(t, s.about[0])
		case "tick":
			w.later(7 * time.Minute)
			w.extend(t)
		}
		w.balance(t)
	}
	for i := range w.rows.Reservations {
		w.settle(t, i)
	}
	w.extend(t)
	w.balance(t)
}

// outcome is what the facts determine: everything but past claims, row versions
// and whether the place was full at a moment between.
func (w *world) outcome() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, r := range w.rows.Reservations {
		add("reservation %s %s session %s", r.ID, r.State, r.Session)
	}
	for _, p := range w.rows.Payments {
		add("payment %s %s %d %d", p.ID, p.State, p.CaptureAmount, p.Captured)
	}
	for _, s := range w.rows.Sessions {
		add("session %s %s %v allotted %v in %v out %v due %v owed %v", s.ID, s.State, s.Reservation, s.Allotted, s.EnteredAt, s.ExitedAt, s.Due, s.Owed)
	}
	for _, a := range w.rows.Allotments {
		add("allotment %d %d", a.Units, a.Granted)
	}
	for q := timerange.Floor(w.now); q < timerange.Floor(noon)+2*timerange.QuartersPerDay; q++ {
		d := w.rows.Days[inventory.Key{Type: id.Standard, Day: q.Day()}]
		add("quarter %d free %d over %d", q, d.Free[q.Slot()], d.Over[q.Slot()])
	}
	sums := map[ledger.Account]int64{}
	for _, e := range w.out.Entries {
		for _, p := range e.Postings {
			sums[p.Account] += p.Amount.Minor
		}
	}
	for a, n := range sums {
		add("ledger %s %d", a, n)
	}
	for _, i := range w.out.Incidents {
		if i.Class != "overfull" {
			add("incident %s %s %s", i.Class, i.Session, i.Reservation)
		}
	}
	add("watermark %d %x, %d observed", w.rows.Watermark.Seq, w.rows.Watermark.Hash, len(w.out.Observations))
	slices.Sort(out)
	return out
}

// story makes a parking with reservations, the journal of a day, and what the
// cloud does meanwhile, in one order.
func story(t *testing.T, rt *rapid.T) (*world, *journal, []step) {
	w, j := start(t, int16(rapid.IntRange(2, 5).Draw(rt, "capacity")))
	var rs []id.Reservation
	for range rapid.IntRange(1, 2).Draw(rt, "reservations") {
		from := noon.Add(time.Duration(rapid.IntRange(-18, 3).Draw(rt, "from")) * 10 * time.Minute)
		r := w.reserve(t, from, from.Add(time.Duration(rapid.IntRange(1, 18).Draw(rt, "length"))*10*time.Minute))
		w.deadline(t, r.ID, from.Add(30*time.Minute))
		rs = append(rs, r.ID)
	}
	w.allot(t)
	of := map[id.Session][]id.Reservation{}
	var in []id.Session
	at := noon.Add(-3 * time.Hour)
	for range rapid.IntRange(1, 8).Draw(rt, "events") {
		at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "step")) * time.Minute)
		r, reason := none, wire.AdmitWalkin
		if rapid.IntRange(0, 3).Draw(rt, "reserved") > 0 {
			r, reason = rapid.SampledFrom(rs).Draw(rt, "which"), rapid.SampledFrom([]wire.Reason{wire.AdmitReservation, wire.AdmitWalkin}).Draw(rt, "reason")
		}
		switch {
		case len(in) == 0 && rapid.IntRange(0, 5).Draw(rt, "unseen") == 0:
			j.exit(t, at, id.New[id.Session](at), r)
		case len(in) > 0 && rapid.Bool().Draw(rt, "leaves"):
			s := rapid.SampledFrom(in).Draw(rt, "session")
			j.exit(t, at, s, r)
			of[s] = append(of[s], r)
		default:
			s := j.enterAs(t, at, r, reason)
			in, of[s] = append(in, s), []id.Reservation{r}
		}
	}
	var steps []step
	for i, e := range j.events {
		about := append(slices.Clone(of[e.Session]), e.Reservation)
		about = slices.DeleteFunc(about, id.Reservation.IsZero)
		steps = append(steps, step{what: "event", event: i, about: about})
	}
	for range rapid.IntRange(0, 6).Draw(rt, "decisions") {
		s := step{what: rapid.SampledFrom([]string{"cancel", "miss", "settle", "tick"}).Draw(rt, "decision")}
		if s.what != "tick" {
			s.about = []id.Reservation{rapid.SampledFrom(rs).Draw(rt, "about")}
		}
		steps = slices.Insert(steps, rapid.IntRange(0, len(steps)).Draw(rt, "place"), s)
	}
	return w, j, steps
}

// Any interleaving of the same facts ends in the same state: reservations,
// stays, allotments, what is claimed from now on, the sums of the ledger and
// what is on record.
func TestAnyInterleavingOfTheSameFactsEndsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, j, steps := story(t, rt)
		other := one.copy()
		one.play(t, rt, j, steps)
		other.play(t, rt, j, shuffle(rt, steps))
		if a, b := one.outcome(), other.outcome(); !slices.Equal(a, b) {
			for _, x := range a {
				if !slices.Contains(b, x) {
					rt.Errorf("only in one order:      %s", x)
				}
			}
			for _, x := range b {
				if !slices.Contains(a, x) {
					rt.Errorf("only in the other one: %s", x)
				}
			}
			rt.FailNow()
		}
	})
}

// Where the cloud decides in another order the decisions may differ, but not
// the physical facts: who was in and when, how far the journal is, that nothing
// is claimed for nobody, and that nobody pays for one stay more than the higher
// of quote and tariff.
func TestNoOrderOfDecisionsChangesWhatHappened(t *testing.T) {
	facts := func(w *world) (out []string) {
		for _, s := range w.rows.Sessions {
			if !s.Inferred { // an exit without its entry is put where the cloud knows of a stay
				out = append(out, fmt.Sprintf("%s in %v", s.ID, s.EnteredAt))
			}
		}
		slices.Sort(out)
		return append(out, fmt.Sprintf("%d %x %d", w.rows.Watermark.Seq, w.rows.Watermark.Hash, len(w.out.Observations)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		one, j, steps := story(t, rt)
		other := one.copy()
		one.play(t, rt, j, steps)
		var events, decisions []step
		for _, s := range steps {
			if s.what == "event" {
				events = append(events, s)
			} else {
				decisions = append(decisions, s)
			}
		}
		for _, s := range decisions {
			events = slices.Insert(events, rapid.IntRange(0, len(events)).Draw(rt, "anywhere"), s)
		}
		other.play(t, rt, j, events)
		if a, b := facts(one), facts(other); !slices.Equal(a, b) {
			rt.Fatalf("%v\n%v", a, b)
		}
		for _, w := range []*world{one, other} {
			sum := int64(0)
			for _, e := range w.out.Entries {
				for _, p := range e.Postings {
					sum += p.Amount.Minor
				}
			}
			if sum != 0 {
				rt.Fatalf("the ledger sums to %d", sum)
			}
			for _, p := range w.rows.Payments {
				if p.Captured > p.Authorized {
					rt.Fatalf("%+v", p)
				}
			}
		}
	})
}
