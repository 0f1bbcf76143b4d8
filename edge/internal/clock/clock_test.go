package clock_test

import (
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/clock"
)

var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is an anchor of a machine that was first switched on now, by its own clock.
func at(machine string, elapsed time.Duration, wall time.Time) clock.Anchor {
	return clock.Resume(clock.Anchor{}, clock.Reading{Machine: machine, Elapsed: elapsed}, built, wall)
}

// answered takes an answer that fits.
func answered(t *testing.T, a clock.Anchor, server time.Time, asked time.Duration) clock.Anchor {
	t.Helper()
	a, v := a.Answered(server.UnixMilli(), asked)
	if v != clock.Agreed {
		t.Fatalf("the answer %v was not believed: %v", server, v)
	}
	return a
}

// rewritten is what comes back from the disk.
func rewritten(t *testing.T, a clock.Anchor) clock.Anchor {
	t.Helper()
	b, err := cbor.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var again clock.Anchor
	if err := cbor.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestAMachineThatRestartedKeepsOnlyTheLowerBound(t *testing.T) {
	server := built.Add(48 * time.Hour)
	a := rewritten(t, answered(t, at("one", time.Hour, built), server, time.Second))
	same := clock.Resume(a, clock.Reading{Machine: "one", Elapsed: 2 * time.Hour}, built, time.Unix(0, 0))
	e := same.Estimate()
	if e.Source != clock.Signed || e.Uncertainty > 3*time.Second || e.Wall.Sub(server.Add(time.Hour)).Abs() > e.Uncertainty {
		t.Errorf("an hour after a restart of the agent: %+v, want an hour later within about two seconds and the drift", e)
	}
	other := clock.Resume(a, clock.Reading{Machine: "two", Elapsed: time.Minute}, built, time.Unix(0, 0)).Estimate()
	if !other.Hi.IsZero() || other.Lo.UnixMilli() != a.Lo || other.Uncertainty >= 0 {
		t.Errorf("after a power cut: %+v, want the old lower bound and no upper one", other)
	}
	back := clock.Resume(a, clock.Reading{Machine: "one", Elapsed: time.Minute}, built, time.Unix(0, 0)).Estimate()
	if !back.Hi.IsZero() {
		t.Errorf("a machine whose time since its boot went back is not the same boot: %+v", back)
	}
}

// What an earlier agent wrote down rests on no signature.
func TestAnUnsignedUpperBoundIsDropped(t *testing.T) {
	old := clock.Anchor{Machine: "one", Lo: built.Add(time.Hour).UnixMilli(), Hi: built.Add(2 * time.Hour).UnixMilli()}
	e := clock.Resume(old, clock.Reading{Machine: "one", Elapsed: time.Minute}, built, built).Estimate()
	if !e.Hi.IsZero() || e.Lo.Before(built.Add(time.Hour)) {
		t.Errorf("%+v", e)
	}
}

// The system's clock is at best a guess: it moves no bound, and a guess that is
// far off is not even that.
func TestTheSystemClockProvesNothing(t *testing.T) {
	for _, wall := range []time.Time{time.Unix(0, 0), built.AddDate(-10, 0, 0), built.AddDate(10, 0, 0), time.UnixMilli(1 << 50)} {
		e := at("one", 0, wall).Estimate()
		if !e.Wall.Equal(built) || !e.Lo.Equal(built) || !e.Hi.IsZero() || e.Uncertainty >= 0 {
			t.Errorf("a system clock at %v: %+v, want the day of the build and no upper bound", wall, e)
		}
	}
	if e := at("one", 0, built.Add(time.Hour)).Estimate(); !e.Wall.Equal(built.Add(time.Hour)) || !e.Lo.Equal(built) || e.Uncertainty >= 0 {
		t.Errorf("a likely system clock is the guess and nothing else: %+v", e)
	}
}

// A source that is years ahead moves the upper bound only, and the lower one not
// before it has said so three times over ten minutes; ten minutes of right answers
// heal what it has done all the same.
func TestATimeSourceThatIsYearsAheadIsSurvived(t *testing.T) {
	for _, cold := range []bool{false, true} {
		truth := built.Add(24 * time.Hour)
		elapsed := time.Duration(0)
		a := at("one", 0, built)
		a = answered(t, a, truth, time.Millisecond)
		if cold {
			a = clock.Resume(rewritten(t, a), clock.Reading{Machine: "two"}, built, built)
		}
		say := func(after time.Duration, off time.Duration) (v clock.Verdict) {
			elapsed += after
			a = a.At(clock.Reading{Machine: a.Machine, Elapsed: elapsed})
			a, v = a.Answered(truth.Add(elapsed+off).UnixMilli(), time.Millisecond)
			return v
		}
		const years = 10 * 365 * 24 * time.Hour
		for i := range 9 {
			if v := say(time.Minute, years); v != clock.Doubted {
				t.Fatalf("cold %v: answer %d that is ten years ahead: %v", cold, i, v)
			}
		}
		if e := a.Estimate(); e.Lo.After(truth.Add(elapsed)) || e.Hi.Before(truth.Add(elapsed+years)) || !e.Disputed {
			t.Errorf("cold %v: nine minutes of a wrong source: %+v; true is %v", cold, e, truth.Add(elapsed))
		}
		if v := say(time.Minute, 0); v != clock.Agreed {
			t.Fatalf("cold %v: the right time after nine minutes of a wrong one: %v", cold, v)
		}
		if e := a.Estimate(); e.Disputed || e.Uncertainty > 2*time.Second || e.Wall.Sub(truth.Add(elapsed)).Abs() > e.Uncertainty {
			t.Errorf("cold %v: one right answer: %+v; true is %v", cold, e, truth.Add(elapsed))
		}
		for range 11 {
			say(time.Minute, years)
		}
		if e := a.Estimate(); e.Lo.Before(truth.Add(years)) {
			t.Errorf("cold %v: the edge never follows a cloud that insists: %+v", cold, e)
		}
		for range 10 {
			if v := say(time.Minute, 0); v != clock.Doubted {
				t.Fatalf("cold %v: %v before the right time is confirmed", cold, v)
			}
		}
		if v := say(time.Minute, 0); v != clock.Overruled {
			t.Fatalf("cold %v: ten minutes of right answers: %v", cold, v)
		}
		if e := a.Estimate(); e.Uncertainty > 2*time.Second || e.Wall.Sub(truth.Add(elapsed)).Abs() > e.Uncertainty {
			t.Errorf("cold %v: after healing %+v; true is %v", cold, e, truth.Add(elapsed))
		}
	}
}

// However old the program is, the first answer that a machine ever gets is taken.
func TestTheFirstAnswerIsTakenAsItIs(t *testing.T) {
	late := built.AddDate(3, 0, 0)
	if e := answered(t, at("one", 0, built), late, time.Millisecond).Estimate(); e.Wall.Sub(late).Abs() > e.Uncertainty {
		t.Errorf("%+v", e)
	}
}

// Claims that contradict each other confirm nothing.
func TestALyingSourceHasToAgreeWithItself(t *testing.T) {
	a := answered(t, at("one", 0, built), built.Add(time.Hour), time.Millisecond)
	for i := range 60 {
		a = a.At(clock.Reading{Machine: "one", Elapsed: time.Duration(i) * time.Minute})
		var v clock.Verdict
		if a, v = a.Answered(built.AddDate(1+i%2, 0, 0).UnixMilli(), time.Millisecond); v != clock.Doubted {
			t.Fatalf("answer %d: %v", i, v)
		}
	}
}

// A time before the program was built is not even a claim.
func TestATimeBeforeTheBuildIsNeverTaken(t *testing.T) {
	a := answered(t, at("one", 0, built), built.Add(time.Hour), time.Millisecond)
	for i := range 60 {
		a = a.At(clock.Reading{Machine: "one", Elapsed: time.Duration(i) * time.Minute})
		a, _ = a.Answered(built.AddDate(-6, 0, i).UnixMilli(), time.Millisecond)
	}
	if e := a.Estimate(); e.Lo.Before(built) || e.Disputed {
		t.Errorf("%+v", e)
	}
}

// A synchronised kernel stands in for the upper bound until the cloud answers. It
// never moves the lower one, and is ignored when it is behind that.
func TestASynchronisedKernelIsAdvice(t *testing.T) {
	known := built.AddDate(0, 1, 0)
	a := clock.Resume(clock.Anchor{Lo: known.UnixMilli(), Told: true}, clock.Reading{Machine: "two"}, built, time.Unix(0, 0))
	advice := clock.Advice{Wall: known.Add(5 * time.Hour), Within: time.Second}
	b := a.Advised(advice)
	if e := b.Estimate(); !e.Lo.Equal(known) || !e.Hi.Equal(advice.Wall.Add(time.Second)) || !e.Wall.Equal(advice.Wall) || e.Uncertainty != 5*time.Hour {
		t.Errorf("%+v", e)
	}
	if e := a.Advised(clock.Advice{Wall: known.Add(-time.Hour), Within: time.Second}).Estimate(); !e.Hi.IsZero() {
		t.Errorf("a kernel that is behind what is known is believed: %+v", e)
	}
	if e := a.Advised(clock.Advice{Wall: known.AddDate(10, 0, 0), Within: time.Second}).Estimate(); !e.Lo.Equal(known) {
		t.Errorf("a kernel ten years ahead has moved the lower bound: %+v", e)
	}
	signed := answered(t, b, known.Add(24*time.Hour), time.Millisecond)
	if e := signed.Advised(advice).Estimate(); e.Uncertainty > 2*time.Second || e.Hi.Before(known.Add(24*time.Hour)) {
		t.Errorf("advice was preferred to a signed answer: %+v", e)
	}
	// A long outage that two sources agree on is no leap.
	later := known.AddDate(0, 6, 0)
	answered(t, a.Advised(clock.Advice{Wall: later, Within: time.Second}), later, time.Millisecond)
}

// A battery-backed clock is advice only if it was right when it was compared.
func TestABatteryBackedClockMustHaveBeenRight(t *testing.T) {
	truth := built.Add(time.Hour)
	a := answered(t, at("one", 0, built), truth, time.Millisecond)
	for off, right := range map[time.Duration]bool{0: true, time.Second: true, time.Minute: false, -time.Hour: false, 24 * time.Hour: false} {
		b := rewritten(t, a.Powered(truth.Add(off)))
		b = clock.Resume(b, clock.Reading{Machine: "two"}, built, time.Unix(0, 0))
		b = b.Powered(truth.Add(10*24*time.Hour + off))
		e := b.Estimate()
		if right && (e.Hi.Sub(truth) < 10*24*time.Hour || e.Hi.Sub(truth) > 10*24*time.Hour+4*time.Minute) || !right && !e.Hi.IsZero() || e.Lo.After(truth) {
			t.Errorf("a battery-backed clock that was off by %v: %+v", off, e)
		}
	}
	// Without a battery it starts at its own beginning.
	b := clock.Resume(rewritten(t, a.Powered(truth)), clock.Reading{Machine: "two"}, built, time.Unix(0, 0))
	if e := b.Powered(time.Unix(0, 0)).Estimate(); !e.Hi.IsZero() {
		t.Errorf("%+v", e)
	}
}

// Whatever the machine's clocks do, and however often it loses its power: the
// lower bound never falls, and with an honest cloud and a drifting crystal the true
// time stays inside, so that what is journalled as surely passed has passed.
func TestTheTrueTimeStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := built.Add(time.Hour)
		rate := 1 + rapid.Float64Range(-150e-6, 150e-6).Draw(t, "drift")
		mono := time.Duration(0)
		machine := "a"
		a := at(machine, 0, built)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			pass := time.Duration(rapid.Int64Range(0, int64(6*time.Hour)).Draw(t, "pass"))
			truth = truth.Add(pass)
			mono += time.Duration(float64(pass) * rate)
			before := a
			r := clock.Reading{Machine: machine, Elapsed: mono}
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				rtt := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "rtt"))
				wrong := time.Duration(rapid.Int64Range(-int64(clock.Skew), int64(clock.Skew)).Draw(t, "skew"))
				stamp := truth.Add(wrong - time.Duration(rapid.Int64Range(0, int64(rtt)).Draw(t, "back")))
				unpowered := truth.Sub(time.UnixMilli(a.At(r).Lo))
				var v clock.Verdict
				if a, v = a.At(r).Answered(stamp.UnixMilli(), rtt); v != clock.Agreed && unpowered < clock.Leap-time.Minute {
					t.Fatalf("an honest answer was not believed: %v", v)
				}
			case 2: // the agent starts again, and the system's clock was set meanwhile
				a = clock.Resume(a, r, built, truth.Add(jump(t)))
			case 3: // no power for a while, and a system clock that woke up somewhere
				truth = truth.Add(time.Duration(rapid.Int64Range(0, int64(20*24*time.Hour)).Draw(t, "off")))
				machine, mono = machine+"x", time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "booting"))
				a = clock.Resume(a, clock.Reading{Machine: machine, Elapsed: mono}, built, truth.Add(jump(t)))
			case 4:
				a = a.At(r)
			}
			if a.Lo < before.Lo {
				t.Fatalf("the lower bound fell from %d to %d", before.Lo, a.Lo)
			}
			e := a.Estimate()
			if truth.Before(e.Lo) || !e.Hi.IsZero() && truth.After(e.Hi) {
				t.Fatalf("true time %v outside [%v, %v]", truth, e.Lo, e.Hi)
			}
			if e.Uncertainty >= 0 && e.Wall.Sub(truth).Abs() > e.Uncertainty {
				t.Fatalf("true time %v is not %v ± %v", truth, e.Wall, e.Uncertainty)
			}
			if e.Wall.Before(e.Lo) || e.Wall.UnixMilli() >= 1<<43 {
				t.Fatalf("the guess %v cannot be journalled", e.Wall)
			}
		}
	})
}

