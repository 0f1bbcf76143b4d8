package benchreserve

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/benchref"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// seller reserves a window and reports whether there was room.
type seller func(ctx context.Context, p id.Parking, w timerange.Range, rnd *rand.Rand) (bool, error)

// wish is what a client asks for; refused says that it was told no.
type wish func(rnd *rand.Rand) (p id.Parking, w timerange.Range, refused func())

func asking(sell seller, want wish) client {
	return func(ctx context.Context, rnd *rand.Rand) (bool, time.Duration, error) {
		p, w, refused := want(rnd)
		began := time.Now()
		ok, err := sell(ctx, p, w, rnd)
		took := time.Since(began)
		if err == nil && !ok {
			refused()
		}
		return ok, took, err
	}
}

// committing sells through the committer, as package booking does.
func committing(c commit.Committer) seller {
	price := reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1}
	return func(ctx context.Context, p id.Parking, w timerange.Range, rnd *rand.Rand) (bool, error) {
		now := time.Now()
		key := strconv.FormatUint(rnd.Uint64(), 36) + strconv.FormatUint(rnd.Uint64(), 36)
		op := &booking.Reserve{
			In: p, ID: id.New[id.Reservation](now), PaymentID: id.New[id.Payment](now),
			Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
			SpaceType: id.Standard, Window: w, Quote: price, Provider: "sandbox", Method: "pm_sandbox_ok", Email: "driver@example.org",
		}
		_, err := c.Commit(ctx, op)
		if errors.Is(err, inventory.ErrSoldOut) {
			return false, nil
		}
		return err == nil, err
	}
}

// conditional sells with one statement for each request.
func conditional(c *benchref.Conditional) seller {
	return func(ctx context.Context, p id.Parking, w timerange.Range, _ *rand.Rand) (bool, error) {
		now := time.Now()
		return c.Reserve(ctx, &benchref.Request{
			Parking: p, Reservation: id.New[id.Reservation](now), Payment: id.New[id.Payment](now), Window: w,
			Quote: []byte(benchref.Quote), Body: []byte(benchref.Body), Email: "driver@example.org",
		})
	}
}

// anywhere wants one to eight hours at any of the lots.
func anywhere(l benchref.Lots) wish {
	return func(rnd *rand.Rand) (id.Parking, timerange.Range, func()) {
		n := 4 + rnd.IntN(29)
		from := timerange.DayStart(l.FirstDay+int32(rnd.IntN(l.Days))) + timerange.Q(rnd.IntN(97-n))
		return l.ID(rnd.IntN(l.N)), timerange.Quarters{From: from, To: from + timerange.Q(n)}.Range(), func() {}
	}
}

// fourHours is the n-th window of four hours that a parking sells.
func fourHours(l benchref.Lots, n int64) timerange.Range {
	from := timerange.DayStart(l.FirstDay) + timerange.Q(n*16)
	return timerange.Quarters{From: from, To: from + 16}.Range()
}

// onSale wants the window of lot n that is on sale, and the next one once that is
// sold out. It is shared by all that sell the lot.
func onSale(l benchref.Lots, lot int, at *atomic.Int64) wish {
	return func(*rand.Rand) (id.Parking, timerange.Range, func()) {
		n := at.Load()
		return l.ID(lot), fourHours(l, n), func() { at.CompareAndSwap(n, n+1) }
	}
}

// trickle puts windows of some of the lots on sale, one lot after the other,
// until the context ends.
type trickle struct {
	lots  benchref.Lots
	first int
	at    []atomic.Int64
}

const (
	smallLots    = 100
	trickleEvery = 10 * time.Millisecond
)

func newTrickle(l benchref.Lots, first, n int) *trickle {
	return &trickle{l, first, make([]atomic.Int64, n)}
}

func (t *trickle) run(ctx context.Context) {
	tick := time.NewTicker(trickleEvery)
	defer tick.Stop()
	for n := 0; ; n = (n + 1) % len(t.at) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.at[n].Add(1)
		}
	}
}

func (t *trickle) want(rnd *rand.Rand) (id.Parking, timerange.Range, func()) {
	n := rnd.IntN(len(t.at))
	return t.lots.ID(t.first + n), fourHours(t.lots, t.at[n].Load()), func() {}
}

// instance is a committer with connections of its own, as a process has it.
type instance struct {
	db        *postgres.DB
	committer *postgres.Committer
	cancel    context.CancelFunc
	done      sync.WaitGroup
}

func newInstance(ctx context.Context, dsn string, log *slog.Logger) (*instance, error) {
	return newTellingInstance(ctx, dsn, log, func(id.Parking, uint64) {}, nil)
}

// newTellingInstance makes one that announces its commits and hands their events
// over.
func newTellingInstance(ctx context.Context, dsn string, log *slog.Logger, hint func(id.Parking, uint64), tell func([]feed.Event)) (*instance, error) {
	db, err := postgres.Open(ctx, dsn, log, postgres.Options{})
	if err != nil {
		return nil, err
	}
	i := &instance{db: db, committer: postgres.NewCommitter(db, log, time.Now, hint)}
	i.committer.Tell(tell)
	ctx, i.cancel = context.WithCancel(ctx)
	i.done.Go(func() { _ = i.committer.Run(ctx) }) // ends with the context, and never otherwise
	return i, nil
}

func (i *instance) close() {
	i.cancel()
	i.done.Wait()
	i.db.Close()
}
