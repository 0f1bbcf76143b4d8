// Package app wires the cloud together: it makes every part, in the order in
// which they need each other, runs them, and stops them in the reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/cloud/internal/trace"
	"github.com/openlot/openlot/cloud/internal/web"
	"github.com/openlot/openlot/protocol/fault"
)

// Config is what serve is told.
type Config struct {
	DataDir        string        // for the embedded database and broker
	DatabaseURL    string        // empty: an embedded database
	ReplicaURL     string        // a read replica for reports; empty: the primary
	HTTP           string        // address of the API and pages
	Admin          string        // address of metrics and profiles
	MQTT           string        // address of the embedded broker
	MQTTURL        string        // an external broker instead, as tcp://user:password@host:1883
	PublicURL      string        // how drivers reach HTTP; empty: http:// and its address
	PaymentTimeout time.Duration // for one call to the payment provider
	Drain          time.Duration // between not being ready and taking no further requests
	Stripe         Stripe        // an account for cards; without, the sandbox
	Origins        []string      // of a portal that is served from elsewhere
	Apps           web.Apps      // in the stores of phones, that are the portal
	PasskeyDomain  string        // of passkeys; empty: PublicURL's host
	TrustedProxies []string      // addresses or networks of balancers that say for whom they ask
	Requests       httpapi.Pace  // of one network, to what costs the database something; zero: no limit
	Unsecured      httpapi.Pace  // of one network's payments that secure nothing; zero: no limit
	Rates          string        // a file of exchange rates; empty: none
	Places         []string      // files of GeoNames that places are found by; empty: by the parkings alone
	Basemap        string        // of the portal's map: a PMTiles file or the URL of one; empty: none
	Mail           email.Config  // an empty Addr means the built-in inbox
	SMS            sms.Config    // an empty Account means the built-in inbox

	Tracing trace.Provider // nil: what the environment names (OTEL_EXPORTER_OTLP_ENDPOINT), or none

	local bool   // HTTP is a loopback address
	self  string // how this process reaches its own HTTP
}

// GCPercent is how far the heap may grow between two collections, in percent of
// what is alive, unless GOGC says otherwise. What is alive is mostly what is
// remembered of parkings, which is cheap to keep and dear to look through: with
// Go's own 100 a third of the program's time under load went into that.
const GCPercent = 300

// How long each part may take to stop, and requests to end.
const (
	stopEach  = 20 * time.Second
	drainHTTP = 8 * time.Second
	mostDrain = 10 * time.Minute
)

// CodePortBusy is the fault code of an address that is in use.
const CodePortBusy = "port_busy"

