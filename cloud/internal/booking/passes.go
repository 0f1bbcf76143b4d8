package booking

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/pass"
)

// Passes signs gate passes from what is stored of a reservation. A pass is not
// stored: signing the same reservation again gives the same text.
type Passes struct{ Key pass.SigningKey }

// HasPass reports whether the reservation has a pass that is good. Who was
// declared absent may still come with it.
func HasPass(r *reservation.Reservation) bool {
	switch r.State {
	case reservation.Confirmed, reservation.Active, reservation.NoShow:
		return r.ConfirmedRevision > 0
	default:
		return false
	}
}

func passFault(r *reservation.Reservation) error {
	switch {
	case HasPass(r):
		return nil
	case r.State.Final():
		return fault.New(fault.Conflict, reservation.CodeFinished, "This reservation has ended; it has no pass any more.")
	default:
		return fault.New(fault.Conflict, reservation.CodeNotConfirmed, "The payment for this reservation is not secured yet; the pass comes with it.")
	}
}

// Text is the text of the reservation's pass. Its faults are
// reservation.CodeNotConfirmed before there is one and reservation.CodeFinished
// when it is not good any more.
func (s Passes) Text(r *reservation.Reservation) (string, error) {
	if err := passFault(r); err != nil {
		return "", err
	}
	text, err := pass.Sign(pass.Pass{
		Parking: r.Parking, Reservation: r.ID, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, NoShowAt: r.NoShowAt, Revision: r.ConfirmedRevision,
	}, s.Key)
	if err != nil {
		return "", fmt.Errorf("sign the pass of %s: %w", r.ID, err)
	}
	return text, nil
}
