package kiosk

import (
	"slices"
	"time"
)

// SlipsFull refuses a slip for change: as many as a machine remembers are good still.
const SlipsFull Refusal = "slips_full"

// Paper is a slip for change that has not come out, of a visit that is over.
type Paper struct {
	Seq  uint64 `json:"seq"` // of its order; papers come out in the order of these
	Slip *Slip  `json:"slip"`
}

// paper reports whether something can be printed now.
func (m *Machine) paper() bool { return m.Printer.Answers && m.Printer.Paper }

// noCredit is why no change can become a slip now; empty: it can.
func (m *Machine) noCredit(now time.Time) Refusal {
	switch {
	case m.In().NoSlips:
		return SlipsOff
	case !m.paper():
		return NoPrinter
	case m.live(now) >= maxSlips:
		return SlipsFull
	}
	return ""
}

// live is how many slips are good still.
func (m *Machine) live(now time.Time) (n int) {
	for _, c := range m.Slips {
		if !c.Used && now.Before(c.Until) {
			n++
		}
	}
	return n
}

// owes remembers a credit. When there are too many, those that are over are forgotten, and
// of those that are used the oldest; one that is good still never is: somebody has paid for it.
func (s *step) owes(c Slipped) {
	m := s.m
	if len(m.Slips) >= maxSlips {
		m.Slips = slices.DeleteFunc(m.Slips, func(c Slipped) bool { return !s.env.Now.Before(c.Until) })
	}
	for len(m.Slips) >= maxSlips {
		i := slices.IndexFunc(m.Slips, func(c Slipped) bool { return c.Used })
		if i < 0 {
			break
		}
		m.Slips = slices.Delete(m.Slips, i, i+1)
	}
	m.Slips = append(m.Slips, c)
}

// due reports that the visit's slip is worth money and has never come out.
func (m *Machine) due() bool {
	v := &m.Visit
	return v.Slip != nil && v.Slip.CreditBy != "" && !v.Again && !m.printed()
}

// keepSlip keeps what is due to somebody who leaves, until there is paper.
func (s *step) keepSlip() {
	if m := s.m; m.due() {
		m.Unprinted = append(m.Unprinted, Paper{m.Visit.SlipSeq, m.Visit.Slip})
	}
}

// printer takes what the printer reports: what has come out is no longer kept.
func (s *step) printer(p *Printer) {
	m := s.m
	if p.Printed > m.Seq { // another printer, or of a life that this state has forgotten
		m.Seq = p.Printed
		for i := range m.Unprinted {
			m.Seq++
			m.Unprinted[i].Seq = m.Seq
		}
	}
	was := m.printed()
	if m.Printer = *p; m.Phase == Ticketing && m.printed() && !was {
		m.touched = s.env.Mono // from now on it can be taken
	}
	m.Unprinted = slices.DeleteFunc(m.Unprinted, func(u Paper) bool {
		return p.Answers && p.Printed >= u.Seq || !s.env.Now.Before(u.Slip.GoodUntil)
	})
}

// printing is the order to the printer: one paper after the other, or it would not be known
// which of them has come out.
func (m *Machine) printing() []Order {
	v := &m.Visit
	switch {
	case !m.Printer.Answers:
		return nil
	case len(m.Unprinted) > 0:
		return []Order{{Kind: OrderPrint, Seq: m.Unprinted[0].Seq, Slip: m.Unprinted[0].Slip}}
	case m.Phase != Paid && m.Phase != Ticketing, v.Slip == nil, m.printed():
		return nil
	}
	return []Order{{Kind: OrderPrint, Seq: v.SlipSeq, Slip: v.Slip}}
}

// onlyHere reports that the screen shows what somebody needs and is on no paper: a credit, a
// receipt, or what opens the exit.
func (m *Machine) onlyHere() bool {
	v := &m.Visit
	if v.Slip == nil {
		return m.Phase == Paid && v.Leave != ""
	}
	return (m.Phase == Paid || m.Phase == Ticketing) && !v.Again && !m.printed()
}

func (s shower) unprinted() []object {
	out := []object{}
	for _, u := range s.m.Unprinted {
		out = append(out, object{"code": u.Slip.CreditBy, "amount": Money{u.Slip.Credit, u.Slip.Currency}, "at": stamp(u.Slip.At)})
	}
	return out
}
