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
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	unheardAfter = 30 * time.Second // a hold that nobody heard about
	stalledAfter = 2 * time.Minute  // a capture or void that was asked for
	bookEvery    = 15 * time.Second
	renewEvery   = time.Minute
	perRun       = 500
	atOnce       = 32 // commits in flight
	// A second step is asked about from so long before its time ends.
	askBefore     = time.Minute
	askFor        = 20 * time.Second // all of it, so that a provider that is away keeps nothing from expiring
	checkedAtOnce = 1000
)

// Due is a reservation for which something is to be done.
type Due struct {
	Parking     id.Parking
	Reservation id.Reservation
	// WatchedSince is when the parking's edge said hello for the first time; zero:
	// never, or not asked for.
	WatchedSince time.Time
}

// Store finds what is due. Each method returns at most limit rows, the longest
// due first.
type Store interface {
	// DueHolds lists held reservations, and others with a change, whose time to
	// pay ended before now.
	DueHolds(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// SecondSteps lists payments that wait for their driver's second step, of which
	// the time ends before an instant, as the jobs that resolve them.
	SecondSteps(ctx context.Context, before time.Time, limit int) ([]relay.Job, error)
	// Lapsing lists reservations whose hold may have to be renewed, or placed.
	Lapsing(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// Lapsed lists authorized payments whose hold has lapsed by now.
	Lapsed(ctx context.Context, now time.Time, limit int) ([]relay.Job, error)
	// Missed lists confirmed reservations whose deadline for coming has passed, by
	// now and by the watermark of an edge that watched the gate before it.
	Missed(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// Unwatched lists confirmed reservations whose window and grace are over in
	// parkings without an edge that watched the gate at the deadline for coming.
	Unwatched(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// EndingSoon lists active reservations whose driver is to be reminded of the
	// end and was not.
	EndingSoon(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// Unsettled lists payments that have been requested or unknown since before
	// unheard, or waiting to be captured, voided or given back since before stalled,
	// as the jobs that settle them; what is on its way back, an hour later than that.
	Unsettled(ctx context.Context, unheard, stalled time.Time, limit int) ([]relay.Job, error)
}

// Booking ends reservations that were not paid for.
type Booking interface {
	// Expire ends a held reservation, or drops a change, whose time is over.
	// Otherwise it does nothing; while a payment is waited for it returns when to
	// come again.
	Expire(ctx context.Context, at id.Parking, r id.Reservation) (again time.Time, err error)
	// Renew places a hold in the place of one that lapses too early, if it is time to.
	Renew(ctx context.Context, at id.Parking, r id.Reservation) error
}

// Money finds out what became of payments.
type Money interface {
	// Resolve asks the provider and books the answer.
	Resolve(ctx context.Context, at id.Parking, p id.Payment) error
	// Review does, of any payment.
	Review(ctx context.Context, at id.Parking, p id.Payment) error
}

// Queue takes jobs.
type Queue interface {
	// Insert adds jobs, each at most once in a while.
	Insert(ctx context.Context, jobs []relay.Job) error
}

// Payments are the tasks that keep money moving: held reservations expire, and
// payments that got stuck get another job.
func Payments(s Store, b Booking, m Money, q Queue, log *slog.Logger) []Task {
	log = log.With("component", "schedule")
	return []Task{
		{Name: "expire_holds", Every: bookEvery, Run: func(ctx context.Context, now time.Time) error {
			return errors.Join(ask(ctx, now, s, m), expire(ctx, now, s, b, log))
		}},
		{Name: "renew_holds", Every: renewEvery, Run: func(ctx context.Context, now time.Time) error {
			// What is gone is known to be before anything takes its place.
			return errors.Join(review(ctx, now, s, m), renew(ctx, now, s, b))
		}},
		{Name: "settle_payments", Every: bookEvery, Run: func(ctx context.Context, now time.Time) error {
			return settle(ctx, now, s, q, log)
		}},
	}
}

// ask finds out about second steps whose time is about to end, or has: a driver
// may have taken one and never come back to say so.
func ask(ctx context.Context, now time.Time, s Store, m Money) error {
	waiting, err := s.SecondSteps(ctx, now.Add(askBefore), perRun)
	if err != nil {
		return err
	}
	return eachPayment(ctx, waiting, "ask about the second step of", m.Resolve)
}

// review finds out about holds that should have lapsed.
func review(ctx context.Context, now time.Time, s Store, m Money) error {
	gone, err := s.Lapsed(ctx, now, perRun)
	if err != nil {
		return err
	}
	return eachPayment(ctx, gone, "look at the hold of", m.Review)
}

func renew(ctx context.Context, now time.Time, s Store, b Booking) error {
	due, err := s.Lapsing(ctx, now, 10*perRun)
	if err != nil {
		return err
	}
	_, err = each(ctx, due, "renew the hold of", func(ctx context.Context, d Due) error {
		return b.Renew(ctx, d.Parking, d.Reservation)
	})
	return err
}

// eachPayment asks a provider about payments, of different reservations, for no
// longer than askFor.
func eachPayment(ctx context.Context, jobs []relay.Job, what string, do func(context.Context, id.Parking, id.Payment) error) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	at := make(map[id.Reservation]id.Payment, len(jobs))
	due := make([]Due, 0, len(jobs))
	for _, j := range jobs {
		at[j.Reservation] = j.Payment
		due = append(due, Due{Parking: j.Parking, Reservation: j.Reservation})
	}
	_, err := each(ctx, due, what, func(ctx context.Context, d Due) error { return do(ctx, d.Parking, at[d.Reservation]) })
	return err
}

func expire(ctx context.Context, now time.Time, s Store, b Booking, log *slog.Logger) error {
	due, err := s.DueHolds(ctx, now, perRun)
	if err != nil {
		return err
	}
	n, err := each(ctx, due, "expire", func(ctx context.Context, d Due) error {
		_, err := b.Expire(ctx, d.Parking, d.Reservation)
		return err
	})
	if n > 0 {
		log.Info("reservations or changes were not paid for in time", "count", n)
	}
	return err
}

// each does one thing to every reservation, some of them at once: the committer
// folds them into batches. One that fails does not keep the others; the error
// names all that did, done counts the rest.
func each(ctx context.Context, due []Due, what string, do func(context.Context, Due) error) (done int, err error) {
	var mu sync.Mutex
	var failed []error
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, d := range due {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			err := do(ctx, d)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("%s %s: %w", what, d.Reservation, err))
			} else {
				done++
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nil
	return done, errors.Join(append(failed, ctx.Err())...)
}

func settle(ctx context.Context, now time.Time, s Store, q Queue, log *slog.Logger) error {
	stuck, err := s.Unsettled(ctx, now.Add(-unheardAfter), now.Add(-stalledAfter), checkedAtOnce)
	if err != nil || len(stuck) == 0 {
		return err
	}
	log.Warn("payments are waiting to be settled", "count", len(stuck))
	return q.Insert(ctx, stuck)
}
