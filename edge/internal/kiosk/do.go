package kiosk

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// By is what a stay is looked for by.
type By string

// The ways to look for a stay.
const (
	ByPass   By = "pass"
	ByPlate  By = "plate"
	ByTicket By = "ticket"
	ByTime   By = "time" // about when it came in: the ticket is lost
)

// Outcome is how a visit ended.
type Outcome string

// The outcomes.
const (
	TimedOut  Outcome = "timed_out"
	Cancelled Outcome = "cancelled"
	GaveBack  Outcome = "gave_back"
	Done      Outcome = "done"
	NotBack   Outcome = "not_back"     // not all money came back: it is noted for staff
	Counts    Outcome = "counts"       // given up; what was paid or taken off before counts
	Unclear   Outcome = "card_unclear" // the terminal did not tell what became of a charge
)

// Refusal is why something was not done, by its stable code.
type Refusal string

// The refusals; see cloud/web/kiosk/src/api.ts.
const (
	InvalidAction   Refusal = "invalid_action"
	NotHere         Refusal = "not_here"
	ScreenChanged   Refusal = "screen_changed"
	NotNow          Refusal = "not_now"
	Busy            Refusal = "busy"
	NotFound        Refusal = "not_found"
	NotReadable     Refusal = "not_readable"
	WrongParking    Refusal = "wrong_parking"
	NotInside       Refusal = "not_inside"
	TooMany         Refusal = "too_many"
	TooManyTries    Refusal = "too_many_tries"
	NoPrice         Refusal = "no_price"
	TooLittle       Refusal = "too_little"
	ChangeMissing   Refusal = "change_missing"
	CashOff         Refusal = "cash_off"
	CardOff         Refusal = "card_off"
	CardWasDeclined Refusal = "card_declined"
	CardWasStopped  Refusal = "card_cancelled"
	MoneyInside     Refusal = "money_inside"
	NotAllBack      Refusal = "not_all_back"
	PlateAndTime    Refusal = "plate_and_time"
	StoreFailed     Refusal = "store_failed"
)

// Found is a stay that somebody may mean.
type Found struct {
	Session     id.Session     `json:"session"`
	Reservation id.Reservation `json:"reservation,omitzero"`
	EnteredAt   time.Time      `json:"entered_at"`
	Uncertain   bool           `json:"uncertain,omitempty"`
	Lane        id.Lane        `json:"lane"`
	From        time.Time      `json:"from,omitzero"`
	To          time.Time      `json:"to,omitzero"`
	Plate       string         `json:"-"` // as it was typed here; never written down
	Lost        bool           `json:"lost,omitempty"`
}

