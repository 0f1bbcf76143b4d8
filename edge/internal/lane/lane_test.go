package lane_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
)

var t0 = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// drive is a lane under test with its own clock.
type drive struct {
	t   testing.TB
	s   lane.State
	now time.Time
	log []lane.Effect
}

func start(t testing.TB, exit bool) *drive {
	d := &drive{t: t, s: lane.New(lane.Defaults(), exit), now: t0}
	d.sense("closed")
	return d
}

func (d *drive) in(in lane.Input) []lane.Effect {
	var out []lane.Effect
	d.s, out = lane.Step(d.s, in, d.now)
	d.log = append(d.log, out...)
	return out
}

// pass lets time go by, waking the lane when it wants to be woken. Samples are
// answered with the inputs as they are.
func (d *drive) pass(by time.Duration) {
	end := d.now.Add(by)
	for {
		at, ok := d.s.Wake()
		if !ok || at.After(end) {
			break
		}
		if at.After(d.now) {
			d.now = at
		}
		for _, e := range d.in(lane.Input{Kind: lane.Tick}) {
			if e.Kind == lane.Sample {
				d.in(lane.Input{Kind: lane.Sensed, Inputs: d.s.Inputs, Asked: true})
			}
		}
	}
	d.now = end
	d.in(lane.Input{Kind: lane.Tick})
}

func levels(spec ...string) lane.Inputs {
	in := lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.Off, ArmClosed: lane.Off, Fire: lane.Off, Far: lane.Off}
	for _, w := range spec {
		switch w {
		case "A":
			in.Arming = lane.On
		case "B":
			in.Safety = lane.On
		case "?A":
			in.Arming = lane.Unknown
		case "?B":
			in.Safety = lane.Unknown
		case "open":
			in.ArmOpen = lane.On
		case "closed":
			in.ArmClosed = lane.On
		case "far":
			in.Far = lane.On
		case "?far":
			in.Far = lane.Unknown
		case "fire":
			in.Fire = lane.On
		}
	}
	return in
}

func (d *drive) sense(spec ...string) { d.in(lane.Input{Kind: lane.Sensed, Inputs: levels(spec...)}) }

func (d *drive) admit() id.Session {
	d.t.Helper()
	if !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.Decide) {
		d.t.Fatalf("a credential in phase %s was not decided", d.s.Phase)
	}
	ses := id.New[id.Session](d.now)
	if !kinds(d.in(lane.Input{Kind: lane.Admitted, Session: ses}), lane.Open) {
		d.t.Fatal("an admission did not open")
	}
	return ses
}

func kinds(es []lane.Effect, want ...lane.EffectKind) bool {
	var got []lane.EffectKind
	for _, e := range es {
		got = append(got, e.Kind)
	}
	return slices.Equal(got, want)
}

func (d *drive) ended() (passed, backed int, inferred bool) {
	for _, e := range d.log {
		switch e.Kind {
		case lane.Passed:
			passed++
			inferred = e.Inferred
		case lane.BackedOut:
			backed++
		default:
		}
	}
	return passed, backed, inferred
}

func (d *drive) wantEnd(passed, backed int, inferred bool) {
	d.t.Helper()
	p, b, i := d.ended()
	if p != passed || b != backed || i != inferred {
		d.t.Errorf("passed %d, backed out %d, inferred %v; want %d, %d, %v (phase %s)", p, b, i, passed, backed, inferred, d.s.Phase)
	}
}

func TestACarDrivesThrough(t *testing.T) {
	for _, exit := range []bool{false, true} {
		d := start(t, exit)
		d.sense("A", "closed")
		d.admit()
		for _, in := range [][]string{{"A"}, {"A", "open"}, {"A", "B", "open"}, {"B", "open"}} {
			d.pass(time.Second)
			d.sense(in...)
			d.wantEnd(0, 0, false)
		}
		d.sense("open")
		d.wantEnd(1, 0, false)
		d.pass(time.Second)
		d.sense()
		d.sense("closed")
		if d.s.Phase != lane.Idle {
			t.Errorf("phase %s after the arm came down", d.s.Phase)
		}
	}
}

