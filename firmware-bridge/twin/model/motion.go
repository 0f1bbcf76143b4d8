package model

import (
	"math"
	"time"
)

// marks are the positions of a front at which something about a vehicle
// changes, in the order in which it comes to them.
var marks = [...]float64{StartAt, 0, StopLine, SafetyAt, ArmingEnd + Length, SafetyEnd + Length, GoneAt}

// next is when the lane changes by itself, or Never.
func (l *Lane) next() time.Duration {
	at := min(l.armDone(), l.closeAt, l.buttonUntil)
	for _, c := range l.cars {
		at = min(at, c.act, c.deadline)
		_, crossing := c.crossing()
		at = min(at, crossing)
	}
	return at
}

// armDone is when the moving arm reaches its limit.
func (l *Lane) armDone() time.Duration {
	switch {
	case l.armV > 0:
		return after(l.armSince, (1-l.arm)/l.armV)
	case l.armV < 0:
		return after(l.armSince, l.arm/-l.armV)
	default:
		return Never
	}
}

// after rounds up, so that what is due has been reached.
func after(t time.Duration, seconds float64) time.Duration {
	return t + time.Duration(math.Ceil(seconds*1e9))
}

// crossing is the next mark that a moving vehicle comes to, and when.
func (c *vehicle) crossing() (mark float64, at time.Duration) {
	switch {
	case c.v > 0:
		for _, m := range marks {
			if m > c.x {
				return m, after(c.since, (m-c.x)/c.v)
			}
		}
	case c.v < 0:
		for i := len(marks) - 1; i >= 0; i-- {
			if m := marks[i]; m < c.x {
				return m, after(c.since, (m-c.x)/c.v)
			}
		}
	}
	return 0, Never
}

// happen lets everything happen that is due now.
func (l *Lane) happen() {
	if l.armDone() <= l.now {
		l.arm, l.armSince = (1+math.Copysign(1, l.armV))/2, l.now
		l.armV = 0
	}
	if l.closeAt <= l.now {
		l.closeAt = Never
		if l.mayClose() {
			l.armed = false
			l.swing(-1)
		}
	}
	if l.buttonUntil <= l.now {
		l.buttonUntil = Never
	}
	kept := l.cars[:0]
	for _, c := range l.cars {
		if l.drive(c) {
			kept = append(kept, c)
		}
	}
	clear(l.cars[len(kept):])
	l.cars = kept
}

// drive lets one vehicle do what is due and tells whether it is still there.
func (l *Lane) drive(c *vehicle) bool {
	if mark, at := c.crossing(); at <= l.now {
		// On the mark exactly: the next crossing is computed from here.
		c.x, c.since = mark, l.now
		if !l.cross(c, mark) {
			return false
		}
	}
	if c.act <= l.now {
		c.act = Never
		l.act(c)
	}
	if c.deadline <= l.now {
		c.deadline, c.act = Never, Never
		c.phase = retreating
		c.move(l.now, -backing*l.speed)
	}
	return true
}

// cross is what a vehicle's coming to a mark means.
func (l *Lane) cross(c *vehicle, mark float64) bool {
	forward := c.v > 0
	switch mark {
	case 0:
		c.onArming = forward
		if forward {
			l.tell(Arrived, c)
		}
	case StopLine:
		if forward && c.phase == approaching {
			c.phase = stopped
			c.move(l.now, 0)
			c.act = l.now + l.scaled(reaction)
		}
	case SafetyAt:
		c.onSafety = forward
		l.tell(Entered, c)
	case ArmingEnd + Length:
		c.onArming = !forward
	case SafetyEnd + Length:
		c.onSafety = !forward
		c.phase = leaving
		l.tell(Cleared, c)
	case GoneAt:
		return false
	case StartAt:
		l.tell(BackedOut, c)
		return false
	}
	return true
}

// act is a driver's own act.
func (l *Lane) act(c *vehicle) {
	switch c.phase {
	case stopped:
		c.phase = waiting
		c.deadline = l.now + c.Patience
		if c.Waits {
			return
		}
		if c.Credential == "" {
			l.buttonUntil = l.now + l.scaled(pressing)
		}
		l.tell(Shown, c)
	case starting:
		c.phase, c.deadline = passing, Never
		c.move(l.now, driving*l.speed)
	case approaching, waiting, passing, leaving, retreating:
	}
}
