package gpio

import "time"

// outputs are what a gate's outputs should be. They change by the methods alone,
// which are told the time; what has become of on is then put on the lines, what
// goes off before what goes on.
type outputs struct {
	on    [allRoles]bool
	until [allRoles]time.Time // an output that is on goes off by itself
	ended time.Time           // when open or close last went off

	opening time.Duration // the pulse that waits for the gap, or zero
}

// askOpen begins a pulse, at once or when the gap is over. A pulse that is on is
// the one that was asked for.
func (o outputs) askOpen(pulse time.Duration, now time.Time) outputs {
	if !o.on[open] && o.opening == 0 {
		o = o.off(closing, now)
		o.opening = pulse
	}
	return o.tick(now)
}

// askClose begins a pulse, or refuses.
func (o outputs) askClose(pulse time.Duration, now time.Time) (outputs, bool) {
	o = o.tick(now)
	switch {
	case o.on[closing]:
		return o, true
	case o.on[open] || o.opening > 0 || now.Before(o.ended.Add(Gap)):
		return o, false
	}
	return o.set(closing, now.Add(pulse)), true
}

// light shows one lamp for d.
func (o outputs) light(lamp role, d time.Duration, now time.Time) outputs {
	return o.off(green, now).off(red, now).set(lamp, now.Add(d))
}

// dropOpen ends a pulse and forgets one that waits.
func (o outputs) dropOpen(now time.Time) outputs {
	o.opening = 0
	return o.off(open, now)
}

// tick ends what is over and begins what has waited for it.
func (o outputs) tick(now time.Time) outputs {
	for r := open; r < allRoles; r++ {
		if o.on[r] && !now.Before(o.until[r]) {
			o = o.off(r, now)
		}
	}
	if o.opening > 0 && !now.Before(o.ended.Add(Gap)) {
		pulse := o.opening
		o.opening = 0
		o = o.set(open, now.Add(pulse))
	}
	return o
}

func (o outputs) set(r role, until time.Time) outputs {
	o.on[r], o.until[r] = true, until
	return o
}

func (o outputs) off(r role, now time.Time) outputs {
	if o.on[r] && (r == open || r == closing) {
		o.ended = now
	}
	o.on[r] = false
	return o
}

// wake is when tick has something to do, or zero.
func (o outputs) wake() (at time.Time) {
	for r := open; r < allRoles; r++ {
		if o.on[r] && (at.IsZero() || o.until[r].Before(at)) {
			at = o.until[r]
		}
	}
	if o.opening > 0 && (at.IsZero() || o.ended.Add(Gap).Before(at)) {
		at = o.ended.Add(Gap)
	}
	return at
}
