package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// StoreFile is the name of the store in the data directory.
const StoreFile = "edge.db"

// markAfter is how long nothing happens before a time mark is journalled, and
// markEvery how often that is looked at.
const (
	markAfter = 60 * time.Second
	markEvery = 5 * time.Second
)

// LaneConfig is one lane, its gate and what belongs to it.
type LaneConfig struct {
	Lane    admission.Lane
	Mode    admission.Mode
	Device  string // that carries the gate
	Gate    int    // on the device, from 0
	Readers []device.Reader
	Display device.Display // or nil
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
}

// Agent is a running agent.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	rec    *recorder
	uplink *uplink.Uplink
	gates  []*gate
	links  []*link
	listen net.Listener
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
	s, err := store.Open(filepath.Join(cfg.DataDir, StoreFile), log.With("component", "store"), time.Now)
	if err != nil {
		if listen != nil {
			err = errors.Join(err, listen.Close())
		}
		return nil, err
	}
	return newAgent(cfg, s, listen, log), nil
}

func newAgent(cfg Config, s *store.Store, listen net.Listener, log *slog.Logger) *Agent {
	c := clock.New(s.Anchor(), cfg.Built, clock.Machine(), time.Now)
	s.WriteAnchor(c.Anchor)
	boot := id.New[id.Boot](c.Now().Wall)
	a := &Agent{cfg: cfg, log: log, listen: listen}
	online := func() bool { return false }
	a.rec = &recorder{Store: s, clock: c, boot: boot, online: online}
	if cfg.Uplink.Broker != "" {
		u := cfg.Uplink
		u.Parking, u.Boot, u.Software = cfg.Parking, boot, cfg.Software
		a.uplink = uplink.New(u, a.rec, c, a.beat, log.With("component", "uplink"))
		a.rec.online = a.uplink.Online
	}
	a.links = newLinks(cfg.Devices, log)
	for _, l := range cfg.Lanes {
		g := newGate(l.Lane, l.Gate)
		g.parking, g.zone, g.rec, g.log = cfg.Parking, cfg.Zone, a.rec, log.With("component", "lane")
		g.mode, g.display = l.Mode, l.Display
		a.carry(l.Device, g)
		a.gates = append(a.gates, g)
	}
	return a
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
		g.Go(func() error { return a.runMarks(ctx) })
		g.Go(func() error { return a.runHTTP(ctx) })
		if a.uplink != nil {
			g.Go(func() error { return a.uplink.Run(ctx) })
		}
		err = g.Wait()
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

// runMarks journals time marks while nothing else happens, so that the cloud
// knows up to when it has heard everything.
func (a *Agent) runMarks(ctx context.Context) error {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.rec.markTime(markAfter); err != nil {
				a.log.Error("a time mark could not be journalled", "err", err)
			}
		}
	}
}

// beat describes the lanes and the time.
func (a *Agent) beat() wire.Beat {
	now := a.rec.clock.Now()
	b := wire.Beat{Mono: uint64(a.rec.clock.Mono().Milliseconds()), Wall: now.Wall.UnixMilli(), Uncertainty: wire.Uncertain}
	if ms := now.Uncertainty.Milliseconds() + 1; now.Uncertainty >= 0 && ms < int64(wire.Uncertain) {
		b.Uncertainty = uint32(ms)
	}
	for _, g := range a.gates {
		l := g.shown.Load()
		b.Lanes = append(b.Lanes, wire.LaneStatus{
			Lane: l.Lane, Arm: l.arm, Arming: l.Arming == occupied, Safety: l.Safety != free, Linked: l.Linked,
		})
	}
	return b
}

// Check reports what keeps the agent from doing its work, or nil.
func (a *Agent) Check() error {
	errs := a.rec.Failed()
	now := a.rec.clock.Mono()
	for _, g := range a.gates {
		if turned := time.Duration(g.turned.Load()); now-turned > 10*time.Second {
			errs = errors.Join(errs, fmt.Errorf("lane %s has not turned for %v", g.lane.ID, now-turned))
		}
	}
	return errs
}
