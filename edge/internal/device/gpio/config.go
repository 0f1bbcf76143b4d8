package gpio

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Driver names the code that talks to the kernel.
type Driver string

// The drivers.
const (
	Cdev   Driver = "gpiocdev" // go-gpiocdev; the kernel debounces most inputs
	Periph Driver = "periph"   // periph's gpioioctl, kept away from its faults
)

// Pull is a line's internal resistor.
type Pull string

// The pulls. The zero value leaves the resistor as it is.
const (
	PullAsIs Pull = ""
	PullUp   Pull = "up"
	PullDown Pull = "down"
	PullNone Pull = "none"
)

// Line is one line of a GPIO chip.
type Line struct {
	Chip   string // the chip's label, such as pinctrl-bcm2711 or pinctrl-rp1; or its name
	Name   string // the line's name, or empty
	Offset int    // on the chip, if Name is empty

	// ActiveLow says that the low level means active: occupied, pressed, asked.
	ActiveLow bool
	Pull      Pull          // of an input
	Debounce  time.Duration // of an input: for how long it must be still; 0 means LoopDebounce or ContactDebounce
}

func (l Line) String() string {
	if l.Name != "" {
		return l.Chip + ":" + l.Name
	}
	return fmt.Sprintf("%s:%d", l.Chip, l.Offset)
}

// Gate is how one gate is wired. A line that is nil is not there: an input is
// unknown then, but for fire and stop, which cannot be active; an output cannot be
// asked for.
type Gate struct {
	Arming, Safety     *Line // loops
	ArmOpen, ArmClosed *Line // limit switches
	Fire, Stop         *Line
	Button             *Line
	Far                *Line // the arming loop on the other side, of a reversible lane
	Open, Close        *Line // relays to the barrier's operator
	Green, Red         *Line // lamps

	OpenPulse, ClosePulse time.Duration // MinPulse to MaxPulse; 0 means DefaultPulse
}

// Limits and defaults.
const (
	DefaultPulse    = 500 * time.Millisecond
	MinPulse        = 300 * time.Millisecond
	MaxPulse        = time.Second
	Gap             = 200 * time.Millisecond // between the end of one pulse and the next of the same gate
	LoopDebounce    = 100 * time.Millisecond
	ContactDebounce = 30 * time.Millisecond
	MaxDebounce     = time.Second
)

// Problem is one thing that is wrong with a gate's wiring.
type Problem struct {
	Gate int
	Line string // such as "safety" or "open_pulse"
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("gate %d: %s: %s", p.Gate, p.Line, p.Text) }

// role is what a line is for.
type role uint8

const (
	arming role = iota
	safety
	armOpen
	armClosed
	fire
	stop
	button
	far
	open
	closing
	green
	red

	inputRoles = open // roles before it are inputs
	allRoles   = red + 1
)

func (r role) String() string {
	return [...]string{"arming", "safety", "arm_open", "arm_closed", "fire", "stop", "button", "far", "open", "close", "green", "red"}[r]
}

// guards says that a cut wire must read as active.
func (r role) guards() bool { return r == arming || r == far || r == safety || r == fire || r == stop }

// bare says that the level must be readable without the kernel's debounce: a
// close command depends on it.
func (r role) bare() bool { return r == safety || r == fire || r == stop }

func (g Gate) line(r role) *Line {
	return [...]*Line{g.Arming, g.Safety, g.ArmOpen, g.ArmClosed, g.Fire, g.Stop, g.Button, g.Far, g.Open, g.Close, g.Green, g.Red}[r]
}

func (l Line) debounce(r role) time.Duration {
	switch {
	case l.Debounce > 0:
		return l.Debounce
	case r == arming || r == far || r == safety:
		return LoopDebounce
	default:
		return ContactDebounce
	}
}

func (g Gate) openPulse() time.Duration  { return orDefault(g.OpenPulse) }
func (g Gate) closePulse() time.Duration { return orDefault(g.ClosePulse) }

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return DefaultPulse
	}
	return d
}

// Check lists what is wrong with the wiring, without looking at the machine.
func Check(driver Driver, gates map[int]Gate) []Problem {
	var out []Problem
	used := map[string]string{}
	for _, n := range slices.Sorted(maps.Keys(gates)) {
		g := gates[n]
		bad := func(line, format string, args ...any) {
			out = append(out, Problem{n, line, fmt.Sprintf(format, args...)})
		}
		if driver != Cdev && driver != Periph {
			bad("driver", "%q is not known; it is %s or %s", driver, Cdev, Periph)
		}
		if g.Open == nil {
			bad(open.String(), "a gate needs a line that asks the barrier to open")
		}
		for r := range allRoles {
			if l := g.line(r); l != nil {
				if driver == Periph && l.Pull == PullNone {
					bad(r.String(), "the driver %s cannot switch the pull off", Periph)
				}
				l.check(r, func(format string, args ...any) { bad(r.String(), format, args...) })
				if other := used[l.String()]; other != "" {
					bad(r.String(), "line %s is also %s", l, other)
				}
				used[l.String()] = fmt.Sprintf("%s of gate %d", r, n)
			}
		}
		for i, d := range []time.Duration{g.openPulse(), g.closePulse()} {
			if d < MinPulse || d > MaxPulse {
				bad([]string{"open_pulse", "close_pulse"}[i], "a pulse lasts from %v to %v, not %v", MinPulse, MaxPulse, d)
			}
		}
	}
	return out
}

func (l Line) check(r role, bad func(format string, args ...any)) {
	if l.Chip == "" {
		bad("the chip is missing; openlot-edge lines lists the chips of this machine")
	}
	if l.Offset < 0 {
		bad("a line's offset is not negative")
	}
	switch l.Pull {
	case PullAsIs, PullUp, PullDown, PullNone:
	default:
		bad("the pull %q is not known; it is up, down or none", l.Pull)
	}
	if r >= inputRoles {
		if l.Debounce != 0 || l.Pull != PullAsIs {
			bad("an output has neither debounce nor pull")
		}
		return
	}
	if l.Debounce < 0 || l.Debounce > MaxDebounce {
		bad("a debounce lasts from 0 to %v, not %v", MaxDebounce, l.Debounce)
	}
	if r.guards() && (l.Pull == PullUp && l.ActiveLow || l.Pull == PullDown && !l.ActiveLow) {
		bad("if its wire is cut it reads as inactive; use the contact that is closed while inactive, and turn active_low round")
	}
}