// jump is how far a system clock was put off: one second to ten years, either way.
func jump(t *rapid.T) time.Duration {
	size := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour, 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour}).Draw(t, "jump")
	if rapid.Bool().Draw(t, "back") {
		return -size
	}
	return size
}

// No source, however wrong, leaves a clock that cannot be journalled, or that ten
// minutes of right answers do not heal.
func TestWhateverASourceSaysTheClockHeals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth, elapsed := built.Add(time.Hour), time.Duration(0)
		a := at("a", 0, truth)
		for range rapid.IntRange(0, 60).Draw(t, "wrong") {
			elapsed += time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "pass"))
			a = a.At(clock.Reading{Machine: "a", Elapsed: elapsed})
			a, _ = a.Answered(rapid.Int64Range(0, 1<<43-1).Draw(t, "server"), time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "asked")))
			if rapid.Bool().Draw(t, "insists") {
				for range 11 {
					elapsed += time.Minute
					a = a.At(clock.Reading{Machine: "a", Elapsed: elapsed})
					a, _ = a.Answered(min(truth.Add(elapsed).AddDate(rapid.IntRange(0, 200).Draw(t, "years"), 0, 0).UnixMilli(), 1<<43-1), 0)
				}
			}
			if e := a.Estimate(); e.Lo.Before(built) || e.Lo.UnixMilli() >= 1<<43 || e.Wall.Before(e.Lo) || e.Wall.UnixMilli() >= 1<<43 {
				t.Fatalf("%+v", e)
			}
		}
		for range 12 {
			elapsed += time.Minute
			a = a.At(clock.Reading{Machine: "a", Elapsed: elapsed})
			a, _ = a.Answered(truth.Add(elapsed).UnixMilli(), time.Millisecond)
		}
		if e := a.Estimate(); e.Disputed || e.Uncertainty > 2*time.Second || e.Wall.Sub(truth.Add(elapsed)).Abs() > e.Uncertainty {
			t.Fatalf("not healed: %+v, true is %v", e, truth.Add(elapsed))
		}
	})
}
