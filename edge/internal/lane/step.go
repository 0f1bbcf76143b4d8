package lane

import (
	"slices"
	"time"
)

// Step takes one input at time now and returns the next state and what is to
// be done, in order. now must not go back. Step changes nothing else.
func Step(s State, in Input, now time.Time) (State, []Effect) {
	m := machine{State: s, now: now}
	switch in.Kind {
	case Sensed:
		m.sense(in.Inputs, in.Asked)
	case Blinded:
		m.blind()
		m.fault(FaultBoard, true)
	case Restarted:
		m.blind()
	case Presented, Pressed:
		m.presented(in.Kind == Pressed)
	case Attended:
		m.attended()
	case Admitted:
		m.admitted(in)
	case NotAdmitted:
		if m.Phase == Deciding {
			m.Phase = m.back
			m.settle()
		}
	case OpenFailed, OpenInDoubt:
		m.notOpened(in.Kind == OpenFailed)
	case RaiseFailed:
		m.notRaised()
	case Commanded:
		m.command(in.Command)
	case Tick:
	}
	m.elapse()
	m.raise()
	return m.State, m.out
}

// machine is a state with what a step wants done.
type machine struct {
	State
	now    time.Time
	out    []Effect
	pulses int // of out; they come first
}

// do wants something done. What moves the barrier goes before what writes: a disk
// may take its time, and what was seen is true only now.
func (m *machine) do(e Effect) {
	switch e.Kind {
	case Open, Raise, Close:
		m.out = slices.Insert(m.out, m.pulses, e)
		m.pulses++
	default:
		m.out = append(m.out, e)
	}
}

func (m *machine) fault(name string, there bool) {
	switch {
	case there && m.faults&bit(name) == 0:
		m.faults |= bit(name)
		m.do(Effect{Kind: FaultSet, Fault: name})
	case !there && m.faults&bit(name) != 0:
		m.faults &^= bit(name)
		m.do(Effect{Kind: FaultOver, Fault: name})
	}
}

// presented handles a credential, or the button, in every phase.
func (m *machine) presented(button bool) {
	if m.shut() {
		m.do(Effect{Kind: Closed})
		return
	}
	switch m.Phase {
	case Idle, Armed, Cleared, Closing:
		if m.needsCar && m.Inputs.Arming == Off {
			m.do(Effect{Kind: DriveUp})
			return
		}
		m.decide()
	case Opening:
		if m.auth.touchedB {
			// The car before has been under the arm, and now somebody else shows
			// something at the reader: it is through.
			m.finish(true, true)
			m.decide()
			return
		}
		m.queue(button)
	case Entering, Passing:
		m.queue(button)
	case Deciding: // one at a time; readers read again
	}
}

// queue remembers that the next car has shown something already. A button says
// nothing about who pressed it, so it only counts once the car before has left
// the arming loop.
func (m *machine) queue(button bool) {
	if button && m.Phase != Passing {
		return
	}
	m.waiting, m.waitEnds = true, m.now.Add(m.cfg.EnterWithin)
}

func (m *machine) decide() {
	m.back, m.Phase, m.waiting = m.Phase, Deciding, false
	m.do(Effect{Kind: Decide})
}

// admitted opens: the decision is on disk.
func (m *machine) admitted(in Input) {
	if m.Phase != Deciding || in.Session.IsZero() {
		return
	}
	m.Phase = Opening
	m.closed, m.stray = 0, stray{}
	m.auth = authorisation{
		session: in.Session, deadline: m.now.Add(m.cfg.EnterWithin),
		sawA: m.Inputs.Arming == On, blind: m.Inputs.Arming == Unknown || m.Inputs.Safety == Unknown,
		// Without limit switches the arm counts as up for as long as it may be from
		// the car before.
		armUp: m.notDown() || m.Inputs.ArmClosed == Unknown && (m.back == Cleared || m.back == Closing),
	}
	m.pulse()
	if m.Inputs.Safety == On {
		m.under()
	}
}

// notDown reports that the limit switches show the arm to be up or moving.
func (m *machine) notDown() bool { return m.Inputs.ArmClosed == Off || m.Inputs.ArmOpen == On }

// notOpened notes that the board did not say that it carried out the newest
// pulse, surely if it surely did not. It is asked again.
func (m *machine) notOpened(surely bool) {
	if !m.Authorised() || m.auth.refused {
		return
	}
	m.auth.refused = true
	if surely {
		m.auth.asked--
	}
	m.auth.reopen = m.now.Add(openRetry)
	m.notRaised()
}

func (m *machine) pulse() {
	if m.stopped() {
		m.auth.deferred, m.auth.reopen = true, m.now.Add(openRetry)
		return
	}
	if from := m.lastClose.Add(m.cfg.Gap); m.now.Before(from) {
		m.auth.deferred, m.auth.reopen = true, from
		return
	}
	m.auth.pulses++
	m.auth.asked++
	m.auth.refused, m.auth.deferred = false, false
	m.auth.reopen, m.lastOpen, m.fall.lifted = m.now.Add(m.cfg.OpenWithin), m.now, !m.fall.at.IsZero()
	m.do(Effect{Kind: Open, Session: m.auth.session})
}

