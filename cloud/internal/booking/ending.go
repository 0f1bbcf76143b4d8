package booking

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/money"
)

// Expire ends a reservation whose payment was not secured in time, or drops a
// change of one for that reason. It changes nothing while there is time left,
// and when nothing is waited for any more. What the provider may yet do is found
// out and given back.
type Expire struct {
	Target

	After Snapshot // set by Apply
}

// Apply implements commit.Op.
func (o *Expire) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	if c.r.State == reservation.Held && !now.Before(c.r.HoldUntil) {
		if err := c.giveBack(); err != nil {
			return err
		}
		if err := c.end(reservation.HoldLapsed, feed.ReservationExpired); err != nil {
			return err
		}
	}
	if c.lapsed() {
		if err := c.abandon(); err != nil {
			return err
		}
	}
	o.After = c.after()
	return nil
}

// Cancel gives a reservation up before check-in: the claim is free again at
// once and the hold is given back. Once its place is not kept any longer, giving
// it up costs what not coming costs, or nobody would ever be a no-show.
// Cancelling again changes nothing.
type Cancel struct {
	Target
	Shown *money.Amount // what the caller was shown that it costs; nil: any

	After Snapshot // set by Apply
}

// Apply implements commit.Op. Its faults are reservation.CodeAlreadyInside,
// reservation.CodeFinished and CodePriceChanged.
func (o *Cancel) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	switch outcome := reservation.Next(c.r.State, reservation.Cancel); {
	case outcome.Refusal != "":
		_, err = c.r.Apply(reservation.Cancel, now)
		return err
	case outcome.To != c.r.State:
		late, due := c.unused() && !now.Before(c.r.NoShowAt), settlement.AtNoShow(w.Parking, c.r, c.p)
		costs := money.New(0, c.r.Quote.Total.Currency)
		if late {
			costs = due.Due
		}
		if err := asShown("charge", o.Shown, costs); err != nil {
			return err
		}
		if late {
			err = c.endUnseen(due, reservation.Cancel, feed.ReservationCancelled)
		} else if err = c.giveBack(); err == nil {
			err = c.end(reservation.Cancel, feed.ReservationCancelled)
		}
		if err != nil {
			return err
		}
	}
	o.After = c.after()
	return nil
}
