package app

import (
	"context"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// fromAfar is an order of the cloud for this journal.
func (s *site) fromAfar(l id.Lane, command string, good time.Duration) *wire.Order {
	now := time.Now()
	return &wire.Order{
		ID: id.New[id.Order](now), Journal: s.agent.rec.Position().Journal, Lane: l, Command: command, By: "anna@posteo.example", Why: "ticket lost",
		NotAfter: now.Add(good).UnixMilli(),
	}
}

func (s *site) sendOrder(o *wire.Order) {
	s.t.Helper()
	b, err := wire.Marshal(o)
	s.must(err)
	s.cloud.SendRaw(topic.Order, b)
}

// answers are the journal's, in their order.
func (s *site) answers(n int) []wire.Event { return s.applied(wire.Commanded, n) }

// An order opens once: not again when its message comes again, now or after a start,
// and the answer names it.
func TestAnOrderFromTheCloudOpensOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	o := s.fromAfar("exit-1", "open", 20*time.Second)
	s.sendOrder(o)
	s.board.opened(exit1)
	s.board.driveThrough(exit1)
	s.applied(wire.Exited, 1)
	if e := s.answers(1)[0]; e.Order != o.ID || e.Note != "open" || e.By != o.By || e.Why != o.Why || e.Code != "" {
		t.Fatalf("%+v", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.agent.follow(ctx, o) // the broker delivers it again
	s.board.stillShut()
	delete(s.agent.remote.had, o.ID) // what this run remembers is only for when the disk fails
	s.agent.follow(ctx, o)
	s.board.stillShut()
	s.stop()
	s.start(false)
	s.cloud.Wait("the start", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > 1 })
	s.timed()
	s.agent.follow(ctx, o)
	s.board.stillShut()
	s.answers(1)
}

// A message that was held up, or that says it is good for long, opens nothing. The
// first is on record as late, once.
func TestAnOrderOutsideItsTimeOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	late := s.fromAfar("exit-1", "open", -time.Second)
	s.agent.follow(ctx, late)
	s.agent.follow(ctx, late)
	perhaps := s.fromAfar("exit-1", "open", 100*time.Millisecond) // before the end by the best guess, but not surely
	s.agent.follow(ctx, perhaps)
	for _, good := range []time.Duration{-time.Hour, time.Hour} {
		s.agent.follow(ctx, s.fromAfar("exit-1", "open", good))
	}
	foreign := s.fromAfar("exit-1", "open", 20*time.Second)
	foreign.Journal = id.New[id.Journal](time.Now())
	s.sendOrder(foreign)
	marker := s.fromAfar("exit-1", "take_out", 20*time.Second)
	s.sendOrder(marker)
	s.answers(3)
	s.must(s.order("exit-1", "take_out")) // each order has a goroutine of its own: give the others time to be wrong
	got := s.answers(4)
	for i, want := range []struct {
		id   id.Order
		note string
		code string
	}{{late.ID, "open" + wire.NoteRefused, "order_late"}, {perhaps.ID, "open" + wire.NoteRefused, "order_late"}, {marker.ID, "take_out", ""}} {
		if got[i].Order != want.id || got[i].Note != want.note || got[i].Code != want.code {
			t.Errorf("%d: %+v, want %+v", i, got[i], want)
		}
	}
	s.board.stillShut()
}

// An edge that does not know the time cannot say that an order is still good.
func TestWithoutATimeNoOrderIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.machine = machine("a machine whose own clock nobody vouches for")
	s.cloud.Set(cloudtest.Faults{NoTimes: true})
	s.start(false)
	s.cloud.Wait("the sync", func(c *cloudtest.Cloud) bool { return len(c.Syncs) > 0 })
	s.agent.follow(t.Context(), s.fromAfar("exit-1", "open", 10*time.Second))
	if e := s.answers(1)[0]; e.Code != "clock_untrusted" {
		t.Fatalf("%+v", e)
	}
	s.board.stillShut()
}

