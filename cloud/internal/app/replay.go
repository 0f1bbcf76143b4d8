package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/replay"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// replaying is what it takes to replay a week.
type replaying struct {
	db        *postgres.DB
	committer *postgres.Committer
	log       *slog.Logger
}

// Replay is a week that is to happen in a parking.
type Replay struct {
	Readings []replay.Reading
	Week     time.Time // the day (UTC) with which it begins
	Seed     uint64
	Until    time.Time // what is later is not told yet; zero: all is told
}

// Replayed is what a replay did.
type Replayed struct {
	Events int // in the journal
	Told   int // of them by this run
	Until  time.Time
}

// Replay has a week happen in a parking that has no edge, and counts its hours. The same
// again tells what was not told yet.
func (a Administration) Replay(ctx context.Context, at id.Parking, r Replay) (Replayed, error) {
	now := time.Now().UTC()
	p, err := postgres.NewBooking(a.replaying.db).Parking(ctx, at)
	if err != nil {
		return Replayed{}, err
	}
	if p == nil || len(p.SpaceTypes) == 0 {
		return Replayed{}, fault.New(fault.NotFound, capacity.CodeParkingNotFound, "There is no such parking, or it has no spaces.")
	}
	zone, err := time.LoadLocation(p.Timezone)
	if err != nil {
		return Replayed{}, fmt.Errorf("time zone of %s: %w", at, err)
	}
	of := p.SpaceTypes[0]
	for _, t := range p.SpaceTypes {
		if t.ID == id.Standard {
			of = t
		}
	}
	readings := replay.Move(r.Readings, r.Week)
	done := Replayed{Until: readings[len(readings)-1].At}
	if !r.Until.IsZero() && r.Until.Before(done.Until) {
		done.Until = r.Until
	}
	if done.Until.After(now) {
		return Replayed{}, fault.Newf(fault.Invalid, replay.CodeReadings, "What is replayed must be over: %s has not come yet.", done.Until.Format(time.RFC3339))
	}
	journal, err := replay.Plan{Seed: r.Seed, Capacity: int(of.Capacity), Type: of.ID, Price: func(in, paid time.Time) (money.Amount, error) {
		price, err := p.Tariff.Price(timerange.Range{From: in, To: paid}, tariff.Facts{Zone: zone})
		return price.Total, err
	}}.Make(readings)
	if err != nil {
		return Replayed{}, err
	}
	done.Events = len(journal.Events)
	var clock atomic.Int64
	then := postgres.NewCommitter(a.replaying.db, a.replaying.log, func() time.Time { return time.UnixMilli(clock.Load()).UTC() }, func(id.Parking, uint64) {})
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- then.Run(working) }()
	edge := replay.Edge{
		Parking: at, Committer: a.replaying.committer, Standings: a.replaying.db,
		Events: then, At: func(t time.Time) { clock.Store(t.UnixMilli()) },
	}
	done.Told, err = edge.Tell(ctx, journal, done.Until)
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return done, err
	}
	count := trends.Service{Store: postgres.NewTrends(a.replaying.db), Log: a.replaying.log}
	return done, count.Run(ctx, time.Now())
}
