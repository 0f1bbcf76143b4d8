package fleet

import (
	"slices"
	"testing"

	"github.com/openlot/openlot/protocol/wire"
)

func TestGreet(t *testing.T) {
	w, j := start(t, 10)
	if j.epoch != 1 {
		t.Fatalf("first epoch %d", j.epoch)
	}
	for range 2 {
		j.add(t, noon, wire.Event{Kind: wire.TimeMark, TrustedLo: noon.UnixMilli()})
	}
	j.applyAll(t, w)

	greet := func(h wire.Hello, retired bool) *Greet {
		g := &Greet{Lot: lot, Hello: h, Standing: w.standing(h.Journal)}
		g.Standing.Retired = retired
		w.must(t, g)
		return g
	}
	same := j.hello()
	for _, c := range []struct {
		name string
		h    func(wire.Hello) wire.Hello
		want wire.Verdict
	}{
		{"as acknowledged", func(h wire.Hello) wire.Hello { h.AckedSeq, h.AckedHash = 2, j.hash(2); return h }, wire.Accepted},
		{"the acknowledgement was lost", func(h wire.Hello) wire.Hello { h.AckedSeq, h.AckedHash = 1, j.hash(1); return h }, wire.Accepted},
		{"has more", func(h wire.Hello) wire.Hello { h.LastSeq = 9; return h }, wire.Accepted},
		{"lacks what was applied", func(h wire.Hello) wire.Hello { h.LastSeq = 1; return h }, wire.Rewound},
		{"other events in their place", func(h wire.Hello) wire.Hello { h.AckedSeq, h.AckedHash = 2, wire.Hash{1}; return h }, wire.Rewound},
		{"acknowledged beyond", func(h wire.Hello) wire.Hello { h.LastSeq, h.AckedSeq = 9, 9; return h }, wire.Rewound},
	} {
		g := greet(c.h(same), false)
		if g.Verdict != c.want {
			t.Errorf("%s: %s, want %s", c.name, g.Verdict, c.want)
		}
		if g.Verdict == wire.Accepted && (g.Mark.Seq != 2 || g.Mark.Hash != j.hash(2) || g.Mark.Epoch != 1) {
			t.Errorf("%s: %+v", c.name, g.Mark)
		}
	}
	if len(w.classes()) != 0 {
		t.Errorf("it is on record before the edge has begun anew: %v", w.classes())
	}

	next := newJournal()
	if g := greet(next.hello(), false); g.Verdict != wire.Accepted || g.Mark.Epoch != 2 || g.Mark.Seq != 0 || g.Mark.Hash != (wire.Hash{}) {
		t.Errorf("a new journal: %s %+v", g.Verdict, g.Mark)
	}
	if !slices.Equal(w.classes(), []string{"X10"}) {
		t.Errorf("incidents %v", w.classes())
	}
	if g := greet(same, true); g.Verdict != wire.Retired || w.rows.Watermark.Journal != next.id {
		t.Errorf("the old journal again: %s", g.Verdict)
	}
	boast := newJournal().hello()
	boast.LastSeq, boast.AckedSeq = 5, 5
	if g := greet(boast, false); g.Verdict != wire.Rewound {
		t.Errorf("acknowledgements of an unknown journal: %s", g.Verdict)
	}
	// The lookup said "not retired", and somebody greeted another one since.
	if _, err := w.Commit(t.Context(), &Greet{Lot: lot, Hello: same, Standing: Standing{Journal: j.id}}); err != nil && err != ErrStale {
		t.Error(err)
	}
	if w.rows.Watermark.Journal != next.id {
		t.Error("an old journal came back to life")
	}
}
