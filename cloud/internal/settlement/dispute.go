package settlement

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Disputed is the class of incident raised when a driver disputes a payment at his
// bank, and when that is decided.
const Disputed = "disputed"

// RecordDispute records how far a dispute has come: what the bank took back, or gave
// back to either side, is booked once, and an incident asks for a person. Money that
// is away cannot be given back a second time. A dispute that our books cannot contain
// is an incident and nothing else.
type RecordDispute struct {
	At       id.Parking
	Payment  id.Payment
	Provider string
	Dispute  payment.Dispute
	Incident id.Incident
}

// Parking implements commit.Op.
func (o RecordDispute) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordDispute) Prefetch(r *commit.Rows) {
	r.Payments = append(r.Payments, o.Payment)
	r.Keys = append(r.Keys, o.key())
}

// key is of one incident for each state.
func (o RecordDispute) key() commit.Key {
	return commit.Key{Principal: "dispute:" + o.Provider, Key: o.Dispute.Ref + " " + string(o.Dispute.State)}
}

// Apply implements commit.Op. It returns ErrTooSoon while the taking that is
// disputed is not in our books yet.
func (o RecordDispute) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil {
		return err
	}
	stay, err := stayOf(w, p.Reservation)
	if err != nil {
		return err
	}
	changed, moved, err := p.MoveDispute(o.Dispute, now)
	booked := "."
	switch {
	case errors.Is(err, payment.ErrOtherDispute) && p.State == payment.CaptureRequested:
		return fmt.Errorf("%w: %w", ErrTooSoon, err)
	case errors.Is(err, payment.ErrOtherDispute):
		booked = ", and not booked: our books do not have what was taken."
	case err != nil:
		return err
	case changed:
		if moved != (payment.Moved{}) {
			c := p.Amount.Currency
			if err := w.Book(ledger.DisputeMoved(p.Reservation, stay, p.ID, money.New(moved.Waits, c), money.New(moved.Lost, c))); err != nil {
				return err
			}
		}
		p.UpdatedAt = now
		w.PutPayment(p)
	}
	said, err := w.Key(o.key())
	if err != nil || said != nil {
		return err
	}
	w.PutKey(o.key(), &commit.KeyRecord{Parking: o.At, Reservation: p.Reservation})
	w.Raise(commit.Incident{
		ID: o.Incident, Class: Disputed, Reservation: p.Reservation, Session: stay, At: now,
		Detail: fmt.Sprintf("The driver disputes %s of the payment at the bank (%s); the dispute is %s%s", o.Dispute.Amount, o.Dispute.Reason, o.Dispute.State, booked),
	})
	return nil
}
