package gatehouse_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

var morning = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// Whatever comes in which order: a refusal is the last word, and an answer outweighs
// that there was none.
func TestWhatAnAnswerMakesOfAnOrder(t *testing.T) {
	done, refused := gatehouse.Answer{At: morning}, gatehouse.Answer{Refused: true, Code: "loop_unknown", At: morning}
	for _, c := range []struct {
		from   gatehouse.State
		answer gatehouse.Answer
		to     gatehouse.State
		moved  bool
	}{
		{gatehouse.Sent, done, gatehouse.Done, true},
		{gatehouse.Sent, refused, gatehouse.Refused, true},
		{gatehouse.Expired, done, gatehouse.Done, true}, // a journal that was held up
		{gatehouse.Expired, refused, gatehouse.Refused, true},
		{gatehouse.Done, refused, gatehouse.Refused, true}, // journalled, and then not done
		{gatehouse.Done, done, gatehouse.Done, false},
		{gatehouse.Refused, done, gatehouse.Refused, false},
		{gatehouse.Refused, refused, gatehouse.Refused, false},
	} {
		got, moved := gatehouse.Order{State: c.from}.Answered(c.answer)
		if got.State != c.to || moved != c.moved || moved && (got.Settled == nil || got.Code != c.answer.Code) {
			t.Errorf("%s answered %+v: %+v, %v", c.from, c.answer, got, moved)
		}
	}
}

func TestAnOrderIsOverAfterItsEndAlone(t *testing.T) {
	end := morning.Add(gatehouse.Life)
	for _, s := range []gatehouse.State{gatehouse.Sent, gatehouse.Done, gatehouse.Refused, gatehouse.Expired} {
		o := gatehouse.Order{State: s, Expires: &end}
		if _, moved := o.Overdue(end.Add(gatehouse.AnswerWithin - time.Millisecond)); moved {
			t.Errorf("%s is over too early", s)
		}
		got, moved := o.Overdue(end.Add(gatehouse.AnswerWithin))
		if moved != (s == gatehouse.Sent) || moved && got.State != gatehouse.Expired {
			t.Errorf("%s: %+v, %v", s, got, moved)
		}
	}
}

// What a dashboard offers: above all, that no arm is let down on what is not surely free.
func TestWhichCommandsALaneWouldTake(t *testing.T) {
	lane := wire.LaneStatus{Lane: "exit-1", Arm: wire.ArmDown, Linked: true, Mode: "open"}
	held := lane
	held.Arm, held.HeldOpen = wire.ArmUp, true
	with := func(l wire.LaneStatus, change func(*wire.LaneStatus)) wire.LaneStatus {
		change(&l)
		return l
	}
	for name, c := range map[string]struct {
		lane    wire.LaneStatus
		command string
		against string
		why     string
	}{
		"open":                {lane, "open", "", ""},
		"open, passing":       {with(lane, func(l *wire.LaneStatus) { l.Passing = true }), "open", "", "vehicle_passing"},
		"open, halted":        {with(lane, func(l *wire.LaneStatus) { l.Halted = true }), "open", "", "lane_stopped"},
		"open, no board":      {with(lane, func(l *wire.LaneStatus) { l.Linked = false }), "open", "", "lane_unlinked"},
		"open, away":          {lane, "open", "edge_away", "edge_away"},
		"let go":              {held, "let_go", "", ""},
		"let go, not held":    {lane, "let_go", "", "already_so"},
		"let go, occupied":    {with(held, func(l *wire.LaneStatus) { l.Safety = true }), "let_go", "", "loop_occupied"},
		"let go, unknown":     {with(held, func(l *wire.LaneStatus) { l.Safety, l.SafetyUnknown = true, true }), "let_go", "", "loop_unknown"},
		"let go, arm is down": {with(held, func(l *wire.LaneStatus) { l.Arm, l.Safety = wire.ArmDown, true }), "let_go", "", ""},
		"reset, occupied":     {with(held, func(l *wire.LaneStatus) { l.HeldOpen, l.Alarm, l.Safety = false, true, true }), "reset", "", "loop_occupied"},
		"turn, one way":       {lane, "turn", "", "not_reversible"},
		"turn":                {with(lane, func(l *wire.LaneStatus) { l.Reversible, l.Far = true, wire.LoopClear }), "turn", "", ""},
		"turn, far unknown":   {with(lane, func(l *wire.LaneStatus) { l.Reversible, l.Far = true, wire.LoopUnknown }), "turn", "", "lane_not_empty"},
		"turn, somebody":      {with(lane, func(l *wire.LaneStatus) { l.Reversible, l.Far, l.Arming = true, wire.LoopClear, true }), "turn", "", "lane_not_empty"},
		"mode as it is":       {lane, "mode_open", "", "already_so"},
		"another mode":        {lane, "mode_full", "", ""},
	} {
		found := false
		for _, n := range gatehouse.Commands(c.lane, c.against) {
			if n.Command == c.command {
				found = true
				if n.Why != c.why || n.Allowed != (c.why == "") {
					t.Errorf("%s: %+v, want %q", name, n, c.why)
				}
			}
		}
		if !found {
			t.Errorf("%s: no such command", name)
		}
	}
}

func TestWhatIsMostUrgentComesFirst(t *testing.T) {
	const p, q id.Parking = "altmarkt", "zwinger"
	since := morning.Add(-time.Minute)
	todo := gatehouse.Todos(
		[]gatehouse.Parking{{ID: p, Edge: gatehouse.Line{State: gatehouse.Live}}, {ID: q, Edge: gatehouse.Line{State: gatehouse.Away, Since: &since}}},
		map[id.Parking]*gatehouse.Said{
			p: {Lanes: []wire.LaneStatus{{Lane: "exit-1", Linked: true, Faults: []string{"not_closing"}}}, LanesAt: morning},
			q: {Lanes: []wire.LaneStatus{{Lane: "exit-1", Linked: true, Faults: []string{"not_closing"}}}, LanesAt: morning}, // of before it went away
		},
		[]gatehouse.Incident{{ID: "a", Parking: p, Class: "X7", At: morning}, {ID: "b", Parking: p, Class: "lane", At: since}, {ID: "c", Parking: p, Class: "overfull", At: since.Add(-time.Hour)}},
		[]gatehouse.Call{{Parking: p, Lane: "kiosk-1", At: morning.Add(time.Second)}, {Parking: q, Lane: "kiosk-1", At: morning.Add(time.Second), NoticedBy: "x"}})
	var got []string
	for _, d := range todo {
		got = append(got, d.Level+" "+d.Code)
	}
	want := []string{"wrong help", "wrong not_closing", "wrong edge_away", "wrong overfull", "warn lane", "info help_noticed", "info X7"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got, want)
			break
		}
	}
}
