package gpio

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is asked for, and whenever the shell gets round to it: open and close
// are never on together nor within the gap, and nothing stays on.
func TestPulsesKeepTheirDistanceAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o outputs
		now := start
		var wentOff time.Time
		var since [allRoles]time.Time
		turn := func(next outputs) {
			for _, r := range []role{open, closing} {
				if o.on[r] && !next.on[r] {
					wentOff = now
				}
			}
			for _, r := range []role{open, closing} {
				if !o.on[r] && next.on[r] {
					if !wentOff.IsZero() && now.Sub(wentOff) < Gap {
						t.Fatalf("%s goes on %v after the last pulse", r, now.Sub(wentOff))
					}
					since[r] = now
				}
				if next.on[r] && now.Sub(since[r]) >= MaxPulse {
					t.Fatalf("%s has been on for %v", r, now.Sub(since[r]))
				}
			}
			if next.on[open] && next.on[closing] || next.on[green] && next.on[red] {
				t.Fatalf("together: %+v", next)
			}
			o = next
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			due := now.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "pause")) * time.Millisecond)
			for at := o.wake(); !at.IsZero() && !at.After(due); at = o.wake() { // the shell wakes in time
				now = at
				turn(o.tick(now))
			}
			now = due
			pulse := time.Duration(rapid.IntRange(300, 1000).Draw(t, "pulse")) * time.Millisecond
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				turn(o.askOpen(pulse, now))
				if !o.on[open] && o.opening == 0 {
					t.Fatal("an opening was asked for and is neither on nor waits")
				}
			case 1:
				blocked := o.on[open] || o.opening > 0
				next, ok := o.askClose(pulse, now)
				if ok && blocked && !o.until[open].Equal(now) && o.tick(now).on[open] {
					t.Fatal("a close was taken while open was on")
				}
				turn(next)
			case 2:
				turn(o.off(closing, now))
			case 3:
				turn(o.dropOpen(now))
			case 4:
				turn(o.light([]role{green, red}[rapid.IntRange(0, 1).Draw(t, "lamp")], time.Second, now))
			case 5:
				turn(o.tick(now))
			}
		}
		for at := o.wake(); !at.IsZero(); at = o.wake() {
			now = at
			turn(o.tick(now))
		}
		if o.on != [allRoles]bool{} {
			t.Fatalf("left on: %+v", o)
		}
	})
}
