package booking

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Classes of incidents about reservations that the operator ends.
const (
	ClassWalked = "walked" // a guest was sent away without a space
	ClassVoided = "voided" // a reservation was taken back
)

// CodeChangePending is the fault code for a reservation of which a change waits
// for its payment.
const CodeChangePending = "change_pending"

// Walk ends a reservation because the parking has no space for it: what it holds
// is free at once, nothing is paid, and an incident says that a guest was sent
// away. Walking again changes nothing.
type Walk struct {
	Target
	Reason string // for the record, by the operator; may be empty

	After Snapshot // set by Apply
}

// Apply implements commit.Op. Its faults are reservation.CodeAlreadyInside,
// reservation.CodeFinished and CodeChangePending.
func (o *Walk) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	ended, err := c.takeBack(reservation.Walk, feed.ReservationWalked, payment.ReasonWalked)
	if err != nil {
		return err
	}
	if ended {
		c.raise(ClassWalked, because("The parking had no space for this reservation. It is ended, and nothing is paid for it.", o.Reason))
	}
	o.After = c.after()
	return nil
}

// Void takes a reservation back as if it had never been: what it holds is free
// at once, nothing is paid, and an incident says that it was taken back. Voiding
// again changes nothing.
type Void struct {
	Target
	Reason string // for the record, by the operator; may be empty

	After Snapshot // set by Apply
}

// Apply implements commit.Op. Its faults are reservation.CodeAlreadyInside,
// reservation.CodeFinished and CodeChangePending.
func (o *Void) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	ended, err := c.takeBack(reservation.Void, feed.ReservationVoided, payment.ReasonVoided)
	if err != nil {
		return err
	}
	if ended {
		c.raise(ClassVoided, because("The operator took this reservation back as if it had never been. Nothing is paid for it.", o.Reason))
	}
	o.After = c.after()
	return nil
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + " " + reason
}

// takeBack ends a reservation at the operator's will and gives its payment back
// in full: the hold, or for the reason what was taken of it. ended is false when
// that was done before.
func (c *change) takeBack(e reservation.Event, k feed.Kind, reason string) (ended bool, err error) {
	outcome := reservation.Next(c.r.State, e)
	switch {
	case outcome.Refusal != "":
		_, err := c.r.Apply(e, c.now)
		return false, err
	case outcome.To == c.r.State:
		return false, nil
	case c.r.Pending != nil && !c.r.Pending.Renews: // what is asked for makes a renewal idle
		return false, fault.New(fault.Conflict, CodeChangePending,
			"A change of this reservation is being paid for. Try again in a few minutes.")
	}
	if err := c.giveBack(); err != nil {
		return false, err
	}
	if err := c.returnAll(reason); err != nil {
		return false, err
	}
	return true, c.end(e, k)
}

func (c *change) raise(class, detail string) {
	c.w.Raise(commit.Incident{ID: id.New[id.Incident](c.now), Class: class, Reservation: c.r.ID, Detail: detail, At: c.now})
}