func TestHowAnAuthorisationEnds(t *testing.T) {
	type move struct {
		after time.Duration
		in    []string // nil: the board is lost
	}
	for name, c := range map[string]struct {
		moves          []move
		passed, backed int
		inferred       bool
	}{
		"nobody moves":               {[]move{{40 * time.Second, []string{"A", "open"}}}, 0, 1, false},
		"drives away before the arm": {[]move{{2 * time.Second, []string{"open"}}, {6 * time.Second, []string{"open"}}}, 0, 1, false},
		"touches the loop, reverses and leaves": {[]move{
			{time.Second, []string{"A", "B", "open"}},
			{time.Second, []string{"A", "open"}},
			{time.Second, []string{"open"}},
			{6 * time.Second, []string{"open"}},
		}, 0, 1, false},
		"passes with the next one at the bumper": {[]move{
			{time.Second, []string{"A", "B", "open"}},
			{time.Second, []string{"A", "open"}},
			{40 * time.Second, []string{"A", "open"}},
		}, 1, 0, true},
		"the safety loop is blind while it passes": {[]move{
			{time.Second, []string{"A", "?B", "open"}},
			{time.Second, []string{"?B", "open"}},
			{40 * time.Second, []string{"open"}},
		}, 1, 0, true},
		"the board is lost under way":                  {[]move{{time.Second, []string{"A", "B", "open"}}, {time.Second, nil}, {31 * time.Second, []string{"closed"}}}, 1, 0, true},
		"the board is lost before, and nobody is seen": {[]move{{time.Second, nil}, {time.Second, []string{"closed"}}, {40 * time.Second, []string{"closed"}}}, 1, 0, true},
		"stands under the arm for minutes":             {[]move{{time.Second, []string{"A", "B", "open"}}, {time.Second, []string{"B", "open"}}, {5 * time.Minute, []string{"open"}}}, 1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, false)
			d.sense("A", "closed")
			d.admit()
			for _, m := range c.moves {
				d.pass(m.after)
				if m.in == nil {
					d.in(lane.Input{Kind: lane.Blinded})
				} else {
					d.sense(m.in...)
				}
			}
			d.wantEnd(c.passed, c.backed, c.inferred)
		})
	}
}

func TestACredentialShownWhileTheCarBeforePassesIsDecidedAfterIt(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.sense("A", "B", "open") // the next car
	if got := d.in(lane.Input{Kind: lane.Presented}); len(got) != 0 {
		t.Fatalf("decided while the car before is under the arm: %v", got)
	}
	d.log = nil
	d.sense("A", "open")
	if !kinds(d.log, lane.Passed, lane.Decide) {
		t.Errorf("got %v, want the passage and then the waiting decision", d.log)
	}
}

func TestAnEntryWantsACarAndAnExitDoesNot(t *testing.T) {
	if d := start(t, false); !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.DriveUp) {
		t.Error("an entry decided for nobody")
	}
	if d := start(t, true); !kinds(d.in(lane.Input{Kind: lane.Pressed}), lane.Decide) {
		t.Error("an exit with a silent loop trapped somebody")
	}
	d := start(t, false)
	d.sense("?A", "closed")
	if !kinds(d.in(lane.Input{Kind: lane.Presented}), lane.Decide) {
		t.Error("an unknown loop counts as occupied")
	}
}

func TestAnOpeningThatDoesNotHappenIsRepeated(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.in(lane.Input{Kind: lane.OpenFailed})
	d.pass(400 * time.Millisecond)
	opens := 0
	for _, e := range d.log {
		if e.Kind == lane.Open {
			opens++
		}
	}
	if opens != 2 {
		t.Errorf("%d pulses after the board refused one, want 2", opens)
	}
	d.pass(29 * time.Second)
	if !slices.Contains(d.s.Faults(), lane.FaultNotOpening) {
		t.Error("an arm that never comes up is not reported")
	}
}

