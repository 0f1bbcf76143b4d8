package kiosk

import (
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// The phases of staff. Working is the cash device doing what staff has asked for.
const (
	Serving Phase = "staff"
	Working Phase = "working"
)

// Refusals of staff's actions.
const (
	PinWrong   Refusal = "pin_wrong"
	PinSlow    Refusal = "pin_slow"
	StaffOnly  Refusal = "staff_only"
	ShiftThere Refusal = "shift_open"
	NoShift    Refusal = "no_shift"
	CountWrong Refusal = "count_wrong"
	NoHopper   Refusal = "no_hopper"
)

// Changes reports whether an action that is refused for this reason has changed
// something all the same: a wrong PIN is counted, and that is written down before
// anybody hears that it was wrong.
func (r Refusal) Changes() bool { return r == PinWrong }

// Limits of staff's lock.
const (
	pinTries  = 3 // wrong PINs that are answered at once
	pinSlow   = 30 * time.Second
	pinMost   = 15 * time.Minute
	locksTo   = 150 * time.Second // and endsAfter: then the screen locks itself
	maxName   = 32
	maxPin    = 32
	maxNote   = 200
	maxPieces = 100_000 // of one kind
	maxKinds  = 32
)

// Words of what staff does, in the journal.
const (
	didUnlock  = "staff_unlock"
	didLock    = "staff_lock"
	didSettle  = "settle"
	didGuess   = didUnlock + wire.NoteRefused
	whyPin     = "with the PIN"
	whyWrong   = "wrong PINs"
	nobody     = "unknown" // what was typed as a name may be anything, even a PIN
	atMachine  = "at the machine"
	whyQuiet   = "nobody touched the screen"
	whyRestart = "the agent started"
	byHand     = "at the device" // somebody who opened it, and whom it does not name
)

// begin is what a start finds: whoever was at the screen has to prove anew who he is,
// and nobody waits for help that was called before.
func (s *step) begin() {
	m := s.m
	if m.Wrong >= pinTries { // the waiting is over again: who pulls the plug gains nothing
		m.freeAt = s.env.Mono + slowed(m.Wrong)
	}
	if m.Phase == Serving {
		s.lock(whyRestart)
	}
	if m.Visit.After == Serving { // money that staff put in by mistake is on its way back
		m.Visit.After = Idle
	}
	m.Staff = ""
	s.hangUp()
}

// slowed is how long nobody is heard after so many wrong PINs.
func slowed(wrong int) time.Duration {
	return min(pinSlow<<min(max(wrong-pinTries, 0), 10), pinMost)
}

// command puts on record what staff did.
func (s *step) command(note, by, why string) {
	s.events = append(s.events, wire.Event{Kind: wire.Commanded, Lane: s.env.Lane, Note: note, By: by, Why: why})
}

// staff is what only staff may do; false: it is something else, which is everybody's.
func (s *step) staff(a *Action) (Refusal, bool) {
	m := s.m
	switch a.Name {
	case "staff_unlock":
		return s.unlock(a), true
	case "staff_lock", "shift_open", "shift_close", "fill_hopper", "settle":
		if m.Phase != Serving {
			return StaffOnly, true
		}
	default:
		if m.Phase == Serving && a.Name != "more_time" {
			return NotNow, true
		}
		return "", false
	}
	m.Visit.Problem = ""
	switch a.Name {
	case "staff_lock":
		s.lock(atMachine)
		return "", true
	case "settle":
		return s.settle(a), true
	case "fill_hopper":
		return s.fill(a), true
	case "shift_open":
		return s.openShift(), true
	default:
		return s.closeShift(a), true
	}
}

// unlock lets staff in, where nobody's visit is under way and no money is inside.
func (s *step) unlock(a *Action) Refusal {
	m := s.m
	name := string(a.By)
	switch {
	case s.env.Staff == nil:
		return StaffOnly
	case len(name) > maxName || len(a.Pin) > maxPin:
		return InvalidAction
	case !m.hangs(s.env.Mono, staffWaits) && (m.Phase != Idle && m.Phase != Searching || m.inside() > 0):
		return NotNow
	case s.env.Mono < m.freeAt:
		return PinSlow
	case !s.env.Staff(name, a.Pin):
		m.Wrong++
		if m.Wrong >= pinTries {
			m.freeAt = s.env.Mono + slowed(m.Wrong)
			s.command(didGuess, nobody, whyWrong)
		}
		return PinWrong
	}
	s.giveUp()
	s.end("")
	m.Wrong, m.freeAt, m.Phase, m.Staff = 0, 0, Serving, name
	s.command(didUnlock, name, whyPin)
	return ""
}

// lock is the screen of visitors again.
func (s *step) lock(why string) {
	by := s.m.Staff
	if by == "" {
		by = nobody
	}
	s.command(didLock, by, why)
	s.m.Staff = ""
	s.end("")
}

// settle is that staff has looked at money which nobody had accounted for.
func (s *step) settle(a *Action) Refusal {
	m := s.m
	if a.Note == "" || len(a.Note) > maxNote {
		return InvalidAction
	}
	for i, u := range m.Unsettled {
		if u.Code == a.Code {
			m.Unsettled = append(m.Unsettled[:i:i], m.Unsettled[i+1:]...)
			s.command(didSettle, m.Staff, a.Note)
			return ""
		}
	}
	return NotFound
}
