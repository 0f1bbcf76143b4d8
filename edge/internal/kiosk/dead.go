package kiosk

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// Times of a device that is waited for, and of what is said of one that was given up on.
const (
	deviceWaits  = 3 * time.Minute  // until the machine goes on without it
	staffWaits   = 45 * time.Second // until staff may have it go on
	unclearShown = time.Minute
)

// OpenCharge is a charge of which the terminal has not told what became. It is asked to
// cancel it until it tells, and what turns out to be taken is journalled then.
type OpenCharge struct {
	Payment     id.Payment     `json:"payment"`
	Amount      int64          `json:"amount"`
	Currency    money.Currency `json:"currency"`
	Session     id.Session     `json:"session"`
	Reservation id.Reservation `json:"reservation,omitzero"`
	Until       time.Time      `json:"until,omitzero"`
	At          time.Time      `json:"at"`
}

// shown is how long the start screen tells what became of a visit.
func (o Outcome) shown() time.Duration {
	if o == NotBack || o == Unclear {
		return unclearShown
	}
	return lastShown
}

// cardless reports whether no card is taken now. While a charge is open none is: the terminal
// tells of its newest only.
func (m *Machine) cardless() bool { return !m.Card.Answers || len(m.Open) > 0 || m.In().NoCard }

// hangs reports that a device is waited for that has not gone on for so long.
func (m *Machine) hangs(now, long time.Duration) bool {
	return (m.Phase.Moving() || m.Phase == Charging) && now-m.went >= long
}

// watchCash notes that the cash device goes on. It is called with what it reports before that
// takes effect.
func (s *step) watchCash(c *Cash) {
	was := &s.m.Cash
	if c.Answers && (c.Totals != was.Totals || c.Seq != was.Seq || c.Busy != was.Busy) {
		s.m.went = s.env.Mono
	}
	if !c.Answers { // it need not know then what it has counted
		totals, escrow := was.Totals, was.Escrow
		c.Totals, c.Escrow = totals, escrow
	}
}

// watchCard notes that the terminal waits for a card, as it was told.
func (s *step) watchCard() {
	m := s.m
	if c := m.Card; c.Answers && c.Payment == m.Visit.Payment && c.State == CardPresent && !m.Visit.Stop {
		m.went = s.env.Mono
	}
}

// giveUp goes on without a device that is waited for. What it did all the same is accounted
// for when it answers: cash that nobody has asked for, and a charge that is open.
func (s *step) giveUp() {
	m := s.m
	v := &m.Visit
	switch m.Phase {
	case Charging:
		m.Open = append(m.Open, OpenCharge{
			Payment: v.Payment, Amount: v.Ask.Pay, Currency: m.currency(), Session: v.Stay.Session, Reservation: v.Stay.Reservation, Until: v.Ask.Until, At: s.env.Now,
		})
		s.end(Unclear)
	case Keeping:
		v.Retries = maxRetries + 1
		left := v.Base.Inserted - v.Base.Kept - v.Base.Returned
		if kept := m.Cash.Totals.Kept - v.Base.Kept; kept > 0 {
			s.tookPart(kept)
			return
		}
		v.After, v.Ends = Paying, ""
		s.returned(left)
		v.Problem = CashOff
	case Giving:
		v.Given += max(m.Cash.Totals.Given-v.Base.Given, 0)
		m.Settled.Given += max(m.Cash.Totals.Given-m.Settled.Given, 0)
		s.owe(v.Due - v.Given)
	case Returning:
		s.returned(m.Cash.escrow())
	case Working:
		m.Work = nil
		m.Visit.Problem, m.Phase = CashOff, Serving
		if m.Staff == "" {
			s.end("")
		}
	default:
	}
}

// settleOpen takes what the terminal tells of a charge that is open.
func (s *step) settleOpen() {
	m := s.m
	i := slices.IndexFunc(m.Open, func(c OpenCharge) bool { return m.Card.Answers && c.Payment == m.Card.Payment })
	if i < 0 {
		return
	}
	c := m.Open[i]
	switch m.Card.State {
	case CardApproved:
		e := wire.Event{
			Kind: wire.Paid, Lane: s.env.Lane, Session: c.Session, Reservation: c.Reservation, Payment: c.Payment, Amount: c.Amount, Currency: c.Currency, Method: wire.Card,
		}
		if !c.Until.IsZero() {
			e.Until = c.Until.UnixMilli()
		}
		s.events = append(s.events, e)
	case CardDeclined, CardStopped:
	default:
		return // not yet
	}
	m.Open = slices.Delete(m.Open, i, i+1)
}

// escrowCode names what was left in escrow, for staff.
func (s *step) escrowCode() string { return "ESCROW-" + till.CreditCode(s.env.Fresh[1]) }
