package receipt

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/wire"
)

// Fault codes of receipts that there are not. They are part of the API.
const (
	CodeNotReady = "receipt_not_ready" // the stay, or its payment, is not settled yet
	CodeNone     = "no_receipt"        // it was never confirmed: there was nothing to pay for
)

// Facts are what a receipt is made from.
type Facts struct {
	Parking      *parking.Parking
	Operator     string
	Number       int64      // of the bill in its parking; 0: there is no bill
	Bill         *bill.Bill // the newest about the reservation or stay; nil: none
	Decided      time.Time  // when the bill was
	Reservation  *reservation.Reservation
	Session      *session.Session // of the bill, else of the reservation
	Payments     []payment.Payment
	Movements    []Movement
	Tariffs      []tariff.Tariff // the editions that the bill names
	Observations []commit.Observation
}

// Build makes the receipt. Its faults are CodeNotReady while anything about the
// stay or its money is still open, and CodeNone when nothing was ever paid for.
func Build(f Facts) (Receipt, error) {
	if err := f.settled(); err != nil {
		return Receipt{}, err
	}
	p, b := f.Parking, *f.Bill
	r := Receipt{
		Format: Format, Number: fmt.Sprintf("%s-%d", p.ID, f.Number), IssuedAt: f.Decided.UTC(), Operator: f.Operator,
		Parking: Place{p.ID, p.Name, p.Address, p.City, p.Timezone}, Bill: b,
		Payments: []Payment{}, Movements: []Movement{}, Tariffs: []Edition{}, Observations: []Observation{}, Taxes: []Tax{},
	}
	if r.Bill.Parts == nil {
		r.Bill.Parts = []bill.Part{}
	}
	if v := f.Reservation; v != nil {
		r.Reservation = &Reserved{v.ID, v.State, v.SpaceType, v.Window.From.UTC(), v.Window.To.UTC()}
	}
	for _, x := range f.Payments {
		if asked(&x) {
			continue
		}
		c := x.Amount.Currency
		paid := Payment{ID: x.ID, Provider: x.Provider, State: x.State, Held: money.New(x.Authorized, c), Captured: money.New(x.Captured, c)}
		for _, back := range x.Refunds {
			if back.State.Given() { // what came back to us is among the movements, both ways
				paid.Refunds = append(paid.Refunds, Refund{back.Reason, back.State, money.New(back.Amount, c)})
			}
		}
		r.Payments = append(r.Payments, paid)
	}
	for _, m := range f.Movements {
		m.At = m.At.UTC()
		r.Movements = append(r.Movements, m)
		if m.At.After(r.IssuedAt) {
			r.IssuedAt = m.At
		}
	}
	for _, t := range f.Tariffs {
		sum, err := Digest(t)
		if err != nil {
			return r, err
		}
		r.Tariffs = append(r.Tariffs, Edition{t.Version, sum, t})
	}
	for _, o := range f.Observations {
		r.Observations = append(r.Observations, Observation{o.Epoch, o.Seq, base64.RawURLEncoding.EncodeToString(o.Raw)})
	}
	if s := f.Session; s != nil && s.ID == b.Session {
		r.Stay = &Stay{
			Session: s.ID, SpaceType: s.SpaceType, EnteredAt: s.EnteredAt.UTC(), ExitedAt: s.ExitedAt.UTC(), Inferred: s.Inferred,
		}
		r.Stay.judge(passages(r.Observations, s.ID))
	}
	var err error
	if r.Sums, err = add(r.Movements, b.Due); err != nil {
		return r, err
	}
	r.Taxes = taxes(&b, r.Tariffs)
	return r, nil
}

// settled says why there is no receipt yet.
func (f *Facts) settled() error {
	notReady := func(says string) error { return fault.New(fault.Conflict, CodeNotReady, says) }
	if r := f.Reservation; r != nil {
		switch r.State {
		case reservation.Held, reservation.Confirmed:
			return notReady("The receipt comes after the stay.")
		case reservation.Active:
			return notReady("The vehicle is inside; the receipt comes when it has left.")
		case reservation.Expired:
			return fault.New(fault.Conflict, CodeNone, "The payment for this reservation was never secured. Nothing was taken, and there is no receipt.")
		case reservation.Completed, reservation.Cancelled, reservation.NoShow, reservation.Walked, reservation.Voided: // it has ended
		}
	}
	if s := f.Session; s != nil && s.State == session.Inside {
		return notReady("The vehicle is inside; the receipt comes when it has left.")
	}
	if f.Bill == nil {
		return fault.New(fault.Conflict, CodeNone, "Nothing was charged for this reservation, and there is no receipt.")
	}
	for _, p := range f.Payments {
		if slices.ContainsFunc(p.Refunds, func(r payment.Refunding) bool { return r.State == payment.RefundRequested }) {
			return notReady("Something is being given back; the receipt comes in a moment.")
		}
		if asked(&p) {
			continue
		}
		switch p.State {
		case payment.Captured, payment.Voided, payment.Declined, payment.Lapsed, payment.MethodKept:
		default:
			return notReady("The payment is being settled; the receipt comes in a moment.")
		}
	}
	return nil
}

