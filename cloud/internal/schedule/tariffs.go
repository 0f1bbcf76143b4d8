package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// tariffEvery is how late a scheduled tariff may take effect.
const tariffEvery = 15 * time.Second

// TariffStore finds the tariffs that are scheduled and puts them in force.
type TariffStore interface {
	// DueTariffs lists at most limit parkings with a tariff whose time has come by
	// now, the longest due first.
	DueTariffs(ctx context.Context, now time.Time, limit int) ([]id.Parking, error)
	// TakeEffect puts what is due at a parking in force, in order and each once, and
	// returns how many that were.
	TakeEffect(ctx context.Context, at id.Parking, now time.Time) (int, error)
}

// Tariffs is the task by which parkings go over to tariffs that were scheduled.
func Tariffs(s TariffStore, log *slog.Logger) Task {
	log = log.With("component", "schedule")
	return Task{Name: "adopt_tariffs", Every: tariffEvery, Run: func(ctx context.Context, now time.Time) error {
		due, err := s.DueTariffs(ctx, now, perRun)
		if err != nil {
			return err
		}
		failed := []error{}
		for _, at := range due {
			n, err := s.TakeEffect(ctx, at, now)
			switch {
			case err != nil: // the others' time has come as well
				failed = append(failed, fmt.Errorf("put the tariff of %s in force: %w", at, err))
			case n > 0:
				log.Info("a scheduled tariff took effect", "parking_id", at, "count", n)
			}
		}
		return errors.Join(failed...)
	}}
}
