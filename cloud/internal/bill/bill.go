// Package bill is what a stay, or a reservation that ended without one, was
// charged and why. It is written down when that is decided, with the lines that
// were charged and the editions of the tariff that they are by, so that nobody
// has to guess later: a receipt is made from it.
package bill

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Basis says by which rule something was charged.
type Basis string

// The bases. What each of them charges is the sum of the bill's parts, unless
// it says otherwise.
const (
	Quoted       Basis = "quoted"        // the price that was agreed, whether or not all of the time was used
	Overstayed   Basis = "overstayed"    // the tariff from the beginning of the reservation to the exit, less the grace
	QuotedAndNew Basis = "quoted_beyond" // what was agreed, and for the time beyond it a later edition of the tariff, which is less than Overstayed
	Shortened    Basis = "shortened"     // the second part, the tariff until the exit, but at least Least, and no more than the first, which was agreed
	Used         Basis = "used"          // the tariff from entry to exit
	Missed       Basis = "missed"        // a percentage of what was agreed, because nobody came
	Unwatched    Basis = "unwatched"     // what was agreed: no gate could see whether somebody came
	Cancelled    Basis = "cancelled"     // nothing: the driver gave the reservation up in time
	Walked       Basis = "walked"        // nothing: the parking had no space
	Voided       Basis = "voided"        // nothing: the operator took the reservation back
	NotSeen      Basis = "not_seen"      // nothing: the entry was not seen, or it is not sure whose exit this was
)

// Part is one run of time that one edition of the tariff priced.
type Part struct {
	TariffVersion uint32        `json:"tariff_version"`
	SpaceType     id.SpaceType  `json:"space_type"`
	From          time.Time     `json:"from"`
	To            time.Time     `json:"to"`
	Total         money.Amount  `json:"total"`
	Tax           money.Amount  `json:"tax"` // included in Total
	Lines         []tariff.Line `json:"lines"`
	Demand        int           `json:"demand_percent,omitempty"` // of the tariff's price, frozen with the quote; 0: all of it
}

// Bill is what is due and why.
type Bill struct {
	Basis   Basis        `json:"basis"`
	Parts   []Part       `json:"parts"`
	Percent int          `json:"percent"`                // of the parts, of which a fraction of a minor unit is dropped
	Limit   *int64       `json:"limit,omitempty"`        // minor units: no more than was held is due
	Grace   int          `json:"grace_seconds"`          // leaving this much after the reservation was forgiven
	Kept    int          `json:"kept_percent,omitempty"` // of what was agreed, due though the stay ended early
	Least   int64        `json:"least,omitempty"`        // minor units: that, or the tariff's least price if it is more
	Until   *time.Time   `json:"until,omitempty"`        // a payment at a machine: the exit came within the time that the tariff gives to reach it, which is not charged
	Due     money.Amount `json:"due"`
	Tax     money.Amount `json:"tax"` // included in Due

	Reservation id.Reservation `json:"reservation,omitzero"`
	Session     id.Session     `json:"session,omitzero"`
}

// Nothing is a bill over nothing.
func Nothing(b Basis, c money.Currency) Bill {
	none := money.New(0, c)
	return Bill{Basis: b, Parts: []Part{}, Percent: 100, Due: none, Tax: none}
}

// Of is a part that a bill of the tariff prices.
func Of(b tariff.Bill, t id.SpaceType, r timerange.Range) Part {
	return Part{TariffVersion: b.TariffVersion, SpaceType: t, From: r.From, To: r.To, Total: b.Total, Tax: b.Tax, Lines: b.Lines}
}

// AtDemand is a part that a bill prices at a percentage of the tariff's price.
func AtDemand(b tariff.Bill, percent int, t id.SpaceType, r timerange.Range) Part {
	p := Of(b.Demand(percent, r), t, r)
	p.Demand = Frozen(percent)
	return p
}

// Frozen is a percentage as it is written down.
func Frozen(percent int) int {
	if percent == 100 {
		return 0
	}
	return percent
}

// Errors of Sum.
var (
	ErrLines = errors.New("the lines do not sum to the part's total")
	ErrRange = errors.New("an amount is out of range")
)

// Sum is what the parts come to, after the percentage and the limit, and the tax
// in it.
func (b *Bill) Sum() (due, tax money.Amount, err error) {
	if b.Basis == Shortened {
		return b.shortened()
	}
	whole, taxes := money.New(0, b.Due.Currency), money.New(0, b.Due.Currency)
	for _, p := range b.Parts {
		if whole, err = whole.Add(p.Total); err == nil {
			taxes, err = taxes.Add(p.Tax)
		}
		if err != nil {
			return due, tax, fmt.Errorf("sum the parts: %w", err)
		}
	}
	if whole.Minor < 0 || taxes.Minor < 0 || taxes.Minor > whole.Minor || b.Percent < 0 || b.Percent > 100 {
		return due, tax, ErrRange
	}
	due = whole
	due.Minor = Percent(whole.Minor, b.Percent)
	if b.Limit != nil {
		due.Minor = min(due.Minor, max(*b.Limit, 0))
	}
	if due == whole {
		return due, taxes, nil
	}
	return due, money.New(Share(taxes.Minor, due.Minor, whole.Minor), due.Currency), nil
}

// shortened is what a stay costs that ended early.
func (b *Bill) shortened() (due, tax money.Amount, err error) {
	if len(b.Parts) != 2 || b.Percent != 100 || b.Limit != nil {
		return due, tax, ErrRange
	}
	agreed, used := b.Parts[0], b.Parts[1]
	for _, a := range []money.Amount{agreed.Tax, used.Total, used.Tax, b.Due} {
		if a.Currency != agreed.Total.Currency {
			return due, tax, money.ErrCurrency
		}
	}
	if b.Least < 0 || agreed.Total.Minor < 0 || agreed.Tax.Minor < 0 || agreed.Tax.Minor > agreed.Total.Minor {
		return due, tax, ErrRange
	}
	due, tax = agreed.Total, agreed.Tax
	due.Minor = min(agreed.Total.Minor, max(used.Total.Minor, b.Least))
	if due == used.Total {
		return due, used.Tax, nil
	}
	tax.Minor = Share(agreed.Tax.Minor, due.Minor, agreed.Total.Minor)
	return due, tax, nil
}

// Least is what is due at the least of an agreed price when the stay ends early.
func Least(agreed int64, kept int, minimum int64) int64 {
	return max(Percent(agreed, kept), min(minimum, agreed))
}

// Check compares the lines of a part with its total.
func (p *Part) Check() error {
	sum := money.New(0, p.Total.Currency)
	for _, l := range p.Lines {
		var err error
		if sum, err = sum.Add(l.Amount); err != nil {
			return fmt.Errorf("sum the lines: %w", err)
		}
	}
	if sum != p.Total {
		return fmt.Errorf("%w: %s instead of %s", ErrLines, sum, p.Total)
	}
	return nil
}

// Percent is a percentage of an amount that is not negative, a fraction of a
// minor unit dropped. It divides first, so that no amount is too large.
func Percent(minor int64, percent int) int64 {
	p := int64(percent)
	return minor/100*p + minor%100*p/100
}

// Share is the part of tax contained in part of whole, by the largest-remainder
// method; the other part holds the rest of it. None of them is negative, and
// whole is at least part.
func Share(tax, part, whole int64) int64 {
	shares, err := money.New(tax, "").Split(part, whole-part)
	if err != nil { // whole is nothing
		return 0
	}
	return shares[0].Minor
}
