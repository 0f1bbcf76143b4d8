package kiosk

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// What is shown is described, field by field, in cloud/web/kiosk/src/api.ts.

// Money is an amount as the pages read it.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// Shown is the whole of what is to be shown.
type Shown struct {
	Version  uint64    `json:"version"`
	ScreenID uint64    `json:"screen_id"`
	Now      *string   `json:"now"`
	Kiosk    About     `json:"kiosk"`
	Border   Border    `json:"border"`
	Can      Can       `json:"can"`
	Free     *int      `json:"free"`
	Tariff   any       `json:"tariff"`
	Screen   any       `json:"screen"`
	Deadline *Deadline `json:"deadline"`
}

// About says which machine it is.
type About struct {
	ID          string          `json:"id"`
	Label       string          `json:"label"`
	Parking     string          `json:"parking"`
	ParkingName string          `json:"parking_name"`
	Zone        string          `json:"zone"`
	Currency    string          `json:"currency"`
	Languages   []wire.Language `json:"languages"`
	Help        string          `json:"help,omitempty"`
}

// Border tells staff what is failing.
type Border struct {
	Look  string   `json:"look"`
	Since string   `json:"since,omitempty"` // there is no line
	Codes []string `json:"codes"`
	Works []string `json:"works"`
	Short []Short  `json:"short,omitempty"`
}

// Short is a hopper that is nearly empty.
type Short struct {
	Value  int64 `json:"value"`
	Hopper int   `json:"hopper"`
}

// Can is what works.
type Can struct {
	Cash       bool    `json:"cash"`
	Card       bool    `json:"card"`
	Tickets    bool    `json:"tickets"`
	Receipts   bool    `json:"receipts"`
	Slips      bool    `json:"slips"`
	Lost       bool    `json:"lost"`
	Validation bool    `json:"validation"`
	Help       bool    `json:"help"`
	Takes      []Takes `json:"takes"`
	Staff      bool    `json:"staff,omitempty"`
}

// Takes is a coin or note that is taken.
type Takes struct {
	Value int64 `json:"value"`
	Note  bool  `json:"note"`
}

// Deadline is when the screen ends by itself.
type Deadline struct {
	AsksInMS  int64 `json:"asks_in_ms"`
	EndsInMS  int64 `json:"ends_in_ms"`
	MayDouble bool  `json:"may_double"`
}

// Outside is what is shown that is not the machine's own.
type Outside struct {
	About  About
	Linked bool
	Heard  time.Time  // when the cloud was surely there; zero: not known
	Book   *till.Book // nil: no prices
	Timed  bool       // the time is known
	Failed bool       // nothing can be written down
	Enter  bool       // the machine stands at a lane that leads in
	Shops  bool       // there are shops whose codes are good
	Free   *int
	Staff  bool // there is staff that can unlock the screen
}

// Show makes what is to be shown.
func (m *Machine) Show(o Outside, env Env) Shown {
	currency := m.currency()
	if currency == "" {
		currency = env.Money
	}
	s := shower{m: m, currency: string(currency), env: env}
	out := Shown{Version: m.Version, ScreenID: m.Screen, Kiosk: o.About, Free: o.Free}
	if o.Timed {
		now := stamp(env.Now)
		out.Now = &now
	}
	out.Kiosk.Currency = s.currency
	if m.Set != nil {
		out.Kiosk.Label, out.Kiosk.Languages, out.Kiosk.Help = m.Set.Label, m.Set.Languages, m.Set.Help
	}
	out.Can = m.can(o, env.Now)
	out.Border = m.border(o, out.Can)
	if o.Book != nil {
		if present, ok := o.Book.Present(env.Now); ok {
			out.Tariff = s.tariff(present)
		}
	}
	out.Screen = s.screen(o)
	if (m.Phase != Idle || m.Call != nil) && !m.Phase.Moving() {
		idle := env.Mono - m.touched
		out.Deadline = &Deadline{
			AsksInMS: max(0, (m.asksAfter() - idle).Milliseconds()), EndsInMS: max(0, (m.asksAfter() + m.endsAfter() - idle).Milliseconds()),
			MayDouble: m.factor < 2,
		}
	}
	return out
}

// Pulse changes when the deadline has begun anew.
func (m *Machine) Pulse() time.Duration { return m.touched + time.Duration(m.factor) }

func (m *Machine) can(o Outside, now time.Time) Can {
	pays := o.Book != nil && o.Timed && !o.Failed
	in := m.In()
	c := Can{Cash: pays && !m.Cashless(), Card: pays && !m.cardless(), Receipts: m.paper(), Slips: m.noCredit(now) == "", Lost: pays && !in.NoLost, Help: true, Takes: []Takes{}, Staff: o.Staff}
	c.Tickets = pays && o.Enter && c.Receipts && !in.NoTickets
	c.Validation = pays && m.takesCodes(o.Shops)
	if c.Cash {
		for _, p := range m.Cash.Takes {
			c.Takes = append(c.Takes, Takes{p.Value, p.Note})
		}
		slices.SortFunc(c.Takes, func(x, y Takes) int { return int(x.Value - y.Value) })
	}
	return c
}

