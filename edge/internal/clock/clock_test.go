package clock_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/clock"
)

var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestAMachineThatRestartedKeepsOnlyTheLowerBound(t *testing.T) {
	a := clock.Resume(clock.Anchor{}, clock.Reading{Machine: "one", Elapsed: time.Hour}, built)
	a = a.Answered(built.Add(48*time.Hour).UnixMilli(), time.Second)
	if a.Hi == 0 {
		t.Fatal("an answer from the server must bound the time from above")
	}
	sameMachine := clock.Resume(a, clock.Reading{Machine: "one", Elapsed: 2 * time.Hour}, built)
	if got := sameMachine.Hi - sameMachine.Lo; got > 4000 {
		t.Errorf("after an hour the interval is %d ms wide, want about 1 s plus twice the drift", got)
	}
	if lo := time.UnixMilli(sameMachine.Lo); lo.Before(built.Add(48*time.Hour + 59*time.Minute)) {
		t.Errorf("the lower bound %v did not advance with the machine's clock", lo)
	}
	other := clock.Resume(a, clock.Reading{Machine: "two", Elapsed: time.Minute}, built)
	if other.Hi != 0 || other.Lo != a.Lo {
		t.Errorf("after a power cut: %+v, want the old lower bound and no upper one", other)
	}
}

func TestAWallClockOutsideTheBoundsIsNotBelieved(t *testing.T) {
	a := clock.Resume(clock.Anchor{}, clock.Reading{Machine: "one"}, built)
	e := a.Estimate(time.Unix(0, 0))
	if !e.Wall.Equal(built) || e.Uncertainty >= 0 {
		t.Errorf("a clock at 1970: wall %v uncertainty %v, want the floor and no bound", e.Wall, e.Uncertainty)
	}
	server := built.Add(time.Hour)
	a = a.Answered(server.UnixMilli(), 100*time.Millisecond)
	e = a.Estimate(server.Add(72 * time.Hour))
	if e.Wall.After(e.Hi) || e.Uncertainty < 0 || e.Uncertainty > 200*time.Millisecond {
		t.Errorf("a clock three days ahead: wall %v hi %v ± %v", e.Wall, e.Hi, e.Uncertainty)
	}
}

// Whatever happens, the lower bound never falls, and with honest servers and a
// drifting crystal the true time stays inside.
func TestTheTrueTimeStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := built.Add(time.Hour)
		rate := 1 + rapid.Float64Range(-150e-6, 150e-6).Draw(t, "drift")
		mono := time.Duration(0)
		machine := "a"
		a := clock.Resume(clock.Anchor{}, clock.Reading{Machine: machine}, built)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			pass := time.Duration(rapid.Int64Range(0, int64(6*time.Hour)).Draw(t, "pass"))
			truth = truth.Add(pass)
			mono += time.Duration(float64(pass) * rate)
			before := a
			r := clock.Reading{Machine: machine, Elapsed: mono}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				rtt := time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "rtt"))
				stamp := truth.Add(-time.Duration(rapid.Int64Range(0, int64(rtt)).Draw(t, "back")))
				a = a.At(r).Answered(stamp.UnixMilli(), rtt)
			case 1:
				a = a.At(r).Heard(truth.Add(-time.Minute).UnixMilli())
			case 2:
				a = clock.Resume(a, r, built)
			case 3:
				machine, mono = machine+"x", 0
				a = clock.Resume(a, clock.Reading{Machine: machine}, built)
			}
			if a.Lo < before.Lo {
				t.Fatalf("the lower bound fell from %d to %d", before.Lo, a.Lo)
			}
			e := a.Estimate(truth)
			if truth.Before(e.Lo) || !e.Hi.IsZero() && truth.After(e.Hi) {
				t.Fatalf("true time %v outside [%v, %v]", truth, e.Lo, e.Hi)
			}
		}
	})
}
