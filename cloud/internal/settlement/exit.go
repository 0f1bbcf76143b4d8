package settlement

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// ExitInput is what is known when a vehicle has left.
type ExitInput struct {
	Parking     *parking.Parking
	Reservation *reservation.Reservation // nil for a walk-in
	Payment     *payment.Payment         // the reservation's; nil when there is none
	SpaceType   id.SpaceType             // that the vehicle stood on
	Tariff      *tariff.Tariff           // the edition that prices the stay: that of the quote, or of the entry; nil: the parking's present one
	Plan        *tariff.Plan             // Tariff, compiled for the parking's zone, where many stays are priced by it; nil: it is compiled for this one
	EnteredAt   time.Time                // zero when the entry was not seen
	ExitedAt    time.Time
	Unseen      bool // nobody saw it leave: then nothing is known of its having left early

	// EntryDoubt and ExitDoubt bound the error of the edge's clock at each end.
	// The stay is taken at its shortest.
	EntryDoubt time.Duration
	ExitDoubt  time.Duration
}

// Settlement is the price of a stay and its split. Paid + Lost + Capture + Owed
// = Due to the minor unit, and CaptureTax + OwedTax is what of Tax is not booked
// yet. No amount is negative.
type Settlement struct {
	Due        money.Amount // what the stay costs
	Tax        money.Amount // contained in Due
	Paid       money.Amount // taken from the hold before, or being taken: a no-show that came after all
	Lost       money.Amount // was to be taken before, and is on the books as owed because the hold was gone
	Capture    money.Amount // to take from the hold
	CaptureTax money.Amount // contained in Capture
	Back       money.Amount // was taken from the hold before, or is being taken, and is not due: to be given back
	Owed       money.Amount // not covered by a hold: becomes a receivable
	OwedTax    money.Amount // contained in Owed
	Void       bool         // a hold stands and nothing is to be taken from it

	Late    bool          // left after the end of the reservation and its grace
	Lines   []tariff.Line // explain Due
	Basis   bill.Basis    // by what rule Due is due
	Parts   []bill.Part   // what it is made of
	Percent int           // of the parts; 0: all
	Limit   *int64        // minor units: no more is due; nil: no limit
	Grace   time.Duration // of leaving late, when Late
	Until   *time.Time    // a payment at a machine at which the time ends that is charged; nil: the exit

	// Problem is set when the tariff could not price the stay. Then the quote,
	// or nothing, is due: a tariff that cannot be read is not the driver's.
	// Whoever applies the settlement puts it on record.
	Problem error

	Kept  int   // percent of what was agreed that is due though the stay ended early
	Least int64 // minor units: see bill.Bill
}

// AtExit settles a stay.
//
// With a reservation the quote is due, whether or not all of the time was
// used, unless it says that leaving early costs less: then the tariff counts from
// the beginning of the reservation until the exit, if somebody saw that. Who leaves later than ExitGrace after the window pays from the beginning
// of the reservation to that long before the exit (the grace is forgiven to
// everybody) by the edition of the tariff that the quote was made by, and never
// less than the quote. Where that edition is not on record any more, what was
// quoted stands, and the time beyond it costs what it costs now, if that is less.
// A walk-in pays from entry to exit by the edition in force at the entry; an
// exit without a known entry costs nothing.
func AtExit(in ExitInput) Settlement {
	s := due(in)
	if s.Due.Minor < 0 { // a tariff cannot price below zero; a stored quote is only data
		s.Due.Minor = 0
	}
	s.Tax.Minor = min(max(s.Tax.Minor, 0), s.Due.Minor)
	s.cover(in.Payment)
	return s
}

