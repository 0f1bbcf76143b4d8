package booking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
)

// RecordHold books what a provider said about placing a reservation's hold, or
// that it said nothing. Booking the same answer again changes nothing.
//
//   - Authorized confirms a held reservation. If the reservation has ended, the
//     hold is noted on its payment, which is void_requested, and so given back.
//   - RequiresAction notes where the driver goes and extends the claim once.
//   - Declined, and Voided for a hold that lapsed before it was confirmed, ends
//     a held reservation.
//   - No answer leaves the payment unknown, to be resolved by asking.
//
// How a hold is captured or given back is not booked here.
type RecordHold struct {
	Target
	Outcome  payment.Outcome
	NoAnswer bool // the provider gave no definite answer; Outcome is not looked at

	// Set by Apply.
	After     Snapshot
	Confirmed bool // this run confirmed the reservation, with its last event
}

// Apply implements commit.Op. It returns CodeHoldTooLate when a hold stands
// that cannot be noted any more because the payment is settled: the caller must
// give it back.
func (o *RecordHold) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	switch s := o.Outcome.State; {
	case o.NoAnswer:
		err = c.unanswered()
	case s == payment.Authorized:
		err = c.authorized(o.Outcome)
	case s == payment.RequiresAction:
		err = c.requiresAction(o.Outcome)
	case s == payment.Declined:
		err = c.declined(o.Outcome.Ref, o.Outcome.DeclineCode)
	case s == payment.Voided:
		err = c.declined(o.Outcome.Ref, declineLapsed)
	default:
		err = fault.Newf(fault.Internal, CodeUnexpectedProvider, "A hold that was asked for is said to be %q.", s)
	}
	o.After, o.Confirmed = c.after(), c.confirmed
	return err
}

// declineLapsed is the decline code of a hold that the provider dropped before
// it was confirmed.
const declineLapsed = "hold_lapsed"

func (c *change) unanswered() error {
	if !c.p.State.CanBecome(payment.Unknown) {
		return nil
	}
	return c.pay(payment.Unknown)
}

func (c *change) authorized(o payment.Outcome) error {
	if o.Authorized.Currency != c.p.Amount.Currency || o.Authorized.Minor < 0 {
		return fault.Newf(fault.Internal, CodeUnexpectedProvider, "A hold of %s was asked for, %s is said to be held.", c.p.Amount, o.Authorized)
	}
	switch c.p.State {
	case payment.Requested, payment.RequiresAction, payment.Unknown:
		return c.confirm(o)
	case payment.VoidRequested:
		if c.p.Ref == o.Ref && c.p.Authorized == o.Authorized.Minor {
			return nil
		}
		if err := c.noteHold(o); err != nil {
			return err
		}
		c.tellPayment()
		return nil
	case payment.Declined, payment.Voided:
		if c.p.State == payment.Voided && c.p.Ref == o.Ref {
			return nil // it was found and given back in the meantime
		}
		if c.p.Authorized == 0 {
			// Nobody knew of it when the payment was settled. It is put back on the
			// books, where it is given back for as long as that takes.
			if err := c.noteHold(o); err != nil {
				return err
			}
			c.p.State = payment.VoidRequested
			c.tellPayment()
			return nil
		}
		return fault.New(fault.Conflict, CodeHoldTooLate, "The payment was secured after the reservation had ended. It is given back.")
	default: // authorized, and what follows it
		return nil
	}
}

// confirm notes a hold that stands and confirms the reservation. One that has
// ended has no payment in these states; if it had, Apply would say so.
func (c *change) confirm(o payment.Outcome) error {
	if err := c.noteHold(o); err != nil {
		return err
	}
	c.p.NextAction = ""
	if err := c.pay(payment.Authorized); err != nil {
		return err
	}
	changed, err := c.r.Apply(reservation.HoldAuthorized, c.now)
	if err != nil || !changed {
		return err
	}
	c.tellReservation(feed.ReservationConfirmed)
	c.w.ConfirmedByLastEvent(c.r.ID)
	c.confirmed = true
	return nil
}

// noteHold writes a standing hold onto the payment and into the ledger.
func (c *change) noteHold(o payment.Outcome) error {
	if c.p.Authorized == 0 && o.Authorized.Minor > 0 {
		if err := c.w.Book(ledger.HoldPlaced(c.r.ID, c.p.ID, o.Authorized)); err != nil {
			return err
		}
		c.p.Authorized = o.Authorized.Minor
	}
	if c.p.Authorized != o.Authorized.Minor {
		return fmt.Errorf("payment %s: %d was held, now %d is said to be", c.p.ID, c.p.Authorized, o.Authorized.Minor)
	}
	c.p.Ref, c.p.CaptureBefore = o.Ref, o.CaptureBefore
	return nil
}

func (c *change) requiresAction(o payment.Outcome) error {
	switch {
	case c.p.State == payment.VoidRequested && c.p.Ref != o.Ref:
		// The second step is not wanted any more; the name helps to call it off.
		c.p.Ref = o.Ref
		c.tellPayment()
		return nil
	case !c.p.State.CanBecome(payment.RequiresAction):
		return nil
	}
	c.p.Ref, c.p.NextAction = o.Ref, o.NextAction
	if err := c.pay(payment.RequiresAction); err != nil {
		return err
	}
	// Once: counted from the beginning, so that asking again gains nothing.
	until := c.r.CreatedAt.Add(2 * c.w.Parking.Policy.HoldTTL)
	if c.r.State != reservation.Held || !until.After(c.r.HoldUntil) {
		return nil
	}
	c.r.HoldUntil = until
	c.r.UpdatedAt = c.now
	c.movedReservation = true
	c.w.PutReservation(c.r)
	return nil
}

func (c *change) declined(ref, code string) error {
	if !c.p.State.CanBecome(payment.Declined) || c.p.Authorized > 0 {
		return nil
	}
	if ref != "" {
		c.p.Ref = ref
	}
	c.p.DeclineCode, c.p.NextAction = code, ""
	if err := c.pay(payment.Declined); err != nil {
		return err
	}
	if c.r.State != reservation.Held {
		return nil
	}
	return c.end(reservation.HoldDeclined, feed.ReservationExpired)
}
