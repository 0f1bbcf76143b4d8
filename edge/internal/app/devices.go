package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/protocol/fault"
)

var errNoDevice = fault.Wrap(device.ErrNotAsked, fault.Unavailable, "board_lost", "The board is not connected.")

// link is one device and the lanes whose gates it carries. Each has a goroutine
// of its own: what happens to one is no news to the others' lanes.
type link struct {
	name    string
	connect device.Connect
	log     *slog.Logger
	gates   []*gate
	now     atomic.Pointer[device.Gates] // nil while it is lost
}

func newLinks(devices map[string]device.Connect, log *slog.Logger) []*link {
	var out []*link
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		out = append(out, &link{name: name, connect: devices[name], log: log.With("device", name)})
	}
	return out
}

// carry gives a gate to the device that carries it. Without one it stays blind.
func (a *Agent) carry(name string, g *gate) {
	g.device = func() device.Gates { return nil }
	for _, l := range a.links {
		if l.name == name {
			l.gates = append(l.gates, g)
			g.device = l.gatesNow
		}
	}
}

// linked reports whether all devices are there.
func (a *Agent) linked() bool {
	return !slices.ContainsFunc(a.links, func(l *link) bool { return l.now.Load() == nil })
}

// movable reports whether any gate can be moved.
func (a *Agent) movable() bool {
	return slices.ContainsFunc(a.links, func(l *link) bool { return l.now.Load() != nil })
}

// runDevices runs devices, readers and what else belongs to them.
func (a *Agent) runDevices(ctx context.Context, group *errgroup.Group) {
	for _, l := range a.links {
		group.Go(func() error { return l.run(ctx) })
	}
	for i, lane := range a.cfg.Lanes {
		for _, r := range lane.Readers {
			group.Go(func() error { return r.Run(ctx, a.gates[i].read) })
		}
	}
	for _, service := range a.cfg.Services {
		group.Go(func() error { return service(ctx) })
	}
}

// read takes what a reader read, if the lane has room. Half of the queue is left
// to what the barrier's own device reports, however much is read.
func (g *gate) read(r device.Read) bool {
	if len(g.signals) >= cap(g.signals)/2 {
		return false
	}
	select {
	case g.signals <- signal{event: device.Event{Gate: g.number, Kind: device.Credential, Medium: r.Medium, Text: r.Text}}:
		return true
	default:
		return false
	}
}

func (l *link) gatesNow() device.Gates {
	if d := l.now.Load(); d != nil {
		return *d
	}
	return nil
}

// run keeps the device connected and hands its events to its lanes.
func (l *link) run(ctx context.Context) error { return device.Keep(ctx, l.log, "device", l.use) }

func (l *link) use(ctx context.Context, there func()) error {
	d, err := l.connect(ctx)
	if err != nil {
		return err
	}
	there()
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.now.Store(&d)
	ran := make(chan error, 1)
	go func() { ran <- d.Run(runCtx, func(e device.Event) { l.dispatch(ctx, e) }) }()
	l.toAll(ctx, signal{connected: true})
	err = <-ran
	l.now.Store(nil)
	l.toAll(ctx, signal{lost: true})
	return err
}

func (l *link) dispatch(ctx context.Context, e device.Event) {
	for _, g := range l.gates {
		if g.number != e.Gate && e.Kind != device.Restarted {
			continue
		}
		select {
		case g.signals <- signal{event: e}:
		case <-ctx.Done():
		}
	}
}

func (l *link) toAll(ctx context.Context, s signal) {
	for _, g := range l.gates {
		select {
		case g.signals <- s:
		case <-ctx.Done():
		}
	}
}
