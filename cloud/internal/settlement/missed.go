package settlement

import (
	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// AtNoShow settles a reservation on which nobody came: its driver kept a place
// from others. Due is the share of the quote that was agreed on when it was
// booked, and never more than is held: nobody owes for a stay that was not. With
// nothing due the hold is given back.
func AtNoShow(p *parking.Parking, r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, bill.Missed, r.Quote.MissedPercent(p.Policy.NoShowCharge))
}

// AtElapse settles a reservation whose window has ended where no gate could see
// anybody: its quote is due, as far as it is held.
func AtElapse(r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, bill.Unwatched, 100)
}

func unseen(r *reservation.Reservation, pay *payment.Payment, b bill.Basis, percent int) Settlement {
	s := ofQuote(r, b)
	s.Percent = percent
	whole := max(s.Due.Minor, 0)
	s.Tax.Minor = min(max(s.Tax.Minor, 0), whole)
	var held int64
	if pay != nil && pay.State == payment.Authorized {
		held = max(pay.Authorized, 0)
	}
	s.Due.Minor = bill.Percent(whole, percent)
	if s.Due.Minor > held {
		s.Due.Minor, s.Limit = held, &held
	}
	if s.Due.Minor < whole {
		s.Lines = nil // they explain the whole
		s.Tax.Minor = bill.Share(s.Tax.Minor, s.Due.Minor, whole)
	}
	s.cover(pay)
	s.Owed.Minor, s.OwedTax.Minor = 0, 0
	return s
}
