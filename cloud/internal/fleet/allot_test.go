package fleet

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

func (w *world) allot(t testing.TB) {
	t.Helper()
	w.must(t, &Allot{Lot: lot, Inside: w.inside()})
}

func TestAllotmentIsClaimedBeforeItIsGranted(t *testing.T) {
	w, j := start(t, 10)
	w.allot(t)
	al := w.rows.Allotments[id.Standard]
	if al.Units != 2 || al.Granted != 2 || al.Until != timerange.Floor(noon.Add(4*time.Hour)) {
		t.Fatalf("%+v", al)
	}
	if w.claimed(noon) != 2 || w.claimed(al.Until.Time().Add(-time.Second)) != 2 || w.claimed(al.Until.Time()) != 0 {
		t.Fatal("the claim does not cover the grant")
	}
	w.balance(t)

	// Walk-ins come: more is lent.
	for range 2 {
		j.enter(t, noon, none)
	}
	j.applyAll(t, w)
	w.allot(t)
	if al = w.rows.Allotments[id.Standard]; al.Units != 4 || al.Granted != 4 {
		t.Fatalf("%+v", al)
	}
	w.balance(t)
	if len(w.classes()) != 0 {
		t.Fatalf("incidents %v", w.classes())
	}
}

func TestAllotmentNeverTakesWhatIsSold(t *testing.T) {
	w, _ := start(t, 3)
	for range 2 {
		w.reserve(t, noon.Add(time.Hour), noon.Add(2*time.Hour))
	}
	w.allot(t)
	if al := w.rows.Allotments[id.Standard]; al.Units != 1 {
		t.Fatalf("%d units lent, one is free all the time", al.Units)
	}
	w.balance(t)
}

func TestShrinkReleasesOnlyWhatTheEdgeGaveUp(t *testing.T) {
	w, j := start(t, 20)
	var in []id.Session
	w.allot(t)
	for range 10 {
		in = append(in, j.enter(t, noon, none))
		j.applyAll(t, w)
		w.allot(t)
	}
	for _, s := range in {
		j.exit(t, noon, s, none)
	}
	j.applyAll(t, w)
	old := *w.rows.Allotments[id.Standard]
	w.allot(t)
	al := *w.rows.Allotments[id.Standard]
	if al.Granted != 4 || al.Units != old.Units || old.Units <= 4 {
		t.Fatalf("told %d, claimed %d; it was %d", al.Granted, al.Units, old.Units)
	}
	w.balance(t)

	// An adoption of the earlier version, or of other units, gives nothing back.
	j.add(t, noon, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(old.Version), Units: uint16(old.Granted)})
	j.add(t, noon, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(old.Version), Units: uint16(al.Granted)})
	j.applyAll(t, w)
	if got := w.rows.Allotments[id.Standard]; got.Units != al.Units {
		t.Fatalf("%d claimed after a stale adoption", got.Units)
	}
	j.add(t, noon, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(al.Version), Units: uint16(al.Granted)})
	j.applyAll(t, w)
	if got := w.rows.Allotments[id.Standard]; got.Units != 4 || got.Granted != 4 || w.claimed(noon) != 4 {
		t.Fatalf("%+v, %d claimed", got, w.claimed(noon))
	}
	w.balance(t)
}

func TestRollOntoSoldTimeAsksForUnitsBack(t *testing.T) {
	w, j := start(t, 4)
	w.allot(t)
	ahead := noon.Add(4 * time.Hour) // just beyond the allotment
	for range 3 {
		w.reserve(t, ahead, ahead.Add(time.Hour))
	}
	w.now = noon.Add(15 * time.Minute)
	w.allot(t)
	al := w.rows.Allotments[id.Standard]
	if al.Until != timerange.Floor(ahead)+1 || al.Units != 2 || al.Granted != 1 {
		t.Fatalf("%+v", al)
	}
	w.balance(t)
	j.add(t, w.now, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(al.Version), Units: uint16(al.Granted)})
	j.applyAll(t, w)
	w.balance(t)
	if got := w.claimed(ahead); got != 4 {
		t.Fatalf("%d of 4 claimed", got)
	}
}

