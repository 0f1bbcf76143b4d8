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