func TestAnArmThatStaysUpIsAskedDownOnlyWhenFree(t *testing.T) {
	d := start(t, false)
	d.sense("A", "closed")
	d.admit()
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.sense("open")
	d.sense("A", "open") // somebody follows
	d.sense("A", "B", "open")
	d.sense("B", "open")
	d.pass(time.Minute)
	for _, e := range d.log {
		if e.Kind == lane.Close {
			t.Fatal("asked to close on somebody")
		}
	}
	d.sense("open")
	d.pass(8 * time.Second)
	closes := 0
	for _, e := range d.log {
		if e.Kind == lane.Close {
			closes++
		}
	}
	if closes != 1 || d.s.Phase != lane.Closing {
		t.Errorf("%d close pulses in phase %s, want one", closes, d.s.Phase)
	}
	if !slices.ContainsFunc(d.log, func(e lane.Effect) bool { return e.Kind == lane.Stray && e.Fault == lane.FaultTailgate && !e.Backward }) {
		t.Error("the one who followed was not reported")
	}
}

func TestWhatKeepsTheLaneFromClosing(t *testing.T) {
	passed := func() *drive {
		d := start(t, false)
		d.sense("A", "closed")
		d.admit()
		d.sense("A", "B", "open")
		d.sense("B", "open")
		d.sense("open")
		return d
	}
	for name, wait := range map[string]func(*drive){
		"fire":         func(d *drive) { d.sense("open", "fire") },
		"unknown loop": func(d *drive) { d.sense("open", "?B") },
		"unknown fire": func(d *drive) {
			d.in(lane.Input{Kind: lane.Sensed, Inputs: lane.Inputs{Arming: lane.Off, Safety: lane.Off, ArmOpen: lane.On, ArmClosed: lane.Off}})
		},
	} {
		d := passed()
		wait(d)
		d.pass(time.Minute)
		if slices.ContainsFunc(d.log, func(e lane.Effect) bool { return e.Kind == lane.Close }) {
			t.Errorf("%s: asked to close", name)
		}
	}
	d := passed()
	for range 100 { // the board answers no sample
		d.now = d.now.Add(500 * time.Millisecond)
		for _, e := range d.in(lane.Input{Kind: lane.Tick}) {
			if e.Kind == lane.Close {
				t.Fatal("asked to close on what was known long ago")
			}
		}
	}
}

