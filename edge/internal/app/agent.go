package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/obs"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// StoreFile is the name of the store in the data directory.
const StoreFile = "edge.db"

// LaneConfig is one lane, its gate and what belongs to it.
type LaneConfig struct {
	Lane       admission.Lane
	Reversible bool           // it may be turned; Lane.Direction is how it leads at first
	Mode       admission.Mode // until somebody commands another one
	Device     string         // that carries the gate
	Gate       int            // on the device, from 0
	Readers    []device.Reader
	Display    device.Display // or nil
}

// Config is what an agent is told.
type Config struct {
	Parking  id.Parking
	Lanes    []LaneConfig
	DataDir  string
	HTTP     string // address, or empty for none
	Zone     *time.Location
	Built    time.Time // a time that has surely passed
	Software string
	Uplink   uplink.Config                 // Parking, Boot and Software are filled in; an empty Broker means no uplink
	Devices  map[string]device.Connect     // by name; one that is lost blinds its own lanes only
	Services []func(context.Context) error // of devices; they run beside the lanes until their ctx ends
	Store    []store.Option                // how the store is opened
	Machine  clock.Machine                 // the clocks; the zero value is this machine's

	Supervisor Supervisor // or nil

	Kiosk *KioskConfig // or nil: no machine takes money here

	Versions     Versions      // or nil: the program is not exchanged
	ConfirmAfter time.Duration // of health, before a new version is kept
}

// Agent is a running agent.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	rec    *recorder
	uplink *uplink.Uplink
	gates  []*gate
	orders *orders
	remote *remote
	kiosk  *takings
	links  []*link
	listen net.Listener

	ailing  bool // only runMarks: the store did not work when it was looked at last
	metrics *obs.Metrics
	acked   atomic.Int64 // clock.Mono of when the cloud acknowledged last
}

// Open opens the store and the local HTTP port. The agent owns both until Run
// has returned.
func Open(cfg Config, log *slog.Logger) (*Agent, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "data_dir", "The data directory "+cfg.DataDir+" cannot be created. Choose another with --data-dir.")
	}
	var listen net.Listener
	if cfg.HTTP != "" {
		var err error
		if listen, err = new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.HTTP); err != nil {
			return nil, fault.Wrap(err, fault.Conflict, "http_address", "The local HTTP address "+cfg.HTTP+" cannot be used. Choose another with --http.")
		}
	}
	s, err := store.Open(filepath.Join(cfg.DataDir, StoreFile), log.With("component", "store"), time.Now, cfg.Store...)
	if err != nil {
		if listen != nil {
			err = errors.Join(err, listen.Close())
		}
		return nil, err
	}
	return newAgent(cfg, s, listen, log), nil
}

func newAgent(cfg Config, s *store.Store, listen net.Listener, log *slog.Logger) *Agent {
	if cfg.Machine.Read == nil {
		cfg.Machine = clock.ThisMachine()
	}
	c := clock.New(s.Anchor(), cfg.Built, cfg.Machine)
	s.WriteAnchor(c.Anchor)
	a := &Agent{cfg: cfg, log: log, listen: listen, orders: openOrders(cfg.DataDir, log), remote: newRemote()}
	online := func() bool { return false }
	changed := make(chan struct{}, 1)
	a.metrics = obs.NewMetrics(cfg.Software, a.look)
	a.rec = &recorder{Store: s, clock: c, online: online, metrics: a.metrics, trace: cfg.Uplink.Trace}
	if cfg.Uplink.Broker != "" {
		u := cfg.Uplink
		u.Parking, u.Boot, u.Software = cfg.Parking, c.Boot(), cfg.Software
		u.Orders, u.Changed = a.order, changed
		u.Machine = cfg.Kiosk != nil
		a.uplink = uplink.New(u, a.rec, &timekeeper{a.rec, u.Edge, log.With("component", "clock")}, a.beat, log.With("component", "uplink"))
		a.rec.online = a.uplink.Online
	}
	if cfg.Kiosk != nil {
		a.kiosk = newTakings(*cfg.Kiosk, a)
		a.kiosk.beat = poke(changed)
	}
	a.links = newLinks(cfg.Devices, log)
	for _, l := range cfg.Lanes {
		g := newGate(l.Lane, l.Gate)
		g.parking, g.zone, g.rec, g.log = cfg.Parking, cfg.Zone, a.rec, log.With("component", "lane")
		g.mode, g.display = l.Mode, l.Display
		a.carry(l.Device, g)
		g.keep, g.reversible = a.orders.keep, l.Reversible
		g.changed = poke(changed)
		g.restore(a.orders.of(l.Lane.ID))
		a.gates = append(a.gates, g)
	}
	return a
}

