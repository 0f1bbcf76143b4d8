package booking

import (
	"context"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of taking a change back. They are part of the API.
const (
	CodeNoChangePending = "no_change_pending" // no change waits for its payment
	CodeChangeInForce   = "change_in_force"   // it was paid for before it was taken back
	CodeChangeNotFound  = "change_not_found"  // the reservation never had a change with that payment
)

// Withdraw takes back a change that waits for its payment: what it claimed beyond
// the reservation is free again, its payment is given back, whatever becomes of it
// at the provider, and the reservation is as it was. A change that has come to
// nothing before stays so.
type Withdraw struct {
	Target
	Change id.Payment // of the change

	After Snapshot // set by Apply
}

// Prefetch implements commit.Op.
func (o *Withdraw) Prefetch(r *commit.Rows) {
	o.Target.Prefetch(r)
	r.Payments = append(r.Payments, o.Change)
	if o.Known != nil && !o.Known.Reservation.Session.IsZero() {
		r.Sessions = append(r.Sessions, o.Known.Reservation.Session)
	}
}

// Apply implements commit.Op. Its faults are CodeChangeInForce and
// CodeChangeNotFound. Of a change and its hold, one commit comes first: either the
// change takes place and is not taken back, or the hold is given back.
func (o *Withdraw) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	renews := c.pending != nil && c.r.Pending.Renews && c.pending.p.ID == o.Change // which is no change of the driver's
	if c.pending != nil && c.pending.p.ID == o.Change && !renews {
		if err := c.drop(); err != nil {
			return err
		}
		c.tellReservation(feed.ChangeDropped)
		o.After = c.after()
		return nil
	}
	p, err := w.Payment(o.Change)
	switch {
	case err != nil:
		return err
	case p == nil || p.Reservation != c.r.ID || renews:
		return fault.New(fault.NotFound, CodeChangeNotFound, "This reservation never had such a change.")
	case p.State != payment.VoidRequested && p.State != payment.Voided && p.State != payment.Declined || p.ID == c.r.Payment:
		return fault.New(fault.Conflict, CodeChangeInForce, "The change was paid for before it was taken back, and is in force. The reservation is as GET shows it.")
	}
	o.After = c.after()
	return nil
}

// Withdraw takes back the change with a payment, or the one that is pending when
// none is named. Naming it makes repeating the request safe: it says whether that
// very change has come to nothing or is in force.
func (s *Service) Withdraw(ctx context.Context, r id.Reservation, change id.Payment) (View, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	if change.IsZero() {
		if at.Change == nil || at.Reservation.Pending.Renews {
			return View{}, fault.New(fault.Conflict, CodeNoChangePending, "No change of this reservation waits for its payment. The reservation is as GET shows it.")
		}
		change = at.Change.ID
	}
	op := &Withdraw{Target: TargetOf(at), Change: change}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	return s.view(op.After)
}
