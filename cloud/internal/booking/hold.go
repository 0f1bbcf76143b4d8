package booking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// RecordHold books what a provider said about placing a hold of a reservation,
// or that it said nothing. Booking the same answer again changes nothing.
//
//   - Authorized confirms a held reservation, or makes its pending change take
//     the place of what was. If the reservation has ended or the change come to
//     nothing, the hold is noted on its payment, which is void_requested, and so
//     given back.
//   - MethodKept confirms likewise, with nothing held yet.
//   - RequiresAction notes where the driver goes and extends the time for paying
//     once.
//   - Declined, and Voided for a hold that lapsed before it was confirmed, ends
//     a held reservation, unless it is kept for another card, or drops its pending
//     change.
//   - The hold of a debt is taken as soon as it stands, and its debt is on the stay
//     again when it does not come to stand.
//   - No answer leaves the payment unknown, to be resolved by asking.
//
// How a hold is captured or given back is not booked here.
type RecordHold struct {
	Target
	Payment  id.Payment // that was asked for; none: the reservation's own
	Outcome  payment.Outcome
	NoAnswer bool // the provider gave no definite answer; Outcome is not looked at

	// Set by Apply.
	After     Snapshot
	About     payment.Payment // the payment that was asked for
	Confirmed bool            // this run gave the reservation a pass, with its last event
}

// Prefetch implements commit.Op.
func (o *RecordHold) Prefetch(r *commit.Rows) {
	o.Target.Prefetch(r)
	if !o.Payment.IsZero() {
		r.Payments = append(r.Payments, o.Payment)
	}
}

// Apply implements commit.Op. It returns CodeHoldTooLate when a hold stands
// that cannot be noted any more because the payment is settled: the caller must
// give it back.
func (o *RecordHold) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	h, err := c.about(o.Payment)
	if err != nil {
		return err
	}
	switch s := o.Outcome.State; {
	case o.NoAnswer:
		err = h.unanswered()
	case h.p.ForDebt():
		err = c.debt(h, o.Outcome)
	case s == payment.Authorized:
		err = c.authorized(h, o.Outcome)
	case s == payment.MethodKept:
		err = c.kept(h, o.Outcome.Ref)
	case s == payment.RequiresAction:
		err = c.requiresAction(h, o.Outcome)
	case s == payment.Declined:
		err = c.declined(h, o.Outcome.Ref, o.Outcome.DeclineCode)
	case s == payment.Voided:
		err = c.declined(h, o.Outcome.Ref, declineLapsed)
	default:
		err = fault.Newf(fault.Internal, CodeUnexpectedProvider, "A hold that was asked for is said to be %q.", s)
	}
	o.After, o.About, o.Confirmed = c.after(), h.stored(), c.confirmed
	return err
}

// about is the payment that was asked for: the reservation's, that of its
// pending change, or one that was either before.
func (c *change) about(i id.Payment) (*hand, error) {
	switch {
	case i.IsZero() || i == c.p.ID:
		return &c.hand, nil
	case c.pending != nil && i == c.pending.p.ID:
		return c.pending, nil
	default:
		return take(c.w, c.now, c.r, i)
	}
}

// declineLapsed is the decline code of a hold that the provider dropped before
// it was confirmed.
const declineLapsed = "hold_lapsed"

func (c *hand) unanswered() error {
	if !c.p.State.CanBecome(payment.Unknown) {
		return nil
	}
	return c.pay(payment.Unknown)
}

func (c *change) authorized(h *hand, o payment.Outcome) error {
	if o.Authorized.Currency != h.p.Amount.Currency || o.Authorized.Minor < 0 {
		return fault.Newf(fault.Internal, CodeUnexpectedProvider, "A hold of %s was asked for, %s is said to be held.", h.p.Amount, o.Authorized)
	}
	switch h.p.State {
	case payment.Requested, payment.RequiresAction, payment.Unknown:
		return c.confirm(h, o)
	case payment.VoidRequested:
		if h.p.Ref == o.Ref && h.p.Authorized == o.Authorized.Minor {
			return nil
		}
		if err := h.noteHold(o); err != nil {
			return err
		}
		h.tellPayment()
		return nil
	case payment.Declined, payment.Voided:
		if h.p.State == payment.Voided && h.p.Ref == o.Ref {
			return nil // it was found and given back in the meantime
		}
		if h.p.Authorized == 0 {
			// Nobody knew of it when the payment was settled. It is put back on the
			// books, where it is given back for as long as that takes.
			if err := h.noteHold(o); err != nil {
				return err
			}
			h.p.State = payment.VoidRequested
			h.tellPayment()
			return nil
		}
		return fault.New(fault.Conflict, CodeHoldTooLate, "The payment was secured after the reservation had ended. It is given back.")
	default: // authorized, and what follows it
		return nil
	}
}

