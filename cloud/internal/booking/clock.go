package booking

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// This file is what the clock and the operator ask of the service. Each of the
// clock's methods does what is due at the time of the commit and nothing else,
// however often it is called.

// Miss declares a no-show, if it is one by the op's rules.
func (s *Service) Miss(ctx context.Context, at id.Parking, r id.Reservation) error {
	_, err := s.Commits.Commit(ctx, &Miss{Target: Target{In: at, ID: r}})
	return err
}

// Elapse completes a reservation whose time is over in a parking that has been
// watched by an edge only since the instant, zero for never.
func (s *Service) Elapse(ctx context.Context, at id.Parking, r id.Reservation, watchedSince time.Time) error {
	_, err := s.Commits.Commit(ctx, &Elapse{Target: Target{In: at, ID: r}, WatchedSince: watchedSince})
	return err
}

// Remind tells a driver who is inside that the window ends soon, once.
func (s *Service) Remind(ctx context.Context, at id.Parking, r id.Reservation) error {
	_, err := s.Commits.Commit(ctx, &Remind{Target: Target{In: at, ID: r}})
	return err
}

// The operator's reason is a sentence or two.
const maxReason = 500

// CodeInvalidReason is the fault code for a reason that is no short text.
const CodeInvalidReason = "invalid_reason"

// Walk ends a reservation that the parking has no space for. The reason is the
// operator's, for the record. Its faults are CodeInvalidReason,
// CodeReservationNotFound and those of the op.
func (s *Service) Walk(ctx context.Context, r id.Reservation, reason string) (View, error) {
	at, err := s.toEnd(ctx, r, reason)
	if err != nil {
		return View{}, err
	}
	op := &Walk{Target: TargetOf(at), Reason: reason}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	return s.view(op.After)
}

// Void takes a reservation back as if it had never been. The reason is the
// operator's, for the record. Its faults are CodeInvalidReason,
// CodeReservationNotFound and those of the op.
func (s *Service) Void(ctx context.Context, r id.Reservation, reason string) (View, error) {
	at, err := s.toEnd(ctx, r, reason)
	if err != nil {
		return View{}, err
	}
	op := &Void{Target: TargetOf(at), Reason: reason}
	if _, err := s.Commits.Commit(ctx, op); err != nil {
		return View{}, err
	}
	return s.view(op.After)
}

// toEnd is the reservation that an operator wants to end for a reason.
func (s *Service) toEnd(ctx context.Context, r id.Reservation, reason string) (Snapshot, error) {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
		return Snapshot{}, fault.Newf(fault.Invalid, CodeInvalidReason, "Say why, in a line of at most %d bytes.", maxReason).
			WithField("reason", "is empty, too long or has control characters")
	}
	return s.snapshot(ctx, r)
}
