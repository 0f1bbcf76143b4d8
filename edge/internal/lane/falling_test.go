package lane_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
)

// closing is a lane whose arm was asked down behind a vehicle and has left its upper
// end.
func closing(t testing.TB) *drive {
	d := passed(t)
	d.sense("open")
	if d.pass(8 * time.Second); d.count(lane.Close) != 1 || d.s.Phase != lane.Closing {
		t.Fatalf("phase %s, %v", d.s.Phase, d.log)
	}
	d.now = d.now.Add(time.Second)
	d.sense()
	d.log = nil
	return d
}

// Whatever the lane is doing, whoever comes under an arm that it asked down and has
// not seen down gets it raised in that very step.
func TestAFallingArmYieldsInEveryPhase(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*drive)
		comes  []string
	}{
		"closing":          {func(*drive) {}, []string{"B"}},
		"the loop is lost": {func(*drive) {}, []string{"?B"}},
		"deciding":         {func(d *drive) { d.sense("A"); d.in(lane.Input{Kind: lane.Presented}) }, []string{"A", "B"}},
		"authorised, and the board refused to open": {func(d *drive) {
			d.sense("A")
			d.admit()
			d.in(lane.Input{Kind: lane.OpenFailed})
			d.now = d.now.Add(500 * time.Millisecond)
		}, []string{"A", "B"}},
		"late, after the lane has stopped waiting": {func(d *drive) { d.pass(40 * time.Second); d.sense() }, []string{"B"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := closing(t)
			c.before(d)
			d.log = nil
			if d.sense(c.comes...); len(d.log) == 0 || d.log[0].Kind != lane.Raise && d.log[0].Kind != lane.Open {
				t.Fatalf("phase %s: %v", d.s.Phase, d.log)
			}
		})
	}
	t.Run("the board is lost", func(t *testing.T) {
		d := closing(t)
		if d.in(lane.Input{Kind: lane.Blinded}); d.log[0].Kind != lane.Raise {
			t.Fatalf("%v", d.log)
		}
		if d.pass(time.Hour); d.count(lane.Raise) > 10 {
			t.Fatalf("%d pulses for an arm that came to rest long ago", d.count(lane.Raise))
		}
	})
}

// An arm that the barrier lets down by itself is raised as well.
func TestAnArmThatFallsByItselfYields(t *testing.T) {
	d := passed(t)
	d.sense("open")
	d.sense()
	if d.count(lane.Raise) != 0 {
		t.Fatalf("raised for nobody: %v", d.log)
	}
	if d.sense("A", "B"); d.count(lane.Raise) != 1 {
		t.Fatalf("%v", d.log)
	}
	d = passed(t)
	d.sense("open")
	d.sense()
	d.sense("closed")
	if d.sense("A", "B", "closed"); d.count(lane.Raise) != 0 {
		t.Fatalf("an arm that is down is raised for whoever stands in front of it: %v", d.log)
	}
}

// A pulse that the board did not carry out is asked for again soon, until the arm is
// seen up.
func TestARaiseThatWasLostIsRepeated(t *testing.T) {
	d := closing(t)
	d.sense("B")
	for range 5 {
		d.in(lane.Input{Kind: lane.RaiseFailed})
		before := d.count(lane.Raise)
		if d.pass(400 * time.Millisecond); d.count(lane.Raise) != before+1 {
			t.Fatalf("not repeated: %v", d.log)
		}
	}
	d.in(lane.Input{Kind: lane.RaiseFailed})
	d.sense("B", "open") // as it looked before it moved
	if before := d.count(lane.Raise); true {
		if d.pass(time.Second); d.count(lane.Raise) == before {
			t.Fatal("an arm that is still to fall counts as raised")
		}
	}
	d.sense("B", "open")
	before := d.count(lane.Raise)
	if d.pass(10 * time.Second); d.count(lane.Raise) != before {
		t.Fatal("an arm that is up is asked up")
	}
}