// Over arbitrary pins, credentials, verdicts, losses and times.
func TestTheRulesHoldWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exit := rapid.Bool().Draw(t, "exit")
		s := lane.New(lane.Defaults(), exit)
		now := t0
		asked := false                     // a decision is with the shell
		journalled := map[id.Session]int{} // session → how often it ended
		var current id.Session             // the open authorisation
		var freeFrom, lastSample time.Time // of the safety loop, by the model
		var in lane.Inputs                 // what the lane was last told
		level := rapid.SampledFrom([]lane.Level{lane.Unknown, lane.Off, lane.On, lane.Off, lane.On})
		apply := func(input lane.Input) {
			if input.Kind == lane.Sensed {
				in = input.Inputs
				if in.Safety != lane.Off {
					freeFrom = time.Time{}
				} else if freeFrom.IsZero() || now.Sub(lastSample) > time.Second {
					freeFrom = now
				}
				lastSample = now
			}
			if input.Kind == lane.Blinded || input.Kind == lane.Restarted {
				in, freeFrom = lane.Inputs{}, time.Time{}
			}
			var out []lane.Effect
			s, out = lane.Step(s, input, now)
			for _, e := range out {
				switch e.Kind {
				case lane.Decide:
					if asked || !current.IsZero() {
						t.Fatalf("a second decision while one is open")
					}
					asked = true
				case lane.Open:
					if e.Session != current || current.IsZero() {
						t.Fatalf("open for %v, authorised is %v", e.Session, current)
					}
				case lane.Close:
					if input.Kind != lane.Sensed || !input.Asked || in.Safety != lane.Off || in.Fire != lane.Off {
						t.Fatalf("close on %+v after input %d", in, input.Kind)
					}
					if freeFrom.IsZero() || now.Sub(freeFrom) < lane.Defaults().CloseAfter {
						t.Fatalf("close though the loop is free since %v only", freeFrom)
					}
					if !current.IsZero() {
						t.Fatal("close on an open authorisation")
					}
				case lane.Passed, lane.BackedOut:
					if e.Session != current {
						t.Fatalf("%v ended, authorised is %v", e.Session, current)
					}
					journalled[e.Session]++
					current = id.Session{}
				default:
				}
			}
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 50, 400, 700, 3000, 31000}).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 11).Draw(t, "what") {
			case 10, 11: // a calm time with the arm up: what closing needs, but for one thing or another
				calm := lane.Inputs{
					Arming: level.Draw(t, "a"), Safety: lane.Off, ArmOpen: lane.On, ArmClosed: lane.Off,
					Fire: rapid.SampledFrom([]lane.Level{lane.Off, lane.Off, lane.On, lane.Unknown}).Draw(t, "fire"),
				}
				blindTick := rapid.IntRange(0, 30).Draw(t, "tick at")
				for i := range 16 {
					now = now.Add(450 * time.Millisecond)
					if i == blindTick {
						now = now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "gap")) * time.Second)
						apply(lane.Input{Kind: lane.Tick})
						continue
					}
					apply(lane.Input{Kind: lane.Sensed, Inputs: calm, Asked: true})
				}
			case 0, 1, 2, 3:
				apply(lane.Input{Kind: lane.Sensed, Inputs: lane.Inputs{
					Arming: level.Draw(t, "a"), Safety: level.Draw(t, "b"), ArmOpen: level.Draw(t, "open"),
					ArmClosed: level.Draw(t, "closed"), Fire: rapid.SampledFrom([]lane.Level{lane.Off, lane.Off, lane.On, lane.Unknown}).Draw(t, "fire"),
				}})
			case 4:
				next := in
				next.Safety, next.Fire = lane.Off, lane.Off
				apply(lane.Input{Kind: lane.Sensed, Inputs: next})
			case 5:
				apply(lane.Input{Kind: rapid.SampledFrom([]lane.InputKind{lane.Blinded, lane.Restarted}).Draw(t, "lost")})
			case 6:
				apply(lane.Input{Kind: rapid.SampledFrom([]lane.InputKind{lane.Presented, lane.Pressed}).Draw(t, "shown")})
			case 7:
				apply(lane.Input{Kind: rapid.SampledFrom([]lane.InputKind{lane.OpenFailed, lane.Tick}).Draw(t, "noise")})
			default:
				if !asked { // an answer that nobody asked for must do nothing
					apply(lane.Input{Kind: lane.Admitted, Session: id.New[id.Session](now)})
					continue
				}
				asked = false
				if rapid.Bool().Draw(t, "admit") {
					current = id.New[id.Session](now)
					journalled[current] = 0
					apply(lane.Input{Kind: lane.Admitted, Session: current})
				} else {
					apply(lane.Input{Kind: lane.NotAdmitted})
				}
			}
		}
		// Given a quiet road and time, every authorisation ends, and in one way.
		for range 6 {
			if asked {
				asked = false
				apply(lane.Input{Kind: lane.NotAdmitted})
			}
			apply(lane.Input{Kind: lane.Sensed, Inputs: levels("closed")})
			now = now.Add(time.Minute)
			apply(lane.Input{Kind: lane.Tick})
		}
		for ses, n := range journalled {
			if n != 1 {
				t.Fatalf("authorisation %v ended %d times", ses, n)
			}
		}
	})
}
