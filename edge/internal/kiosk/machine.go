package kiosk

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// Phase is where a visit stands.
type Phase string

// The phases. In Keeping, Giving and Returning money moves and nobody may tap.
const (
	Idle      Phase = ""          // nobody is there
	Searching Phase = "search"    // for the stay
	Paying    Phase = "pay"       // money goes in, into escrow
	Keeping   Phase = "keeping"   // what is in escrow is being taken
	Giving    Phase = "giving"    // change comes out
	Returning Phase = "returning" // what is in escrow comes back
	Charging  Phase = "card"      // the terminal is asked
	Paid      Phase = "paid"      // shows what was paid
)

// Moving reports whether money moves.
func (p Phase) Moving() bool {
	return p == Keeping || p == Giving || p == Returning || p == Working
}

// Machine is the state. What is not left out of its JSON is written down before
// anything is done by it; the rest is what devices reported last, and the time.
type Machine struct {
	Version uint64 `json:"version"` // counts what was written down
	Screen  uint64 `json:"screen"`  // counts screens
	Seq     uint64 `json:"seq"`     // of the newest order that moves money or prints
	Phase   Phase  `json:"phase"`
	Visit   Visit  `json:"visit"`

	Last      Outcome     `json:"last,omitempty"` // of the visit before
	Settled   Totals      `json:"settled"`        // the device's totals that are accounted for
	Known     bool        `json:"known"`          // Settled is known
	Unsettled []Unsettled `json:"unsettled,omitempty"`
	Keys      []string    `json:"keys,omitempty"` // of the newest actions, so that one is done once

	Staff  string            `json:"staff,omitempty"`  // who has unlocked the screen
	Wrong  int               `json:"wrong,omitempty"`  // PINs, since the last right one
	Shift  *Shift            `json:"shift,omitempty"`  // that is open
	Closed *ShiftClosed      `json:"closed,omitempty"` // the last one, until the next
	Work   *Work             `json:"work,omitempty"`   // Working: what staff asked for
	Call   *Call             `json:"call,omitempty"`   // for help
	Codes  map[uint16]bitmap `json:"codes,omitempty"`  // of each shop, that are used
	Slips  []Slipped         `json:"slips,omitempty"`  // that this machine has given
	// Unprinted are slips for change that wait for paper.
	Unprinted []Paper `json:"unprinted,omitempty"`
	// Open are charges of which the terminal has not told what became.
	Open []OpenCharge `json:"open,omitempty"`

	Money money.Currency `json:"money,omitempty"` // what it was called last: the prices may go away
	Left  int64          `json:"left,omitempty"`  // in escrow, that does not come back and is noted in Unsettled
	Set   *Settings      `json:"set,omitempty"`   // in force; never changed where it is, but replaced

	Cash    Cash    `json:"-"`
	Card    Card    `json:"-"`
	Printer Printer `json:"-"`
	touched time.Duration
	since   time.Duration // of the screen
	begun   bool
	factor  int           // of the times to answer; 0: 1
	tries   int           // to find something, in vain; one is forgotten each tryFades
	triedAt time.Duration // since when the next one is being forgotten

	went     time.Duration // when a device that is waited for went on
	freeAt   time.Duration // when the next PIN is heard
	calledAt time.Duration
	demands  bool // no cash without a shift

	// What is in escrow and was given up on, until the device reports another sum.
	notKept     int64
	notReturned int64

	wrong   int // codes, the last one at wrongAt
	wrongAt time.Duration
}

