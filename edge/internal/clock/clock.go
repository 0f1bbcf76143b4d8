// Package clock keeps the interval in which the true time surely lies.
//
// A gate computer may have no battery behind its clock: after a power cut the
// system time may be days old, and nothing on the machine says so. So the agent
// never takes the system's wall clock as proof. What it trusts is a lower bound
// that only rises (the newest of: what it wrote down before, the day the
// program was built, what the cloud said) and an upper bound that exists only
// after the cloud has answered a question since the machine booted. Both
// advance with the machine's monotonic clock and drift apart by MaxDrift.
//
// The arithmetic is pure (Anchor); Clock is the thin shell that reads the
// machine.
package clock

import (
	"sync"
	"time"
)

// MaxDrift is how far a crystal may run wrong: 200 parts per million.
const MaxDrift = 200e-6

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
}

// Resume continues a written anchor at a reading. floor is a time that has
// surely passed, such as the day the program was built.
func Resume(a Anchor, r Reading, floor time.Time) Anchor {
	if a.Machine == r.Machine && r.Elapsed >= a.Elapsed {
		a = a.At(r)
	} else {
		a = Anchor{Machine: r.Machine, Elapsed: r.Elapsed, Lo: a.Lo}
	}
	return a.raise(floor.UnixMilli())
}

// At moves an anchor on to a later reading of the same machine boot.
func (a Anchor) At(r Reading) Anchor {
	passed := max(r.Elapsed-a.Elapsed, 0)
	drift := time.Duration(float64(passed) * MaxDrift)
	next := Anchor{Machine: r.Machine, Elapsed: a.Elapsed + passed}
	// Rounded outward, so that many small steps never claim more than one.
	next.Lo = a.Lo + (passed - drift).Milliseconds()
	if a.Hi != 0 {
		next.Hi = a.Hi + (passed + drift).Milliseconds() + 1
	}
	return next
}

// Answered takes the server's time from an answer that was asked for asked
// ago: the server wrote it after the question and before now.
func (a Anchor) Answered(server int64, asked time.Duration) Anchor {
	hi := server + asked.Milliseconds() + 2
	if a.Hi != 0 && a.Hi < hi && a.Hi >= server {
		hi = a.Hi
	}
	a = a.raise(server)
	a.Hi = max(hi, a.Lo)
	return a
}

// Heard takes the server's time from a message that nobody asked for: it has
// surely passed.
func (a Anchor) Heard(server int64) Anchor { return a.raise(server) }

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
}

// Estimate combines the bounds with the system's wall clock, which is believed
// as far as the bounds allow.
func (a Anchor) Estimate(wall time.Time) Estimate {
	e := Estimate{Lo: time.UnixMilli(a.Lo).UTC(), Wall: wall.UTC().Truncate(time.Millisecond), Uncertainty: -1}
	if e.Wall.Before(e.Lo) {
		e.Wall = e.Lo
	}
	if a.Hi == 0 {
		return e
	}
	e.Hi = time.UnixMilli(a.Hi).UTC()
	if e.Wall.After(e.Hi) {
		e.Wall = e.Hi
	}
	e.Uncertainty = max(e.Hi.Sub(e.Wall), e.Wall.Sub(e.Lo))
	return e
}

// Clock is the running interval of one process. Its methods may be called from
// several goroutines.
type Clock struct {
	read  func() Reading
	wall  func() time.Time
	start time.Duration

	mu     sync.Mutex
	anchor Anchor
}

// New starts a clock from the anchor that was last written down (or the zero
// Anchor), with floor as the earliest possible time.
func New(written Anchor, floor time.Time, read func() Reading, wall func() time.Time) *Clock {
	r := read()
	return &Clock{read: read, wall: wall, start: r.Elapsed, anchor: Resume(written, r, floor)}
}

// Now is the present estimate.
func (c *Clock) Now() Estimate { return c.Anchor().Estimate(c.wall()) }

// Mono is the time since the clock was made.
func (c *Clock) Mono() time.Duration { return c.read().Elapsed - c.start }

// Anchor is the anchor at this moment, to be written down.
func (c *Clock) Anchor() Anchor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anchor.At(c.read())
}

// Answered is Anchor.Answered at this moment; server is in Unix milliseconds.
func (c *Clock) Answered(server int64, asked time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anchor = c.anchor.At(c.read()).Answered(server, asked)
}

// Heard is Anchor.Heard at this moment; server is in Unix milliseconds.
func (c *Clock) Heard(server int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anchor = c.anchor.At(c.read()).Heard(server)
}
