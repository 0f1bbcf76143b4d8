package booking

import (
	"context"

	"github.com/openlot/openlot/protocol/id"
)

// Get is the reservation as stored.
func (s *Service) Get(ctx context.Context, r id.Reservation) (View, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return View{}, err
	}
	return s.view(at)
}

// Pass is the text of the reservation's pass; its faults are those of
// Passes.Text.
func (s *Service) Pass(ctx context.Context, r id.Reservation) (string, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return "", err
	}
	return s.Passes.Text(&at.Reservation)
}

// PIN is what stands for the reservation's pass at a gate's keys, digits; its faults
// are those of Pass. It changes with the pass.
func (s *Service) PIN(ctx context.Context, r id.Reservation) (string, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return "", err
	}
	if err := passFault(&at.Reservation); err != nil {
		return "", err
	}
	key, err := s.Store.GateKey(ctx, at.Reservation.Parking)
	return key.Code(r, at.Reservation.Generation), err
}

// Authenticate checks a manage token. Its fault is the one of a reservation
// that does not exist.
func (s *Service) Authenticate(r id.Reservation, token string) error {
	if !s.Tokens.Check(r, token) {
		return errNotFound()
	}
	return nil
}
