// Package clock keeps the interval in which the true time surely lies.
//
// A gate computer may have no battery behind its clock: after a power cut the
// system time may be days old, and nothing on the machine says so. So the system's
// wall clock is never proof of anything. What is trusted:
//
//   - A lower bound that only rises: the newest of the day the program was built,
//     what was written down before, and what the cloud has signed.
//   - An upper bound, which is lost with the power. It comes back with the first
//     answer of the cloud. Until then a kernel that follows a time server, or a
//     battery-backed clock that was right when it was last compared, may stand in
//     for it; neither moves the lower bound.
//
// Both advance with the time since the machine booted, sleep included, and drift
// apart by MaxDrift. They survive a restart of the agent, and the lower one a
// restart of the machine. What is believed of an answer is in Anchor.Answered.
//
// The arithmetic is pure (Anchor); Clock is the thin shell that reads the
// machine.
package clock

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// MaxDrift is how far a crystal may run wrong: 200 parts per million.
const MaxDrift = 200e-6

// latest is the last millisecond that an event can carry.
const latest = 1<<43 - 1

// Source is what an upper bound rests on.
type Source uint8

// The sources.
const (
	Unbounded Source = 0 // nothing: there is no upper bound
	Advised   Source = 1 // the machine's own synchronised or battery-backed clock
	Signed    Source = 2 // the cloud's signed answer since the machine booted
)

// Reading is one look at the machine's monotonic clock.
type Reading struct {
	Machine string        // the boot of the machine: elapsed times of different boots do not compare
	Elapsed time.Duration // since that boot, sleep included
}

// Anchor says within which bounds the true time lay at a reading. It survives
// a restart of the agent; a restart of the machine costs it the upper bound.
type Anchor struct {
	Machine string        `cbor:"1,keyasint"`
	Elapsed time.Duration `cbor:"2,keyasint"`
	Lo      int64         `cbor:"3,keyasint"` // Unix milliseconds
	Hi      int64         `cbor:"4,keyasint"` // Unix milliseconds, 0 when there is no bound
	Source  Source        `cbor:"5,keyasint,omitempty"`
	Guess   int64         `cbor:"6,keyasint,omitempty"` // Unix milliseconds: what to say while nothing is Signed
	Boot    id.Boot       `cbor:"7,keyasint,omitempty"` // names the machine's boot in events
	Battery bool          `cbor:"8,keyasint,omitempty"` // the machine's battery-backed clock was right when it was last compared
	Told    bool          `cbor:"9,keyasint,omitempty"` // the cloud has ever said what time it is

	floor int64 // Unix milliseconds: Lo is never below
	claim claim // contradicts the bounds, and is not confirmed yet
}

// Resume continues a written anchor at a reading. floor is a time that has
// surely passed, such as the day the program was built; wall is what the system
// takes for the present. Another boot of the machine has no name yet.
func Resume(a Anchor, r Reading, floor, wall time.Time) Anchor {
	if a.Source != Signed && a.Source != Advised {
		a.Hi = 0 // of an agent that asked for no signature
	}
	if a.Machine == r.Machine && r.Elapsed >= a.Elapsed {
		a = a.At(r)
	} else {
		a = Anchor{Machine: r.Machine, Elapsed: r.Elapsed, Lo: a.Lo, Battery: a.Battery, Told: a.Told}
		a.Guess = wall.UnixMilli()
	}
	a.floor = floor.UnixMilli()
	a = a.raise(a.floor)
	// A system clock that is far off is not even a guess.
	if a.Guess < a.Lo || a.Guess > a.Lo+Leap.Milliseconds() {
		a.Guess = a.Lo
	}
	return a
}

// At moves an anchor on to a later reading of the same machine boot.
func (a Anchor) At(r Reading) Anchor {
	passed := max(r.Elapsed-a.Elapsed, 0)
	a.Machine, a.Elapsed = r.Machine, a.Elapsed+passed
	a.Lo, a.Hi = later(a.Lo, a.Hi, passed)
	a.claim.lo, a.claim.hi = later(a.claim.lo, a.claim.hi, passed)
	a.Guess = min(a.Guess+passed.Milliseconds(), latest)
	return a
}

// later moves bounds on; a bound of 0 is none. They are rounded outward, so that
// many small steps never claim more than one.
func later(lo, hi int64, passed time.Duration) (int64, int64) {
	drift := time.Duration(float64(passed) * MaxDrift)
	if lo != 0 {
		lo = min(lo+(passed-drift).Milliseconds(), latest)
	}
	if hi != 0 {
		hi = min(hi+(passed+drift).Milliseconds()+1, latest)
	}
	return lo, hi
}

func (a Anchor) raise(lo int64) Anchor {
	a.Lo = max(a.Lo, lo)
	if a.Hi != 0 {
		a.Hi = max(a.Hi, a.Lo)
	}
	return a
}

// Estimate is what is known about the present.
type Estimate struct {
	Lo          time.Time     // it is surely this late
	Hi          time.Time     // it is surely not later; zero when there is no bound
	Wall        time.Time     // best guess, within the bounds
	Uncertainty time.Duration // the true time is within Wall ± this; negative when there is no bound
	Source      Source        // what Hi rests on
	Disputed    bool          // the cloud says otherwise, and has not said it often enough
}

// Estimate says what the anchor knows. What the cloud says beyond the upper bound
// widens it at once: only certainty is lost by that.
func (a Anchor) Estimate() Estimate {
	e := Estimate{Lo: instant(a.Lo), Source: a.Source, Disputed: a.claim.count > 0, Uncertainty: -1}
	hi, guess := a.Hi, a.Guess
	if a.Source == Signed {
		guess = a.Lo + (a.Hi-a.Lo)/2
	}
	if a.claim.count > 0 && a.claim.hi > max(hi, a.Lo) {
		if a.Source != Signed {
			guess = a.claim.hi
		}
		hi, e.Source = a.claim.hi, Signed
	}
	guess = max(guess, a.Lo)
	if hi != 0 {
		guess = min(guess, hi)
		e.Hi, e.Uncertainty = instant(hi), time.Duration(max(hi-guess, guess-a.Lo))*time.Millisecond
	}
	e.Wall = instant(guess)
	return e
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