func TestAllotmentWithoutEdgeOrWithStaleCount(t *testing.T) {
	w := newWorld(10)
	w.allot(t)
	if len(w.rows.Allotments) != 0 || w.commits != 0 {
		t.Fatal("an allotment without an edge")
	}
	newJournal().greet(t, w)
	if _, err := w.Commit(t.Context(), &Allot{Lot: lot}); err != ErrStale {
		t.Fatalf("a count of no known time was taken: %v", err)
	}
}

// modelEdge is an edge as the protocol describes it: it hears of allotments
// late, may miss some, admits walk-ins by the newest it has heard of, and its
// journal arrives late.
type modelEdge struct {
	units, version int
	until          time.Time
	adopted        int
	in             []id.Session
	heard          []commit.Allotment // on their way
	j              *journal
}

func (e *modelEdge) listen(t testing.TB, now time.Time, n int) {
	for _, a := range e.heard[:n] {
		if int(a.Version) > e.version {
			e.version, e.units, e.until = int(a.Version), int(a.Granted), a.Until.Time()
		}
	}
	e.heard = e.heard[n:]
	e.adopt(t, now)
}

func (e *modelEdge) adopt(t testing.TB, now time.Time) {
	if e.version != e.adopted && len(e.in) <= e.units {
		e.adopted = e.version
		e.j.add(t, now, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(e.version), Units: uint16(e.units)})
	}
}

// The edge's right to admit never exceeds what is claimed for it, whatever is
// late or lost, and the books balance at every step.
func TestRightToAdmitIsAlwaysClaimed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, j := start(t, int16(rapid.IntRange(1, 12).Draw(rt, "capacity")))
		e := &modelEdge{j: j}
		told := int64(0)
		tell := func() {
			if a := w.rows.Allotments[id.Standard]; a != nil && a.Version != told {
				told = a.Version
				if rapid.IntRange(0, 4).Draw(rt, "lost") > 0 {
					e.heard = append(e.heard, *a)
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "what") {
			case 0, 1: // a walk-in
				if len(e.in) < e.units && w.now.Before(e.until) {
					e.in = append(e.in, j.enter(t, w.now, none))
				}
			case 2: // leaves
				if len(e.in) > 0 {
					j.exit(t, w.now, e.in[0], none)
					e.in = e.in[1:]
					e.adopt(t, w.now)
				}
			case 3: // the journal arrives, in part
				if from := int(w.rows.Watermark.Seq); from < len(j.events) {
					w.must(t, j.batch(w, from, rapid.IntRange(from+1, len(j.events)).Draw(rt, "up to")))
				}
				tell()
			case 4: // the minute
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
				w.allot(t)
				tell()
			case 5:
				e.listen(t, w.now, rapid.IntRange(0, len(e.heard)).Draw(rt, "heard"))
			case 6: // a sale, when there is something left
				from := w.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "from")) * time.Minute)
				op := does{}
				r := &sale{from: from, to: from.Add(time.Hour)}
				op.do = r.apply
				_, _ = w.Commit(t.Context(), op) // sold out is as good
			case 7:
				w.allot(t)
				tell()
			}
			w.balance(t)
			right := max(e.units, len(e.in))
			claimed := 0
			if a := w.rows.Allotments[id.Standard]; a != nil {
				claimed = int(a.Units)
			}
			if right > claimed {
				rt.Fatalf("the edge may have %d inside, %d are claimed", right, claimed)
			}
			if al := w.rows.Allotments[id.Standard]; al != nil && al.Until.Time().Before(e.until) {
				rt.Fatalf("the edge admits until %s, claimed until %s", e.until, al.Until.Time())
			}
		}
		if len(w.classes()) > 0 {
			rt.Fatalf("an honest edge caused %v", w.out.Incidents)
		}
	})
}

func TestTheWalkInAfterTheLastUnitIsCountedByItself(t *testing.T) {
	w, j := start(t, 10)
	w.allot(t) // 2 units
	var last id.Session
	for range 3 {
		last = j.enter(t, noon, none)
	}
	j.applyAll(t, w)
	if got := w.classes(); len(got) != 1 || got[0] != "X5" {
		t.Fatalf("incidents %v", got)
	}
	if w.rows.Sessions[last].Allotted || w.claimed(noon) != 3 {
		t.Fatalf("%d claimed for 3 vehicles", w.claimed(noon))
	}
	w.balance(t)
}
