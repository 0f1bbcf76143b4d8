package settlement

import (
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// AtNoShow settles a reservation on which nobody came: its driver kept a place
// from others. Due is the share of the quote that was agreed on when it was
// booked, and never more than is held: nobody owes for a stay that was not. With
// nothing due the hold is given back.
func AtNoShow(p *parking.Parking, r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, r.Quote.Missed(p.Policy.NoShowCharge).Minor)
}

// AtElapse settles a reservation whose window has ended where no gate could see
// anybody: its quote is due, as far as it is held.
func AtElapse(r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, r.Quote.Total.Minor)
}

func unseen(r *reservation.Reservation, pay *payment.Payment, due int64) Settlement {
	s := Settlement{Due: r.Quote.Total, Tax: r.Quote.Tax, Lines: r.Quote.Lines}
	whole := max(s.Due.Minor, 0)
	s.Tax.Minor = min(max(s.Tax.Minor, 0), whole)
	s.Due.Minor = max(due, 0)
	if pay == nil || pay.State != payment.Authorized {
		s.Due.Minor = 0
	} else {
		s.Due.Minor = min(s.Due.Minor, max(pay.Authorized, 0))
	}
	if s.Due.Minor < whole {
		s.Lines = nil // they explain the whole
		s.Tax.Minor = taxShare(s.Tax.Minor, s.Due.Minor, whole)
	}
	s.cover(pay)
	s.Owed.Minor, s.OwedTax.Minor = 0, 0
	return s
}