// blind forgets the inputs.
func (m *machine) blind() {
	m.Inputs, m.sampled, m.freeSince = Inputs{}, time.Time{}, time.Time{}
	m.auth.blind = true
	if m.Phase == Entering || m.Phase == Passing {
		m.auth.heldA = false
		m.auth.underOver = m.now.Add(m.cfg.EnterWithin)
	}
	m.settle()
}

// sense takes new levels, asked for if the shell has read them in this moment.
func (m *machine) sense(in Inputs, asked bool) {
	if m.reversed {
		in.Arming, in.Far = in.Far, in.Arming
	}
	before := m.Inputs
	m.Inputs = in
	switch {
	case in.Safety != Off:
		m.freeSince = time.Time{}
	case m.freeSince.IsZero() || m.now.Sub(m.sampled) > freshSample:
		m.freeSince = m.now
	}
	m.sampled = m.now
	m.fault(FaultBoard, false)
	if in.Fire == On {
		m.alarm = true
	}
	m.fault(FaultFire, m.alarm)
	m.fault(FaultSensor, in.ArmOpen == On && in.ArmClosed == On)
	m.foundUp(before)
	m.falls(before)
	if in.ArmOpen == On {
		m.fault(FaultNotOpening, false)
	}
	if in.ArmClosed == On {
		m.fault(FaultNotClosing, false)
	}
	if in.Safety == Off {
		m.fault(FaultObstructed, false)
	}
	switch m.Phase {
	case Opening, Entering, Passing:
		m.watch()
	case Idle, Armed, Deciding, Cleared, Closing:
		m.strayed(before)
		m.settle()
		if asked {
			m.close()
		}
	}
}

// settle moves between the phases that are decided by the levels alone.
func (m *machine) settle() {
	switch m.Phase {
	case Cleared, Closing:
		if m.Inputs.ArmClosed != On || m.Inputs.ArmOpen == On {
			return
		}
		m.Phase, m.behind = Idle, false
		fallthrough
	case Idle, Armed:
		m.Phase = Idle
		if m.Inputs.Arming == On {
			m.Phase = Armed
		}
	case Deciding, Opening, Entering, Passing:
	}
}

// watch follows an authorised vehicle.
func (m *machine) watch() {
	a := &m.auth
	if m.Inputs.Arming == Unknown || m.Inputs.Safety == Unknown {
		a.blind = true
	}
	a.armUp = a.armUp || m.notDown()
	switch m.Inputs.Arming {
	case On:
		a.another = a.another || m.Phase == Passing && m.Inputs.Safety == On
		a.sawA, a.aLeft = true, time.Time{}
	case Off:
		if a.sawA && a.aLeft.IsZero() {
			a.aLeft = m.now
		}
		if a.another && m.Phase == Passing && m.Inputs.Safety == On {
			a.tails++ // the next one is under the arm with it
		}
		a.heldA, a.another = false, false
	case Unknown:
		a.heldA = false
	}
	switch {
	case m.Phase == Opening && m.Inputs.Safety == On:
		m.under()
	case m.Phase != Opening && m.Inputs.Safety == Off:
		m.left()
	case m.Phase != Opening && m.Inputs.Safety == Unknown && a.underOver.IsZero():
		a.underOver = m.now.Add(m.cfg.EnterWithin)
	case m.Phase != Opening && m.Inputs.Safety == On:
		a.underOver = time.Time{}
	}
	if m.Phase == Entering && m.Inputs.Arming != On {
		m.Phase = Passing
	}
}

// under begins when the vehicle reaches the safety loop.
func (m *machine) under() {
	m.Phase = Entering
	m.auth.bSince, m.auth.heldA, m.auth.underOver = m.now, m.Inputs.Arming == On, time.Time{}
	if !m.auth.heldA {
		m.Phase = Passing
	}
}

// left is when the safety loop is free again.
func (m *machine) left() {
	if !m.auth.heldA {
		m.finish(true, m.auth.blind)
		return
	}
	// The arming loop was occupied all the time: the vehicle has reversed, or the
	// next one followed bumper to bumper. Wait for what tells them apart.
	m.Phase, m.auth.touchedB = Opening, true
	if !m.auth.deferred && !m.auth.refused {
		m.auth.reopen = time.Time{}
	}
	if late := m.now.Add(m.cfg.BackOutAfter); m.auth.deadline.Before(late) {
		m.auth.deadline = late
	}
}

// finish ends the authorisation.
func (m *machine) finish(passed, inferred bool) {
	kind := BackedOut
	if passed {
		kind = Passed
	}
	m.do(Effect{Kind: kind, Session: m.auth.session, Inferred: passed && inferred})
	for range m.auth.tails {
		m.do(Effect{Kind: Stray, Fault: FaultTailgate})
	}
	if passed && inferred {
		m.do(Effect{Kind: Unsure})
	}
	m.auth, m.behind = authorisation{}, passed
	m.Phase, m.since, m.nextLook = Cleared, m.now, m.now.Add(m.cfg.SampleEvery)
	m.settle()
}

