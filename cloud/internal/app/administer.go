package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Administration is what an owner changes.
type Administration struct {
	Capacity     *capacity.Service
	Reservations booking.Operator
	Edges        *fleet.Retirement
	Tariffs      postgres.Tariffs
	Books        postgres.Books
	Debts        settlement.Debts
	Providers    []payment.Provider
	Reconcile    reconcile.Service
	Gate         postgres.Gate
	History      postgres.History

	replaying replaying
}

// Currency is a parking's.
func (a Administration) Currency(ctx context.Context, at id.Parking) (money.Currency, error) {
	all, err := a.Tariffs.Editions(ctx, at)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking.")
	}
	return all[0].Tariff.Currency, nil
}

// Administer runs do with a committer of its own, beside those of running
// servers: the versions of the rows keep them from each other's feet. The
// servers learn of its commits within a second, by their sweep of the feed. account
// is asked for its books, if there is one.
func Administer(ctx context.Context, db *postgres.DB, log *slog.Logger, account Stripe, do func(Administration) error) error {
	if err := account.check(); err != nil {
		return err
	}
	providers := []payment.Provider{sandbox.New(postgres.NewSandbox(db), sandbox.Options{})}
	if p := account.provider("", nil); p != nil {
		providers = append(providers, p)
	}
	committer := postgres.NewCommitter(db, log, time.Now, func(id.Parking, uint64) {})
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- committer.Run(working) }()
	err := do(Administration{
		Capacity:     &capacity.Service{Store: postgres.NewCapacity(db), Commits: committer, Now: time.Now},
		Reservations: booking.Operator{Reservations: postgres.NewBooking(db), Commits: committer},
		Edges:        &fleet.Retirement{Store: db, Committer: committer},
		Tariffs:      postgres.NewTariffs(db),
		Books:        postgres.NewBooks(db),
		Debts:        settlement.Debts{Sessions: postgres.NewReceipts(db), Commits: committer},
		Providers:    providers,
		Reconcile:    reconcile.Service{Store: postgres.NewReconcile(db), Commits: committer, Now: time.Now},
		Gate:         postgres.NewGate(db),
		History:      postgres.NewHistory(db),
		replaying:    replaying{db, committer, log},
	})
	stop()
	return errors.Join(err, <-ended)
}
