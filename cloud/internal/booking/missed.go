package booking

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
)

// ClassUnpriced is the class of incident raised when a reservation that nobody used
// could not be charged as its parking's policy says.
const ClassUnpriced = "unpriced"

// Miss declares that nobody came before the deadline: the rest of the claim is
// free, and the parking's policy says what is charged. It changes nothing
//   - before the deadline,
//   - before everything that the edge saw until the deadline has been applied:
//     a gate that works without a network makes no guest a no-show,
//   - while a change of the reservation waits for its payment,
//   - and when the reservation is not confirmed any more.
type Miss struct {
	Target

	After Snapshot // set by Apply
}

// Prefetch implements commit.Op.
func (o *Miss) Prefetch(r *commit.Rows) {
	o.Target.Prefetch(r)
	r.Watermark = true
}

// Apply implements commit.Op.
func (o *Miss) Apply(w *commit.Work, now time.Time) error {
	mark, err := w.Watermark()
	if err != nil {
		return err
	}
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	if c.unused() && !now.Before(c.r.NoShowAt) && mark != nil && !mark.TrustedLo.Before(c.r.NoShowAt) {
		if err := c.endUnseen(settlement.AtNoShow(w.Parking, c.r, c.p), reservation.Miss, feed.ReservationNoShow); err != nil {
			return err
		}
	}
	o.After = c.after()
	return nil
}

// Elapse completes a reservation whose window and grace are over in a parking
// whose gates nobody watches: nobody can say that its driver did not come, and
// the quote is due. It changes nothing before that, while a change waits for its
// payment, when the reservation is not confirmed any more, and when an edge
// watched the gate at the deadline for coming: then Miss decides. An edge that was
// retired watched no longer than it told.
type Elapse struct {
	Target
	// WatchedSince is when the parking's edge said hello for the first time, as
	// the caller has read it; zero: never.
	WatchedSince time.Time

	After Snapshot // set by Apply
}

// Prefetch implements commit.Op.
func (o *Elapse) Prefetch(r *commit.Rows) {
	o.Target.Prefetch(r)
	r.Watermark = true
}

// Apply implements commit.Op.
func (o *Elapse) Apply(w *commit.Work, now time.Time) error {
	mark, err := w.Watermark()
	if err != nil {
		return err
	}
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	// An edge that has said hello since the caller looked may have been there in
	// time: the caller has to look again.
	unwatched := mark == nil || !mark.InUse() && mark.TrustedLo.Before(c.r.NoShowAt) || !o.WatchedSince.IsZero() && !o.WatchedSince.Before(c.r.NoShowAt)
	if c.unused() && unwatched && !now.Before(c.r.Window.To.Add(w.Parking.Policy.ExitGrace)) {
		if err := c.endUnseen(settlement.AtElapse(c.r, c.p), reservation.Elapse, feed.ReservationCompleted); err != nil {
			return err
		}
	}
	o.After = c.after()
	return nil
}

// unused reports whether the reservation waits for its driver and for nothing
// else.
func (c *change) unused() bool {
	return c.r.State == reservation.Confirmed && (c.r.Pending == nil || c.r.Pending.Renews)
}

// endUnseen ends a reservation that no vehicle was seen on and has its payment
// settled.
func (c *change) endUnseen(due settlement.Settlement, e reservation.Event, k feed.Kind) error {
	if due.Ask(c.p, c.now) {
		c.tellPayment()
	}
	c.bill = due.Bill(c.r.ID, id.Session{})
	if err := c.end(e, k); err != nil {
		return err
	}
	if due.Problem != nil {
		c.raise(ClassUnpriced, "A reservation that nobody used could not be charged, in the driver's favour: "+due.Problem.Error())
	}
	return nil
}
