package kiosk

import (
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// Validating is somebody typing the code of a shop, or of a slip.
const Validating Phase = "validation"

// Refusals of codes; see cloud/web/kiosk/src/api.ts.
const (
	CodeUnknown Refusal = "code_unknown"
	CodeUsed    Refusal = "code_used"
	CodeExpired Refusal = "code_expired"
	CodeNotMore Refusal = "code_not_more"
	SlipForeign Refusal = "slip_foreign" // it is in another currency than the stay
)

// Code is a shop's code that is genuine.
type Code struct {
	Shop   wire.Shop
	Serial uint32
}

// Shops is what the machine may know of shops.
type Shops struct {
	Read     func(text string) (Code, Refusal)                                       // genuine and in time, or why not
	Discount func(s id.Session, a till.Ask, shop wire.Shop) (minor int64, err error) // what one more code takes off
	Name     func(number uint16) string
}

// Gift is what a code of a shop has taken off in this visit.
type Gift struct {
	Shop   uint16 `json:"shop"`
	Name   string `json:"name"`
	Amount int64  `json:"amount"`
}

// Slipped is change that could not be given and for which a slip was printed: whoever has
// the slip pays with it, once.
type Slipped struct {
	Payment id.Payment `json:"payment"` // that it was journalled as
	Session id.Session `json:"session"` // for which
	Amount  int64      `json:"amount"`
	// Currency of the amount; empty: given before slips had one, and of the parking's.
	Currency money.Currency `json:"currency,omitempty"`
	Until    time.Time      `json:"until"`
	Used     bool           `json:"used,omitempty"`
}

// Limits of what is remembered and tried.
const (
	maxSlips  = 500 // that are remembered; more only where each is good still
	codeWait  = time.Minute
	codeTries = 8

	slipLength = 8 // letters of a slip's code; those of shops are longer
)

// bitmap is a set of serials.
type bitmap []byte

func (b bitmap) has(n uint32) bool { return int(n/8) < len(b) && b[n/8]&(1<<(n%8)) != 0 }

func (b bitmap) with(n uint32) bitmap {
	out := make(bitmap, max(len(b), int(n/8)+1))
	copy(out, b)
	out[n/8] |= 1 << (n % 8)
	return out
}

// validation shows the screen for codes. Money that is inside was put in for another
// price.
func (s *step) validation() Refusal {
	m := s.m
	switch {
	case m.inside() > 0:
		return MoneyInside
	case m.Visit.Ask.Pay == 0:
		return NotNow
	}
	m.Phase, m.Visit.Problem = Validating, ""
	return ""
}

// validating is what can be asked for on it.
func (s *step) validating(a *Action) Refusal {
	m := s.m
	switch a.Name {
	case "validate", "redeem":
		if m.wrong >= codeTries && s.env.Mono-m.wrongAt < codeWait {
			return TooManyTries
		}
		// The price is not asked for again in the step that takes a code: what the state
		// knows of payments is older than it.
		if m.Visit.Problem = ""; s.env.Now.Sub(m.Visit.Asked) >= priceHolds {
			if s.reprice(); m.Phase != Validating || m.Visit.Problem != "" {
				return ""
			}
		}
		take := s.validate
		off, why := m.In().NoCodes, CodesOff
		if normal, ok := till.NormalCode(a.Code); ok && len(normal) == slipLength {
			take = s.redeem // whichever key was tapped
			off, why = m.In().NoSlips, SlipsOff
		}
		if off {
			m.Visit.Problem = why
			return ""
		}
		if m.Visit.Problem = take(a.Code); m.Visit.Problem == CodeUnknown {
			if s.env.Mono-m.wrongAt >= codeWait {
				m.wrong = 0
			}
			m.wrong, m.wrongAt = m.wrong+1, s.env.Mono
		}
		return ""
	case "back":
		m.Phase, m.Visit.Problem = Paying, ""
		return ""
	case "cancel":
		s.leave(Cancelled)
		return ""
	}
	return NotNow
}

// validate takes a shop's code, once.
func (s *step) validate(text string) Refusal {
	m := s.m
	v := &m.Visit
	if s.env.Shops.Read == nil {
		return CodeUnknown
	}
	code, why := s.env.Shops.Read(text)
	if why != "" {
		return why
	}
	number := code.Shop.Number
	if m.Codes[number].has(code.Serial) {
		return CodeUsed
	}
	off, err := s.env.Shops.Discount(v.Stay.Session, v.Ask, code.Shop)
	switch {
	case err != nil:
		return NoPrice
	case off <= 0:
		return CodeNotMore
	}
	m.Codes = maps.Clone(m.Codes)
	if m.Codes == nil {
		m.Codes = map[uint16]bitmap{}
	}
	m.Codes[number] = m.Codes[number].with(code.Serial)
	e := s.payment(s.env.Fresh[0], off, wire.ShopPays, "")
	e.Shop, e.Serial = number, code.Serial
	s.events = append(s.events, e)
	v.Gifts = append(slices.Clip(v.Gifts), Gift{number, code.Shop.Name, off})
	v.Ask.Shops = give(v.Ask.Shops, number, off)
	v.Payment = s.env.Fresh[0] // what a receipt goes by; money that is put in after it has its own
	s.covered(off)
	return ""
}

func give(all []till.Taken, shop uint16, amount int64) []till.Taken {
	all = slices.Clone(all)
	if i := slices.IndexFunc(all, func(t till.Taken) bool { return t.Shop == shop }); i >= 0 {
		all[i].Amount += amount
		return all
	}
	return append(all, till.Taken{Shop: shop, Amount: amount})
}

// redeem takes the slip of a credit, as a whole: what is left of it is another one.
func (s *step) redeem(text string) Refusal {
	m := s.m
	v := &m.Visit
	normal, ok := till.NormalCode(text)
	if !ok {
		return CodeUnknown
	}
	i := slices.IndexFunc(m.Slips, func(c Slipped) bool {
		of, _ := till.NormalCode(till.CreditCode(c.Payment))
		return of == normal
	})
	if i < 0 {
		return CodeUnknown
	}
	c := m.Slips[i]
	switch {
	case c.Used:
		return CodeUsed
	case !s.env.Now.Before(c.Until):
		return CodeExpired
	case c.Currency != "" && c.Currency != m.currency():
		return SlipForeign
	case c.Amount > v.Ask.Pay && !m.paper():
		return NoPrinter // what is left of it would be on no paper
	}
	m.Slips[i].Used = true
	m.Unprinted = slices.DeleteFunc(m.Unprinted, func(u Paper) bool { return u.Slip.CreditBy == till.CreditCode(c.Payment) })
	part := min(c.Amount, v.Ask.Pay)
	s.redeemed(c, s.env.Fresh[0], part, "")
	if rest := c.Amount - part; rest > 0 {
		s.redeemed(c, s.env.Fresh[1], rest, wire.NoteSlip)
		v.Credit, v.Owed = s.env.Fresh[1], rest
		s.owes(Slipped{Payment: v.Credit, Session: v.Stay.Session, Amount: rest, Currency: m.currency(), Until: c.Until})
		v.OwedUntil = c.Until
	}
	v.Redeemed, v.Payment = v.Redeemed+part, s.env.Fresh[0]
	s.covered(part)
	return ""
}

func (s *step) redeemed(c Slipped, as id.Payment, amount int64, note string) {
	e := s.payment(as, amount, wire.CreditPays, note)
	e.Credit, e.CreditOf = c.Payment, c.Session
	s.events = append(s.events, e)
}

// covered goes back to paying with less to pay, or is done.
func (s *step) covered(amount int64) {
	m := s.m
	v := &m.Visit
	v.Ask.Paid, v.Ask.Pay = v.Ask.Paid+amount, v.Ask.Pay-amount
	v.PaidAt, m.Phase = s.env.Now, Paying
	if v.Ask.Pay == 0 {
		s.finish(s.env.Now)
	}
}

// takesCodes reports whether any code could be good.
func (m *Machine) takesCodes(shops bool) bool {
	in := m.In()
	return shops && !in.NoCodes || !in.NoSlips && slices.ContainsFunc(m.Slips, func(c Slipped) bool { return !c.Used })
}

func (s shower) validation() object {
	taken := []object{}
	for _, g := range s.m.Visit.Gifts {
		taken = append(taken, object{"shop": g.Name, "discount": s.money(g.Amount)})
	}
	return s.problem(object{"name": "validation", "stay": s.stay(), "bill": s.bill(), "taken": taken})
}

// offs are the lines of what shops and slips have taken off, and their sums.
func (s shower) offs() (lines []object, byShops, byslips int64) {
	v := &s.m.Visit
	for _, t := range v.Ask.Shops {
		name := ""
		if s.env.Shops.Name != nil {
			name = s.env.Shops.Name(t.Shop)
		}
		if name == "" {
			name = "Shop"
		}
		byShops += t.Amount
		lines = append(lines, object{"rule": "validation", "label": name, "amount": s.money(-t.Amount)})
	}
	if v.Redeemed > 0 {
		lines = append(lines, object{"rule": "credit", "label": "Credit slip", "amount": s.money(-v.Redeemed)})
	}
	return lines, byShops, v.Redeemed
}