// A vehicle that stands on the safety loop in front of an arm that did not come up is
// not forgotten: the pulse is repeated there as well.
func TestAnOpeningIsRepeatedForWhoStandsOnTheLoop(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.in(lane.Input{Kind: lane.OpenFailed})
	d.sense("A", "B", "closed")
	d.log = nil
	if d.pass(time.Second); d.count(lane.Open) != 1 {
		t.Fatalf("phase %s: %v", d.s.Phase, d.log)
	}
	d.in(lane.Input{Kind: lane.OpenFailed})
	d.sense("A", "closed") // it rolls back a little
	d.log = nil
	if d.pass(time.Second); d.count(lane.Open) != 1 {
		t.Fatalf("phase %s: %v", d.s.Phase, d.log)
	}
}

// An opening right after a Close waits for the gap between the two and no longer.
func TestAnOpeningAfterACloseWaitsForTheGapOnly(t *testing.T) {
	d := passed(t)
	d.sense("A", "open")
	for d.count(lane.Close) == 0 {
		d.pass(100 * time.Millisecond)
	}
	d.in(lane.Input{Kind: lane.Presented})
	d.in(lane.Input{Kind: lane.Admitted, Session: session(7)})
	if d.count(lane.Open) != 1 { // that of the car before
		t.Fatalf("no gap: %v", d.log)
	}
	if d.pass(lane.Defaults().Gap); d.count(lane.Open) != 2 {
		t.Fatalf("not opened: %v", d.log)
	}
}

// Reports may have waited behind a slow disk: only what was read in that moment lets
// the arm down.
func TestOnlyWhatWasJustReadLetsTheArmDown(t *testing.T) {
	d := passed(t)
	for range 60 {
		d.now = d.now.Add(500 * time.Millisecond)
		if d.sense("open"); d.count(lane.Close) != 0 {
			t.Fatal("let down by a report")
		}
	}
	if d.in(lane.Input{Kind: lane.Sensed, Inputs: levels("open"), Asked: true}); d.count(lane.Close) != 1 {
		t.Fatalf("not let down: %v", d.log)
	}
}

// What moves the barrier does not wait for what is written down.
func TestTheBarrierDoesNotWaitForTheJournal(t *testing.T) {
	d := closing(t)
	if d.sense("B", "fire"); len(d.log) < 2 || d.log[0].Kind != lane.Raise {
		t.Fatalf("want a raise, then the faults: %v", d.log)
	}
}

// A code that was shown while the car before passed is decided for the one who comes to
// the barrier with it, and for nobody else.
func TestAWaitingCodeIsDecidedOnlyForSomebody(t *testing.T) {
	for _, exit := range []bool{false, true} {
		queued := func() *drive {
			d := start(t, exit)
			d.sense("A", "closed")
			d.admit()
			d.sense("A", "B", "open")
			d.sense("B", "open")
			d.in(lane.Input{Kind: lane.Presented})
			d.log = nil
			return d
		}
		d := queued()
		d.sense("open")
		if d.pass(10 * time.Second); d.count(lane.Decide) != 0 {
			t.Fatalf("exit %v: decided for nobody", exit)
		}
		if d.sense("A", "open"); d.count(lane.Decide) != 1 {
			t.Fatalf("exit %v: not decided for who came: %v", exit, d.log)
		}
		d = queued()
		d.sense("open")
		d.pass(lane.Defaults().EnterWithin + time.Second)
		if d.sense("A", "open"); d.count(lane.Decide) != 0 || d.s.Waiting() {
			t.Fatalf("exit %v: decided long after", exit)
		}
		d = queued()
		d.order(lane.TakeOut)
		d.sense("A", "open")
		if d.count(lane.Decide) != 0 || !slices.ContainsFunc(d.log, func(e lane.Effect) bool { return e.Kind == lane.Closed }) {
			t.Fatalf("exit %v: decided in a lane that is shut: %v", exit, d.log)
		}
	}
}
