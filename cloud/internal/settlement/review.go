package settlement

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// TakenElsewhere is the class of incident raised when a hold was captured by
// hand, at the provider.
const TakenElsewhere = "taken_elsewhere"

// RecordLapse records that the provider has dropped a hold that was not captured:
// nothing is held any more, and what the stay costs is owed unless another hold
// comes in time. A payment that is not authorized any more stays as it is.
type RecordLapse struct {
	At      id.Parking
	Payment id.Payment
}

// Parking implements commit.Op.
func (o RecordLapse) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordLapse) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordLapse) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.Authorized {
		return err
	}
	return release(w, p, payment.Lapsed, now)
}

// RecordLife records until when a hold stands, where the provider has changed it.
type RecordLife struct {
	At            id.Parking
	Payment       id.Payment
	CaptureBefore time.Time
}

// Parking implements commit.Op.
func (o RecordLife) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordLife) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordLife) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.Authorized || p.CaptureBefore.Equal(o.CaptureBefore) {
		return err
	}
	p.CaptureBefore, p.UpdatedAt = o.CaptureBefore, now
	tell(w, p)
	return nil
}

// RecordTaken raises an incident, once, about a hold that was captured and not by
// us. Nothing is booked: what it was taken for is for a person to say.
type RecordTaken struct {
	At       id.Parking
	Payment  id.Payment
	Incident id.Incident
}

// Parking implements commit.Op.
func (o RecordTaken) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordTaken) Prefetch(r *commit.Rows) {
	r.Payments = append(r.Payments, o.Payment)
	r.Keys = append(r.Keys, o.key())
}

func (o RecordTaken) key() commit.Key {
	return commit.Key{Principal: TakenElsewhere, Key: o.Payment.String()}
}

// Apply implements commit.Op.
func (o RecordTaken) Apply(w *commit.Work, now time.Time) error {
	before, err := w.Key(o.key())
	if err != nil || before != nil {
		return err
	}
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.Authorized {
		return err
	}
	w.PutKey(o.key(), &commit.KeyRecord{Parking: o.At, Reservation: p.Reservation})
	w.Raise(commit.Incident{
		ID: o.Incident, Class: TakenElsewhere, Reservation: p.Reservation, At: now,
		Detail: "The hold was captured at the payment provider, and not by us: our books do not have it.",
	})
	return nil
}

// RecordInstead records that a hold that was to be given back was captured by hand, and
// has what was taken given back instead: nobody has to pay by it.
type RecordInstead struct {
	At       id.Parking
	Payment  id.Payment
	Outcome  payment.Outcome // Captured
	Incident id.Incident
}

// Parking implements commit.Op.
func (o RecordInstead) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordInstead) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordInstead) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.VoidRequested {
		return err
	}
	if p.Authorized == 0 { // nobody had heard of the hold
		p.Ref, p.Authorized = o.Outcome.Ref, o.Outcome.Authorized.Minor
		if err := w.Book(ledger.HoldPlaced(p.Reservation, p.ID, o.Outcome.Authorized)); err != nil {
			return err
		}
	}
	taken := o.Outcome.Captured
	if taken.Currency != p.Amount.Currency || taken.Minor <= 0 || taken.Minor > p.Authorized {
		return mismatch(p, o.Outcome)
	}
	stay, err := stayOf(w, p.Reservation)
	if err != nil {
		return err
	}
	p.State, p.Captured, p.CaptureAmount, p.CaptureTax = payment.Captured, taken.Minor, taken.Minor, 0
	if err := w.Book(ledger.Captured(p.Reservation, stay, p.ID, taken, money.New(0, taken.Currency))); err != nil {
		return err
	}
	if rest := p.Authorized - taken.Minor; rest > 0 {
		if err := w.Book(ledger.HoldReleased(p.Reservation, p.ID, money.New(rest, taken.Currency))); err != nil {
			return err
		}
	}
	w.Raise(commit.Incident{
		ID: o.Incident, Class: TakenElsewhere, Reservation: p.Reservation, Session: stay, At: now,
		Detail: fmt.Sprintf("%s was captured at the payment provider, and not by us, from a hold that was to be given back. It is given back.", taken),
	})
	_, err = GiveBack(w, p, payment.ReasonByHand, taken.Minor, now)
	return err
}