// Visit is what somebody does here, until the start screen.
type Visit struct {
	By      By      `json:"by,omitempty"`
	Found   []Found `json:"found,omitempty"`
	Problem Refusal `json:"problem,omitempty"`

	Stay  *Found    `json:"stay,omitempty"`
	Ask   till.Ask  `json:"ask,omitzero"`
	Asked time.Time `json:"asked,omitzero"`

	Base    Totals     `json:"base"`              // when the payment began
	Payment id.Payment `json:"payment,omitzero"`  // of the price; minted with the intent
	Credit  id.Payment `json:"credit,omitzero"`   // of change that could not be given
	Retries int        `json:"retries,omitempty"` // of the intent
	After   Phase      `json:"after,omitempty"`   // Returning: what then
	Then    Phase      `json:"then,omitempty"`    // Returning: what it was asked for, if all comes back
	Ends    Outcome    `json:"ends,omitempty"`    // Returning to Idle: why
	Stop    bool       `json:"stop,omitempty"`    // Charging: it is to be cancelled

	Method   wire.Method `json:"method,omitempty"`
	PaidNow  int64       `json:"paid_now,omitempty"` // here, of the price
	Inserted int64       `json:"inserted,omitempty"` // in all, that was kept
	Due      int64       `json:"due,omitempty"`      // change to be given in all
	Coins    []Pieces    `json:"coins,omitempty"`    // of the order under way
	Given    int64       `json:"given,omitempty"`    // change given, by orders that ended
	Owed     int64       `json:"owed,omitempty"`     // change that became a credit
	PaidAt   time.Time   `json:"paid_at,omitzero"`
	ExitBy   time.Time   `json:"exit_by,omitzero"`
	Slip     *Slip       `json:"slip,omitempty"`
	SlipSeq  uint64      `json:"slip_seq,omitempty"`
	Again    bool        `json:"again,omitempty"` // it has come out before
	Leave    string      `json:"leave,omitempty"` // what stands for the ticket of who has none in hand

	Ticket *Ticket `json:"ticket,omitempty"` // Ticketing

	Gifts     []Gift    `json:"gifts,omitempty"`     // by shops, in this visit
	Redeemed  int64     `json:"redeemed,omitempty"`  // by a slip
	OwedUntil time.Time `json:"owed_until,omitzero"` // Owed is what is left of a slip, and is good until then
}

// Unsettled is money of which the device counted something that nobody asked for:
// staff has to look.
type Unsettled struct {
	At     time.Time `json:"at"`
	Amount int64     `json:"amount"` // above 0: more is in the machine than was accounted for
	Code   string    `json:"code"`
}

// Env is what a step may know beside the state.
type Env struct {
	Now   time.Time     // best estimate, also when it is not sure
	Mono  time.Duration // counts on whatever the clocks do
	Money money.Currency
	Lane  id.Lane // the machine's id

	Price    func(id.Session) (till.Ask, error) // what is asked for now; errors: it cannot be priced, or is not inside
	Walk     time.Duration                      // to the exit
	Zone     *time.Location
	Entrance Entrance // the lane that it stands at
	Shops    Shops

	Fresh [2]id.Payment // that nobody has

	Staff  func(name, pin string) bool // nil: there is no staff
	Shifts bool                        // cash is taken in shifts only, where Set says nothing
	Set    *Settings                   // that are to be in force when nobody is there; nil: as it is
	Shift  id.Shift                    // that nobody has
	Spare  [2]id.Payment               // that nobody has, for cash that moved without a payment
}

// Input is one thing that happens.
type Input struct {
	Do      *Action
	Found   []Found // with Do find and find_lost: what fits
	Miss    Refusal // with Do find: why nothing does
	Cash    *Cash
	Card    *Card
	Printer *Printer
	Notice  *Notice // of a call for help
	Issued  *Issued // the lane's answer to a ticket
}

