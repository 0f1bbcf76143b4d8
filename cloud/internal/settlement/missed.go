package settlement

import (
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// AtNoShow settles a reservation on which nobody came: its driver kept a place
// from others. Due is the share of the quote that the parking's policy names, a
// fraction of a minor unit dropped, and never more than is held: nobody owes for
// a stay that was not. With nothing due the hold is given back.
func AtNoShow(p *parking.Parking, r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, int64(min(max(p.Policy.NoShowCharge, 0), 100)))
}

// AtElapse settles a reservation whose window has ended where no gate could see
// anybody: its quote is due, as far as it is held.
func AtElapse(r *reservation.Reservation, pay *payment.Payment) Settlement {
	return unseen(r, pay, 100)
}

func unseen(r *reservation.Reservation, pay *payment.Payment, percent int64) Settlement {
	s := Settlement{Due: r.Quote.Total, Tax: r.Quote.Tax, Lines: r.Quote.Lines}
	whole := max(s.Due.Minor, 0)
	s.Tax.Minor = min(max(s.Tax.Minor, 0), whole)
	// Divided first, so that no amount is too large.
	s.Due.Minor = whole/100*percent + whole%100*percent/100
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
