package kiosk

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Shift is the cash of the machine between two counts.
type Shift struct {
	ID       id.Shift  `json:"id"`
	OpenedAt time.Time `json:"opened_at"`
	OpenedBy string    `json:"opened_by"`
	Float    int64     `json:"float"` // in box and hoppers when it was opened
	Base     Totals    `json:"base"`  // of the device, then
	Payments int       `json:"payments"`
}

// ShiftClosed is a shift that was counted.
type ShiftClosed struct {
	Shift
	ClosedAt time.Time `json:"closed_at"`
	ClosedBy string    `json:"closed_by"`
	Taken    int64     `json:"taken"`
	Given    int64     `json:"given"`
	Expected int64     `json:"expected"` // in the box, as the device counted it out
	Counted  int64     `json:"counted"`
}

// Work is what staff has asked of the cash device: written down, then done, then
// journalled with what the device has counted.
type Work struct {
	By      string `json:"by"`
	Hopper  int    `json:"hopper,omitempty"` // to be filled; 0: the box is emptied
	Count   int    `json:"count,omitempty"`  // coins; below 0: taken out
	Box     int64  `json:"box,omitempty"`    // what is in the box that is emptied
	Counted int64  `json:"counted,omitempty"`
	Note    string `json:"note,omitempty"`
	Base    int64  `json:"base"` // Totals.Filled, before
	Retries int    `json:"retries,omitempty"`
}

// Orders of staff to the cash device.
const (
	OrderEmpty OrderKind = "empty" // nothing is in the box from here on
	OrderFill  OrderKind = "fill"  // so many coins more are in a hopper
)

// contents is what is in box and hoppers, by the device's own count.
func (c *Cash) contents() int64 {
	n := Sum(c.Box)
	for _, h := range c.Hoppers {
		n += h.Value * int64(h.Count)
	}
	return n
}

// unopened reports that staff has to open a shift before cash is taken.
func (m *Machine) unopened() bool { return m.demands && m.Shift == nil }

func (s *step) cash(kind wire.EventKind, amount int64, by string) wire.Event {
	e := wire.Event{Kind: kind, Lane: s.env.Lane, Amount: amount, Currency: s.env.Money, By: by}
	if s.m.Shift != nil {
		e.Shift = s.m.Shift.ID
	}
	return e
}

// moved puts on record that cash is in the machine, or gone, without a payment. plus
// and minus name the two.
func (s *step) moved(i id.Payment, amount int64, plus, minus, by string) {
	e := s.cash(wire.CashMoved, amount, by)
	if e.Note = plus; amount < 0 {
		e.Note, e.Amount = minus, -amount
	}
	e.Payment = i
	s.events = append(s.events, e)
}

// filled accounts for what somebody has put in or taken out at the device itself. false:
// that has to wait, since nobody knows yet what money is called here.
func (s *step) filled() bool {
	m := s.m
	switch by := m.Cash.Totals.Filled - m.Settled.Filled; {
	case by == 0 || m.Phase == Working:
	case s.env.Money == "":
		return false
	default:
		s.moved(s.env.Spare[0], by, wire.CashFilled, wire.CashTaken, byHand)
		m.Settled.Filled = m.Cash.Totals.Filled
	}
	return true
}

// openShift begins a shift with what is in the machine.
func (s *step) openShift() Refusal {
	m := s.m
	switch {
	case m.Shift != nil:
		return ShiftThere
	case !m.Cash.Answers:
		return CashOff
	case s.env.Money == "":
		return NoPrice
	}
	m.Shift = &Shift{ID: s.env.Shift, OpenedAt: s.env.Now, OpenedBy: m.Staff, Float: m.Cash.contents(), Base: m.Cash.Totals}
	m.Closed = nil
	s.events = append(s.events, s.cash(wire.ShiftOpened, m.Shift.Float, m.Staff))
	return ""
}