func due(in ExitInput) Settlement {
	left := in.ExitedAt.Add(-max(in.ExitDoubt, 0))
	if r := in.Reservation; r != nil {
		quoted := ofQuote(r, bill.Quoted)
		until := in.Parking.Grace().Billable(r.Window, timerange.Range{From: r.Window.From, To: left}).To
		if !until.After(r.Window.To) {
			return in.early(r, quoted, left)
		}
		quoted.Late, quoted.Grace = true, in.Parking.Grace().EndOfStay
		late := Settlement{Late: true, Grace: quoted.Grace, Basis: bill.Overstayed}
		due, err := in.price(r.SpaceType, r.Window.From, until, r.Quote.DemandPercent())
		if err == nil && due.Total.Currency != quoted.Due.Currency {
			err = fmt.Errorf("%w: quoted in %s, tariff in %s", money.ErrCurrency, quoted.Due.Currency, due.Total.Currency)
		}
		if err != nil {
			quoted.Problem = err
			return quoted
		}
		late.Due, late.Tax, late.Lines, late.Parts = due.Total, due.Tax, due.Lines, []bill.Part{due}
		if v := r.Quote.TariffVersion; v != 0 && v != in.edition().Version {
			// The tariff has changed since: what was quoted stands, and only the time
			// beyond it costs what it costs now, if that is less.
			if more, err := in.price(r.SpaceType, r.Window.To, until, 100); err == nil && quoted.Due.Minor+more.Total.Minor < late.Due.Minor {
				late.Basis, late.Parts = bill.QuotedAndNew, append(quoted.Parts, more)
				late.Due.Minor, late.Tax.Minor = quoted.Due.Minor+more.Total.Minor, quoted.Tax.Minor+more.Tax.Minor
				late.Lines = slices.Concat(quoted.Lines, more.Lines)
			}
		}
		if late.Due.Minor <= quoted.Due.Minor {
			return quoted
		}
		return late
	}
	nothing := money.New(0, in.Parking.Tariff.Currency)
	if in.EnteredAt.IsZero() {
		return Settlement{Due: nothing, Tax: nothing, Basis: bill.NotSeen}
	}
	used, err := in.price(in.SpaceType, in.EnteredAt.Add(max(in.EntryDoubt, 0)), left, 100)
	if err != nil {
		return Settlement{Due: nothing, Tax: nothing, Basis: bill.NotSeen, Problem: err}
	}
	return Settlement{Due: used.Total, Tax: used.Tax, Lines: used.Lines, Basis: bill.Used, Parts: []bill.Part{used}}
}

// early is what is due for a stay that ended within its reservation. The time
// before the vehicle came counts: the place was kept for it.
func (in *ExitInput) early(r *reservation.Reservation, quoted Settlement, left time.Time) Settlement {
	q := &r.Quote
	if in.Unseen || q.EarlyCharge == nil || !left.Before(r.Window.To) || q.TariffVersion != in.edition().Version {
		return quoted
	}
	used, err := in.price(r.SpaceType, r.Window.From, left, q.DemandPercent())
	if err != nil {
		quoted.Problem = err
		return quoted
	}
	s := Settlement{Due: quoted.Due, Lines: used.Lines, Basis: bill.Shortened, Parts: append(quoted.Parts, used), Kept: min(max(*q.EarlyCharge, 0), 100)}
	s.Least = bill.Least(max(quoted.Due.Minor, 0), s.Kept, in.edition().Minimum)
	due, tax, err := s.Bill(r.ID, r.Session).Sum()
	if err != nil || due.Minor >= quoted.Due.Minor {
		quoted.Problem = err
		return quoted
	}
	s.Due, s.Tax = due, tax
	return s
}

// ofQuote is what was agreed.
func ofQuote(r *reservation.Reservation, b bill.Basis) Settlement {
	q := r.Quote
	return Settlement{Due: q.Total, Tax: q.Tax, Lines: q.Lines, Basis: b, Parts: []bill.Part{{
		TariffVersion: q.TariffVersion, SpaceType: r.SpaceType, From: r.Window.From, To: r.Window.To, Total: q.Total, Tax: q.Tax, Lines: q.Lines,
		Demand: bill.Frozen(q.DemandPercent()),
	}}}
}

// Bill is what is put on record of the settlement.
func (s Settlement) Bill(r id.Reservation, stay id.Session) *bill.Bill {
	b := bill.Nothing(s.Basis, s.Due.Currency)
	b.Due, b.Tax, b.Limit, b.Until, b.Grace, b.Reservation, b.Session = s.Due, s.Tax, s.Limit, s.Until, int(s.Grace/time.Second), r, stay
	if s.Percent > 0 || s.Basis == bill.Missed {
		b.Percent = s.Percent
	}
	b.Kept, b.Least = s.Kept, s.Least
	b.Parts = append(b.Parts, s.Parts...)
	return &b
}

// edition is the tariff that prices the stay.
func (in *ExitInput) edition() *tariff.Tariff {
	if in.Tariff != nil {
		return in.Tariff
	}
	return &in.Parking.Tariff
}

// price asks the tariff, for a percentage of its price that a quote has frozen. A
// reversed stay has no duration, and one longer than can be priced costs what the
// longest costs.
func (in *ExitInput) price(t id.SpaceType, from, to time.Time, percent int) (bill.Part, error) {
	if to.Before(from) {
		to = from
	}
	if longest := from.Add(tariff.MaxStay); to.After(longest) {
		to = longest
	}
	zone, unknown := in.Parking.Location()
	if unknown != nil {
		zone = nil // many a tariff needs none
	}
	stay := timerange.Range{From: from, To: to}
	by := in.edition().Price
	if in.Plan != nil {
		by = in.Plan.Price
	}
	priced, err := by(stay, tariff.Facts{Zone: zone, SpaceType: string(t)})
	if err != nil {
		return bill.Part{}, errors.Join(err, unknown)
	}
	return bill.AtDemand(priced, percent, t, stay), nil
}

