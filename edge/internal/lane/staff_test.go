package lane_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
)

func (d *drive) order(c lane.Command) { d.in(lane.Input{Kind: lane.Commanded, Command: c}) }

func (d *drive) count(k lane.EffectKind) (n int) {
	for _, e := range d.log {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// strays are how vehicles passed that no decision covers.
func (d *drive) strays() (out []string) {
	for _, e := range d.log {
		if e.Kind == lane.Stray {
			name := e.Fault
			if e.Backward {
				name += " backward"
			}
			out = append(out, name)
		}
	}
	return out
}

func passed(t testing.TB) *drive {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.sense("open")
	return d
}

// A fire holds the arm up until somebody resets it, also when the input is quiet
// again, whatever is shown and however long it takes.
func TestAFireHoldsTheArmUpUntilSomebodyResetsIt(t *testing.T) {
	d := start(t, true)
	d.sense("closed", "fire")
	if d.count(lane.Raise) != 1 || !slices.Contains(d.s.Faults(), lane.FaultFire) {
		t.Fatalf("%v, faults %v", d.log, d.s.Faults())
	}
	d.sense("open")
	d.order(lane.LetGo)
	d.pass(time.Hour)
	if d.count(lane.Close) != 0 || !d.s.Held() {
		t.Fatal("let down by itself")
	}
	d.sense() // it comes down: somebody pushes it
	d.sense("closed")
	if d.pass(10 * time.Second); d.count(lane.Raise) < 3 {
		t.Fatalf("not asked up again: %v", d.log)
	}
	d.sense("open", "fire")
	if d.order(lane.Reset); !d.s.Held() {
		t.Fatal("reset while it burns")
	}
	d.sense("open")
	d.order(lane.Reset)
	if d.pass(30 * time.Second); d.s.Held() || d.count(lane.Close) == 0 {
		t.Fatalf("held %v after the reset, %v", d.s.Held(), d.log)
	}
}

// A stop outranks everything: nothing is asked of the barrier, not by a fire, not
// for a decision that stands; when it ends, what still holds is done.
func TestAStopOutranksEverything(t *testing.T) {
	for name, stop := range map[string][2]func(*drive){
		"a command": {func(d *drive) { d.order(lane.Halt) }, func(d *drive) { d.order(lane.Resume) }},
		"the button": {
			func(d *drive) { in := d.s.Inputs; in.Stop = lane.On; d.in(lane.Input{Kind: lane.Sensed, Inputs: in}) },
			func(d *drive) { in := d.s.Inputs; in.Stop = lane.Off; d.in(lane.Input{Kind: lane.Sensed, Inputs: in}) },
		},
	} {
		d := start(t, false)
		d.sense("A", "closed")
		d.in(lane.Input{Kind: lane.Presented})
		stop[0](d)
		d.in(lane.Input{Kind: lane.Admitted, Session: session(1)})
		d.order(lane.Alarm)
		d.order(lane.HoldOpen)
		if d.pass(20 * time.Second); d.count(lane.Open)+d.count(lane.Raise)+d.count(lane.Close) != 0 {
			t.Fatalf("%s: %v", name, d.log)
		}
		stop[1](d)
		if d.pass(time.Second); d.count(lane.Raise) == 0 || d.count(lane.Open) == 0 {
			t.Fatalf("%s is over: %v", name, d.log)
		}
	}
}

func TestAnArmThatIsHeldOpenStaysUpAndComesDownBehindTheLast(t *testing.T) {
	d := start(t, false)
	d.order(lane.HoldOpen)
	d.sense("open")
	for range 3 { // they drive through
		d.sense("A", "open")
		d.sense("A", "B", "open")
		d.sense("B", "open")
		d.sense("open")
		d.pass(20 * time.Second)
	}
	if d.count(lane.Close) != 0 || d.count(lane.Raise) != 1 || len(d.strays()) != 3 {
		t.Fatalf("%v", d.log)
	}
	d.order(lane.LetGo)
	if d.pass(8 * time.Second); d.count(lane.Close) != 1 {
		t.Fatalf("%v", d.log)
	}
	d.sense("A", "B") // somebody comes under it
	if last := d.log[len(d.log)-1]; last.Kind != lane.Raise {
		t.Fatalf("an arm comes down on somebody: %v", d.log)
	}
}

// Which way a vehicle went that nobody let through, by the order of the loops.
func TestWhoPassesWithoutADecisionIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		from   func(testing.TB) *drive
		moves  [][]string
		strays []string
		unsure int
	}{
		"behind another one":           {passed, [][]string{{"A", "open"}, {"A", "B", "open"}, {"B", "open"}, {"open"}}, []string{"tailgate"}, 0},
		"two behind it":                {passed, [][]string{{"A", "open"}, {"A", "B"}, {"B"}, {}, {"A"}, {"A", "B"}, {"B"}, {}}, []string{"tailgate", "tailgate"}, 0},
		"through an arm that is up":    {func(t testing.TB) *drive { return start(t, false) }, [][]string{{"A", "open"}, {"A", "B", "open"}, {"B", "open"}, {"open"}}, []string{"unexpected_passage"}, 0},
		"against the lane's direction": {func(t testing.TB) *drive { return start(t, false) }, [][]string{{"B", "open"}, {"A", "B", "open"}, {"A", "open"}, {"open"}}, []string{"wrong_way backward"}, 0},
		"touches and reverses":         {passed, [][]string{{"A", "open"}, {"A", "B", "open"}, {"A", "open"}, {"open"}}, nil, 1},
		"a loop is blind meanwhile":    {passed, [][]string{{"A", "open"}, {"A", "B", "open"}, {"?A", "B", "open"}, {"open"}}, nil, 1},
		"stood there before": {func(t testing.TB) *drive {
			d := &drive{t: t, s: lane.New(lane.Defaults(), false), now: t0}
			d.sense("B", "closed")
			return d
		}, [][]string{{"closed"}}, nil, 0},
	} {
		d := c.from(t)
		d.log = nil
		for _, in := range c.moves {
			d.sense(in...)
			d.pass(300 * time.Millisecond)
		}
		if got := d.strays(); !slices.Equal(got, c.strays) || d.count(lane.Unsure) != c.unsure {
			t.Errorf("%s: %v and %d unsure, want %v and %d", name, got, d.count(lane.Unsure), c.strays, c.unsure)
		}
	}
}

