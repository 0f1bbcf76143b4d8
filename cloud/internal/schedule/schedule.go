// Package schedule is the clock of the cloud: tasks that run every so often on
// one process of all, whichever leads.
//
// Tasks are level triggered: each run looks at what is due now and does all of
// it, so that a tick that is missed, late or doubled is harmless.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// Task is something to be done every so often.
type Task struct {
	Name  string // unique; a-z, 0-9 and underscores
	Every time.Duration
	// Run does all that is due at now. It obeys the context, which ends after a
	// minute.
	Run func(ctx context.Context, now time.Time) error
}

// Limits of what counts as stuck.
const (
	unheardAfter  = 30 * time.Second // a hold that nobody heard about
	stalledAfter  = 2 * time.Minute  // a capture or void that was asked for
	bookEvery     = 15 * time.Second
	perRun        = 500
	checkedAtOnce = 1000
)

// Held is a reservation whose time to pay is over.
type Held struct {
	Parking     id.Parking
	Reservation id.Reservation
}

// Store finds what is due. Each method returns at most limit rows, the longest
// due first.
type Store interface {
	// DueHolds lists held reservations, and others with a change, whose time to
	// pay ended before now.
	DueHolds(ctx context.Context, now time.Time, limit int) ([]Held, error)
	// Unsettled lists payments that have been requested or unknown since before
	// unheard, or waiting to be captured or voided since before stalled, as the
	// jobs that settle them.
	Unsettled(ctx context.Context, unheard, stalled time.Time, limit int) ([]relay.Job, error)
}

// Booking ends reservations that were not paid for.
type Booking interface {
	// Expire ends a held reservation, or drops a change, whose time is over.
	// Otherwise it does nothing; while a payment is waited for it returns when to
	// come again.
	Expire(ctx context.Context, at id.Parking, r id.Reservation) (again time.Time, err error)
}

// Queue takes jobs.
type Queue interface {
	// Insert adds jobs, each at most once in a while.
	Insert(ctx context.Context, jobs []relay.Job) error
}

// Payments are the tasks that keep money moving: held reservations expire, and
// payments that got stuck get another job.
func Payments(s Store, b Booking, q Queue, log *slog.Logger) []Task {
	log = log.With("component", "schedule")
	return []Task{
		{Name: "expire_holds", Every: bookEvery, Run: func(ctx context.Context, now time.Time) error {
			return expire(ctx, now, s, b, log)
		}},
		{Name: "settle_payments", Every: bookEvery, Run: func(ctx context.Context, now time.Time) error {
			return settle(ctx, now, s, q, log)
		}},
	}
}

// expire ends one reservation after the other; one that fails does not keep
// the others.
func expire(ctx context.Context, now time.Time, s Store, b Booking, log *slog.Logger) error {
	due, err := s.DueHolds(ctx, now, perRun)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range due {
		if _, err := b.Expire(ctx, d.Parking, d.Reservation); err != nil {
			failed = append(failed, fmt.Errorf("expire %s: %w", d.Reservation, err))
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, ctx.Err())...)
		}
	}
	if n := len(due) - len(failed); n > 0 {
		log.Info("reservations or changes were not paid for in time", "count", n)
	}
	return errors.Join(failed...)
}

func settle(ctx context.Context, now time.Time, s Store, q Queue, log *slog.Logger) error {
	stuck, err := s.Unsettled(ctx, now.Add(-unheardAfter), now.Add(-stalledAfter), checkedAtOnce)
	if err != nil || len(stuck) == 0 {
		return err
	}
	log.Warn("payments are waiting to be settled", "count", len(stuck))
	return q.Insert(ctx, stuck)
}
