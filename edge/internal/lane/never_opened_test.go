package lane_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
)

// The board goes away between the decision and the pulse: the arm never moved,
// so nobody has passed. Taking the pass as used would leave its driver outside
// for good.
func TestAnAuthorisationThatNeverOpenedIsNotUsedUp(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.in(lane.Input{Kind: lane.OpenFailed})
	d.in(lane.Input{Kind: lane.Blinded})
	end := d.now.Add(2 * lane.Defaults().EnterWithin)
	for d.s.Authorised() && d.now.Before(end) {
		d.now = d.now.Add(100 * time.Millisecond)
		for _, e := range d.in(lane.Input{Kind: lane.Tick}) {
			if e.Kind == lane.Open {
				d.in(lane.Input{Kind: lane.OpenFailed})
			}
		}
	}
	d.wantEnd(0, 1, false)
}

// What is not surely shut is taken as passed: a pass is never used twice.
func TestAnAuthorisationThatMayHaveOpenedIsUsedUp(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*drive) // the decision
		after  func(*drive)
	}{
		"one pulse of several is in doubt": {nil, func(d *drive) {
			d.in(lane.Input{Kind: lane.OpenFailed})
			d.pass(400 * time.Millisecond) // the second pulse
			d.in(lane.Input{Kind: lane.OpenInDoubt})
			d.in(lane.Input{Kind: lane.OpenFailed}) // an answer is about one pulse
			d.pass(400 * time.Millisecond)
			d.in(lane.Input{Kind: lane.OpenFailed})
		}},
		"the arm is still up behind the car before": {func(d *drive) {
			d.admit()
			d.sense("A", "B", "open")
			d.sense("B", "open")
			d.sense("A", "open")
			d.log = nil
		}, func(d *drive) { d.in(lane.Input{Kind: lane.OpenFailed}) }},
		"somebody raises the arm": {nil, func(d *drive) {
			d.in(lane.Input{Kind: lane.OpenFailed})
			d.sense("A")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, false)
			d.sense("A", "closed")
			if c.before != nil {
				c.before(d)
			}
			d.admit()
			c.after(d)
			d.in(lane.Input{Kind: lane.Blinded})
			end := d.now.Add(2 * lane.Defaults().EnterWithin)
			for d.s.Authorised() && d.now.Before(end) {
				d.now = d.now.Add(100 * time.Millisecond)
				for _, e := range d.in(lane.Input{Kind: lane.Tick}) {
					if e.Kind == lane.Open {
						d.in(lane.Input{Kind: lane.OpenFailed})
					}
				}
			}
			d.wantEnd(1, 0, true)
		})
	}
}
