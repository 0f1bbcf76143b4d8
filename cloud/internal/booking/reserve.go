package booking

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Fault codes of selling. They are part of the API.
const (
	CodeParkingNotFound    = "parking_not_found"
	CodeSpaceTypeUnknown   = "space_type_unknown"
	CodeNotForSale         = "not_for_sale"
	CodeSoldOut            = "sold_out"
	CodeBeyondHorizon      = parking.CodeBeyondHorizon
	CodeKeyReused          = "idempotency_key_reused"
	CodeHoldTooLate        = reservation.CodeHoldTooLate
	CodeUnexpectedProvider = "provider_answer_unexpected"
)

// Guest is the principal of idempotency keys sent without an account.
const Guest = "guest"

// Reserve claims a window and requests its payment, or finds the reservation
// that its key made before.
type Reserve struct {
	In          id.Parking
	ID          id.Reservation // minted by the caller, for the case that the key is new
	PaymentID   id.Payment     // likewise
	Key         commit.Key
	RequestHash [32]byte
	SpaceType   id.SpaceType
	Window      timerange.Range
	Quote       reservation.Quote
	Provider    string
	Method      string
	Email       string
	Phone       string
	Plate       string
	Refusal     error // of the request as it stands now, in case that the key is new; nil: none

	// Set by Apply.
	After    Snapshot
	Replayed bool // the key had made a reservation before, which After shows
}

// Parking implements commit.Op.
func (o *Reserve) Parking() id.Parking { return o.In }

// Prefetch implements commit.Op.
func (o *Reserve) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, o.Key)
	if o.Refusal == nil {
		r.Quarters(o.SpaceType, o.Window.Claim())
	}
}

// Optimistic implements commit.Optimist: it claims in every day that it reads,
// and its key is put with the reservation.
func (o *Reserve) Optimistic() bool { return o.Refusal == nil }

// Claims implements commit.Optimist.
func (o *Reserve) Claims() (id.SpaceType, timerange.Quarters, int16) {
	return o.SpaceType, o.Window.Claim(), 1
}

// Apply implements commit.Op. Its faults are Refusal, CodeKeyReused, CodeNotForSale,
// CodeSpaceTypeUnknown, CodeSoldOut and CodeBeyondHorizon.
func (o *Reserve) Apply(w *commit.Work, now time.Time) error {
	record, err := w.Key(o.Key)
	if err != nil {
		return err
	}
	if record != nil {
		return o.replay(w, now, record)
	}
	if o.Refusal != nil {
		return o.Refusal
	}
	kind, err := sold(w.Parking, o.SpaceType)
	if err != nil {
		return err
	}
	claim := o.Window.Claim()
	err = w.Claim(o.SpaceType, claim, 1)
	if kind.Capacity == 0 && errors.Is(err, inventory.ErrSoldOut) {
		return fault.Wrap(err, fault.Conflict, CodeNotForSale, "This parking does not take reservations for that space type.")
	}
	if err := claimed(err); err != nil {
		return err
	}
	policy := w.Parking.Policy
	r := &reservation.Reservation{
		ID: o.ID, Parking: o.In, State: reservation.Held, Generation: 1, SpaceType: o.SpaceType,
		Window: o.Window, Claim: claim, Quote: o.Quote, Payment: o.PaymentID,
		Email: o.Email, Phone: o.Phone, Plate: o.Plate,
		HoldUntil: now.Add(policy.HoldTTL), NoShowAt: noShowAt(o.Window, policy, now),
		CreatedAt: now, UpdatedAt: now,
	}
	p := &payment.Payment{
		ID: o.PaymentID, Reservation: o.ID, State: payment.Requested, Provider: o.Provider, Method: o.Method,
		Amount: o.Quote.Total, UpdatedAt: now,
	}
	w.PutReservation(r)
	w.PutPayment(p)
	w.PutKey(o.Key, &commit.KeyRecord{RequestHash: o.RequestHash, Parking: o.In, Reservation: o.ID})
	w.Emit(feed.ReservationHeld, feed.Body{Reservation: reservationBody(r), Payment: paymentBody(p)})
	o.After, o.Replayed = Snapshot{Reservation: *r, Payment: *p}, false
	o.After.Reservation.Version++
	o.After.Payment.Version++
	return nil
}

// replay answers with what the key was used for before. That may be this very
// op, when the answer to its commit was lost.
func (o *Reserve) replay(w *commit.Work, now time.Time, record *commit.KeyRecord) error {
	if record.RequestHash != o.RequestHash || record.Parking != o.In {
		return errKeyReused()
	}
	c, err := Target{In: o.In, ID: record.Reservation}.load(w, now)
	if err != nil {
		return fmt.Errorf("replay of %s: %w", record.Reservation, err)
	}
	o.After, o.Replayed = c.after(), record.Reservation != o.ID
	return nil
}

func errKeyReused() error {
	return fault.New(fault.Invalid, CodeKeyReused,
		"This Idempotency-Key was used for another request. Send a new key with a new request.")
}

// claimed makes of what a claim failed with what its driver is told.
func claimed(err error) error {
	switch {
	case errors.Is(err, inventory.ErrSoldOut):
		return fault.Wrap(err, fault.Conflict, CodeSoldOut,
			"No such space is free for the whole window. Another window or another space type may be.")
	case errors.Is(err, inventory.ErrUnseeded):
		return fault.Wrap(err, fault.Invalid, CodeBeyondHorizon, "The window is further ahead than this parking sells.").
			WithField("to", "is too far ahead")
	default:
		return err
	}
}

// sold is the space type, if the parking has it. Whether it sells any in a
// window is for the days to say: a capacity may change from a day on.
func sold(p *parking.Parking, t id.SpaceType) (parking.SpaceType, error) {
	if len(p.SpaceTypes) == 0 {
		return parking.SpaceType{}, fault.New(fault.Conflict, CodeNotForSale, "This parking is listed, but does not take reservations.")
	}
	s, ok := p.SpaceType(t)
	if !ok {
		return s, fault.New(fault.Invalid, CodeSpaceTypeUnknown, "This parking has no such space type.").
			WithField("space_type", "is not one of the parking's")
	}
	return s, nil
}

// noShowAt is the deadline for coming. It starts to run no earlier than the
// reservation was made, which no change of it makes later, and is never after
// the window.
func noShowAt(w timerange.Range, p parking.Policy, made time.Time) time.Time {
	from := w.From
	if made.After(from) {
		from = made
	}
	at := from.Add(p.NoShowAfter)
	if at.After(w.To) {
		return w.To
	}
	return at
}
