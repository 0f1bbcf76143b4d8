package model

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/firmware-bridge/board"
)

// run steps the lane whenever it asks for it, up to the given time, looking at
// it each time.
func run(l *Lane, wake, until time.Duration, look func(now time.Duration, hs []Happening)) time.Duration {
	for wake <= until {
		var hs []Happening
		now := wake
		hs, wake = l.Step(now, l.keep())
		look(now, hs)
	}
	return wake
}

// keep is the input that changes nothing.
func (l *Lane) keep() Input {
	return Input{HeldOpen: l.in.HeldOpen, Fire: l.in.Fire, SafetyFault: l.in.SafetyFault}
}

func TestOnePass(t *testing.T) {
	l := New(1)
	var loops []string
	var kinds []Kind
	var last board.Inputs
	look := func(_ time.Duration, hs []Happening) {
		for _, h := range hs {
			if h.Kind != InputsChanged {
				kinds = append(kinds, h.Kind)
				continue
			}
			for name, bit := range map[string]board.Input{"A": board.Arming, "B": board.Safety} {
				if was, is := last.Has(bit), h.Inputs.Has(bit); was != is {
					loops = append(loops, name+map[bool]string{true: "+", false: "-"}[is])
				}
			}
			last = h.Inputs
		}
	}
	hs, wake := l.Step(0, Input{Arrive: &Arrival{ID: 1, Credential: "c", Patience: time.Minute}})
	look(0, hs)
	run(l, wake, 5*time.Second, look)
	if !slices.Equal(kinds, []Kind{Arrived, Shown}) {
		t.Fatalf("before the open command: %v", kinds)
	}
	hs, wake = l.Step(5*time.Second, Input{Open: true})
	look(5*time.Second, hs)
	wake = run(l, wake, time.Minute, look)
	if !slices.Equal(kinds, []Kind{Arrived, Shown, Commanded, ArmOpen, Entered, Cleared}) {
		t.Errorf("the pass went %v", kinds)
	}
	if !slices.Equal(loops, []string{"A+", "B+", "A-", "B-"}) {
		t.Errorf("the loops went %v", loops)
	}
	if wake != Never || !l.Inputs().Has(board.ArmClosed) || l.Waiting() != 0 {
		t.Errorf("afterwards: wake-up %v, inputs %v, %d vehicles", wake, l.Inputs().Active, l.Waiting())
	}
}

func TestClosingReversesOnAVehicle(t *testing.T) {
	l := New(1)
	none := func(time.Duration, []Happening) {}
	_, wake := l.Step(0, Input{Arrive: &Arrival{ID: 1, Credential: "c", Patience: time.Minute}, Open: true})
	run(l, wake, 4*time.Second, none)
	_, _ = l.Step(4*time.Second, Input{Open: true}) // the driver starts 300 ms later
	_, wake = l.Step(4290*time.Millisecond, Input{Close: true})
	wake = run(l, wake, 4400*time.Millisecond, none)
	if p := l.Picture(4400 * time.Millisecond); p.ArmSpeed >= 0 {
		t.Fatalf("the arm does not close: %+v", p)
	}
	run(l, wake, 4600*time.Millisecond, none) // the front is over the safety loop now
	if p := l.Picture(4600 * time.Millisecond); p.ArmSpeed <= 0 && p.Arm < 1 || !l.Inputs().Has(board.Safety) {
		t.Errorf("the arm did not reverse: %+v", p)
	}
	if l.Step(4700*time.Millisecond, Input{Close: true}); l.Picture(4700*time.Millisecond).ArmSpeed < 0 {
		t.Error("the arm obeys a close command on a vehicle")
	}
}

func TestUnknownLoopCountsAsOccupied(t *testing.T) {
	l := New(1)
	none := func(time.Duration, []Happening) {}
	_, wake := l.Step(0, Input{Open: true})
	run(l, wake, 3*time.Second, none)
	_, _ = l.Step(3*time.Second, Input{SafetyFault: true})
	if l.Inputs().Valid&board.Safety != 0 {
		t.Error("a broken loop is reported as known")
	}
	if _, wake = l.Step(4*time.Second, Input{SafetyFault: true, Close: true}); wake != Never {
		t.Error("the arm moves on a loop that is not known")
	}
}

