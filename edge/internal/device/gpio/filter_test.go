package gpio

import (
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// signal is a line over time: what was sampled when.
type sampled struct {
	at    time.Duration
	level gpio.Level
	edge  bool
}

func drawSignal(t *rapid.T) (period time.Duration, line []sampled) {
	period = time.Duration(rapid.IntRange(1, 200).Draw(t, "period")) * time.Millisecond
	at := time.Duration(0)
	for range rapid.IntRange(1, 60).Draw(t, "samples") {
		at += time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond
		line = append(line, sampled{at, gpio.Level(rapid.Bool().Draw(t, "level")), rapid.Bool().Draw(t, "edge")})
	}
	return period, line
}

// What is reported has been still for the debounce, and everything that was
// still for so long is reported; in between, an input that has been known stays
// so for a while only.
func TestOnlyWhatIsStillCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period, line := drawSignal(t)
		f := filter{period: period}
		var moved time.Duration // when the line last moved
		var raw gpio.Level
		seen := false
		step := func(at time.Duration, do func(filter) (filter, bool)) {
			before := f
			var changed bool
			f, changed = do(f)
			if told := f.known != before.known || f.known && f.stable != before.stable; changed != told {
				t.Fatalf("at %v: changed is %v for %+v -> %+v", at, changed, before, f)
			}
		}
		for i, s := range line {
			if at := f.wake(); !at.IsZero() && at.Sub(start) <= s.at { // the shell wakes in time
				step(at.Sub(start), func(f filter) (filter, bool) { return f.settle(at) })
			}
			step(s.at, func(f filter) (filter, bool) { return f.sample(s.level, s.edge, start.Add(s.at)) })
			if !seen || s.level != raw || s.edge {
				moved, raw, seen = s.at, s.level, true
			}
			next := s.at + time.Hour
			if i+1 < len(line) {
				next = line[i+1].at
			}
			for _, at := range []time.Duration{s.at, (s.at + next) / 2, next - 1} {
				if at < s.at {
					continue
				}
				step(at, func(f filter) (filter, bool) { return f.settle(start.Add(at)) })
				still := at-moved >= period
				if still && (!f.known || f.stable != raw) {
					t.Fatalf("at %v: still at %v since %v, but %+v", at, raw, moved, f)
				}
				if !still && f.known && at-moved > fluttering*period {
					t.Fatalf("at %v: flutters since long, but known: %+v", at, f)
				}
			}
		}
		if !f.wake().IsZero() {
			t.Fatalf("an hour later it waits for %v", f.wake())
		}
	})
}

// However a contact bounces, one operation is one change (unless it goes on for so
// long that the input is broken).
func TestABounceStormIsOneChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.IntRange(5, 100).Draw(t, "period")) * time.Millisecond
		f, _ := filter{period: period}.sample(gpio.Low, false, start)
		f, _ = f.settle(start.Add(time.Second))
		now := start.Add(time.Second)
		changes := 0
		count := func(changed bool) {
			if changed {
				changes++
			}
		}
		var changed bool
		for i := range rapid.IntRange(0, 9).Draw(t, "bounces") * 2 {
			f, changed = f.sample(i%2 == 0, true, now)
			count(changed)
			now = now.Add(period * time.Duration(rapid.IntRange(0, 99).Draw(t, "pause")) / 100)
		}
		f, changed = f.sample(gpio.High, true, now)
		count(changed)
		f, changed = f.settle(now.Add(period))
		count(changed)
		if changes != 1 || f.stable != gpio.High {
			t.Fatalf("%d changes, %+v", changes, f)
		}
	})
}

// An input that never comes to rest is unknown, and known again when it does.
func TestAFlutteringInputIsUnknown(t *testing.T) {
	const period = 10 * time.Millisecond
	f, _ := filter{period: period}.sample(gpio.Low, false, start)
	f, _ = f.settle(start.Add(period))
	now := start.Add(time.Second)
	for i := range 61 {
		f, _ = f.sample(i%2 == 0, true, now)
		now = now.Add(period / 2)
	}
	if f.known {
		t.Errorf("after 300 ms of flutter: %+v", f)
	}
	f, changed := f.settle(now.Add(period))
	if !changed || !f.known || f.stable != gpio.High {
		t.Errorf("at rest again: %v %+v", changed, f)
	}
}

// A pulse between two samples is over before anybody looks; the edge alone
// says so, and the line has not been still.
func TestAnEdgeThatLeavesNoTraceStartsTheDebounceAnew(t *testing.T) {
	f, _ := filter{period: 50 * time.Millisecond}.sample(gpio.Low, false, start)
	f, _ = f.sample(gpio.Low, true, start.Add(40*time.Millisecond))
	if f, _ = f.settle(start.Add(60 * time.Millisecond)); f.known {
		t.Error("known 20 ms after an edge")
	}
	if f, _ = f.settle(start.Add(90 * time.Millisecond)); !f.known {
		t.Error("unknown 50 ms after the edge")
	}
}