// Two on one decision, bumper to bumper: the safety loop is never free between them,
// the arming loop is.
func TestATailgaterBumperToBumperIsCounted(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.sense("open")
	if d.wantEnd(1, 0, false); !slices.Equal(d.strays(), []string{"tailgate"}) {
		t.Fatalf("%v", d.log)
	}
}

// After a power cut the arm may be up and anybody under it: it is told, and not
// asked down before a settled time.
func TestAnArmThatIsFoundUpIsLeftAloneForAWhile(t *testing.T) {
	d := &drive{t: t, s: lane.New(lane.Defaults(), false), now: t0}
	d.sense("open")
	if d.pass(lane.Defaults().SettleAfter - time.Second); d.count(lane.Close) != 0 || d.count(lane.Unsure) != 1 {
		t.Fatalf("%v", d.log)
	}
	if d.pass(10 * time.Second); d.count(lane.Close) != 1 {
		t.Fatalf("%v", d.log)
	}
}

func TestALimitSwitchThatLiesKeepsTheArmUp(t *testing.T) {
	d := passed(t)
	d.sense("open", "closed")
	if d.pass(time.Minute); d.count(lane.Close) != 0 || !slices.Contains(d.s.Faults(), lane.FaultSensor) {
		t.Fatalf("%v, %v", d.log, d.s.Faults())
	}
}

// An entry whose arm does not come up lets nobody wait in front of it, tries again
// after a while, and at once when somebody puts it back.
func TestAnEntryWhoseArmDoesNotComeUpIsOutOfService(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.pass(time.Minute)
	if !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.Closed) {
		t.Fatal("a decision at an arm that does not come up")
	}
	d.order(lane.PutBack)
	d.admit()
	d.pass(time.Minute)
	d.pass(lane.Defaults().OutFor)
	d.admit()
	d = start(t, true)
	d.order(lane.TakeOut)
	if !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.Closed) {
		t.Fatal("an exit that was taken out of service decides")
	}
}

// A reversible lane turns only when it is empty, and then its loops change sides.
func TestAReversibleLaneTurnsWhenItIsEmpty(t *testing.T) {
	cfg := lane.Defaults()
	cfg.Reversible = true
	d := &drive{t: t, s: lane.New(cfg, false), now: t0}
	for _, busy := range [][]string{{"A", "closed"}, {"B", "closed"}, {"?B", "closed"}, {"far", "closed"}, {"?far", "closed"}, {"open"}} {
		d.sense(busy...)
		d.pass(2 * time.Minute)
		if d.order(lane.Turn); d.s.Exit() {
			t.Fatalf("turned with %v", busy)
		}
		d.sense("closed")
	}
	if d.order(lane.Turn); !d.s.Exit() || !slices.Equal(d.s.Standing(), []lane.Command{lane.Turn}) {
		t.Fatal("did not turn")
	}
	in := levels("closed")
	in.Far = lane.On
	if d.in(lane.Input{Kind: lane.Sensed, Inputs: in}); d.s.Phase != lane.Armed {
		t.Fatalf("phase %s with somebody on the far loop", d.s.Phase)
	}
	plain := start(t, false)
	if plain.order(lane.Turn); plain.s.Exit() || plain.count(lane.CannotTurn) != 1 {
		t.Fatal("a lane that is not reversible turned")
	}
}

func session(n int) (s id.Session) { return id.New[id.Session](t0.Add(time.Duration(n) * time.Second)) }

// Somebody comes under a closing arm while another one's credential is being decided.
func TestAClosingArmYieldsDuringADecision(t *testing.T) {
	d := passed(t)
	if d.pass(8 * time.Second); d.s.Phase != lane.Closing {
		t.Fatalf("phase %s", d.s.Phase)
	}
	d.sense("A", "open")
	if !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.Decide) {
		t.Fatal("not decided")
	}
	d.log = nil
	if d.sense("A", "B"); d.count(lane.Raise) != 1 {
		t.Fatalf("%v", d.log)
	}
}
