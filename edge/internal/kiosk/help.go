package kiosk

import (
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// Call is somebody at the machine who needs help.
type Call struct {
	At    time.Time `json:"at"`
	State CallState `json:"state"`
}

// CallState is what became of a call.
type CallState string

// The states of a call.
const (
	Calling  CallState = "calling"
	Noticed  CallState = "noticed"   // somebody has seen it
	NoAnswer CallState = "no_answer" // not yet; it stands
	// NoLine is shown while nobody can hear the call but whoever is at the parking.
	NoLine CallState = "no_line"
)

// Times of a call.
const (
	answerWithin = 90 * time.Second
	callStands   = 10 * time.Minute // without a touch
)

// Notice is that somebody far away has seen a call.
type Notice struct {
	Order wire.Order
}

func (s *step) tellHelp(note string) {
	s.events = append(s.events, wire.Event{Kind: wire.HelpCalled, Lane: s.env.Lane, Note: note})
}

// call calls for help.
func (s *step) call() Refusal {
	m := s.m
	if m.Call != nil {
		return NotNow
	}
	m.Call, m.calledAt = &Call{At: s.env.Now, State: Calling}, s.env.Mono
	m.Screen++
	s.tellHelp(wire.HelpWanted)
	return ""
}

// hangUp ends a call, if there is one.
func (s *step) hangUp() {
	if s.m.Call != nil {
		s.m.Call = nil
		s.tellHelp(wire.HelpOver)
	}
}

// notice answers a call, or says that none stands.
func (s *step) notice(n *Notice) {
	m := s.m
	e := wire.Event{Kind: wire.Commanded, Lane: s.env.Lane, Note: n.Order.Command, By: n.Order.By, Why: n.Order.Why, Order: n.Order.ID}
	if m.Call == nil {
		e.Note, e.Code = e.Note+wire.NoteRefused, "order_not_now"
	} else {
		m.Call = &Call{At: m.Call.At, State: Noticed}
	}
	s.events = append(s.events, e)
}

// unanswered notes that nobody has answered yet.
func (s *step) unanswered() {
	if c := s.m.Call; c != nil && c.State == Calling && s.env.Mono-s.m.calledAt >= answerWithin {
		s.m.Call = &Call{At: c.At, State: NoAnswer}
		s.tellHelp(wire.HelpNoAnswer)
	}
}
