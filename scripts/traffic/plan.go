package traffic

import "time"

// Scene is a parking as the planner sees it.
type Scene struct {
	Inside   int // cars that are in and not on their way out
	Arriving int // cars at the entry
	Leaving  int // cars at the exit

	NoEntry bool // the last car that tried found no way in: nobody tries for a while
}

// Orders are what to do now.
type Orders struct {
	Arrive int // cars to send to the entry
	Leave  int // cars to send to the exit
}

// laneQueue is how many cars may be at a gate at a time, the one that is
// passing included: a lane passes one after the other, and a longer queue would
// only fall further behind the curve.
const laneQueue = 2

// turnover is how often, per hour, one car of those inside is replaced by
// another although the count does not change: stays of two and a half hours.
const turnover = 1 / 2.5

// Plan says which cars to send for a parking that should have target cars
// inside. elapsed is the time since the last plan and luck a number from [0, 1):
// with it one car comes and another goes beyond what the target asks for.
func Plan(target int, s Scene, elapsed time.Duration, luck float64) Orders {
	var o Orders
	switch missing := target - s.Inside - s.Arriving; {
	case missing > 0:
		o.Arrive = missing
	case missing < 0:
		o.Leave = -missing
	case luck < float64(s.Inside)*turnover*elapsed.Hours():
		o.Arrive, o.Leave = 1, 1
	}
	if s.NoEntry {
		o.Arrive = 0
	}
	o.Arrive = min(o.Arrive, max(laneQueue-s.Arriving, 0))
	o.Leave = min(o.Leave, max(laneQueue-s.Leaving, 0), s.Inside)
	return o
}