// From afar and at the machine, an arm that is held up is let down only while the loop
// under it is surely free.
func TestAnArmIsNotLetDownOnWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.sendOrder(s.fromAfar("exit-1", "hold_open", 20*time.Second))
	s.board.opened(exit1)
	s.board.levels(exit1, func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed, in.Safety = lane.On, lane.Off, lane.On })
	want := []string{"hold_open "}
	n := 1
	for _, at := range []struct {
		safety lane.Level
		code   string
	}{{lane.On, "loop_occupied"}, {lane.Unknown, "loop_unknown"}} {
		s.board.levels(exit1, func(in *lane.Inputs) { in.Safety = at.safety })
		s.sendOrder(s.fromAfar("exit-1", "let_go", 20*time.Second))
		n++
		s.answers(n)
		if err := s.order("exit-1", "let_go"); fault.Code(err) != CodeNotNow {
			t.Errorf("at the machine: %v", err)
		}
		n++
		want = append(want, "let_go"+wire.NoteRefused+" "+at.code, "let_go"+wire.NoteRefused+" ")
	}
	s.board.levels(exit1, func(in *lane.Inputs) { in.Safety = lane.Off })
	s.sendOrder(s.fromAfar("exit-1", "let_go", 20*time.Second))
	want = append(want, "let_go ")
	for i, e := range s.answers(len(want)) {
		if got := e.Note + " " + e.Code; got != want[i] {
			t.Errorf("%d: %q, want %q", i, got, want[i])
		}
	}
	// It is journalled first, and done before the lane heeds anything else.
	if err := s.order("exit-1", "mode_open"); err != nil {
		t.Error(err)
	}
	if l := *s.agent.gate("exit-1").shown.Load(); l.Held {
		t.Error("still held")
	}
}

// What cannot be given to a lane at all is answered, too.
func TestAnOrderThatNobodyCanCarryOutIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	for i, o := range []*wire.Order{s.fromAfar("cellar", "open", 20*time.Second), s.fromAfar("exit-1", "explode", 20*time.Second), s.fromAfar("exit-1", "turn", 20*time.Second)} {
		s.sendOrder(o)
		e := s.answers(i + 1)[i]
		if want := []string{CodeUnknownLane, CodeOrderInvalid, "not_reversible"}[i]; e.Code != want || e.Order != o.ID {
			t.Errorf("%+v, want %s", e, want)
		}
	}
	s.board.stillShut()
}

// The cloud sees what a lane looks like when it changes, not only at the next beat, and
// a lane that changes all the time makes two beats a second at most.
func TestACloudThatLooksSeesALaneChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.board.arrive(entry1)
	seen := func(ok func(l wire.LaneStatus) bool) func(c *cloudtest.Cloud) bool {
		return func(c *cloudtest.Cloud) bool {
			for _, b := range c.Beats {
				if ok(b.Lanes[0]) {
					return true
				}
			}
			return false
		}
	}
	s.cloud.Wait("a waiting vehicle", seen(func(l wire.LaneStatus) bool {
		return l.Arming && l.Waiting > 0 && l.Mode == "open" && l.Direction == wire.Inward && l.Arm == wire.ArmDown && l.Linked
	}))
	s.board.show(entry1, "nonsense")
	s.cloud.Wait("what the driver reads", seen(func(l wire.LaneStatus) bool { return l.Display != "" }))
	before, began := 0, time.Now()
	s.cloud.Look(func(c *cloudtest.Cloud) { before = len(c.Beats) })
	for range 200 {
		s.board.levels(entry1, func(in *lane.Inputs) { in.Arming = lane.Off })
		s.board.levels(entry1, func(in *lane.Inputs) { in.Arming = lane.On })
	}
	s.must(s.order("entry-1", "take_out"))
	s.cloud.Wait("the last state", seen(func(l wire.LaneStatus) bool { return l.OutOfService }))
	s.cloud.Look(func(c *cloudtest.Cloud) {
		if n, most := len(c.Beats)-before, 2+int(time.Since(began)/beatEveryForTests); n > most {
			t.Errorf("%d beats in %v", n, time.Since(began))
		}
	})
}

// beatEveryForTests is how often beats may come; one comes by itself each second.
const beatEveryForTests = 330 * time.Millisecond
