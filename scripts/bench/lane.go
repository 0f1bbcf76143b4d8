package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// lane sends cars to one parking.
type lane struct {
	run      *run
	site     *stack.Site
	twin     *client.Twin
	measured bool
	seed     uint64

	keys  *pass.Verifier
	clock atomic.Pointer[client.Clock]
}

const (
	patience = 30 * time.Second
	// clockEvery is how often the twin's clock is compared with ours.
	clockEvery = 10 * time.Second
	// carsAtOnce bounds the cars of a parking that are under way. When more
	// would be, the parking is behind its load and an arrival is left out.
	carsAtOnce = 60
)

// drive sends cars at random times, so many a second on average, until the load
// ends, and waits for them as long as ctx lasts.
func (l *lane) drive(ctx, load context.Context, reserved, walkins float64) error {
	keys, err := l.run.passKeys(ctx)
	if err != nil {
		return err
	}
	l.keys = keys
	if err := l.compareClocks(ctx); err != nil {
		return err
	}
	var cars sync.WaitGroup
	defer cars.Wait()
	var under atomic.Int64
	rng := rand.New(rand.NewPCG(l.seed, 42)) //nolint:gosec // load, not secrets
	clocks := time.NewTicker(clockEvery)
	defer clocks.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	for n := 0; ; {
		select {
		case <-load.Done():
			return nil
		case <-clocks.C:
			if err := l.compareClocks(ctx); err != nil {
				return err
			}
		case <-next.C:
			next.Reset(time.Duration(rng.ExpFloat64() / (reserved + walkins) * float64(time.Second)))
			if under.Load() >= carsAtOnce {
				if l.measured {
					l.run.trouble(fmt.Errorf("%s: %d cars are under way, one more is left out", l.site.Parking, carsAtOnce))
				}
				continue
			}
			n++
			c := car{n: n, plate: fmt.Sprintf("OL%d%05d", l.seed%10, n%100000), from: time.Now().UTC().Truncate(time.Second), drives: true}
			if c.books = rng.Float64()*(reserved+walkins) < reserved; c.books {
				if c.drives = rng.Float64() < l.run.Driving; !c.drives {
					c.from = c.from.Add(time.Duration(24+rng.IntN(60*24)) * time.Hour)
				}
			}
			under.Add(1)
			cars.Go(func() {
				defer under.Add(-1)
				stay := l.walkIn
				if c.books {
					stay = l.guest
				}
				if err := stay(ctx, c); err != nil && l.measured {
					l.run.trouble(fmt.Errorf("%s: %w", l.site.Parking, err))
				}
			})
		}
	}
}

func (l *lane) compareClocks(ctx context.Context) error {
	c, err := l.twin.Clock(ctx)
	if err != nil {
		return err
	}
	l.clock.Store(&c)
	return nil
}

// car is one arrival, or one reservation for later.
type car struct {
	n      int // of the parking
	plate  string
	books  bool
	from   time.Time // of its reservation
	drives bool      // in and out, as soon as it has its pass
}

// guest reserves, drives in and drives out.
func (l *lane) guest(ctx context.Context, c car) error {
	sent := time.Now()
	r, _, err := l.run.cloud.Reserve(ctx, fmt.Sprintf("bench-%s-%d", l.site.Parking, c.n), client.Wanted{
		ParkingID: l.site.Parking, SpaceType: "standard", From: c.from, To: c.from.Add(time.Hour), VehiclePlate: c.plate,
		PaymentMethod: "pm_sandbox_ok", Contact: &client.Contact{Email: "bench@example.org"},
	})
	if err != nil {
		return err
	}
	p, err := l.keys.Verify(r.Pass)
	if err != nil {
		return err
	}
	answered := time.Now()
	l.run.booked.Add(1)
	// As a driver who has the pass on the phone: the edge knows it by then.
	if err := l.knows(ctx, p.Revision, sent, answered); err != nil || !c.drives {
		return err
	}

	states := make(chan told, 16)
	followCtx, endFollow := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		// It ends by itself once the stay is settled.
		_ = l.run.cloud.FollowReservation(followCtx, r.ID, r.ManageToken, func(r client.Reservation, at time.Time) bool {
			select {
			case states <- told{r.State, at}:
			default:
			}
			return r.State != "completed"
		})
	}()
	defer func() { endFollow(); <-followed }()

	for _, leg := range []struct{ gate, becomes string }{{"entry-1", "active"}, {"exit-1", "completed"}} {
		v, err := l.visit(ctx, leg.gate, r.Pass, c.plate)
		if err != nil {
			return err
		}
		if err := l.applied(ctx, states, leg.becomes, v); err != nil {
			return err
		}
	}
	return nil
}

// told is a state of a reservation that its stream told of.
type told struct {
	state string
	at    time.Time
}

// knows measures until the edge's cache is complete through a revision.
func (l *lane) knows(ctx context.Context, revision uint64, sent, answered time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := l.site.AwaitRevision(ctx, revision); err != nil {
		return err
	}
	if l.measured {
		l.run.known.add(time.Since(sent))
		l.run.answered.add(answered.Sub(sent))
	}
	return nil
}

// visit passes a gate with a credential.
func (l *lane) visit(ctx context.Context, gate, credential, plate string) (client.Vehicle, error) {
	v, err := l.twin.Visit(ctx, gate, credential, plate, patience)
	if err != nil {
		return v, err
	}
	if v.Outcome != client.Passed {
		return v, fmt.Errorf("a car at %s: %s, the display says %q", gate, v.Outcome, v.Display)
	}
	l.run.passages.Add(1)
	if l.measured && credential != "" {
		took := time.Duration(v.CredentialToOpen) * time.Microsecond
		shown := l.clock.Load().Time(v.Timeline.Presented)
		l.run.open.add(took)
		l.run.mu.Lock()
		l.run.opened = append(l.run.opened, span{shown, shown.Add(took)})
		l.run.mu.Unlock()
	}
	return v, nil
}

// applied measures until the driver's stream tells of the passage.
func (l *lane) applied(ctx context.Context, states <-chan told, state string, v client.Vehicle) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		select {
		case s := <-states:
			if s.state != state {
				continue
			}
			if l.measured {
				l.run.applied.add(max(s.at.Sub(l.clock.Load().Time(v.Timeline.Cleared)), 0))
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("a passage that should make a reservation %s was not told of: %w", state, ctx.Err())
		}
	}
}

// walkIn takes a ticket and drives out with it.
func (l *lane) walkIn(ctx context.Context, c car) error {
	v, err := l.visit(ctx, "entry-1", "", c.plate)
	if err != nil {
		return err
	}
	_, err = l.visit(ctx, "exit-1", v.Ticket, c.plate)
	return err
}
