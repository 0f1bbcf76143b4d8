package lane

import "time"

// command does what the staff wants.
func (m *machine) command(c Command) {
	switch c {
	case HoldOpen:
		m.heldOpen, m.nextRaise = true, m.now
	case LetGo:
		m.heldOpen = false
		m.letGo()
	case Alarm:
		m.alarm, m.nextRaise = true, m.now
		m.fault(FaultFire, true)
	case Reset:
		if m.Inputs.Fire == On {
			return // it burns
		}
		m.alarm = false
		m.fault(FaultFire, false)
		m.letGo()
	case Halt:
		m.halted = true
	case Resume:
		m.halted = false
	case TakeOut:
		m.outOfService = true
	case PutBack:
		m.outOfService, m.outUntil = false, time.Time{}
		m.fault(FaultNotOpening, false)
	case Turn:
		m.turn()
	}
}

// Why a lane would not do what it is told.
const (
	ObjectOccupied = "loop_occupied" // an arm would come down where something stands
	ObjectUnknown  = "loop_unknown"  // or where nobody knows whether something does
	ObjectPassing  = "vehicle_passing"
	ObjectUnlinked = "lane_unlinked" // nothing is known of the lane at all
	ObjectStopped  = "lane_stopped"  // nothing may be asked of the barrier
	ObjectOneWay   = "not_reversible"
	ObjectNotEmpty = "lane_not_empty"
	ObjectFire     = "fire_active"
)

// Objection is why a command must not be given now; empty: it may be. What lets an
// arm down that is held up may be commanded only while the loop under it is surely
// free: whoever commands sees the arm come down at once, or hears why it does not.
// Otherwise it would come down at some later time, when nobody looks any more.
func (s State) Objection(c Command) string {
	switch c {
	case LetGo:
		if s.heldOpen && !s.alarm {
			return s.lowers()
		}
	case Reset:
		if s.Inputs.Fire == On {
			return ObjectFire
		}
		if s.alarm && !s.heldOpen {
			return s.lowers()
		}
	case Turn:
		in := s.Inputs
		switch {
		case !s.cfg.Reversible:
			return ObjectOneWay
		case s.Phase != Idle, s.waiting, in.Safety != Off, in.Arming != Off, in.Far != Off, in.ArmClosed == Off:
			return ObjectNotEmpty
		}
	case HoldOpen, Alarm, Halt, Resume, TakeOut, PutBack: // none of them lets an arm down
	}
	return ""
}

// ToOpening is why the arm must not be opened for one vehicle now; empty: it may be.
func (s State) ToOpening() string {
	switch {
	case s.Inputs == Inputs{}:
		return ObjectUnlinked // it would open when the board comes back
	case s.Authorised():
		return ObjectPassing
	case s.stopped():
		return ObjectStopped
	}
	return ""
}

// lowers is why an arm that is up must not be let down.
func (s State) lowers() string {
	in := s.Inputs
	switch {
	case s.stopped(), in.ArmClosed == On && in.ArmOpen != On: // nothing moves
		return ""
	case in == Inputs{}:
		return ObjectUnlinked
	case in.Safety == On:
		return ObjectOccupied
	case in.Safety == Unknown:
		return ObjectUnknown
	}
	return ""
}

// letGo lets an arm that was held up come down as behind any vehicle.
func (m *machine) letGo() {
	if m.Held() || m.Phase != Idle && m.Phase != Armed {
		return
	}
	m.Phase, m.since, m.nextLook, m.closed = Cleared, m.now, m.now.Add(m.cfg.SampleEvery), 0
	m.settle()
}

// turn has a reversible lane lead the other way, if surely nobody is in it.
func (m *machine) turn() {
	in := m.Inputs
	if !m.cfg.Reversible || m.Phase != Idle || m.waiting ||
		in.Safety != Off || in.Arming != Off || in.Far != Off || in.ArmClosed == Off {
		m.do(Effect{Kind: CannotTurn})
		return
	}
	m.reversed, m.needsCar = !m.reversed, !m.needsCar
	m.Inputs.Arming, m.Inputs.Far = in.Far, in.Arming
	m.settle()
}

// shut reports whether nobody is let through at present.
func (m *machine) shut() bool {
	return m.outOfService || m.stopped() || m.needsCar && (m.alarm || m.now.Before(m.outUntil))
}