// Serve runs the cloud until ctx ends, or a part of it fails. started is
// called once it takes requests.
func Serve(ctx context.Context, cfg Config, log *slog.Logger, started func(Runtime)) (err error) {
	l := newLifecycle(log)
	defer func() { err = errors.Join(err, l.stop(stopEach+cfg.Drain)) }()

	if cfg.Drain < 0 || cfg.Drain > mostDrain {
		return fault.New(fault.Invalid, "drain_invalid", fmt.Sprintf("--drain must be between 0s and %s.", mostDrain))
	}
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return fault.Wrap(err, fault.Invalid, "data_dir_unusable", fmt.Sprintf("The data directory %s cannot be made. Choose another with --data-dir.", cfg.DataDir))
	}
	// Ports first: a busy one is the likeliest mistake, and nothing is started yet.
	api, err := listen(ctx, cfg.HTTP, "--http")
	if err != nil {
		return err
	}
	l.onStop("http listener", func() error { return ignoreClosed(api.Close()) })
	admin, err := listen(ctx, cfg.Admin, "--admin")
	if err != nil {
		return err
	}
	l.onStop("admin listener", func() error { return ignoreClosed(admin.Close()) })
	if cfg.MQTTURL == "" {
		if err := probe(ctx, cfg.MQTT, "--mqtt"); err != nil {
			return err
		}
	}
	cfg.local = api.Addr().(*net.TCPAddr).IP.IsLoopback()
	cfg.self = "http://" + reachable(api.Addr())
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://" + api.Addr().String()
	}

	found, err := openDatabase(ctx, cfg.DatabaseURL, cfg.DataDir, log)
	if err != nil {
		return err
	}
	l.onStop("database", found.stop)
	l.run("database watch", found.run)
	dsn := found.dsn
	if err := migrate(ctx, dsn, log); err != nil {
		return err
	}
	if err := openTracing(ctx, &cfg, log, l); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c, err := newCloud(ctx, cfg, dsn, log, registry, l)
	if err != nil {
		return err
	}
	if err := c.start(ctx, l); err != nil {
		return err
	}

	runtime := Runtime{PID: os.Getpid(), DatabaseURL: dsn, HTTP: api.Addr().String(), Admin: admin.Addr().String(), MQTT: c.mqttAddr}
	if err := writeRuntime(cfg.DataDir, runtime); err != nil {
		return fmt.Errorf("write %s: %w", runtimeFile, err)
	}
	l.onStop("runtime file", func() error { return os.Remove(filepath.Join(cfg.DataDir, runtimeFile)) })

	l.run("admin", serveHTTP(&http.Server{Handler: adminHandler(registry), ReadHeaderTimeout: 5 * time.Second}, admin, func(context.Context) {}))
	stopping := make(chan struct{})
	handler, err := c.handler(stopping)
	if err != nil {
		return err
	}
	l.run("http", serveHTTP(httpapi.NewServer(handler, log), sse.Gather(c.streams.Front(api, "/parking", handler)), func(ctx context.Context) {
		close(stopping)
		c.drain(ctx)
	}))
	started(runtime)
	return l.wait(ctx)
}

// openTracing sends traces to the collector that the environment names, if any.
func openTracing(ctx context.Context, cfg *Config, log *slog.Logger, l *lifecycle) error {
	if cfg.Tracing != nil {
		return nil
	}
	p, flush, err := trace.FromEnv(ctx, os.Getenv)
	if err != nil || p == nil {
		return err
	}
	cfg.Tracing = p
	l.onStop("traces", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), drainHTTP)
		defer cancel()
		if err := flush(ctx); err != nil { // the program has done its work
			log.Warn("the last traces could not be sent", "component", "trace", "err", err)
		}
		return nil
	})
	return nil
}

// listen opens a TCP address; the flag that names it is in the fault.
func listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	n, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, addressFault(err, addr, flag)
	}
	return n, nil
}

// reachable is where a listener is reached from this machine: one on all addresses
// is on the loopback, too.
func reachable(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		loopback := net.IPv6loopback
		if t.IP.To4() != nil {
			loopback = net.IPv4(127, 0, 0, 1)
		}
		return (&net.TCPAddr{IP: loopback, Port: t.Port}).String()
	}
	return a.String()
}

// probe finds out whether an address can be listened on later.
func probe(ctx context.Context, addr, flag string) error {
	n, err := listen(ctx, addr, flag)
	if err != nil {
		return err
	}
	return n.Close()
}

func addressFault(err error, addr, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.Wrap(err, fault.Conflict, CodePortBusy, fmt.Sprintf("The address %s is in use by another program. Stop that, or choose another address with %s.", addr, flag))
	}
	return fault.Wrap(err, fault.Invalid, "address_invalid", fmt.Sprintf("Cannot listen on %s. Choose another address with %s.", addr, flag))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// drain lets a balancer see that the process is not ready, while all is served as
// before, and then ends the listing's streams over the rest of the time.
func (c *cloud) drain(ctx context.Context) {
	notice := c.cfg.Drain / 4
	select {
	case <-ctx.Done():
	case <-time.After(notice):
	}
	c.streams.Drain(ctx, c.cfg.Drain-notice)
}

// serveHTTP runs a server until its context ends; then it drains, and requests may
// end.
func serveHTTP(srv *http.Server, l net.Listener, drain func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error {
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		drain(context.WithoutCancel(ctx))
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainHTTP)
		defer cancel()
		err := srv.Shutdown(end)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close() // what is left are streams that nobody reads
		}
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}
}
