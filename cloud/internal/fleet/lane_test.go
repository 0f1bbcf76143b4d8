package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What goes wrong at a lane is on record once, with the lane and the time; what is over
// again, what comes and goes by itself, and daily work are not.
func TestWhatGoesWrongAtALaneIsOnRecord(t *testing.T) {
	w, j := start(t, 2)
	at := noon.Add(-time.Minute)
	for _, note := range []string{"tailgate", "wrong_way", "not_closing", "not_closing_over", "board_lost", "fire", "fire_over", "store_emergency"} {
		j.add(t, at, wire.Event{Kind: wire.LaneFault, Lane: "entry-1", Note: note})
	}
	for _, note := range []string{"open", "hold_open", "let_go", "alarm", "reset", "take_out", "put_back"} {
		j.add(t, at, wire.Event{Kind: wire.Commanded, Lane: "exit-1", Note: note, By: "rosa", Why: "the drill"})
	}
	j.applyAll(t, w)
	j.applyAll(t, w) // once more, as after a lost acknowledgement
	w.raised(t, ClassLane, ClassLane, ClassLane, ClassLane, ClassLane, ClassLane)
	var said []string
	for _, i := range w.out.Incidents {
		if !i.At.Equal(at) {
			t.Errorf("%s at %v, it was at %v", i.Detail, i.At, at)
		}
		said = append(said, i.Detail)
	}
	for _, want := range []string{"entry-1: tailgate: ", "entry-1: wrong_way: ", "entry-1: not_closing: ", "entry-1: fire: ", "exit-1: alarm, by rosa: the drill", "exit-1: take_out, by rosa"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("%q is not in %q", want, said)
		}
	}
}

// What somebody has counted is one incident that says who, and no traffic: nobody is
// over the allotment, or gone unseen, by it. What is inside follows it, nothing is due,
// and who really passes is on record as before.
func TestACountByHandIsNoTraffic(t *testing.T) {
	w, j := start(t, 2)
	at := noon.Add(-time.Minute)
	passes := func(kind wire.EventKind, s id.Session, note string) {
		j.add(t, at, wire.Event{Kind: kind, Lane: "entry-1", Session: s, SpaceType: id.Standard, Reason: wire.AdmitPolicy, Inferred: true, Note: note})
	}
	inside := func() int {
		n := 0
		for _, s := range w.rows.Sessions {
			if s.State == session.Inside {
				n++
			}
		}
		return n
	}
	more, fewer := wire.CountNote(0, 4), wire.CountNote(4, 1)
	j.add(t, at, wire.Event{Kind: wire.Commanded, Lane: "entry-1", Note: more, By: "rosa", Why: "walked round"})
	var known []id.Session
	for range 4 { // two more than there are spaces
		known = append(known, id.New[id.Session](at))
		passes(wire.Admitted, known[len(known)-1], more)
		passes(wire.Entered, known[len(known)-1], more)
	}
	j.applyAll(t, w)
	w.raised(t, ClassCount)
	if w.balance(t); inside() != 4 || w.over(noon) != 2 {
		t.Fatalf("%d inside, %d over", inside(), w.over(noon))
	}
	j.add(t, at, wire.Event{Kind: wire.Commanded, Lane: "exit-1", Note: fewer, By: "ali", Why: "walked round again"})
	for _, s := range known[:3] {
		passes(wire.Released, s, fewer)
		passes(wire.Exited, s, fewer)
	}
	passes(wire.Exited, id.New[id.Session](at), fewer) // of whom the cloud does not know
	j.add(t, at, wire.Event{Kind: wire.Commanded, Lane: "exit-1", Note: "count_1", By: "ali", Why: "an older edge"})
	j.applyAll(t, w)
	j.applyAll(t, w) // once more, as after a lost acknowledgement
	w.raised(t, ClassCount, ClassCount, ClassCount)
	for i, want := range []string{
		"entry-1: 4 inside were counted, where 0 were known, by rosa: walked round",
		"exit-1: 1 inside were counted, where 4 were known, by ali: walked round again",
		"exit-1: 1 inside were counted, by ali: an older edge",
	} {
		if w.out.Incidents[i].Detail != want {
			t.Errorf("%q, want %q", w.out.Incidents[i].Detail, want)
		}
	}
	if w.balance(t); inside() != 1 || w.over(noon) != 0 || w.owed() != 0 {
		t.Fatalf("%d inside, %d over, %d owed", inside(), w.over(noon), w.owed())
	}
	passes(wire.Exited, known[3], "") // the button
	passes(wire.Entered, id.New[id.Session](at), wire.NoteTailgate)
	j.applyAll(t, w)
	w.raised(t, ClassCount, ClassCount, ClassCount, "X6", "X5")
}
