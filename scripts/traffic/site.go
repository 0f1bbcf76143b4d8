package traffic

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

// Site is a live parking and the cars that come to it.
type Site struct {
	Parking  string
	Capacity int
	Curve    Curve
	Cloud    *client.Cloud
	Twin     *client.Twin
	File     string // of the cars inside
	Seed     uint64
	Log      *slog.Logger
}

const (
	tick     = time.Second
	patience = 20 * time.Second
	// reserved is the share of arrivals that have made a reservation.
	reserved = 0.2
	// refusedFor is how long arrivals change their ways after a refusal: after
	// one at the gate they reserve, after one of a reservation they stay away.
	refusedFor = time.Minute
	// lastCars is how long the cars at the gates have to pass when it ends.
	lastCars = 15 * time.Second
)

// drive is a Site under way.
type drive struct {
	Site
	cars *cars
	rng  *rand.Rand // of the loop

	passing  sync.WaitGroup
	mu       sync.Mutex
	arriving int
	leaving  int
	reserve  time.Time // until then arrivals reserve
	away     time.Time // until then nobody arrives
}

// Drive sends cars until ctx ends, and then lets those at the gates finish.
// What goes wrong with a car is logged; it returns an error only when it cannot
// keep the cars on file. hurry, when it ends, cuts the finish short.
func (s Site) Drive(ctx, hurry context.Context) error {
	inside, err := openCars(s.File)
	if err != nil {
		return err
	}
	d := &drive{Site: s, cars: inside, rng: rand.New(rand.NewPCG(s.Seed, 1))} //nolint:gosec // traffic, not secrets
	d.Log = s.Log.With("parking_id", s.Parking)
	// Cars finish after ctx has ended.
	carCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer d.passing.Wait()
	defer cancel()

	// The sites do not tick together.
	ticks := time.NewTimer(time.Duration(d.rng.Float64() * float64(tick)))
	defer ticks.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-ticks.C:
			ticks.Reset(tick)
			d.send(carCtx, Plan(s.Curve.Occupied(now, s.Capacity), d.scene(now), now.Sub(last), d.rng.Float64()))
			last = now
		}
	}
	finished := make(chan struct{})
	go func() { d.passing.Wait(); close(finished) }()
	limit := time.NewTimer(lastCars)
	defer limit.Stop()
	select {
	case <-finished:
	case <-limit.C:
	case <-hurry.Done():
	}
	return nil
}

func (d *drive) scene(now time.Time) Scene {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Scene{Inside: d.cars.count(), Arriving: d.arriving, Leaving: d.leaving, NoEntry: now.Before(d.away)}
}

// send starts the cars. Everything that is drawn by lot is drawn here.
func (d *drive) send(ctx context.Context, o Orders) {
	for range o.Arrive {
		books, stay := d.rng.Float64() < reserved, time.Duration(60+d.rng.IntN(180))*time.Minute
		plate := fmt.Sprintf("DD-%c%c %d", 'A'+d.rng.IntN(26), 'A'+d.rng.IntN(26), 100+d.rng.IntN(9900))
		d.start(&d.arriving, func() { d.arrive(ctx, plate, books, stay) })
	}
	for range o.Leave {
		if car, ok := d.cars.pick(d.rng); ok {
			d.start(&d.leaving, func() { d.leave(ctx, car) })
		}
	}
}

func (d *drive) start(counter *int, car func()) {
	d.mu.Lock()
	*counter++
	d.mu.Unlock()
	d.passing.Go(func() {
		car()
		d.mu.Lock()
		*counter--
		d.mu.Unlock()
	})
}

func (d *drive) arrive(ctx context.Context, plate string, books bool, stay time.Duration) {
	d.mu.Lock()
	books = books || time.Now().Before(d.reserve)
	d.mu.Unlock()
	credential := ""
	if books {
		pass, err := d.book(ctx, plate, stay)
		if err != nil {
			d.trouble(ctx, "no reservation", err)
			d.until(&d.away)
			return
		}
		credential = pass
	}
	v, err := d.Twin.Visit(ctx, "entry-1", credential, plate, patience)
	if err != nil {
		d.trouble(ctx, "not at the gate", err)
		d.until(&d.away)
		return
	}
	if v.Outcome != client.Passed {
		d.Log.Info("a car was not let in", "outcome", v.Outcome, "display", v.Display, "reserved", books)
		if books {
			d.until(&d.away)
		} else {
			d.until(&d.reserve)
		}
		return
	}
	if v.Ticket != "" {
		credential = v.Ticket
	}
	if err := d.cars.add(Car{Credential: credential, Plate: plate, Since: time.Now().UTC()}); err != nil {
		d.Log.Error("the cars inside cannot be kept on file", "err", err)
	}
}

// book reserves from now on, and returns the pass.
func (d *drive) book(ctx context.Context, plate string, stay time.Duration) (string, error) {
	now := time.Now().UTC().Truncate(time.Second)
	r, _, err := d.Cloud.Reserve(ctx, "traffic-"+crand.Text(), client.Wanted{
		ParkingID: d.Parking, SpaceType: "standard", From: now, To: now.Add(stay), VehiclePlate: plate,
		PaymentMethod: "pm_sandbox_ok", Contact: &client.Contact{Email: "driver@example.org"},
	})
	if err != nil {
		return "", err
	}
	return r.Pass, nil
}

// leave drives a car out. Whoever is not let out with what it has presses the
// button, which always opens.
func (d *drive) leave(ctx context.Context, car Car) {
	v, err := d.Twin.Visit(ctx, "exit-1", car.Credential, car.Plate, patience)
	if err == nil && v.Outcome != client.Passed {
		d.Log.Info("a car was not let out and presses the button", "outcome", v.Outcome, "display", v.Display)
		v, err = d.Twin.Visit(ctx, "exit-1", "", car.Plate, patience)
	}
	if err != nil {
		d.trouble(ctx, "not at the exit", err)
	}
	if err := d.cars.left(car, err == nil && v.Outcome == client.Passed); err != nil {
		d.Log.Error("the cars inside cannot be kept on file", "err", err)
	}
}

func (d *drive) until(t *time.Time) {
	d.mu.Lock()
	*t = time.Now().Add(refusedFor)
	d.mu.Unlock()
}

func (d *drive) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	level := slog.LevelWarn
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusConflict {
		level = slog.LevelInfo // sold out
	}
	d.Log.Log(ctx, level, "a car could not be sent", "what", what, "err", err)
}
