package clock

import (
	"sync"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Machine is what a Clock reads.
type Machine struct {
	Read    func() Reading
	Wall    func() time.Time         // the system's clock, proof of nothing
	Synced  func() (Advice, bool)    // the system's clock, while the kernel says that it follows a time server
	Battery func() (time.Time, bool) // a battery-backed clock, if there is one
}

// Clock is the running interval of one process. Its methods may be called from
// several goroutines.
type Clock struct {
	machine Machine
	boot    id.Boot

	mu     sync.Mutex
	anchor Anchor
}

// New starts a clock from the anchor that was last written down (or the zero
// Anchor), with floor as the earliest possible time.
func New(written Anchor, floor time.Time, m Machine) *Clock {
	a := Resume(written, m.Read(), floor, m.Wall())
	if a.Boot.IsZero() {
		a.Boot = id.New[id.Boot](instant(max(a.Guess, a.Lo)))
	}
	c := &Clock{machine: m, boot: a.Boot, anchor: a}
	c.Compare()
	return c
}

// Now is the present estimate.
func (c *Clock) Now() Estimate { return c.Anchor().Estimate() }

// Boot names the machine's boot, as far as the clock can tell boots apart.
func (c *Clock) Boot() id.Boot { return c.boot }

// Mono is the time since that boot began, sleep included.
func (c *Clock) Mono() time.Duration { return c.machine.Read().Elapsed }

// Stamp is the present estimate together with Mono at the same moment.
func (c *Clock) Stamp() (Estimate, time.Duration) {
	a := c.Anchor()
	return a.Estimate(), a.Elapsed
}

// Anchor is the anchor at this moment, to be written down.
func (c *Clock) Anchor() Anchor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anchor.At(c.machine.Read())
}

// Answered is Anchor.Answered at this moment; server is in Unix milliseconds.
func (c *Clock) Answered(server int64, asked time.Duration) Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, v := c.anchor.At(c.machine.Read()).Answered(server, asked)
	c.anchor = a
	return v
}

// Compare takes in what the machine's own clocks say. It is to be called every
// minute or so.
func (c *Clock) Compare() {
	battery, powered := c.machine.Battery()
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.anchor.At(c.machine.Read())
	if powered {
		a = a.Powered(battery)
	}
	if by, ok := c.machine.Synced(); ok {
		a = a.Advised(by)
	}
	c.anchor = a
}