// Step is the next state, what is to be journalled with it, and why an action was
// refused; a refused one changes nothing. Times pass with an Input of nothing.
func Step(m Machine, in Input, env Env) (next Machine, events []wire.Event, refused Refusal) {
	m = m.clone()
	if env.Money != "" {
		m.Money = env.Money
	}
	env.Money = m.Money
	s := step{m: &m, env: env}
	first := !m.begun
	before := m.Phase
	s.adopt()
	if first {
		m.begun, m.touched, m.since, m.went = true, env.Mono, env.Mono, env.Mono
		s.begin()
	}
	if in.Cash != nil {
		m.Seq = max(m.Seq, in.Cash.Seq) // of a life that this state has forgotten
	}
	if first {
		s.resumeTicket()
	}
	switch {
	case in.Notice != nil:
		s.notice(in.Notice)
	case in.Do != nil:
		if refused = s.do(in); refused != "" && !refused.Changes() {
			return m, nil, refused
		}
	case in.Cash != nil:
		if m.Cash.Answers && in.Cash.Totals.Inserted > m.Cash.Totals.Inserted {
			m.touched = env.Mono // who puts in money is there
		}
		s.watchCash(in.Cash)
		if m.Cash.Stuck && !in.Cash.Stuck || !m.Cash.Answers && in.Cash.Answers { // it works again
			m.notKept, m.notReturned = 0, 0
		}
		m.Cash = *in.Cash
	case in.Card != nil:
		m.Card = *in.Card
		s.settleOpen()
		s.watchCard()
	case in.Printer != nil:
		s.printer(in.Printer)
	case in.Issued != nil:
		s.issued(in.Issued)
	}
	s.money()
	if in.Cash != nil && m.Phase.Moving() || in.Card != nil && m.Phase == Charging {
		if m.Phase == before && m.hangs(env.Mono, deviceWaits) {
			s.giveUp()
		}
	}
	if m.Phase != before { // however long the one before took, this one begins now
		m.touched, m.since, m.went = env.Mono, env.Mono, env.Mono
	}
	s.time()
	if m.Phase != before {
		m.Screen++
		m.touched, m.since, m.went = env.Mono, env.Mono, env.Mono
	}
	return m, s.events, refused
}

func (m Machine) clone() Machine {
	m.Unsettled, m.Keys, m.Slips, m.Unprinted = slices.Clone(m.Unsettled), slices.Clone(m.Keys), slices.Clone(m.Slips), slices.Clone(m.Unprinted)
	m.Open = slices.Clone(m.Open)
	return m
}

// step is one step under way.
type step struct {
	m      *Machine
	env    Env
	events []wire.Event
}

func (s *step) paid(p id.Payment, amount int64, method wire.Method, note string) {
	s.events = append(s.events, s.payment(p, amount, method, note))
}

func (s *step) payment(p id.Payment, amount int64, method wire.Method, note string) wire.Event {
	v := &s.m.Visit
	e := wire.Event{
		Kind: wire.Paid, Lane: s.env.Lane, Session: v.Stay.Session, Reservation: v.Stay.Reservation, Payment: p, Amount: amount, Currency: s.m.currency(),
		Method: method, Note: note,
	}
	if sh := s.m.Shift; sh != nil && method == wire.Cash && note == "" {
		counted := *sh // the state before this step has its own
		counted.Payments++
		s.m.Shift = &counted
	}
	if !v.Ask.Until.IsZero() {
		e.Until = v.Ask.Until.UnixMilli()
	}
	return e
}

// currency is what money is called in a visit: it stays what the price was asked in.
func (m *Machine) currency() money.Currency {
	if c := m.Visit.Ask.Total.Currency; c != "" {
		return c
	}
	return m.Money
}

// NoteCredit is the note of a payment that is change which could not be given.
const NoteCredit = wire.NoteSlip

// money follows what the devices have counted.
func (s *step) money() {
	m := s.m
	if m.Cash.Answers {
		m.remember()
		switch {
		case !m.Known:
			m.Settled, m.Known = m.Cash.Totals, true
		case !s.filled():
			return
		}
		switch m.Phase {
		case Keeping:
			s.keeping()
		case Giving:
			s.giving()
		case Returning:
			s.returning()
		case Working:
			s.explained()
			s.working()
		case Paying:
			if v := &m.Visit; v.Ask.Pay > 0 && m.inside() == v.Ask.Pay && m.notKept != v.Ask.Pay {
				s.keep()
			}
			s.explained()
		default:
			s.explained()
			if m.inside() > 0 && !m.Cash.Busy { // somebody put it in where nothing is to be paid
				s.giveBack(m.Phase, "")
			}
		}
	}
	if m.Phase == Charging {
		s.charging()
	}
}

