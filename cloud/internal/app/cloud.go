package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/mqtt"
	"github.com/openlot/openlot/cloud/internal/mqtt/broker"
	"github.com/openlot/openlot/cloud/internal/payment/cash"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/rates"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/cloud/internal/trends"
	"github.com/openlot/openlot/cloud/internal/web"
	"github.com/openlot/openlot/cloud/internal/webhook"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
)

// cloud is every part of one instance.
type cloud struct {
	cfg Config
	log *slog.Logger

	db        *postgres.DB
	guard     *postgres.Guard
	notifier  *postgres.Notifier
	committer *postgres.Committer
	follower  *follow.Follower
	streams   *sse.Server
	listing   *listing.Listing
	booking   *booking.Service
	sandbox   *sandbox.Provider
	stripe    *stripe.Provider // nil: there is no account
	webhooks  *webhook.Service
	accounts  *account.Service
	cash      *cash.Provider
	signing   pass.SigningKey
	reports   *postgres.Reports
	receipts  receipts
	demand    *trends.Demand
	relay     *relay.Relay
	workers   *river.Workers
	inbox     bool // mail or SMS go to the built-in one
	fleet     *fleet.Service
	desk      *postgres.Desk
	gatehouse *gatehouse.Service
	keeper    *fleet.Keeper
	client    *mqtt.Client
	mqttAddr  string
	requests  *httpapi.Metrics
}

// newCloud makes the parts. What has to be undone is registered.
func newCloud(ctx context.Context, cfg Config, dsn string, log *slog.Logger, registry prometheus.Registerer, l *lifecycle) (*cloud, error) {
	c := &cloud{cfg: cfg, log: log}
	var err error
	if c.db, err = postgres.Open(ctx, dsn, log, postgres.Options{Trace: cfg.Tracing != nil}); err != nil {
		return nil, err
	}
	l.onStop("database connections", func() error { c.db.Close(); return nil })
	if err := errors.Join(c.db.PartitionEvents(ctx, partitionsAhead), seed(ctx, c.db)); err != nil {
		return nil, err
	}
	c.notifier = postgres.NewNotifier(c.db, log)
	selling, err := postgres.Open(ctx, dsn, log, postgres.Options{MaxConns: committerConns})
	if err != nil {
		return nil, err
	}
	l.onStop("committer's connections", func() error { selling.Close(); return nil })
	c.guard = postgres.NewGuard(log, c.db, selling)
	c.committer = postgres.NewCommitter(selling, log, time.Now, c.notifier.Hint)
	c.follower = follow.New(postgres.NewFeed(c.db), log)
	c.committer.Tell(c.follower.Committed)
	if cfg.Tracing != nil {
		c.committer.Trace()
	}
	if c.streams, err = sse.New(sse.Options{}); err != nil {
		return nil, err
	}
	l.onStop("event streams", func() error { c.streams.Close(); return nil })
	c.streams.Register(registry)
	c.listing = listing.New(postgres.NewListing(c.db), c.follower.CurrentAt, time.Now, log, listing.Options{Streams: c.streams, Moved: c.follower.Moved})

	keys := postgres.NewBooking(c.db)
	secret, err := keys.Secret(ctx, "manage_token")
	if err != nil {
		return nil, err
	}
	tokens, err := booking.NewTokens(secret)
	if err != nil {
		return nil, err
	}
	signing, err := keys.SigningKey(ctx)
	if err != nil {
		return nil, err
	}
	if c.reports, err = postgres.OpenReports(ctx, c.db, cfg.ReplicaURL); err != nil {
		return nil, err
	}
	l.onStop("replica's connections", func() error { c.reports.Close(); return nil })
	c.receipts, c.signing = newReceipts(c.db, c.reports, signing), signing
	c.demand = &trends.Demand{Store: postgres.NewTrends(c.db), Now: time.Now, Log: log}
	hooks, err := keys.Secret(ctx, "sandbox_webhook")
	if err != nil {
		return nil, err
	}
	c.sandbox = sandbox.New(postgres.NewSandbox(c.db), sandbox.Options{
		BaseURL: cfg.PublicURL, Webhooks: sandbox.Webhooks{URL: cfg.self + "/webhooks/" + sandbox.Name, Secret: hooks, Log: log},
	})
	c.cash = cash.New(postgres.NewCash(c.db), time.Now)
	if err := c.openStripe(l); err != nil {
		return nil, err
	}
	c.booking = booking.NewService(booking.Config{
		Store: keys, Commits: c.committer, Provider: c.cards(), Others: c.others(), Tokens: tokens, Passes: booking.Passes{Key: signing},
		Log: log, ProviderTimeout: cfg.PaymentTimeout,
	})
	if err := c.newJobs(ctx, l, tokens); err != nil {
		return nil, err
	}
	if err := c.newFleet(ctx, registry, l); err != nil {
		return nil, err
	}
	c.db.Register(registry, "main")
	selling.Register(registry, "committer")
	c.committer.Register(registry)
	c.follower.Register(registry)
	c.relay.Register(registry)
	c.workers.Register(registry)
	c.client.Register(registry)
	c.fleet.Register(registry)
	registry.MustRegister(postgres.NewBacklog(c.db))
	c.requests = httpapi.NewMetrics(registry)
	return c, nil
}