// elapse does what is due by the time alone.
func (m *machine) elapse() {
	a := &m.auth
	switch m.Phase {
	case Opening:
		switch {
		case !a.aLeft.IsZero() && !a.blind && !m.now.Before(a.aLeft.Add(m.cfg.BackOutAfter)):
			m.finish(false, false)
		case !m.now.Before(a.deadline):
			// Nobody was seen entering. If somebody might have all the same, the
			// pass is taken as used; nobody can have under an arm that was down and
			// that the board was surely not asked to raise.
			shut := a.asked == 0 && !a.armUp
			m.finish(a.touchedB || a.blind && !shut, true)
		case !a.reopen.IsZero() && !m.now.Before(a.reopen):
			m.again()
		}
	case Entering, Passing:
		if !a.underOver.IsZero() && !m.now.Before(a.underOver) {
			m.finish(true, true)
		} else if !m.now.Before(a.bSince.Add(m.cfg.ObstructAfter)) {
			m.fault(FaultObstructed, true)
		}
		if m.Authorised() && !a.reopen.IsZero() && !m.now.Before(a.reopen) {
			m.again() // it stands on the loop, in front of an arm that did not come up
		}
	case Cleared, Closing:
		if !m.now.Before(m.nextLook) {
			m.look()
		}
	case Idle, Armed, Deciding:
	}
	m.next()
	if !m.fall.at.IsZero() && (!m.fall.asked || m.Inputs.ArmClosed == Unknown) && !m.now.Before(m.fall.at.Add(m.cfg.CloseWithin)) {
		m.fall = fall{} // whatever it did, it has done it
	}
}

// next decides what the next driver has shown, once he is at the barrier.
func (m *machine) next() {
	switch {
	case !m.waiting:
	case !m.now.Before(m.waitEnds):
		m.waiting = false
	case m.Authorised() || m.Phase == Deciding:
	case m.shut():
		m.waiting = false
		m.do(Effect{Kind: Closed})
	case m.Inputs.Arming != Off:
		m.decide()
	}
}

// again repeats the Open pulse if the board did not carry it out, for as long
// as the authorisation lasts, or if the arm did not come up, a few times.
func (m *machine) again() {
	switch {
	case m.auth.deferred:
		m.pulse()
	case m.auth.refused:
		m.auth.pulses--
		m.pulse()
	case m.Inputs.ArmOpen != Off:
		m.auth.reopen = time.Time{} // it is up, or has no limit switch to tell
	case m.auth.pulses >= m.cfg.OpenTries:
		m.auth.reopen = time.Time{}
		m.fault(FaultNotOpening, true)
		m.outUntil = m.now.Add(m.cfg.OutFor)
	default:
		m.pulse()
	}
}

// look waits for the arm to come down.
func (m *machine) look() {
	m.nextLook = m.now.Add(m.cfg.SampleEvery)
	switch {
	case m.Phase == Closing && !m.now.Before(m.since.Add(m.cfg.CloseWithin)):
		m.Phase, m.since = Cleared, m.now
		if m.closed >= m.cfg.CloseTries {
			m.fault(FaultNotClosing, true)
			m.rest()
			return
		}
	case m.Phase == Cleared && m.Inputs.ArmClosed == Unknown && !m.now.Before(m.since.Add(m.cfg.CloseWithin)):
		m.rest() // nobody can say where the arm is: the operator closes by its own logic
		return
	}
	m.do(Effect{Kind: Sample})
}

// rest gives up waiting for the arm.
func (m *machine) rest() {
	m.Phase, m.behind = Idle, false
	m.settle()
}

// close asks for the arm to come down. It is reached from sense alone, and only
// with levels that are those of this very moment: what was reported may have waited
// for longer than a vehicle takes to get under the arm.
func (m *machine) close() {
	in := m.Inputs
	if m.Phase != Cleared || m.closed >= m.cfg.CloseTries || m.stray.there || m.Held() || m.stopped() ||
		m.now.Before(m.settled) || m.now.Before(m.lastOpen.Add(m.cfg.Gap)) ||
		in.Safety != Off || in.Fire != Off || in.ArmClosed != Off || in.ArmOpen == Unknown || in.Stop == On ||
		m.freeSince.IsZero() || m.now.Sub(m.freeSince) < m.cfg.CloseAfter || m.now.Sub(m.since) < m.cfg.CloseAfter {
		return
	}
	m.closed++
	m.lastClose, m.nextRaise, m.fall = m.now, m.now, fall{at: m.now, asked: true}
	m.Phase, m.since, m.nextLook = Closing, m.now, m.now.Add(m.cfg.SampleEvery)
	m.do(Effect{Kind: Close})
}
