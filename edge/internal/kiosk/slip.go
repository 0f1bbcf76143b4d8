package kiosk

import (
	"time"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// creditYears is how long a credit is good.
const creditYears = 3

// Slip is what a receipt says. Whoever prints it puts it into words.
type Slip struct {
	Code      string        `json:"code"`
	At        time.Time     `json:"at"`
	EnteredAt time.Time     `json:"entered_at"`
	Until     time.Time     `json:"until"`
	ExitBy    time.Time     `json:"exit_by,omitzero"`
	Currency  string        `json:"currency"`
	Lines     []tariff.Line `json:"lines"`
	Total     int64         `json:"total"`
	Before    int64         `json:"before"`             // covered, or paid at machines before
	Shops     int64         `json:"shops,omitempty"`    // taken off by shops
	Redeemed  int64         `json:"redeemed,omitempty"` // paid by a slip
	Paid      int64         `json:"paid"`               // now
	Tax       int64         `json:"tax"`
	TaxPoints int           `json:"tax_points"`
	Method    string        `json:"method"`
	Inserted  int64         `json:"inserted,omitempty"`
	Change    int64         `json:"change,omitempty"`
	Credit    int64         `json:"credit,omitempty"`
	CreditBy  string        `json:"credit_code,omitempty"`
	GoodUntil time.Time     `json:"good_until,omitzero"`
	Ticket    string        `json:"ticket,omitempty"` // it is a walk-in's ticket, with this code, and no receipt
	Leave     string        `json:"leave,omitempty"`  // on a receipt: what stands for the ticket at the exit

	// As the owner has them.
	Kiosk  string `json:"kiosk,omitempty"` // what people call the machine
	Issuer string `json:"issuer,omitempty"`
	TaxID  string `json:"tax_id,omitempty"`
	Help   string `json:"help,omitempty"`
	Footer string `json:"footer,omitempty"`
}

// slip is the receipt of a visit, nil when nothing was paid and nothing is needed to leave.
func (s *step) slip(at time.Time) *Slip {
	v := &s.m.Visit
	// A walk-in who was found by a plate or a time may have nothing in hand to leave by.
	leave := ""
	if (v.By == ByPlate || v.By == ByTime) && v.Stay.Reservation.IsZero() && s.env.Entrance.Text != nil {
		leave = s.env.Entrance.Text(v.Stay.Session)
	}
	if v.PaidNow == 0 && v.Owed == 0 && v.Redeemed == 0 && len(v.Gifts) == 0 {
		// By a time alone anybody could be meant, and paper that nobody pays for runs out.
		if leave == "" || v.By != ByPlate {
			return nil
		}
		v.Leave = leave
		if !s.m.paper() {
			return nil // it is on the screen
		}
		return &Slip{At: at, Ticket: leave, Currency: string(s.m.currency())}
	}
	v.Leave = leave
	_, byShops, bySlip := shower{m: s.m, env: s.env}.offs()
	out := &Slip{
		Code: till.CreditCode(v.Payment), At: at, EnteredAt: v.Stay.EnteredAt, Until: v.Ask.Until, ExitBy: v.ExitBy, Currency: string(s.m.currency()),
		Lines: v.Ask.Lines, Total: v.Ask.Total.Minor, Before: v.Ask.Covered + v.Ask.Paid - v.PaidNow - byShops - bySlip, Shops: byShops, Redeemed: bySlip, Paid: v.PaidNow,
		Tax: v.Ask.Tax.Minor, TaxPoints: v.Ask.TaxBasisPoints, Method: string(v.Method), Inserted: v.Inserted, Change: v.Given, Credit: v.Owed, Leave: leave,
	}
	out.by(s.m.In())
	if v.Owed > 0 {
		out.CreditBy, out.GoodUntil = till.CreditCode(v.Credit), at.AddDate(creditYears, 0, 0)
		if !v.OwedUntil.IsZero() {
			out.GoodUntil = v.OwedUntil
		}
	}
	switch {
	case v.PaidNow > 0:
	case v.Redeemed > 0 || v.Owed > 0:
		out.Method = string(wire.CreditPays)
	default:
		out.Method = string(wire.ShopPays)
	}
	return out
}

// by puts on a slip what the owner has on every one.
func (s *Slip) by(in Settings) {
	s.Kiosk, s.Issuer, s.TaxID, s.Help, s.Footer = in.Label, in.Issuer, in.TaxID, in.Help, in.Footer
}
