package booking

import (
	"context"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// This file is what the clock asks of the service. Each method does what is due
// at the time of the commit and nothing else, however often it is called.

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
