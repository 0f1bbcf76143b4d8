package clock

import "time"

// How far a source of time is believed.
const (
	// Skew is how far the clock of an honest cloud may be off: its instances'
	// clocks never quite agree.
	Skew = time.Second
	// Leap is how long a machine may have been without power for one answer to
	// say how late it is.
	Leap = 31 * 24 * time.Hour
	// Confirm and ConfirmFor are how many answers, over how long, must agree
	// before they overrule what is known.
	Confirm    = 3
	ConfirmFor = 10 * time.Minute
)

// claim is a time that the cloud has signed and that cannot be true if the bounds
// are. It moves on with them.
type claim struct {
	lo, hi int64 // Unix milliseconds
	count  int
	since  time.Duration // Elapsed of the first answer
}

// Verdict is what became of an answer.
type Verdict uint8

// The verdicts.
const (
	Agreed    Verdict = iota // it fits what is known, and narrows it
	Doubted                  // it contradicts what is known, and is kept as a claim
	Overruled                // it confirms a claim: the bounds are the claim's now
)

// Answered takes the server's time from a signed answer to a question that was
// asked for asked ago: the server wrote it after the question and before now.
//
// An answer that fits the bounds narrows them at once. A wrong one could do harm
// for ever, because the lower bound is written down, so one that does not fit is
// only a claim: it lies after the upper bound, before the lower one, or, after a
// power cut, more than Leap ahead and later than the machine's own clock advises.
// A claim that lies ahead widens the upper bound (see Estimate). A machine that
// was never told the time takes the first answer as it is. It takes Confirm answers that agree with each other, over
// ConfirmFor at least and with none that fits the bounds among them, to make it
// the bounds. That is also the one way in which the lower bound can fall: what
// took in a wrong time is healed by ten minutes of right answers, but never below
// the day the program was built.
func (a Anchor) Answered(server int64, asked time.Duration) (Anchor, Verdict) {
	lo := max(server-Skew.Milliseconds(), 1)
	hi := min(server+(asked+Skew).Milliseconds()+2, latest)
	most := a.Hi
	switch {
	case !a.Told:
		most = latest
	case a.Source != Signed:
		most = max(a.Hi, a.Lo+Leap.Milliseconds())
	}
	ahead := lo > most
	if hi < a.floor {
		return a, Doubted // before this program was built: not even a claim
	}
	if !ahead && hi >= a.Lo {
		if a.Source == Signed {
			hi = min(hi, a.Hi)
		}
		return a.bound(lo, hi), Agreed
	}
	c := &a.claim
	if c.count == 0 || lo > c.hi || hi < c.lo { // the first, or another than before
		*c = claim{lo: lo, hi: hi, since: a.Elapsed}
	}
	c.lo, c.hi = max(c.lo, lo), min(c.hi, hi)
	c.count++
	if c.count < Confirm || a.Elapsed-c.since < ConfirmFor {
		return a, Doubted
	}
	lo, hi = c.lo, c.hi
	a.Lo = min(a.Lo, max(lo, a.floor))
	return a.bound(lo, hi), Overruled
}

// bound makes hi the upper bound, lifts the lower one to lo, and drops a claim.
func (a Anchor) bound(lo, hi int64) Anchor {
	a.claim = claim{}
	a.Hi, a.Source, a.Told = hi, Signed, true
	return a.raise(lo)
}

// Advice is what a clock of the machine itself says. Nothing proves it.
type Advice struct {
	Wall   time.Time
	Within time.Duration // its own word on how far it may be off
}

// Advised lets a clock of the machine stand in for the upper bound while the cloud
// has not answered. One that is behind the lower bound is wrong, and ignored.
func (a Anchor) Advised(by Advice) Anchor {
	hi := by.Wall.Add(by.Within).UnixMilli()
	if a.Source == Signed || hi < a.Lo || hi > latest {
		return a
	}
	a.Hi, a.Source, a.Guess = hi, Advised, max(by.Wall.UnixMilli(), a.Lo)
	return a
}

// batteryWithin is how far a battery-backed clock, which counts whole seconds, may
// be off when it is compared.
const batteryWithin = 2 * time.Second

// Powered takes in what the battery-backed clock says. While the cloud's answers
// bound the time it is only compared with them; after a power cut it is advice if
// it was right when it was compared last.
func (a Anchor) Powered(clock time.Time) Anchor {
	ms := clock.UnixMilli()
	if a.Source == Signed {
		off := batteryWithin.Milliseconds()
		a.Battery = ms >= a.Lo-off && ms <= a.Hi+off
		return a
	}
	if !a.Battery || a.Source == Advised {
		return a
	}
	away := max(clock.Sub(instant(a.Lo)), 0)
	return a.Advised(Advice{Wall: clock, Within: batteryWithin + time.Duration(float64(away)*MaxDrift)})
}
