package schedule

import (
	"context"
	"log/slog"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// How often the clock looks at reservations, and at how many at most. What is
// left over is done by the next tick.
const (
	lookEvery  = 15 * time.Second
	lookPerRun = 1000
)

// Reservations ends and reminds. Each method checks again whether its time has
// come, and changes nothing otherwise.
type Reservations interface {
	// Miss declares a no-show.
	Miss(ctx context.Context, at id.Parking, r id.Reservation) error
	// Elapse completes a reservation that nobody could see used.
	Elapse(ctx context.Context, at id.Parking, r id.Reservation, watchedSince time.Time) error
	// Remind tells a driver that the window ends soon.
	Remind(ctx context.Context, at id.Parking, r id.Reservation) error
}

// Lifecycle are the tasks that move reservations on when only time has passed:
// no-shows, reservations of parkings without an edge, and reminders.
func Lifecycle(s Store, r Reservations, log *slog.Logger) []Task {
	log = log.With("component", "schedule")
	task := func(name, told string, find func(context.Context, time.Time, int) ([]Due, error), do func(context.Context, Due) error) Task {
		return Task{Name: name, Every: lookEvery, Run: func(ctx context.Context, now time.Time) error {
			due, err := find(ctx, now, lookPerRun)
			if err != nil {
				return err
			}
			n, err := each(ctx, due, name, do)
			if n > 0 {
				log.Info(told, "count", n)
			}
			return err
		}}
	}
	return []Task{
		task("declare_no_shows", "nobody came on reservations", s.Missed, func(ctx context.Context, d Due) error {
			return r.Miss(ctx, d.Parking, d.Reservation)
		}),
		task("complete_unwatched", "reservations ended where no gate is watched", s.Unwatched, func(ctx context.Context, d Due) error {
			return r.Elapse(ctx, d.Parking, d.Reservation, d.WatchedSince)
		}),
		task("remind_ends", "drivers were told that their time ends soon", s.EndingSoon, func(ctx context.Context, d Due) error {
			return r.Remind(ctx, d.Parking, d.Reservation)
		}),
	}
}
