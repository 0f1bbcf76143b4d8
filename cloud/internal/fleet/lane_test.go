package fleet

import (
	"strings"
	"testing"
	"time"

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
