package webhook

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
)

// ClassRefunded is the class of incident raised when money was given back by hand,
// at the provider.
const ClassRefunded = "refunded_elsewhere"

// Raise records an incident about a payment, once for its key.
type Raise struct {
	Of       Known
	Key      commit.Key
	Incident id.Incident
	Class    string
	Detail   string
}

// Parking implements commit.Op.
func (o *Raise) Parking() id.Parking { return o.Of.Parking }

// Prefetch implements commit.Op.
func (o *Raise) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, o.Key)
	r.Reservations = append(r.Reservations, o.Of.Reservation)
}

// Apply implements commit.Op.
func (o *Raise) Apply(w *commit.Work, now time.Time) error {
	before, err := w.Key(o.Key)
	if err != nil || before != nil {
		return err
	}
	r, err := w.Reservation(o.Of.Reservation)
	if err != nil {
		return err
	}
	var stay id.Session
	if r != nil {
		stay = r.Session
	}
	w.PutKey(o.Key, &commit.KeyRecord{Parking: o.Of.Parking, Reservation: o.Of.Reservation})
	w.Raise(commit.Incident{
		ID: o.Incident, Class: o.Class, Reservation: o.Of.Reservation, Session: stay, At: now, Detail: o.Detail,
	})
	return nil
}