// committerConns are the committer's own: a batch, for which hundreds may wait, must
// not itself wait for a connection behind the single statements of as many others.
const committerConns = 4

// How far ahead the feed's partitions are made.
const partitionsAhead = 7

func seed(ctx context.Context, db *postgres.DB) error {
	_, err := db.SeedHorizon(ctx, time.Now().UTC())
	return err
}

// seedEvery is far more often than days pass: a run that was missed is made up
// for before anybody meets the end of the seeded days, of which there is one
// more than is sold.
const seedEvery = 15 * time.Minute

// housekeeping are the tasks of the cloud's own tables.
func (c *cloud) housekeeping() []schedule.Task {
	return []schedule.Task{
		{Name: "seed_horizon", Every: seedEvery, Run: func(ctx context.Context, now time.Time) error {
			_, err := c.db.SeedHorizon(ctx, now)
			return err
		}},
		{Name: "prune_horizon", Every: time.Hour, Run: func(ctx context.Context, now time.Time) error {
			_, err := c.db.PruneHorizon(ctx, now)
			return err
		}},
		{Name: "close_books", Every: 10 * time.Minute, Run: func(ctx context.Context, now time.Time) error {
			n, err := postgres.NewBooks(c.db).CloseDue(ctx, now)
			if n > 0 {
				c.log.Info("days were closed", "component", "books", "count", n)
			}
			return err
		}},
		{Name: "count_hours", Every: 15 * time.Second, Run: (&trends.Service{Store: postgres.NewTrends(c.db), Log: c.log.With("component", "trends")}).Run},
		{Name: "sweep_accounts", Every: time.Hour, Run: postgres.NewAccounts(c.db, nil).Sweep},
		{Name: "partition_events", Every: time.Hour, Run: func(ctx context.Context, _ time.Time) error {
			return c.db.PartitionEvents(ctx, partitionsAhead)
		}},
	}
}

func (c *cloud) newFleet(ctx context.Context, registry prometheus.Registerer, l *lifecycle) error {
	o := mqtt.Options{URL: c.cfg.MQTTURL, Log: c.log, Connected: func() { c.fleet.Reconnected() }}
	if c.cfg.MQTTURL == "" {
		hold, err := c.db.HoldBroker(ctx)
		if err != nil {
			return err
		}
		l.run("hold on the broker", hold.Run)
		b, err := broker.Start(ctx, broker.Options{Listen: c.cfg.MQTT, Dir: filepath.Join(c.cfg.DataDir, "broker"), Auth: broker.Edges{Secrets: c.db}, Log: c.log})
		if err != nil {
			return err
		}
		l.onStop("broker", func() error { b.Close(); return nil })
		o.URL, c.mqttAddr = b.URL(), b.Addr()
		o.User, o.Password = b.Login()
	}
	var err error
	if c.client, err = mqtt.New(o); err != nil {
		return err
	}
	hub := &gatehouse.Hub{}
	c.desk = postgres.NewDesk(c.db, c.log)
	c.desk.Orders, c.desk.Changed = func(p id.Parking) { c.fleet.Ordered(p) }, hub.Poke
	c.gatehouse = &gatehouse.Service{Store: postgres.NewGatehouse(c.db), Listed: c.listing, Hub: hub, Now: time.Now}
	c.fleet = fleet.New(fleet.Options{
		Store: c.db, Bus: c.client, Shards: c.db, Committer: c.committer, Key: c.signing, Metrics: fleet.NewMetrics(registry), Now: time.Now, Log: c.log,
		Tracing: c.cfg.Tracing, Desk: c.desk,
	})
	return nil
}