// asked reports whether a payment is to pay what is owed and nothing is held for it
// yet: it is owed until then.
func asked(p *payment.Payment) bool {
	return p.ForDebt() && (p.State == payment.Requested || p.State == payment.RequiresAction || p.State == payment.Unknown)
}

// Canonical is a tariff's document as it is published.
func Canonical(t tariff.Tariff) ([]byte, error) {
	document, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write a tariff: %w", err)
	}
	return document, nil
}

// Digest is the SHA-256 of a tariff's document, in hexadecimal.
func Digest(t tariff.Tariff) (string, error) {
	document, err := Canonical(t)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:]), nil
}

// add is what movements add up to.
func add(all []Movement, due money.Amount) (Sums, error) {
	none := money.New(0, due.Currency)
	s := Sums{
		Held: none, Released: none, Captured: none, Refunded: none, Cash: none, Terminal: none,
		Credit: none, Owed: none, WrittenOff: none, Charged: none, Overpaid: none,
	}
	charged, receivable := none, none
	var failed error
	sum := func(to *money.Amount, a money.Amount) {
		var err error
		if *to, err = to.Add(a); err != nil && failed == nil {
			failed = fmt.Errorf("sum the movements: %w", err)
		}
	}
	for _, m := range all {
		for _, p := range m.Postings {
			a := p.Amount
			switch {
			case a.Currency != due.Currency: // foreign money that a machine took is kept for the driver
			case p.Account == ledger.Revenue || p.Account == ledger.TaxPayable:
				sum(&charged, a.Neg())
			case p.Account == ledger.Receivable:
				sum(&receivable, a)
			case p.Account == ledger.Cash:
				sum(&s.Cash, a)
			case p.Account == ledger.Terminal:
				sum(&s.Terminal, a)
			case p.Account == ledger.Shops:
				if s.Shops.Currency == "" {
					s.Shops = none
				}
				sum(&s.Shops, a)
			case p.Account == ledger.ChangeCredit:
				sum(&s.Credit, a.Neg())
			case m.Kind == ledger.Hold && p.Account == ledger.Held:
				sum(&s.Held, a)
			case m.Kind == ledger.Release && p.Account == ledger.Held:
				sum(&s.Released, a.Neg())
			case m.Kind == ledger.Capture && p.Account == ledger.Provider:
				sum(&s.Captured, a)
			case m.Kind == ledger.Refund && p.Account == ledger.Provider:
				sum(&s.Refunded, a.Neg())
			case m.Kind == ledger.WriteOff && p.Account == ledger.Adjustments:
				sum(&s.WrittenOff, a)
			}
		}
	}
	if failed != nil {
		return s, failed
	}
	s.Charged = charged
	s.Owed.Minor = max(receivable.Minor, 0)
	s.Overpaid.Minor = max(charged.Minor-due.Minor, 0)
	if less := due.Minor - charged.Minor; less > 0 && s.Refunded.Minor >= less {
		s.Credited = money.New(less, due.Currency)
	}
	return s, nil
}

// taxes is the tax in what is due, by rate. A share of the whole has the tax of
// its first rate: only what was agreed is ever charged in part, and that has one.
func taxes(b *bill.Bill, editions []Edition) []Tax {
	out := []Tax{}
	add := func(rate int, a money.Amount) {
		for i := range out {
			if out[i].BasisPoints == rate {
				out[i].Amount.Minor += a.Minor
				return
			}
		}
		out = append(out, Tax{rate, a})
	}
	for _, p := range b.Parts {
		for _, e := range editions {
			if e.Version == p.TariffVersion {
				add(e.Document.TaxBasisPoints, p.Tax)
			}
		}
	}
	if len(out) == 1 {
		out[0].Amount = b.Tax
	}
	return out
}

// judge says how sure the ends of the stay are, by the events of its passages.
func (s *Stay) judge(in, out *wire.Event) {
	if in == nil || out == nil {
		s.Inferred = true
	}
	if in != nil && in.Uncertainty != wire.Uncertain {
		s.EntryDoubt = &in.Uncertainty
	}
	if out != nil && out.Uncertainty != wire.Uncertain {
		s.ExitDoubt = &out.Uncertainty
	}
	s.EntryClock, s.ExitClock = entryClock(in, s.EnteredAt), exitClock(out, s.ExitedAt, s.EnteredAt)
}
