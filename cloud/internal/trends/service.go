package trends

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Longest is how far back hours are followed.
const Longest = 400 * 24 * time.Hour

// Asked is how many wanted to book a space from an hour on and found nothing.
type Asked struct {
	Parking id.Parking
	Hour    time.Time
	Type    id.SpaceType
	N       int32
}

// Store keeps the hours, and which of them are to be counted again.
type Store interface {
	// Touch notes every hour that anything new touches. Each fact is noted once, in the
	// transaction that remembers that it was; noting an hour twice is noting it once.
	Touch(ctx context.Context, now time.Time) error
	// Touched lists parkings with hours that are to be counted.
	Touched(ctx context.Context, limit int) ([]id.Parking, error)
	// Count counts some of a parking's touched hours, the earliest, and says how many
	// of them; none are left when that is 0.
	Count(ctx context.Context, p id.Parking, now time.Time) (hours int, err error)
	// Again has hours counted again.
	Again(ctx context.Context, p id.Parking, span timerange.Range) error
	// SoldOut adds who found nothing.
	SoldOut(ctx context.Context, asked []Asked, now time.Time) error
}

// Service counts whatever is to be counted. Running it twice, late or at the same time
// elsewhere is harmless: every run counts from what is stored then.
type Service struct {
	Store Store
	Log   *slog.Logger
}

const parkingsAtOnce = 1000

// Run notes what is new and counts it, of all parkings; as far as the context lets it.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	if err := s.Store.Touch(ctx, now); err != nil {
		return err
	}
	due, err := s.Store.Touched(ctx, parkingsAtOnce)
	if err != nil {
		return err
	}
	var failed []error
	counted := 0
	for _, p := range due {
		for {
			n, err := s.Store.Count(ctx, p, now)
			counted += n
			if err != nil {
				failed = append(failed, fmt.Errorf("count the hours of %s: %w", p, err))
			}
			if err != nil || n == 0 {
				break
			}
		}
	}
	s.Log.Debug("hours counted", "count", counted)
	return errors.Join(failed...)
}