// op is something done to the lane after a pause, which may begin only when
// the arm is up for a vehicle: the moment at which closing is dangerous.
type op struct {
	armUp bool
	pause time.Duration
	in    Input
}

func ops(t *rapid.T) []op {
	var out []op
	held, fire, broken := false, false, false
	id := uint64(0)
	for range rapid.IntRange(1, 80).Draw(t, "ops") {
		o := op{pause: time.Duration(rapid.OneOf(rapid.IntRange(0, 600_000), rapid.IntRange(0, 3_000_000)).Draw(t, "pause µs")) * time.Microsecond}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1, 2:
			id++
			o.in.Arrive = &Arrival{ID: id, Credential: "c", Patience: time.Duration(rapid.IntRange(1, 8000).Draw(t, "patience ms")) * time.Millisecond}
		case 3, 4, 5:
			o.in.Open = true
		case 6, 7:
			o.in.Close = true
			o.armUp = rapid.Bool().Draw(t, "when the arm is up")
		case 8:
			held = !held
		case 9:
			if rapid.Bool().Draw(t, "fire or fault") {
				fire = !fire
			} else {
				broken = !broken
			}
		}
		o.in.HeldOpen, o.in.Fire, o.in.SafetyFault = held, fire, broken
		out = append(out, o)
	}
	return out
}

// Whatever is commanded and whenever: the arm never moves down on a vehicle,
// each vehicle ends in one way, and the lane comes to rest.
func TestArmNeverClosesOnAVehicle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(1)
		ends, arrivals := map[uint64]int{}, 0
		look := func(now time.Duration, hs []Happening) {
			p := l.Picture(now)
			for _, c := range p.Cars {
				under := c.X > ArmAt && c.X-Length < ArmAt
				if under && p.ArmSpeed < 0 {
					t.Fatalf("at %v the arm is at %.2f and coming down on vehicle %d at %.2f m", now, p.Arm, c.ID, c.X)
				}
			}
			for _, h := range hs {
				if h.Kind == Cleared || h.Kind == BackedOut {
					ends[h.Vehicle]++
				}
				if h.At > now {
					t.Fatalf("%v happened at %v, before its time %v", h.Kind, now, h.At)
				}
			}
		}
		now, wake := time.Duration(0), Never
		for _, o := range ops(t) {
			up := !o.armUp
			for !up && wake != Never {
				now = max(now, wake)
				wake = run(l, wake, wake, func(now time.Duration, hs []Happening) {
					look(now, hs)
					up = up || slices.ContainsFunc(hs, func(h Happening) bool { return h.Kind == ArmOpen })
				})
			}
			now += o.pause
			run(l, wake, now, look)
			if o.in.Arrive != nil {
				arrivals++
			}
			var hs []Happening
			hs, wake = l.Step(now, o.in)
			look(now, hs)
		}
		wake = run(l, wake, now+time.Hour, look)
		if wake != Never || l.Waiting() != 0 {
			t.Fatalf("the lane does not come to rest: wake-up %v, %d vehicles", wake, l.Waiting())
		}
		if len(ends) != arrivals {
			t.Fatalf("%d of %d vehicles ended", len(ends), arrivals)
		}
		for id, n := range ends {
			if n != 1 {
				t.Fatalf("vehicle %d ended %d times", id, n)
			}
		}
	})
}

// A step that comes late tells the same story as many that come in time.
func TestLateStepsTellTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := ops(t)
		prompt, late := New(1), New(1)
		var told, toldLate []Happening
		now, wake := time.Duration(0), Never
		for _, o := range append(list, op{pause: time.Hour}) {
			now += o.pause
			run(prompt, wake, now, func(_ time.Duration, hs []Happening) { told = append(told, hs...) })
			hs, w := prompt.Step(now, o.in)
			told, wake = append(told, hs...), w
			hs, _ = late.Step(now, o.in)
			toldLate = append(toldLate, hs...)
		}
		if !slices.Equal(told, toldLate) {
			t.Fatalf("in time:\n%v\nlate:\n%v", told, toldLate)
		}
	})
}
