package fleet

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// heard is an edge that has told everything up to now.
func (w *world) heard(t testing.TB, j *journal) {
	t.Helper()
	j.add(t, w.now, wire.Event{Kind: wire.TimeMark, TrustedLo: w.now.UnixMilli()})
	j.applyAll(t, w)
}

func (w *world) presume(t testing.TB) int {
	t.Helper()
	op := &Presume{Lot: lot}
	for i := range w.rows.Sessions {
		op.Sessions = append(op.Sessions, i)
	}
	w.must(t, op)
	w.balance(t)
	return op.Ended
}

// keepOn is the clock's extension of claims up to now, on days that are seeded.
func (w *world) keepOn(t testing.TB) {
	t.Helper()
	w.must(t, &Extend{Lot: lot, Sessions: slices.Collect(func(yield func(id.Session) bool) {
		for i := range w.rows.Sessions {
			if !yield(i) {
				return
			}
		}
	})})
}

// A stay of which nobody sees the end claims its place until the day after its
// reservation, and not for ever: then it is free for others, its driver pays the
// quote and no more, and staff are told once.
func TestAStayWhoseExitIsNeverSeenEnds(t *testing.T) {
	w, j := start(t, 1)
	p := *w.parking
	p.Tariff.DailyMax = 100_00
	w.parking = &p
	r := w.reserve(t, noon.Add(-2*time.Hour), noon)
	s := j.enter(t, noon.Add(-2*time.Hour), r.ID)
	j.applyAll(t, w)
	w.keepOn(t)
	w.later(24*time.Hour - time.Minute)
	w.heard(t, j)
	w.keepOn(t)
	if w.presume(t) != 0 || w.claimed(w.now) != 1 {
		t.Fatal("it is over before its time")
	}
	w.later(time.Minute)
	w.heard(t, j)
	if w.presume(t) != 1 || w.presume(t) != 0 {
		t.Fatal("it is over once")
	}
	w.raised(t, "X6")
	st, rsv, pay := w.rows.Sessions[s], w.rows.Reservations[r.ID], w.rows.Payments[r.Payment]
	if st.State != session.Presumed || rsv.State != reservation.Completed || st.Due.Minor != 400 || st.Owed.Minor != 0 || w.owed() != 0 {
		t.Fatalf("%+v, %s", st, rsv.State)
	}
	if pay.State != payment.CaptureRequested || pay.CaptureAmount != 400 {
		t.Fatalf("%+v: the quote, of the hold", pay)
	}
	if w.claimed(w.now) != 0 || !w.trySell(t, w.now, w.now.Add(2*time.Hour)) {
		t.Fatal("its place is not free again")
	}
	w.keepOn(t)
	if w.claimed(w.now.Add(15*time.Minute)) != 1 {
		t.Fatal("it claims on")
	}
	// The cache of the edge hears of it like of any reservation that has ended.
	if e, ok := entry(rsv); !ok || e.State != wire.EntryDone {
		t.Fatalf("%+v", e)
	}
}

// While the edge has not told what it saw until then, it may have seen the exit.
func TestNobodyIsPresumedGoneBeforeTheEdgeHasTold(t *testing.T) {
	w, j := start(t, 2)
	r := w.reserve(t, noon.Add(-2*time.Hour), noon)
	s := j.enter(t, noon.Add(-2*time.Hour), r.ID)
	w.heard(t, j)
	j.exit(t, noon, s, r.ID) // and the network is down
	w.later(30 * time.Hour)
	if w.presume(t) != 0 {
		t.Fatal("a gate without a network made somebody disappear")
	}
	j.applyAll(t, w)
	w.heard(t, j)
	if w.presume(t) != 0 {
		t.Fatal("who has left does not leave again")
	}
	w.gone(t, s, 400, 0)
	// An edge that will not be heard of again keeps nobody inside.
	in := j.enter(t, w.now, none)
	j.applyAll(t, w)
	w.later(8 * 24 * time.Hour)
	if w.presume(t) != 0 {
		t.Fatal("the edge is silent, not dead")
	}
	if _, err := w.retire(t, "burnt"); err != nil {
		t.Fatal(err)
	}
	if w.presume(t) != 1 || w.rows.Sessions[in].State != session.Presumed {
		t.Fatal("it is over")
	}
}