func (m *Machine) border(o Outside, can Can) Border {
	b := Border{Look: "none", Codes: []string{}, Works: []string{"exits"}}
	worst := 0
	note := func(is bool, level int, code string) {
		if is {
			b.Codes = append(b.Codes, code)
			worst = max(worst, level)
		}
	}
	const link, cash, stopped = 1, 2, 3
	note(o.Failed, stopped, "store_failed")
	note(o.Book == nil, stopped, "no_prices")
	note(!o.Timed, stopped, "no_time")
	note(!can.Cash && !can.Card && o.Book != nil && o.Timed && !o.Failed, stopped, "nothing_takes_money")
	// What the owner does not want taken here does not fail; what lies in it still does.
	in := m.In()
	coins := !in.NoCash
	note(coins && m.unopened(), cash, "no_shift")
	note(len(m.Unsettled) > 0, cash, "unsettled")
	note(coins && m.Cash.Full, cash, "box_full")
	note(coins && (!m.Cash.Answers || m.Cash.Stuck) || m.notReturned > 0, cash, "coins_jammed")
	low, empty := false, len(m.Cash.Hoppers) > 0 && coins
	for _, h := range m.Cash.Hoppers {
		if h.Count > 0 && !h.Jammed {
			empty = false
		}
		if coins && (h.Low || h.Jammed) {
			low = true
			b.Short = append(b.Short, Short{h.Value, h.ID})
		}
	}
	note(empty, cash, "coins_out")
	note(low && !empty, cash, "coins_short")
	note(m.cardless() && !in.NoCard, cash, "card_out_of_order")
	note(!can.Receipts, cash, "printer_out")
	note(!o.Linked, link, "no_link")
	if !o.Linked && !o.Heard.IsZero() {
		b.Since = stamp(o.Heard)
	}
	b.Look = []string{"none", "link", "cash", "stopped"}[worst]
	for _, w := range []struct {
		is   bool
		name string
	}{{can.Cash, "cash"}, {can.Card, "card"}, {can.Tickets, "tickets"}, {can.Receipts, "receipts"}} {
		if w.is {
			b.Works = append(b.Works, w.name)
		}
	}
	return b
}

// shower makes screens.
type shower struct {
	m        *Machine
	currency string
	env      Env
}

type object map[string]any

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (s shower) money(minor int64) Money { return Money{minor, s.currency} }

func pieces(p []Pieces) []Pieces {
	if p == nil {
		return []Pieces{}
	}
	return p
}

func (s shower) tariff(t tariff.Tariff) object {
	rates := []object{{"after_minutes": 0, "rate": s.money(t.Rate), "interval_minutes": t.IntervalMinutes}}
	for _, x := range t.Steps {
		rates = append(rates, object{"after_minutes": x.AfterMinutes, "rate": s.money(x.Rate), "interval_minutes": x.IntervalMinutes})
	}
	var most any
	if t.DailyMax > 0 {
		most = s.money(t.DailyMax)
	}
	return object{
		"version": t.Version, "rates": rates, "exact": t.Charge == tariff.Exact, "daily_max": most, "free_minutes": max(t.FreeMinutes, t.ConsiderationMinutes),
		"exit_minutes": t.ExitAfterPaymentMinutes, "more": len(t.Bands)+len(t.Events) > 0,
	}
}

func (s shower) screen(o Outside) object {
	m := s.m
	v := &m.Visit
	if m.Call != nil {
		return s.help(o.Linked)
	}
	switch m.Phase {
	case Idle:
		if o.Book == nil || o.Failed || !o.Timed {
			return object{"name": "stopped"}
		}
		out := object{"name": "start"}
		if m.Last != "" {
			out["last"] = m.Last
		}
		return out
	case Searching:
		if v.By == ByTime {
			return s.problem(object{"name": "lost", "found": s.found()})
		}
		return s.problem(object{"name": "search", "by": v.By, "found": s.found(), "tries": m.tries})
	case Paying, Keeping:
		return s.pay()
	case Giving:
		return object{
			"name": "change", "why": "change", "amount": s.money(v.Due), "given": s.money(v.Given + m.Cash.Totals.Given - v.Base.Given),
			"coins": pieces(v.Coins),
		}
	case Returning:
		was := v.Base.Inserted - v.Base.Kept - v.Base.Returned
		return object{
			"name": "change", "why": "giving_back", "amount": s.money(was), "given": s.money(m.Cash.Totals.Returned - v.Base.Returned), "coins": pieces(m.Cash.Escrow),
		}
	case Charging:
		phase := map[CardState]string{CardPresent: "present", CardWorking: "working"}[m.Card.State]
		switch {
		case !m.Card.Answers:
			phase = "checking"
		case m.Card.Payment != v.Payment || phase == "":
			phase = "asking"
		}
		return object{"name": "card", "stay": s.stay(), "bill": s.bill(), "phase": phase, "may_cancel": !v.Stop && phase != "working"}
	case Paid:
		return s.paid()
	case Serving, Working:
		return s.serving()
	case Ticketing:
		return s.ticket()
	case Validating:
		return s.validation()
	default:
		return object{"name": "stopped"}
	}
}