// explained accounts for what the device has counted though nothing was asked of it.
func (s *step) explained() {
	m := s.m
	t, was := m.Cash.Totals, m.Settled
	if over := (t.Kept - was.Kept) - (t.Given - was.Given); over != 0 || t.Kept != was.Kept {
		if s.env.Money == "" {
			return // nobody knows yet what money is called here
		}
		if over != 0 {
			s.moved(s.env.Spare[1], over, wire.CashFound, wire.CashMissing, "")
		}
		if len(m.Unsettled) < maxUnsettled {
			m.Unsettled = append(m.Unsettled, Unsettled{At: s.env.Now, Amount: over, Code: till.CreditCode(s.env.Fresh[1])})
		}
	}
	m.Settled = t
}

const maxUnsettled = 50

// time ends what nobody answers to.
func (s *step) time() {
	m := s.m
	s.unanswered()
	if m.Phase == Idle {
		if m.Last != "" && s.env.Mono-m.since >= m.Last.shown() {
			m.Last = ""
		}
		if m.Call != nil && s.env.Mono-m.touched >= m.asksAfter()+m.endsAfter() {
			s.hangUp()
			m.Screen++
		}
		return
	}
	if (m.Phase == Paying || m.Phase == Validating) && len(s.events) == 0 && m.inside() == 0 && s.env.Now.Sub(m.Visit.Asked) >= priceHolds {
		s.reprice() // not in a step that journals a payment: the price does not know it yet
	}
	if m.Phase.Moving() || m.asksLane() || s.env.Mono-m.touched < m.asksAfter()+m.endsAfter() {
		return
	}
	switch m.Phase {
	case Paid:
		s.end(Done)
	case Charging:
		m.Visit.Stop = true
	case Serving:
		s.lock(whyQuiet)
	case Ticketing:
		s.end(Done)
	default:
		s.leave(TimedOut)
	}
}

// Times of the screens.
const (
	asksAfter  = 45 * time.Second
	endsAfter  = 30 * time.Second
	paidShown  = 20 * time.Second
	onlyShown  = 5 * time.Minute // what is on no paper
	lastShown  = 10 * time.Second
	priceHolds = 2 * time.Minute
)

func (m *Machine) asksAfter() time.Duration {
	switch {
	case m.Call != nil:
		return callStands
	case m.Phase == Serving:
		return locksTo
	}
	if m.onlyHere() {
		return onlyShown * time.Duration(max(m.factor, 1))
	}
	if m.shows() {
		return paidShown * time.Duration(max(m.factor, 1))
	}
	return asksAfter * time.Duration(max(m.factor, 1))
}

// shows reports that all is done, and is only shown.
func (m *Machine) shows() bool { return m.Phase == Paid || m.Phase == Ticketing && m.printed() }

func (m *Machine) endsAfter() time.Duration {
	if m.shows() && !m.onlyHere() && m.Call == nil {
		return 0
	}
	return endsAfter * time.Duration(max(m.factor, 1))
}

// leave gives back what is in escrow and goes to the start.
func (s *step) leave(why Outcome) {
	if s.m.inside() > 0 {
		s.giveBack(Idle, why)
		return
	}
	s.end(why)
}

// end goes to the start.
func (s *step) end(why Outcome) {
	m := s.m
	s.keepSlip()
	if v := &m.Visit; (why == TimedOut || why == Cancelled) && m.Phase != Paid && (v.PaidNow > 0 || v.Redeemed > 0 || len(v.Gifts) > 0) {
		why = Counts
	}
	m.Phase, m.Visit, m.Last = Idle, Visit{}, why
	m.factor = 0
	s.hangUp()
}

// reprice asks for what is to be paid now.
func (s *step) reprice() {
	v := &s.m.Visit
	ask, err := s.env.Price(v.Stay.Session)
	if err != nil {
		v.Problem, v.Asked = NoPrice, s.env.Now
		return
	}
	v.Ask, v.Asked = ask, s.env.Now
	if ask.Pay == 0 {
		s.finish(s.env.Now)
	}
}