// wantsUp reports whether the arm is to go up without a decision: it is to stay up
// and is not, or it may be falling and the loop under it is not surely free.
func (s State) wantsUp() bool {
	return !s.stopped() && (s.Held() && s.Inputs.ArmOpen != On || !s.fall.at.IsZero() && s.Inputs.Safety != Off)
}

// raise asks the arm up without a decision, again until it is up, in every phase.
func (m *machine) raise() {
	if !m.wantsUp() || m.now.Before(m.nextRaise) {
		return
	}
	if from := m.lastClose.Add(m.cfg.Gap); m.now.Before(from) {
		m.nextRaise = from
		return
	}
	m.nextRaise, m.lastOpen, m.fall.lifted = m.now.Add(m.cfg.RaiseEvery), m.now, !m.fall.at.IsZero()
	m.do(Effect{Kind: Raise})
	switch { // it does not come down any more, and is to come down later
	case m.Phase == Closing, !m.Held() && (m.Phase == Idle || m.Phase == Armed):
		m.Phase, m.since, m.nextLook = Cleared, m.now, m.now.Add(m.cfg.SampleEvery)
	case m.Phase == Deciding && m.back == Closing:
		m.back, m.since, m.nextLook = Cleared, m.now, m.now.Add(m.cfg.SampleEvery)
	}
}

// notRaised has a pulse repeated soon that was, or may have been, lost.
func (m *machine) notRaised() {
	m.fall.lifted = false
	if soon := m.now.Add(openRetry); soon.Before(m.nextRaise) {
		m.nextRaise = soon
	}
}

// falls notices an arm that comes down by itself, and where a falling one has stopped.
// One that was asked down is seen up for a moment before it moves; that counts only
// after it was asked up again.
func (m *machine) falls(before Inputs) {
	in := m.Inputs
	switch {
	case in.ArmOpen == On && in.ArmClosed == On: // one of them lies
	case in.ArmClosed == On, in.ArmOpen == On && (m.fall.lifted || !m.fall.asked):
		m.fall = fall{}
	case before.ArmOpen == On && in.ArmOpen == Off && m.fall.at.IsZero():
		m.fall, m.nextRaise = fall{at: m.now}, m.now
	}
}

// foundUp notices an arm that is up when the lane begins to see it again: it is
// reported, left alone for a while, and then comes down as behind a vehicle.
func (m *machine) foundUp(before Inputs) {
	if before.ArmClosed != Unknown || m.Inputs.ArmClosed != Off || m.Phase != Idle && m.Phase != Armed {
		return
	}
	m.do(Effect{Kind: FaultSet, Fault: FaultArmUp})
	m.do(Effect{Kind: Unsure})
	m.Phase, m.since, m.nextLook, m.closed = Cleared, m.now, m.now.Add(m.cfg.SampleEvery), 0
	m.settled = m.now.Add(m.cfg.SettleAfter)
}

// strayed notices a passage that nobody decided, and which way it went by the order
// of the loops. A vehicle that stood on the loop when the lane began to look is none.
func (m *machine) strayed(before Inputs) {
	s, in := &m.stray, m.Inputs
	if before.Safety == Off && in.Safety == On {
		*s = stray{there: true, fromA: in.Arming == On || before.Arming == On, heldA: in.Arming == On}
	}
	if !s.there {
		return
	}
	switch in.Arming {
	case On:
		s.sawA = true
	case Off:
		s.heldA = false
	case Unknown:
		s.unsure, s.heldA = true, false
	}
	s.unsure = s.unsure || in.Safety == Unknown
	if in.Safety != Off {
		return
	}
	was := *s
	*s = stray{}
	switch {
	case was.unsure, was.fromA && was.heldA: // it has reversed, or the next one stands where it stood
		m.do(Effect{Kind: Unsure})
	case was.fromA && m.behind:
		m.do(Effect{Kind: Stray, Fault: FaultTailgate})
	case was.fromA:
		m.do(Effect{Kind: Stray, Fault: FaultPassage})
	case was.sawA:
		m.do(Effect{Kind: Stray, Fault: FaultWrongWay, Backward: true})
	default: // from the other side and back, or too small for the arming loop
		m.do(Effect{Kind: Unsure})
	}
}

// attended decides for one vehicle at once, if none is passing.
func (m *machine) attended() {
	switch m.Phase {
	case Idle, Armed, Cleared, Closing:
		if m.stopped() {
			m.do(Effect{Kind: Closed})
			return
		}
		m.decide()
	case Deciding, Opening, Entering, Passing: // the arm is up, or about to be
	}
}