// start runs the parts and returns when they are ready to serve.
func (c *cloud) start(ctx context.Context, l *lifecycle) error {
	c.follower.Subscribe("listing", c.listing.Handle)
	c.follower.Subscribe("fleet", c.fleet.Feed)
	c.follower.Subscribe("gatehouse", c.gatehouse.Hub.Feed)
	c.follower.Subscribe("relay", func([]feed.Event) { c.relay.Hint() })

	l.run("database guard", c.guard.Run)
	l.run("replica", c.reports.Run)
	l.run("demand", c.demand.Run)
	l.run("notifier", c.notifier.Run)
	l.run("committer", c.committer.Run)
	// What stands in the parkings is claimed before anything is sold, however
	// long nobody looked.
	if err := c.keeper.Run(ctx, time.Now().UTC()); err != nil {
		return fmt.Errorf("claim what stands in the parkings: %w", err)
	}
	l.run("jobs", c.workers.Run)
	l.run("relay", c.relay.Run)
	l.run("feed", c.follower.Run)
	l.run("listing", func(ctx context.Context) error { return c.listing.Run(ctx, c.follower.Ready()) })
	select {
	case <-c.listing.Loaded():
	case err := <-l.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	l.run("mqtt", c.client.Run)
	l.run("desk", c.desk.Run)
	l.run("fleet", c.fleet.Run)
	l.run("sandbox's webhooks", c.sandbox.Run)
	return nil
}

// handler is the public HTTP API.
func (c *cloud) handler(stopping <-chan struct{}) (http.Handler, error) {
	pages, err := web.New(c.cfg.Stripe.scripts(), c.cfg.Basemap)
	if err != nil {
		return nil, err
	}
	cfg := httpapi.Config{
		Booking: c.booking, Watcher: c.follower, Receipts: c.receipts, Webhooks: c.webhooks, Log: c.log, Metrics: c.requests, Tracing: c.cfg.Tracing, Stopping: stopping, Drain: c.cfg.Drain,
		Parkings: http.HandlerFunc(c.listing.Parkings), Parking: http.HandlerFunc(c.listing.Parking),
		Web: pages, Apps: c.cfg.Apps, Cards: c.cfg.Stripe.fields(), Accounts: c.accounts, Listed: c.listing, Gatehouse: c.gatehouse, Settings: c.settings(), Shops: &shop.Service{Store: postgres.NewShops(c.db), Commits: c.committer, Now: time.Now}, Teams: c.accounts, TeamHistory: postgres.NewAccounts(c.db, nil), Numbers: c.reports.Lookup(), Demand: c.demand, Pictures: c.pictures(), Usual: trends.NewUsuals(c.reports.Lookup(), time.Now), Reminders: reminding{postgres.NewReminders(c.db), postgres.NewAccounts(c.db, nil)}, Origins: c.cfg.Origins, TrustedProxies: c.cfg.TrustedProxies, Requests: c.cfg.Requests, Unsecured: c.cfg.Unsecured,
		Checks: []httpapi.Check{
			{Name: "database", Run: c.db.Ping},
			{Name: "broker", Run: func(context.Context) error {
				if !c.client.Up() {
					return errors.New("not connected to the broker")
				}
				return nil
			}},
		},
	}
	if cfg.Places, err = directory(c.listing, c.cfg.Places, c.log); err != nil {
		return nil, err
	}
	if c.cfg.Rates != "" {
		file, err := rates.Open(c.cfg.Rates, time.Now, c.log)
		if err != nil {
			return nil, err
		}
		cfg.Rates = file.Latest
	}
	if c.reports.Replica() {
		cfg.Position = c.reports.Position
	}
	// The sandbox's books and the inbox show what belongs to others: they are for
	// whoever sits at this machine.
	if c.cfg.local {
		cfg.Sandbox = c.sandbox.Handler()
		if c.inbox {
			cfg.Mail = devmail.Handler(postgres.NewDevMail(c.db))
		}
	} else {
		c.log.Warn("the inbox and the sandbox's pages are not served: --http is not a loopback address")
	}
	return httpapi.New(cfg)
}

// Enroll gives a parking's edge its credentials.
func Enroll(ctx context.Context, db *postgres.DB, p id.Parking, now time.Time) (Enrolled, error) {
	cr, err := fleet.Enroll(ctx, db, p, now)
	return Enrolled{EdgeID: cr.Edge, Secret: cr.Secret, Parking: p}, err
}

// Enrolled is what openlot enroll prints, once.
type Enrolled struct {
	EdgeID  id.Edge    `json:"edge_id"`
	Secret  string     `json:"secret"`
	Parking id.Parking `json:"parking_id"`
}
