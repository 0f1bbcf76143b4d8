package fleet

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// retire says that the edge is dead.
func (w *world) retire(t testing.TB, reason string) (*Retire, error) {
	t.Helper()
	op := &Retire{Lot: lot, Reason: reason, Standing: w.standing(id.Journal{})}
	_, err := w.Commit(t.Context(), op)
	return op, err
}

func TestARetiredEdgeGivesBackWhatItWasLent(t *testing.T) {
	w, j := start(t, 20)
	w.allot(t)
	j.enterAs(t, w.now, none, wire.AdmitWalkin)
	in := j.enterAs(t, w.now, none, wire.AdmitWalkin)
	j.applyAll(t, w)
	w.allot(t)
	lent := w.rows.Allotments[id.Standard].Units
	if lent <= 2 || w.claimed(w.now) != int(lent) {
		t.Fatalf("%d lent, %d claimed", lent, w.claimed(w.now))
	}
	w.now = w.now.Add(time.Hour)
	op, err := w.retire(t, "lightning")
	if err != nil {
		t.Fatal(err)
	}
	w.balance(t)
	if op.Moved != 2 || op.Released != int(lent)-2 || w.claimed(w.now) != 2 {
		t.Errorf("%d walk-ins, %d released, %d claimed", op.Moved, op.Released, w.claimed(w.now))
	}
	if i := w.out.Incidents[len(w.out.Incidents)-1]; i.Class != ClassRetired || !strings.Contains(i.Detail, "lightning") {
		t.Errorf("on record: %+v", i)
	}

	// The clock keeps the places of who is inside and lends nothing.
	w.now = w.now.Add(3 * time.Hour)
	w.must(t, &Extend{Lot: lot, Sessions: []id.Session{in}})
	w.allot(t)
	w.balance(t)
	if al := w.rows.Allotments[id.Standard]; al.Units != 0 || al.Granted != 0 {
		t.Errorf("lent to nobody: %+v", al)
	}

	// It was not dead: what it saw meanwhile comes in with a new journal.
	old := &Greet{Lot: lot, Hello: j.hello(), Standing: w.standing(j.id)}
	w.must(t, old)
	if old.Verdict != wire.Retired {
		t.Fatalf("the retired journal: %s", old.Verdict)
	}
	if _, err := w.Commit(t.Context(), j.batch(w, 0, 1)); !errors.Is(err, ErrJournal) {
		t.Errorf("the retired journal goes on: %v", err)
	}
	next := newJournal()
	next.greet(t, w)
	next.exit(t, w.now, in, none)
	next.applyAll(t, w)
	w.allot(t)
	w.balance(t)
	if al := w.rows.Allotments[id.Standard]; next.epoch != 3 || al.Units == 0 {
		t.Errorf("epoch %d, lent %+v", next.epoch, al)
	}
}

func TestWhoCannotBeRetired(t *testing.T) {
	w, j := start(t, 20)
	w.allot(t)
	w.now = w.now.Add(time.Hour)
	j.add(t, w.now, wire.Event{Kind: wire.TimeMark, TrustedLo: w.now.UnixMilli()})
	j.applyAll(t, w)
	before, commits := w.summary(), w.commits
	refused := func(reason string, after time.Duration, want error) {
		t.Helper()
		at := w.now
		w.now = at.Add(after)
		if _, err := w.retire(t, reason); !errors.Is(err, want) {
			t.Errorf("%q after %s: %v, expected %v", reason, after, err, want)
		}
		w.now = at
		if w.commits != commits || !slices.Equal(w.summary(), before) {
			t.Fatalf("%q after %s: something was changed", reason, after)
		}
	}
	refused("dead", silence-time.Second, ErrEdgeAlive)
	refused(" ", silence, ErrReason)
	refused("two\nlines", silence, ErrReason)
	refused("\xff", silence, ErrReason)
	refused(strings.Repeat("x", maxReason+1), silence, ErrReason)

	w.now = w.now.Add(silence)
	op := &Retire{Lot: lot, Reason: "dead", Standing: w.standing(id.Journal{})}
	stale := *op
	stale.Standing.Inside.At.Seq--
	if _, err := w.Commit(t.Context(), &stale); !errors.Is(err, ErrStale) {
		t.Errorf("made from an old watermark: %v", err)
	}
	w.must(t, op)
	released, commits := op.Released, w.commits
	w.must(t, op) // its answer was lost
	if op.Released != released || w.commits != commits {
		t.Errorf("done twice: %d, then %d released", released, op.Released)
	}
	if _, err := w.retire(t, "dead"); !errors.Is(err, ErrNoEdge) {
		t.Errorf("retired again: %v", err)
	}
	empty := newWorld(5)
	if _, err := empty.retire(t, "dead"); !errors.Is(err, ErrNoEdge) {
		t.Errorf("none was ever there: %v", err)
	}
	var fresh *commit.Watermark
	if fresh.InUse() {
		t.Error("an edge that has never said hello is in use")
	}
}
