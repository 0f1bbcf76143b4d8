package booking

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Operator ends reservations of a parking at its operator's will. Telling the
// driver and giving the hold back follow from the feed, by whichever process
// works on it.
type Operator struct {
	Reservations interface {
		// Reservation returns nil when there is none.
		Reservation(ctx context.Context, r id.Reservation) (*Snapshot, error)
	}
	Commits commit.Committer
}

// maxReason bounds the operator's reason, in bytes: a sentence or two.
const maxReason = 500

// CodeInvalidReason is the fault code for a reason that is no short text.
const CodeInvalidReason = "invalid_reason"

// Walk ends a reservation that the parking has no space for. Its faults are
// CodeInvalidReason, CodeReservationNotFound, also for a reservation of another
// parking, and those of the op.
func (o Operator) Walk(ctx context.Context, p id.Parking, r id.Reservation, reason string) (Snapshot, error) {
	at, err := o.find(ctx, p, r, reason)
	if err != nil {
		return Snapshot{}, err
	}
	op := &Walk{Target: TargetOf(at), Reason: reason}
	_, err = o.Commits.Commit(ctx, op)
	return op.After, err
}

// Void takes a reservation back as if it had never been. Its faults are those
// of Walk.
func (o Operator) Void(ctx context.Context, p id.Parking, r id.Reservation, reason string) (Snapshot, error) {
	at, err := o.find(ctx, p, r, reason)
	if err != nil {
		return Snapshot{}, err
	}
	op := &Void{Target: TargetOf(at), Reason: reason}
	_, err = o.Commits.Commit(ctx, op)
	return op.After, err
}

func (o Operator) find(ctx context.Context, p id.Parking, r id.Reservation, reason string) (Snapshot, error) {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
		return Snapshot{}, fault.Newf(fault.Invalid, CodeInvalidReason, "Say why, in one line of at most %d bytes.", maxReason).
			WithField("reason", "is empty, too long or has control characters")
	}
	at, err := o.Reservations.Reservation(ctx, r)
	switch {
	case err != nil:
		return Snapshot{}, fmt.Errorf("read %s: %w", r, err)
	case at == nil || at.Reservation.Parking != p:
		return Snapshot{}, errNotFound()
	}
	return *at, nil
}