func (s shower) problem(o object) object {
	if p := s.m.Visit.Problem; p != "" {
		o["problem"] = p
	}
	return o
}

func (s shower) found() []object {
	out := []object{}
	for _, f := range s.m.Visit.Found {
		out = append(out, object{"key": f.Session.String(), "entered_at": stamp(f.EnteredAt), "lane": f.Lane, "reserved": !f.Reservation.IsZero()})
	}
	return out
}

func (s shower) stay() object {
	f := s.m.Visit.Stay
	out := object{
		"entered_at": stamp(f.EnteredAt), "uncertain": f.Uncertain, "reserved": !f.Reservation.IsZero(), "lost_ticket": f.Lost,
		"minutes": int(s.m.Visit.Ask.Until.Sub(f.EnteredAt).Minutes()),
	}
	if !f.To.IsZero() {
		out["window"] = object{"from": stamp(f.From), "to": stamp(f.To)}
	}
	if f.Plate != "" {
		out["plate"] = f.Plate
	}
	return out
}

func (s shower) bill() object {
	v := &s.m.Visit
	a := &v.Ask
	lines := []object{}
	for _, l := range a.Lines {
		lines = append(lines, object{
			"rule": l.Rule, "id": l.ID, "label": l.Label, "from": stamp(l.From), "to": stamp(l.To), "quantity": l.Quantity, "minutes": l.Minutes, "rate": l.Rate,
			"days": l.Days, "amount": s.money(l.Amount.Minor),
		})
	}
	offs, byShops, bySlip := s.offs()
	before := a.Covered + a.Paid - v.PaidNow - byShops - bySlip
	if before > 0 {
		lines = append(lines, object{"rule": "paid_before", "label": "Paid or held before", "amount": s.money(-min(before, a.Total.Minor))})
	}
	return object{
		"lines": append(lines, offs...), "total": s.money(a.Total.Minor), "paid_before": s.money(before), "discount": s.money(byShops + bySlip), "to_pay": s.money(a.Pay + v.PaidNow),
		"tax": s.money(a.Tax.Minor), "tax_basis_points": a.TaxBasisPoints, "tariff_version": a.TariffVersion, "valid_until": stamp(v.Asked.Add(priceHolds)),
	}
}

func (s shower) pay() object {
	m := s.m
	v := &m.Visit
	inside := m.inside()
	if m.Phase == Keeping {
		inside = v.Base.Inserted - v.Base.Kept - v.Base.Returned
	}
	var change any
	if inside >= v.Ask.Pay && inside > 0 {
		change = s.plan(inside - v.Ask.Pay)
	}
	return s.problem(object{
		"name": "pay", "stay": s.stay(), "bill": s.bill(), "inserted": s.money(inside), "pieces": pieces(m.Cash.Escrow), "still_to_pay": s.money(max(v.Ask.Pay-inside, 0)),
		"change": change, "busy": m.Phase != Paying,
	})
}

func (s shower) plan(amount int64) object {
	coins, missing := Plan(amount, s.m.Cash.Hoppers)
	out := object{"amount": s.money(amount), "coins": pieces(coins), "missing": s.money(missing)}
	if missing > 0 {
		if value, ok := Complete(amount, s.m.Cash.Takes, s.m.Cash.Hoppers); ok {
			out["add"] = object{"value": value, "change": s.money(amount + value)}
		}
	}
	return out
}

func (s shower) paid() object {
	v := &s.m.Visit
	out := object{"name": "paid", "stay": s.stay(), "paid": s.money(v.PaidNow), "method": "none", "exit_by": nil, "receipt": "none", "receipt_code": ""}
	if v.Method != "" {
		out["method"] = v.Method
	}
	if v.Inserted > 0 {
		out["inserted"], out["change"] = s.money(v.Inserted), s.money(v.Given)
	}
	if !v.ExitBy.IsZero() {
		out["exit_by"] = stamp(v.ExitBy)
		paid := v.PaidAt
		if paid.IsZero() {
			paid = v.Ask.Until
		}
		out["exit_now"] = !v.ExitBy.After(paid.Add(time.Minute))
	}
	if v.Slip == nil {
		if v.Leave != "" {
			out["leave"] = v.Leave
		}
		return out
	}
	out["receipt_code"] = v.Slip.Code
	switch {
	case s.m.Printer.Printed >= v.SlipSeq:
		out["receipt"] = "printed"
	case s.m.Printer.Answers && s.m.Printer.Paper:
		out["receipt"] = "printing"
	default:
		if v.Leave != "" { // there is no paper to have it on
			out["leave"] = v.Leave
		}
	}
	if v.Owed > 0 {
		out["credit"] = object{"code": v.Slip.CreditBy, "amount": s.money(v.Owed), "good_until": v.Slip.GoodUntil.In(s.env.Zone).Format(time.DateOnly), "printed": !s.m.onlyHere()}
	}
	return out
}