// A walk-in who was never seen leaving pays nothing that there is no evidence
// for. His unit is the edge's until it says that it does not count him any more.
func TestAWalkInWhoseExitIsNeverSeen(t *testing.T) {
	w, j := start(t, 2)
	w.allot(t)
	w.adopt(t, j)
	s := j.enterAs(t, noon, none, wire.AdmitWalkin)
	j.applyAll(t, w)
	w.later(7*24*time.Hour - time.Hour)
	w.allot(t)
	w.heard(t, j)
	if w.presume(t) != 0 {
		t.Fatal("it is over before its time")
	}
	w.later(time.Hour)
	w.allot(t)
	w.heard(t, j)
	if w.presume(t) != 1 {
		t.Fatal("it goes on for ever")
	}
	w.raised(t, "X6")
	if st := w.rows.Sessions[s]; st.Due.Minor != 0 || st.Owed.Minor != 0 || w.owed() != 0 {
		t.Fatalf("%+v", st)
	}
	if w.inside().Allotted[id.Standard] != 1 {
		t.Fatal("the edge still counts him")
	}
	for range 2 { // and again in another journal
		j.add(t, w.now, wire.Event{Kind: wire.Dismissed, Lane: "entry-1", Session: s, SpaceType: id.Standard})
		j.applyAll(t, w)
		w.balance(t)
	}
	if w.inside().Allotted[id.Standard] != 0 || w.claimed(w.now) != 2 {
		t.Fatal("his unit is not idle again")
	}
	// He drives out after all: he pays for what he used.
	w.later(30 * time.Minute)
	j.exit(t, w.now, s, none)
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "X6", "X6")
	hours := int64(7*24 + 1)
	if st := w.rows.Sessions[s]; st.State != session.Left || st.Due.Minor != 200*hours || w.owed() != 200*hours {
		t.Fatalf("%+v, %d owed", st, w.owed())
	}
	if w.inside().Allotted[id.Standard] != 0 {
		t.Fatal("his unit is given back twice")
	}
	j.exit(t, w.now, s, none)
	j.applyAll(t, w)
	if w.owed() != 200*hours {
		t.Fatal("charged twice")
	}
}

// Whether a stay was presumed over before its exit is told or not, whoever it is
// and however late, the driver pays the same in the end, from the hold and
// otherwise, and nothing is claimed for him.
func TestAnExitAfterItWasPresumedEndsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, j := start(t, 2)
		p := *one.parking
		p.Policy.PresumeLeftAfter, p.Policy.LongestWalkin = time.Hour, time.Hour
		one.parking = &p
		in := noon.Add(-time.Duration(rapid.IntRange(30, 180).Draw(rt, "entered")) * time.Minute)
		about, pass := none, none
		if rapid.IntRange(0, 2).Draw(rt, "reserved") > 0 {
			r := one.reserve(t, noon.Add(-2*time.Hour), noon)
			about, pass = r.ID, r.ID
		}
		if rapid.Bool().Draw(rt, "cancelled") && !about.IsZero() {
			one.cancel(t, about)
		}
		if rapid.Bool().Draw(rt, "lent") {
			one.allot(t)
		}
		s := j.enterAs(t, in, pass, wire.AdmitWalkin)
		one.heard(t, j)
		one.later(time.Duration(rapid.IntRange(0, 12).Draw(rt, "later")) * time.Hour)
		if al := one.rows.Allotments[id.Standard]; al != nil {
			one.allot(t)
		}
		one.heard(t, j)
		other := one.copy()
		n := other.presume(t)
		lost := rapid.Bool().Draw(rt, "hold lost") && n > 0 && !about.IsZero()
		if lost {
			other.lose(t, about)
		}
		out := one.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "out")) * time.Minute)
		ticket := s
		if rapid.IntRange(0, 3).Draw(rt, "under another session") == 0 && !pass.IsZero() {
			ticket = id.New[id.Session](out)
		}
		j.exit(t, out, ticket, pass)
		for _, w := range []*world{one, other} {
			w.now = out
			j.applyAll(t, w)
			w.balance(t)
		}
		if lost {
			one.lose(t, about)
		}
		a, b := one.rows.Sessions[s], other.rows.Sessions[s]
		if a == nil || b == nil || a.State != session.Left || b.State != session.Left {
			rt.Fatalf("%+v %+v", a, b)
		}
		if *a.Due != *b.Due || *a.Owed != *b.Owed || !a.ExitedAt.Equal(b.ExitedAt) {
			rt.Fatalf("due %v and %v, owed %v and %v", a.Due, b.Due, a.Owed, b.Owed)
		}
		if x, y := one.sums(), other.sums(); x != y {
			rt.Fatalf("the ledger says\n%v\n%v", x, y)
		}
		if x, y := one.inside().Allotted[id.Standard], other.inside().Allotted[id.Standard]; x != 0 || y != 0 {
			rt.Fatalf("%d and %d units are taken by nobody", x, y)
		}
		for i, p := range one.rows.Payments {
			if q := other.rows.Payments[i]; p.State != q.State || p.CaptureAmount != q.CaptureAmount || p.CaptureTax != q.CaptureTax {
				rt.Fatalf("%+v\n%+v", p, q)
			}
		}
	})
}

// lose has the provider say that a hold was gone when it was to be captured.
func (w *world) lose(t testing.TB, i id.Reservation) {
	t.Helper()
	if p := w.rows.Payments[w.rows.Reservations[i].Payment]; p.State == payment.CaptureRequested {
		w.must(t, settlement.RecordLost{At: lot, Payment: p.ID, Incident: id.New[id.Incident](w.now)})
	}
}

// sums is the balance of each account that a stay touches.
func (w *world) sums() (out [6]int64) {
	for _, e := range w.out.Entries {
		for _, p := range e.Postings {
			if i := slices.Index([]ledger.Account{ledger.Receivable, ledger.Revenue, ledger.TaxPayable, ledger.Cash, ledger.Terminal, ledger.ChangeCredit}, p.Account); i >= 0 {
				out[i] += p.Amount.Minor
			}
		}
	}
	return out
}
