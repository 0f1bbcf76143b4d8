package gpio

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// fluttering is how many debounces an input may go on changing before it counts
// as unknown: what it last was says nothing any more.
const fluttering = 20

// filter debounces one input: a level counts once it has been still for period.
// With a period of zero, when the kernel has debounced, every level counts.
type filter struct {
	period time.Duration

	known  bool
	stable gpio.Level

	seen  bool
	raw   gpio.Level
	since time.Time // when raw last changed, or an edge said that it had
	first time.Time // when raw last left stable, or was first seen
}

// sample takes a level that was read at now; edge says that the line changed
// since the last sample, even if the level is the same again. The result says
// whether what settled reports has changed.
func (f filter) sample(l gpio.Level, edge bool, now time.Time) (filter, bool) {
	f, changed := f.settle(now) // what was still until now counts
	if !f.seen || l != f.raw || edge {
		if !f.seen || !f.unsettled() {
			f.first = now
		}
		f.seen, f.raw, f.since = true, l, now
	}
	next, again := f.settle(now)
	return next, changed || again
}

// settle is what the passing of time does.
func (f filter) settle(now time.Time) (filter, bool) {
	if !f.seen || !f.unsettled() {
		return f, false
	}
	switch {
	case now.Sub(f.since) >= f.period:
		changed := !f.known || f.stable != f.raw
		f.known, f.stable, f.first = true, f.raw, time.Time{}
		return f, changed
	case f.known && now.Sub(f.first) >= fluttering*f.period:
		f.known = false
		return f, true
	default:
		return f, false
	}
}

// unsettled says that the line has not been still since first.
func (f filter) unsettled() bool { return !f.first.IsZero() }

// wake is when settle may change something, or zero.
func (f filter) wake() time.Time {
	if !f.seen || !f.unsettled() {
		return time.Time{}
	}
	at := f.since.Add(f.period)
	if end := f.first.Add(fluttering * f.period); f.known && end.Before(at) {
		return end
	}
	return at
}