// closeShift is the intent to empty the box, which somebody has counted.
func (s *step) closeShift(a *Action) Refusal {
	m := s.m
	switch {
	case m.Shift == nil:
		return NoShift
	case !m.Cash.Answers:
		return CashOff
	case s.env.Money == "":
		return NoPrice
	case len(a.Note) > maxNote || len(a.Counted) > maxKinds:
		return InvalidAction
	}
	seen := map[Pieces]bool{}
	for _, p := range a.Counted {
		kind := Pieces{Value: p.Value, Note: p.Note}
		if p.Count < 0 || p.Count > maxPieces || seen[kind] || !m.holds(kind) {
			return CountWrong
		}
		seen[kind] = true
	}
	if Sum(a.Counted) > wire.MaxAmount {
		return CountWrong
	}
	s.work(Work{Box: Sum(m.Cash.Box), Counted: Sum(a.Counted), Note: a.Note})
	return ""
}

// holds reports whether the box can have pieces of a kind.
func (m *Machine) holds(kind Pieces) bool {
	for _, list := range [][]Pieces{m.Cash.Takes, m.Cash.Box} {
		for _, p := range list {
			if p.Value == kind.Value && p.Note == kind.Note {
				return true
			}
		}
	}
	return false
}

// fill is the intent to count coins that somebody has put into a hopper.
func (s *step) fill(a *Action) Refusal {
	m := s.m
	switch {
	case m.unopened():
		return NoShift
	case !m.Cash.Answers:
		return CashOff
	case s.env.Money == "":
		return NoPrice
	}
	for _, h := range m.Cash.Hoppers {
		if h.ID != a.Hopper {
			continue
		}
		if a.Count == 0 || a.Count > maxPieces || a.Count < -h.Count {
			return CountWrong
		}
		s.work(Work{Hopper: a.Hopper, Count: a.Count})
		return ""
	}
	return NoHopper
}

func (s *step) work(w Work) {
	m := s.m
	w.By, w.Base = m.Staff, m.Cash.Totals.Filled
	m.Phase, m.Work = Working, &w
	m.Seq++
}

// working is the device doing what staff asked for. What it has counted is what
// happened, whatever it was told.
func (s *step) working() {
	m := s.m
	if !m.done() {
		return
	}
	w := *m.Work
	did, emptied := m.Cash.Totals.Filled-w.Base, max(w.Box-Sum(m.Cash.Box), 0)
	if w.Hopper > 0 && did == 0 || w.Hopper == 0 && w.Box > 0 && emptied == 0 {
		if w.Retries++; w.Retries <= maxRetries {
			m.Work = &w
			m.Seq++
			return
		}
		s.worked(CashOff) // it did nothing: so nothing has happened
		return
	}
	switch {
	case w.Hopper > 0:
		s.moved(s.env.Spare[0], did, wire.CashFilled, wire.CashTaken, w.By)
	default:
		if rest := did + emptied; rest != 0 { // somebody was at the hoppers with a key
			s.moved(s.env.Spare[0], rest, wire.CashFilled, wire.CashTaken, byHand)
		}
		s.closed(&w, emptied)
	}
	s.worked("")
}

// closed is that the box is empty and was counted.
func (s *step) closed(w *Work, expected int64) {
	m := s.m
	t := m.Cash.Totals
	c := ShiftClosed{
		Shift: *m.Shift, ClosedAt: s.env.Now, ClosedBy: w.By, Expected: expected, Counted: w.Counted,
		Taken: t.Kept - m.Shift.Base.Kept, Given: t.Given - m.Shift.Base.Given,
	}
	e := s.cash(wire.ShiftClosed, w.Counted, w.By)
	e.Expected, e.Taken, e.Given, e.Stays, e.Payments, e.Why = expected, c.Taken, c.Given, m.Cash.contents(), uint32(max(c.Payments, 0)), w.Note
	s.events = append(s.events, e)
	m.Shift, m.Closed = nil, &c
}

// worked is the staff's screen again, if staff is still there.
func (s *step) worked(problem Refusal) {
	m := s.m
	m.Settled.Filled, m.Work = m.Cash.Totals.Filled, nil
	m.Visit.Problem, m.Phase = problem, Serving
	if m.Staff == "" {
		s.end("")
	}
}

// staffOrders is what staff wants of the cash device.
func (m *Machine) staffOrders() []Order {
	switch {
	case m.Phase != Working || m.Work == nil:
		return nil
	case m.Work.Hopper > 0:
		return []Order{{Kind: OrderFill, Seq: m.Seq, Hopper: m.Work.Hopper, Count: m.Work.Count}}
	default:
		return []Order{{Kind: OrderEmpty, Seq: m.Seq}}
	}
}