// confirm notes a hold that stands and confirms the reservation, or its pending
// change. One that has ended has no payment in these states; if it had, Apply
// would say so.
func (c *change) confirm(h *hand, o payment.Outcome) error {
	if err := h.noteHold(o); err != nil {
		return err
	}
	h.p.NextAction = ""
	if err := h.pay(payment.Authorized); err != nil {
		return err
	}
	return c.secured(h)
}

// kept notes a method that was saved. One that nobody waits for any more holds
// nothing.
func (c *change) kept(h *hand, method string) error {
	if !h.p.State.CanBecome(payment.MethodKept) {
		return nil
	}
	h.p.Ref, h.p.NextAction = method, ""
	if err := h.pay(payment.MethodKept); err != nil {
		return err
	}
	return c.secured(h)
}

// secured confirms the reservation, or its pending change, of which the payment is
// in hand.
func (c *change) secured(h *hand) error {
	switch h {
	case c.pending:
		return c.adopt()
	case &c.hand:
	default:
		return fmt.Errorf("payment %s of %s stands for nothing", h.p.ID, c.r.ID)
	}
	changed, err := c.r.Apply(reservation.HoldAuthorized, c.now)
	if err != nil || !changed {
		return err
	}
	if err := bay.Rebind(c.w, c.r.SpaceType, c.r, c.now); err != nil {
		return err
	}
	c.tellReservation(feed.ReservationConfirmed)
	c.w.ConfirmedByLastEvent(c.r.ID)
	c.confirmed = true
	return nil
}

// noteHold writes a standing hold onto the payment and into the ledger.
func (c *hand) noteHold(o payment.Outcome) error {
	if c.p.Authorized == 0 && o.Authorized.Minor > 0 {
		if err := c.w.Book(ledger.HoldPlaced(c.p.Reservation, c.p.ID, o.Authorized)); err != nil {
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

func (c *change) requiresAction(h *hand, o payment.Outcome) error {
	switch {
	case h.p.State == payment.VoidRequested && h.p.Ref != o.Ref:
		// The second step is not wanted any more; the name helps to call it off.
		h.p.Ref = o.Ref
		h.tellPayment()
		return nil
	case !h.p.State.CanBecome(payment.RequiresAction):
		return nil
	}
	first := h.p.Ref == ""
	h.p.Ref, h.p.NextAction = o.Ref, o.NextAction
	if err := h.pay(payment.RequiresAction); err != nil {
		return err
	}
	ttl := c.w.Parking.Policy.HoldTTL
	if h == c.pending {
		if c.r.Pending.Renews { // nobody is there; a mail asks the driver to come
			later := *c.r.Pending
			later.Until = c.waitsUntil()
			c.r.Pending = &later
			c.touch()
		} else if first { // once, so that asking again gains nothing
			later := *c.r.Pending
			later.Until = later.Until.Add(ttl)
			c.r.Pending = &later
			c.touch()
		}
		return nil
	}
	// Once: counted from the beginning, so that asking again gains nothing.
	until := c.r.CreatedAt.Add(2 * ttl)
	if h != &c.hand || c.r.State != reservation.Held || !until.After(c.r.HoldUntil) {
		return nil
	}
	c.r.HoldUntil = until
	c.touch()
	return nil
}

// touch stores a reservation of which there is nothing to tell.
func (c *change) touch() {
	c.r.UpdatedAt = c.now
	c.moved = true
	c.w.PutReservation(c.r)
}

func (c *change) declined(h *hand, ref, code string) error {
	if !h.p.State.CanBecome(payment.Declined) || h.p.Authorized > 0 {
		return nil
	}
	if ref != "" {
		h.p.Ref = ref
	}
	h.p.DeclineCode, h.p.NextAction = code, ""
	if err := h.pay(payment.Declined); err != nil {
		return err
	}
	switch {
	case h == c.pending:
		renews := c.r.Pending != nil && c.r.Pending.Renews
		if err := c.abandon(); err != nil {
			return err
		}
		if renews && c.p.State == payment.MethodKept && c.p.DeclineCode == "" {
			c.p.DeclineCode = code // once: it is what the driver is told
			c.tellPayment()
		}
		return nil
	case h == &c.hand && code != noSuchMethod && waitsForCard(c.r, c.now): // its space stays, and so does the time for paying
		return nil
	case h == &c.hand && c.r.State == reservation.Held:
		return c.end(reservation.HoldDeclined, feed.ReservationExpired)
	default:
		return nil
	}
}