// poke leaves a word that something has changed, once until it is heard.
func poke(changed chan<- struct{}) func() {
	return func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// Run works until ctx ends. What is on disk then is complete; a passage that
// was under way is concluded at the next start.
func (a *Agent) Run(ctx context.Context) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	stored := make(chan error, 1)
	go func() { stored <- a.rec.Run(storeCtx) }()

	err := a.rec.begin()
	if err == nil {
		g, ctx := errgroup.WithContext(ctx)
		for _, one := range a.gates {
			g.Go(func() error { return one.run(ctx) })
		}
		a.runDevices(ctx, g)
		g.Go(func() error { return a.runTime(ctx) })
		g.Go(func() error { return a.runHTTP(ctx) })
		g.Go(func() error { return a.runStaff(ctx) })
		g.Go(func() error { return a.runRemote(ctx) })
		if a.kiosk != nil {
			g.Go(func() error { return a.kiosk.run(ctx) })
		}
		g.Go(func() error { return a.runSupervised(ctx) })
		g.Go(func() error { return a.runVersions(ctx) })
		g.Go(func() error { return a.runAcks(ctx) })
		g.Go(func() error { return a.cfg.Uplink.Trace.Run(ctx, a.log.With("component", "trace")) })
		if a.uplink != nil {
			g.Go(func() error { return a.uplink.Run(ctx) })
		}
		if err = g.Wait(); errors.Is(err, errSwitched) {
			err = nil
		}
	} else if a.listen != nil {
		err = errors.Join(err, a.listen.Close())
	}
	stopStore()
	return errors.Join(err, <-stored)
}

// Addr is the local HTTP address, or empty.
func (a *Agent) Addr() string {
	if a.listen == nil {
		return ""
	}
	return a.listen.Addr().String()
}

// beat describes the lanes and the time.
func (a *Agent) beat() wire.Beat {
	now, mono := a.rec.clock.Stamp()
	b := wire.Beat{Mono: uint64(mono.Milliseconds()), Wall: now.Wall.UnixMilli(), Uncertainty: uncertainty(now)}
	for _, g := range a.gates {
		b.Lanes = append(b.Lanes, g.shown.Load().wire)
	}
	if a.kiosk != nil {
		b.Machines = a.kiosk.statuses()
	}
	return b
}

// Check reports what keeps the agent from doing its work, or nil.
func (a *Agent) Check() error {
	errs := a.rec.Failed()
	for _, l := range a.standing() {
		errs = errors.Join(errs, fmt.Errorf("the loop of lane %s has not turned for %v", l.lane, l.since))
	}
	return errs
}

// still is a lane whose loop has not turned for so long.
type still struct {
	lane  id.Lane
	since time.Duration
}

// standing are the lanes whose loops do not turn any more: they do at least once a
// second.
func (a *Agent) standing() []still {
	var all []still
	now := a.rec.clock.Mono()
	for _, g := range a.gates {
		if since := now - time.Duration(g.turned.Load()); since > 10*time.Second {
			all = append(all, still{g.lane.ID, since})
		}
	}
	return all
}
