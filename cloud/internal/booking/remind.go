package booking

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// Remind tells the driver of a vehicle inside that the window ends soon. That it
// was told is on the reservation in the commit that tells it, so that it is told
// once. It changes nothing earlier than the policy says, after the window, and
// when no vehicle is inside.
type Remind struct {
	Target

	After Snapshot // set by Apply
}

// Prefetch implements commit.Op. No claim is needed.
func (o *Remind) Prefetch(r *commit.Rows) {
	r.Reservations = append(r.Reservations, o.ID)
	if o.Known != nil {
		r.Payments = append(r.Payments, o.Known.Payment.ID)
	}
}

// Apply implements commit.Op.
func (o *Remind) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	to, before := c.r.Window.To, w.Parking.Policy.RemindBefore
	if c.r.State == reservation.Active && c.r.RemindedAt.IsZero() && now.Before(to) && !now.Add(before).Before(to) {
		c.r.RemindedAt = now
		c.tellReservation(feed.ReservationEndsSoon)
	}
	o.After = c.after()
	return nil
}
