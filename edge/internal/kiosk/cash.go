package kiosk

import (
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// maxRetries is how often an order that a device has not carried out is given again.
const maxRetries = 3

// done reports that the cash device has done with the newest order.
func (m *Machine) done() bool { return m.Cash.Seq == m.Seq && !m.Cash.Busy }

// inside is what is in escrow and can still be kept or given back.
func (m *Machine) inside() int64 {
	if in := m.Cash.escrow(); in != m.notReturned {
		return in
	}
	return 0
}

// remember forgets what was given up on when the device reports another sum.
func (m *Machine) remember() {
	in := m.Cash.escrow()
	for _, sum := range []*int64{&m.Left, &m.notKept, &m.notReturned} {
		if *sum != in {
			*sum = 0
		}
	}
}

// keep is the intent to take what is in escrow.
func (s *step) keep() {
	m := s.m
	m.Phase, m.Seq = Keeping, m.Seq+1
	v := &m.Visit
	v.Problem, v.Retries, v.Base = "", 0, m.Cash.Totals
	v.Payment, v.Credit = s.env.Fresh[0], s.env.Fresh[1]
}

// keeping is the device taking it. It is paid when the device has counted it.
func (s *step) keeping() {
	m := s.m
	v := &m.Visit
	if !m.done() {
		return
	}
	if m.Cash.escrow() > 0 && v.Retries < maxRetries {
		v.Retries++
		m.Seq++
		return
	}
	kept := m.Cash.Totals.Kept - v.Base.Kept
	m.Settled = m.Cash.Totals
	if kept <= 0 { // it gave all back instead, or took nothing
		m.notKept = m.Cash.escrow()
		v.Problem, m.Phase = CashOff, Paying
		return
	}
	s.tookPart(kept)
}

// tookPart is that so much was kept: the price, or a part of it, is paid.
func (s *step) tookPart(kept int64) {
	m := s.m
	v := &m.Visit
	m.Settled.Inserted, m.Settled.Kept, m.Settled.Returned = m.Cash.Totals.Inserted, m.Cash.Totals.Kept, m.Cash.Totals.Returned
	price := min(kept, v.Ask.Pay)
	s.paid(v.Payment, price, wire.Cash, "")
	v.Method, v.PaidNow, v.Inserted = wire.Cash, v.PaidNow+price, v.Inserted+kept
	v.Ask.Paid, v.Ask.Pay = v.Ask.Paid+price, v.Ask.Pay-price
	v.PaidAt = s.env.Now
	if v.Ask.Pay > 0 { // a part of it went back
		v.Problem, m.Phase = TooLittle, Paying
		return
	}
	v.Due = kept - price
	s.give()
}

// give is the intent to pay out what is left of the change; without coins for any of
// it the rest is a credit.
func (s *step) give() {
	m := s.m
	v := &m.Visit
	rest := v.Due - v.Given
	coins, _ := Plan(rest, m.Cash.Hoppers)
	if rest <= 0 || len(coins) == 0 || v.Retries > maxRetries {
		s.owe(rest)
		return
	}
	v.Coins, v.Base = coins, m.Cash.Totals
	m.Phase, m.Seq = Giving, m.Seq+1
}

// giving is the device paying out.
func (s *step) giving() {
	m := s.m
	v := &m.Visit
	if !m.done() {
		return
	}
	v.Given += m.Cash.Totals.Given - v.Base.Given
	v.Retries++
	m.Settled = m.Cash.Totals
	s.give()
}

// owe puts change that could not be given on record as a credit, and ends the
// payment.
func (s *step) owe(rest int64) {
	v := &s.m.Visit
	if rest > 0 {
		v.Owed = rest
		s.paid(v.Credit, rest, wire.Cash, NoteCredit)
		s.owes(Slipped{Payment: v.Credit, Session: v.Stay.Session, Amount: rest, Currency: s.m.currency(), Until: s.env.Now.AddDate(creditYears, 0, 0)})
	}
	v.Coins = nil
	s.finish(s.env.Now)
}

// giveBack is the intent to return what is in escrow.
func (s *step) giveBack(after Phase, why Outcome) {
	m := s.m
	v := &m.Visit
	v.After, v.Ends, v.Then, v.Retries, v.Base = after, why, "", 0, m.Cash.Totals
	m.Phase, m.Seq = Returning, m.Seq+1
}

// returning is the device giving back.
func (s *step) returning() {
	m := s.m
	v := &m.Visit
	if !m.done() {
		return
	}
	if m.Cash.escrow() > 0 && v.Retries < maxRetries {
		v.Retries++
		m.Seq++
		return
	}
	s.explained() // nothing was to be kept
	s.returned(m.Cash.escrow())
}

// returned goes on after what was in escrow came back, but for what is left in it.
func (s *step) returned(left int64) {
	m := s.m
	v := &m.Visit
	m.notReturned = left
	switch m.Phase = v.After; {
	case m.Phase == Idle && left > 0:
		s.end(NotBack)
	case m.Phase == Idle:
		s.end(v.Ends)
	case v.Then == Charging && left > 0:
		v.Problem = NotAllBack
	case v.Then == Charging && m.cardless():
		v.Problem = CardOff
	case v.Then == Charging:
		s.charge()
	}
	v.Then = ""
	if left > 0 && left != m.Left && len(m.Unsettled) < maxUnsettled {
		m.Unsettled = append(m.Unsettled, Unsettled{At: s.env.Now, Amount: left, Code: s.escrowCode()})
		m.Left = left
	}
}

// finish shows what was paid, with a receipt.
func (s *step) finish(at time.Time) {
	m := s.m
	v := &m.Visit
	m.Phase, v.ExitBy = Paid, v.Ask.ExitBy
	if !v.PaidAt.IsZero() { // here: in money, by a code or by a slip
		// What is paid covers a while of its own; with neither that nor minutes for the way
		// it is the moment of the payment: drive out now.
		if v.ExitBy.IsZero() {
			v.ExitBy = v.Ask.PaidBy
		}
		if by := v.PaidAt.Add(s.env.Walk); !v.ExitBy.IsZero() && by.After(v.ExitBy) {
			v.ExitBy = by
		}
	}
	v.Slip = s.slip(at)
	if v.Slip != nil {
		m.Seq++
		v.SlipSeq = m.Seq
	}
}

// charge is the intent to have the terminal take what is to be paid.
func (s *step) charge() {
	m := s.m
	v := &m.Visit
	v.Payment, v.Stop, v.Problem = s.env.Fresh[0], false, ""
	m.Phase = Charging
}

// charging is the terminal at work. What it approves is paid, whatever was asked of
// it meanwhile.
func (s *step) charging() {
	m := s.m
	v := &m.Visit
	if !m.Card.Answers || m.Card.Payment != v.Payment {
		return
	}
	switch m.Card.State {
	case CardApproved:
		amount := v.Ask.Pay
		s.paid(v.Payment, amount, wire.Card, "")
		v.Method, v.PaidNow, v.PaidAt = wire.Card, v.PaidNow+amount, s.env.Now
		v.Ask.Paid, v.Ask.Pay = v.Ask.Paid+amount, 0
		s.finish(s.env.Now)
	case CardDeclined:
		v.Problem, m.Phase = CardWasDeclined, Paying
	case CardStopped:
		v.Problem, m.Phase = CardWasStopped, Paying
	case CardUnknown, CardPresent, CardWorking:
	}
}

// Wants is what the state wants of the devices, at any time: orders that were given
// already are given again, and do nothing then.
func (m *Machine) Wants() []Order {
	v := &m.Visit
	slots := Order{Kind: OrderShut}
	if m.Phase == Paying && m.TakesCash() {
		slots.Kind = OrderAccept
	}
	out := append(append([]Order{slots}, m.staffOrders()...), m.printing()...)
	for _, c := range m.Open {
		out = append(out, Order{Kind: OrderCancel, Payment: c.Payment, Amount: c.Amount})
	}
	switch m.Phase {
	case Keeping:
		out = append(out, Order{Kind: OrderKeep, Seq: m.Seq})
	case Giving:
		out = append(out, Order{Kind: OrderGive, Seq: m.Seq, Coins: v.Coins})
	case Returning:
		out = append(out, Order{Kind: OrderReturn, Seq: m.Seq})
	case Charging:
		kind := OrderCharge
		if v.Stop {
			kind = OrderCancel
		}
		out = append(out, Order{Kind: kind, Payment: v.Payment, Amount: v.Ask.Pay})
	case Ticketing:
		if m.asksLane() {
			out = append(out, Order{Kind: OrderTicket, Session: v.Ticket.Session})
		}
	default:
	}
	return out
}

// TakesCash reports whether coins and notes can be put in.
func (m *Machine) TakesCash() bool {
	c := &m.Cash
	return c.Answers && !c.Full && !c.Stuck && m.notReturned == 0 && !m.unopened() && !m.In().NoCash && c.escrow() < m.Visit.Ask.Pay+maxChange/2
}

// Cashless reports whether this machine takes no cash at all now.
func (m *Machine) Cashless() bool {
	return !m.Cash.Answers || m.Cash.Full || m.Cash.Stuck || m.notReturned > 0 || m.unopened() || m.In().NoCash
}
