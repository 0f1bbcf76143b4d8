package schedule

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/protocol/id"
)

// DebtStore finds what stays owe. Each method returns at most limit rows, the
// longest due first.
type DebtStore interface {
	// Owing lists completed reservations whose stay owes something, that were paid
	// for at one of the providers, and of which no driver who was away was asked yet.
	Owing(ctx context.Context, providers []string, now time.Time, limit int) ([]Due, error)
	// DebtSteps lists payments of debts that have waited for their driver's second
	// step since before an instant, or since before away where he was away, as the
	// jobs that resolve them.
	DebtSteps(ctx context.Context, before, away time.Time, limit int) ([]relay.Job, error)
}

// Collector asks for what stays owe.
type Collector interface {
	// Collect asks for it while the driver is away, once for each stay.
	Collect(ctx context.Context, at id.Parking, r id.Reservation) error
	// DropDebt gives up a payment of it whose second step was not taken in time.
	DropDebt(ctx context.Context, at id.Parking, p id.Payment) error
}

// Debts is the task that has what stays owe taken from their drivers' cards, at the
// providers of these names, and that ends the waiting for second steps.
func Debts(s DebtStore, c Collector, m Money, providers []string, log *slog.Logger) Task {
	log = log.With("component", "schedule")
	return Task{Name: "collect_debts", Every: bookEvery, Run: func(ctx context.Context, now time.Time) error {
		return errors.Join(dropDebts(ctx, now, s, c, m), collect(ctx, now, s, c, providers, log))
	}}
}

// dropDebts asks once more about second steps whose time is over: a driver may have
// taken one and never come back to say so.
func dropDebts(ctx context.Context, now time.Time, s DebtStore, c Collector, m Money) error {
	over, err := s.DebtSteps(ctx, now.Add(-booking.PayWithin), now.Add(-booking.PayAwayWithin), perRun)
	if err != nil {
		return err
	}
	asked := eachPayment(ctx, over, "ask about the second step of", m.Resolve)
	return errors.Join(asked, eachPayment(ctx, over, "drop the payment of what is owed for", c.DropDebt))
}

func collect(ctx context.Context, now time.Time, s DebtStore, c Collector, providers []string, log *slog.Logger) error {
	due, err := s.Owing(ctx, providers, now, perRun)
	if err != nil {
		return err
	}
	n, err := each(ctx, due, "collect what is owed for", func(ctx context.Context, d Due) error {
		return c.Collect(ctx, d.Parking, d.Reservation)
	})
	if n > 0 {
		log.Info("cards were asked for what stays owe", "count", n)
	}
	return err
}
