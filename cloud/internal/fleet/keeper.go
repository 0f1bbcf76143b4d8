package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Standing is what the ops about one parking's edge are made from.
type Standing struct {
	Journal id.Journal // the current one; zero before the first hello
	Retired bool       // the journal that was asked about was current once and is not now
	Inside  Inside
	Lent    []id.Session // the stays counted in Inside; not looked up when the current journal was asked about
}

// Lot is a parking with something to keep claimed.
type Lot struct {
	Parking  id.Parking
	Edge     bool // its edge has said hello: it may have allotments
	Inside   Inside
	Sessions []id.Session // inside on a claim of their own that ends before the asked quarter
}

// KeeperStore finds what is to be kept claimed.
type KeeperStore interface {
	// Lots lists the parkings with an edge or with stays whose claim ends before
	// the quarter.
	Lots(ctx context.Context, before timerange.Q) ([]Lot, error)
	// Standing reads the standing of one parking's edge.
	Standing(ctx context.Context, parking id.Parking, asked id.Journal) (Standing, error)
}

// Keeper keeps claimed what stands there and what is lent. Run is a task for
// the cloud's clock, once a minute on one instance; doing it twice or late is
// harmless.
type Keeper struct {
	Store     KeeperStore
	Committer commit.Committer
	Log       *slog.Logger
}

// keepAtOnce bounds the ops in flight; the committer folds them into batches.
const keepAtOnce = 32

// Run extends the claims of vehicles that are still inside and rolls and fits
// every allotment. A parking that fails does not keep the others; the error
// names all that did.
func (k *Keeper) Run(ctx context.Context, now time.Time) error {
	lots, err := k.Store.Lots(ctx, keep(now))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed []error
	var g errgroup.Group
	g.SetLimit(keepAtOnce)
	for _, l := range lots {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := k.lot(ctx, l); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("keep the claims of %s: %w", l.Parking, err))
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nil
	k.Log.Debug("claims kept", "component", "fleet", "parkings", len(lots), "failed", len(failed))
	return errors.Join(append(failed, ctx.Err())...)
}

func (k *Keeper) lot(ctx context.Context, l Lot) error {
	if len(l.Sessions) > 0 {
		if _, err := k.Committer.Commit(ctx, &Extend{Lot: l.Parking, Sessions: l.Sessions}); err != nil {
			return err
		}
	}
	if !l.Edge {
		return nil
	}
	_, err := allotNow(ctx, k.Committer, k.Store.Standing, l.Parking, l.Inside)
	return err
}

// staleTries bounds how often an op is made again because its watermark moved.
const staleTries = 5

type readStanding func(ctx context.Context, parking id.Parking, asked id.Journal) (Standing, error)

// allotNow fits a parking's allotments; it reads the count again when it is
// stale. It returns the count that was good.
func allotNow(ctx context.Context, c commit.Committer, read readStanding, p id.Parking, i Inside) (Inside, error) {
	for range staleTries {
		_, err := c.Commit(ctx, &Allot{Lot: p, Inside: i})
		if !errors.Is(err, ErrStale) {
			return i, err
		}
		s, err := read(ctx, p, id.Journal{})
		if err != nil {
			return i, err
		}
		i = s.Inside
	}
	return i, ErrStale
}
