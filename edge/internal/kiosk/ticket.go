package kiosk

import (
	"github.com/openlot/openlot/protocol/id"
)

// Ticketing is somebody taking a ticket, at a machine that stands at an entry.
const Ticketing Phase = "ticket"

// Refusals of tickets; see cloud/web/kiosk/src/api.ts.
const (
	NoTickets Refusal = "no_tickets"
	NoPrinter Refusal = "no_printer"
	DriveUp   Refusal = "drive_up"
	LaneBusy  Refusal = "lane_busy"
)

// OrderTicket has the lane let somebody in with a ticket: it decides, journals and
// opens as it does for its own button. Asked for again it does nothing.
const OrderTicket OrderKind = "ticket"

// Ticket is one that is being taken. Its session is minted with the intent, so that
// the lane cannot make two of it.
type Ticket struct {
	Session id.Session `json:"session"`
	Given   bool       `json:"given,omitempty"`  // the lane has journalled it: it is to be printed
	Denied  Refusal    `json:"denied,omitempty"` // why the lane has not
}

// Entrance is what the machine may know of the lane that it stands at.
type Entrance struct {
	Here  bool                    // the lane leads in, and is there
	Fresh id.Session              // that nobody has
	In    func(id.Session) bool   // the lane has journalled that this one came in
	Text  func(id.Session) string // what its ticket says
}

// Issued is the lane's answer to OrderTicket.
type Issued struct {
	Session id.Session
	Why     Refusal // empty: it was let in, and the arm opens
}

// take is the intent to take a ticket. Without paper nobody is let in: who came in
// without one could not show it.
func (s *step) take() Refusal {
	m := s.m
	switch {
	case !s.env.Entrance.Here, m.In().NoTickets:
		return NoTickets
	case !m.Printer.Answers || !m.Printer.Paper:
		return NoPrinter
	}
	m.Phase, m.Visit = Ticketing, Visit{Ticket: &Ticket{Session: s.env.Entrance.Fresh}}
	return ""
}

// resumeTicket settles what a start finds of a ticket. What the lane had journalled is printed,
// once; what it had not is given up: nobody may stand there any more, and no arm is
// raised for what was asked before the power went.
func (s *step) resumeTicket() {
	t := s.m.Visit.Ticket
	if t == nil || t.Given || t.Denied != "" {
		return
	}
	if s.env.Entrance.In != nil && s.env.Entrance.In(t.Session) {
		s.handOut()
		return
	}
	s.end(Cancelled)
}

// issued takes the lane's answer.
func (s *step) issued(in *Issued) {
	t := s.m.Visit.Ticket
	if t == nil || t.Session != in.Session || t.Given || t.Denied != "" {
		return
	}
	s.m.touched = s.env.Mono
	if in.Why != "" {
		next := *t
		next.Denied = in.Why
		s.m.Visit.Ticket = &next
		s.m.Screen++
		return
	}
	s.handOut()
}

// handOut has the ticket printed.
func (s *step) handOut() {
	m := s.m
	next := *m.Visit.Ticket
	next.Given = true
	m.Seq++
	m.Visit.Ticket, m.Visit.SlipSeq = &next, m.Seq
	m.Visit.Slip = &Slip{At: s.env.Now, Ticket: s.env.Entrance.Text(next.Session), Currency: string(s.env.Money)}
	m.Visit.Slip.by(m.In())
}

// taking is what can be asked for on the screen of a ticket.
func (s *step) taking(a *Action) Refusal {
	m := s.m
	t := m.Visit.Ticket
	switch {
	case t.Denied != "" && (a.Name == "back" || a.Name == "cancel"):
		s.end(Cancelled)
		return ""
	case t.Given && m.printed() && (a.Name == "done" || a.Name == "cancel"):
		s.end(Done)
		return ""
	case t.Denied == "" && !t.Given:
		return Busy
	}
	return NotNow
}

// asksLane reports whether the lane is being asked for a ticket: its answer comes.
func (m *Machine) asksLane() bool {
	t := m.Visit.Ticket
	return m.Phase == Ticketing && !t.Given && t.Denied == ""
}

// printed reports whether the slip of the visit has come out.
func (m *Machine) printed() bool { return m.Visit.Slip != nil && m.Printer.Printed >= m.Visit.SlipSeq }

func (s shower) ticket() object {
	t := s.m.Visit.Ticket
	out := object{"name": "ticket", "phase": "asking"}
	switch {
	case t.Denied != "":
		out["problem"] = t.Denied
	case t.Given && s.m.printed():
		out["phase"] = "take"
	case t.Given:
		out["phase"] = "printing"
		if !s.m.Printer.Answers || !s.m.Printer.Paper {
			out["problem"] = NoPrinter
		}
	}
	return out
}