// cover splits what is due between the hold and the driver.
func (s *Settlement) cover(p *payment.Payment) {
	none := money.New(0, s.Due.Currency)
	s.Paid, s.Lost, s.Capture, s.CaptureTax, s.Back, s.Owed, s.OwedTax = none, none, none, none, none, s.Due, s.Tax
	if p == nil {
		return
	}
	before, tax := charged(p)
	if p.State != payment.Authorized && before == 0 {
		return
	}
	if p.Amount.Currency != s.Due.Currency {
		s.Problem = errors.Join(s.Problem, fmt.Errorf("%w: held in %s, due in %s", money.ErrCurrency, p.Amount.Currency, s.Due.Currency))
		s.Void = p.State == payment.Authorized
		return
	}
	if p.State != payment.Authorized {
		s.credit(p, before, tax)
		return
	}
	s.Capture.Minor = min(s.Due.Minor, max(p.Authorized, 0))
	if s.Capture.IsZero() {
		s.Void = true
		return
	}
	s.Owed.Minor = s.Due.Minor - s.Capture.Minor
	s.CaptureTax.Minor = bill.Share(s.Tax.Minor, s.Capture.Minor, s.Due.Minor)
	s.OwedTax.Minor = s.Tax.Minor - s.CaptureTax.Minor
}

// Covered is how much of what a stay costs a payment bears at the most, in its own
// currency: what is held, or what it was charged before.
func Covered(p *payment.Payment) int64 {
	if p == nil {
		return 0
	}
	if p.State == payment.Authorized {
		return max(p.Authorized, 0)
	}
	before, _ := charged(p)
	return max(before, 0)
}

// charged is what a payment has been charged, and the tax in it: taken, being
// taken, or owed because the hold was gone when it was to be taken; without what
// is given back. A payment in voided that was asked for an amount is one whose
// hold was gone.
func charged(p *payment.Payment) (amount, tax int64) {
	amount, tax = asked(p)
	for _, r := range p.Refunds {
		if r.State != payment.RefundFailed {
			amount, tax = amount-r.Amount, tax-r.Tax
		}
	}
	return amount, tax
}

func asked(p *payment.Payment) (amount, tax int64) {
	switch p.State {
	case payment.Captured:
		if p.Captured == p.CaptureAmount {
			return p.Captured, p.CaptureTax
		}
		return p.Captured, bill.Share(p.CaptureTax, min(p.Captured, p.CaptureAmount), p.CaptureAmount)
	case payment.CaptureRequested, payment.Voided:
		return p.CaptureAmount, p.CaptureTax
	default:
		return 0, 0
	}
}

// credit counts what was charged before against what is due.
func (s *Settlement) credit(p *payment.Payment, before, tax int64) {
	if before > s.Due.Minor {
		if p.State == payment.Voided {
			s.Problem = errors.Join(s.Problem, fmt.Errorf("%d were charged before, only %s is due", before, s.Due))
		} else {
			s.Back.Minor = before - s.Due.Minor
		}
		before = s.Due.Minor
	}
	if p.State == payment.Voided {
		s.Lost.Minor = before
	} else {
		s.Paid.Minor = before
	}
	s.Owed.Minor = s.Due.Minor - before
	s.OwedTax.Minor = min(max(s.Tax.Minor-tax, 0), s.Owed.Minor)
}

// Debt is all that the driver owes for the stay: Owed, and what is on the books
// already.
func (s *Settlement) Debt() money.Amount {
	return money.New(s.Lost.Minor+s.Owed.Minor, s.Due.Currency)
}

// Ask makes the payment ask for what the settlement wants of it, and reports
// whether it changed. The caller puts the payment and emits payment.changed.
func (s Settlement) Ask(p *payment.Payment, now time.Time) bool {
	if p == nil || p.State != payment.Authorized {
		return false
	}
	switch {
	case s.Void:
		p.State = payment.VoidRequested
	case s.Capture.Minor > 0:
		p.State = payment.CaptureRequested
		p.CaptureAmount, p.CaptureTax = s.Capture.Minor, s.CaptureTax.Minor
	default:
		return false
	}
	p.UpdatedAt = now
	return true
}