// Action is what somebody asks for.
type Action struct {
	Screen    uint64 `json:"screen_id"`
	Key       string `json:"key"`
	Name      string `json:"action"`
	By        By     `json:"by,omitempty"`
	Text      string `json:"text,omitempty"`
	Stay      string `json:"stay,omitempty"`
	Credit    bool   `json:"credit,omitempty"`
	Plate     string `json:"plate,omitempty"`
	Code      string `json:"code,omitempty"` // of a shop, of a slip, or of money that staff looked at
	EnteredAt string `json:"entered_at,omitempty"`

	// Of staff, whose name is in By.
	Pin     string   `json:"pin,omitempty"`
	Counted []Pieces `json:"counted,omitempty"`
	Hopper  int      `json:"hopper,omitempty"`
	Count   int      `json:"count,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Limits of what is looked for.
const (
	maxFound = 6
	maxTries = 8
	tryFades = time.Minute
	maxKeys  = 16
	maxKey   = 64
	maxText  = 1024
)

// do carries out an action.
func (s *step) do(in Input) Refusal {
	m, a := s.m, in.Do
	if a.Key == "" || len(a.Key) > maxKey || len(a.Text) > maxText || len(a.Plate) > maxKey || len(a.Code) > maxKey {
		return InvalidAction
	}
	if slices.Contains(m.Keys, a.Key) {
		return "" // it was done
	}
	if a.Screen != m.Screen {
		return ScreenChanged
	}
	if r := s.act(in); r != "" {
		return r
	}
	m.touched = s.env.Mono
	if a.Name != "touch" {
		m.Keys = append(m.Keys[max(0, len(m.Keys)-maxKeys+1):], a.Key)
	}
	return ""
}

func (s *step) act(in Input) Refusal {
	m, a := s.m, in.Do
	if a.Name == "touch" {
		return ""
	}
	// Help is there whatever the devices do: just then it may be needed.
	if serves := m.Phase == Serving || m.Phase == Working; !serves {
		switch {
		case a.Name == "help":
			return s.call()
		case a.Name == "back" && m.Call != nil:
			s.hangUp()
			m.Screen++
			return ""
		}
	}
	if a.Name == "staff_unlock" && m.hangs(s.env.Mono, staffWaits) {
		return s.unlock(a)
	}
	if m.Phase.Moving() {
		return Busy
	}
	if r, is := s.staff(a); is {
		return r
	}
	if a.Name == "more_time" {
		m.factor = 2
		return ""
	}
	switch m.Phase {
	case Ticketing:
		return s.taking(a)
	case Idle, Searching:
		return s.search(in)
	case Validating:
		return s.validating(a)
	case Paying:
		return s.pay(a)
	case Charging:
		if a.Name == "cancel" || a.Name == "back" {
			m.Visit.Stop = true
			return ""
		}
	case Paid:
		switch a.Name {
		case "done", "cancel":
			s.end(Done)
			return ""
		case "receipt":
			if m.Visit.Slip == nil || m.Printer.Printed < m.Visit.SlipSeq {
				return NotNow
			}
			m.Seq++
			m.Visit.SlipSeq, m.Visit.Again = m.Seq, true
			return ""
		}
	case Keeping, Giving, Returning, Serving, Working:
	}
	return NotNow
}

// search looks for the stay.
func (s *step) search(in Input) Refusal {
	m, a := s.m, in.Do
	v := &m.Visit
	switch a.Name {
	case "search":
		if a.By != ByPass && a.By != ByPlate && a.By != ByTicket {
			return InvalidAction
		}
		s.look(a.By)
		return ""
	case "lost":
		if m.In().NoLost {
			return NotNow
		}
		s.look(ByTime)
		return ""
	case "ticket":
		return s.take()
	case "find", "find_lost":
		if a.Name == "find_lost" && m.In().NoLost {
			return NotNow
		}
		if m.fade(s.env.Mono); m.tries >= maxTries {
			return TooManyTries
		}
		if v.By = a.By; a.Name == "find_lost" {
			v.By = ByTime
		}
		m.Phase, v.Found, v.Problem = Searching, nil, in.Miss
		switch n := len(in.Found); {
		case in.Miss != "" || n == 0:
			m.tried(s.env.Mono)
			if v.Problem == "" {
				v.Problem = NotFound
			}
		case n == 1 && a.Name == "find":
			return s.choose(in.Found[0])
		case n > maxFound:
			m.tried(s.env.Mono)
			v.Problem = TooMany
		default:
			v.Found = in.Found
		}
		return ""
	case "choose":
		for _, f := range v.Found {
			if f.Session.String() == a.Stay {
				return s.choose(f)
			}
		}
		return NotFound
	case "cancel", "back":
		if m.Phase == Searching {
			s.end(Cancelled)
			return ""
		}
	}
	return NotNow
}

// fade forgets tries as time passes. Nothing else does: who guesses could do that, too.
func (m *Machine) fade(now time.Duration) {
	for ; m.tries > 0 && now-m.triedAt >= tryFades; m.triedAt += tryFades {
		m.tries--
	}
}

// tried counts a try.
func (m *Machine) tried(now time.Duration) {
	if m.tries == 0 {
		m.triedAt = now
	}
	m.tries++
}

// look shows the screen on which a stay is looked for. From one of them to another it is
// another screen, though the phase is the same.
func (s *step) look(by By) {
	if s.m.Phase == Searching && s.m.Visit.By != by {
		s.m.Screen++
	}
	s.m.Phase, s.m.Visit = Searching, Visit{By: by}
}

// choose takes a stay and asks for its price. One that cannot be priced is a problem
// on the screen: there is nothing to pay here, and help.
func (s *step) choose(f Found) Refusal {
	m := s.m
	v := &m.Visit
	ask, err := s.env.Price(f.Session)
	if err != nil {
		m.Phase, v.Found, v.Problem = Searching, nil, NoPrice
		return ""
	}
	*v = Visit{By: v.By, Stay: &f, Ask: ask, Asked: s.env.Now}
	m.Phase = Paying
	if ask.Pay == 0 {
		if s.finish(s.env.Now); v.Leave != "" { // a ticket for nothing: not again and again
			m.tried(s.env.Mono)
		}
	}
	return ""
}

// pay is what can be asked for while money goes in.
func (s *step) pay(a *Action) Refusal {
	m := s.m
	v := &m.Visit
	inside := m.inside()
	switch a.Name {
	case "pay":
		switch {
		case !m.Cash.Answers, m.In().NoCash, inside > 0 && inside == m.notKept:
			return CashOff
		case inside < v.Ask.Pay || inside == 0:
			return TooLittle
		}
		if _, missing := Plan(inside-v.Ask.Pay, m.Cash.Hoppers); missing > 0 {
			if !a.Credit {
				return ChangeMissing
			}
			if why := m.noCredit(s.env.Now); why != "" {
				return why
			}
		}
		s.keep()
		return ""
	case "pay_by_card":
		switch {
		case m.cardless():
			return CardOff
		case inside > 0:
			s.giveBack(Paying, GaveBack)
			v.Then = Charging
			return ""
		}
		s.charge()
		return ""
	case "give_back":
		if inside == 0 {
			return NotNow
		}
		s.giveBack(Paying, GaveBack)
		return ""
	case "validation":
		return s.validation()
	case "cancel", "back":
		s.leave(Cancelled)
		return ""
	}
	return NotNow
}
