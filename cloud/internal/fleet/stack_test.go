package fleet_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/feed/follow"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/mqtt"
	"github.com/openlot/openlot/cloud/internal/mqtt/broker"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	altmarkt id.Parking = "altmarkt"
	limit               = 15 * time.Second
)

// stack is a cloud as far as the fleet is concerned: Postgres, the committer,
// the feed, the embedded broker, and one instance of the service.
type stack struct {
	t         *testing.T
	db        *postgres.DB
	owner     *pgx.Conn
	committer *postgres.Committer
	broker    *broker.Broker
	key       pass.SigningKey
	stop      func() // the service
	tracing   trace.TracerProvider
}

func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newStack(t *testing.T, lease time.Duration) *stack {
	t.Helper()
	db, dsn := postgrestest.New(t)
	p := postgrestest.Parking(altmarkt, 20)
	p.Policy.LeaseTTL, p.Tariff.ExitAfterPaymentMinutes = lease, 15
	postgrestest.Import(t, db, time.Now(), p)
	s := &stack{t: t, db: db, owner: postgrestest.Owner(t, dsn)}
	n := postgres.NewNotifier(db, quiet())
	s.committer = postgres.NewCommitter(db, quiet(), time.Now, n.Hint)
	background(t, s.committer.Run)
	background(t, n.Run)
	var err error
	if s.key, err = postgres.NewBooking(db).SigningKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.broker, err = broker.Start(t.Context(), broker.Options{
		Listen: "127.0.0.1:0", Dir: t.TempDir(), Auth: broker.Edges{Secrets: db}, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.broker.Close)
	s.stop = s.serve()
	return s
}

// serve runs an instance of the service.
func (s *stack) serve() (stop func()) {
	s.t.Helper()
	var svc *fleet.Service
	ready := make(chan struct{}, 8)
	user, password := s.broker.Login()
	client, err := mqtt.New(mqtt.Options{URL: s.broker.URL(), User: user, Password: password, Log: quiet(), Connected: func() {
		svc.Reconnected()
		ready <- struct{}{}
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	desk := postgres.NewDesk(s.db, quiet())
	desk.Orders = func(p id.Parking) { svc.Ordered(p) }
	svc = fleet.New(fleet.Options{
		Store: s.db, Bus: client, Shards: s.db, Committer: s.committer, Metrics: fleet.NewMetrics(prometheus.NewRegistry()),
		Now: time.Now, Log: quiet(), Key: s.key, Tracing: s.tracing, Desk: desk,
	})
	follower := follow.New(postgres.NewFeed(s.db), quiet())
	follower.Subscribe("fleet", svc.Feed)
	stopClient := background(s.t, client.Run)
	wait(s.t, ready, "the connection of the cloud")
	stopFeed := background(s.t, follower.Run)
	wait(s.t, follower.Ready(), "the feed")
	stopDesk := background(s.t, desk.Run)
	stopService := background(s.t, svc.Run)
	return func() {
		stopDesk()
		stopService()
		stopFeed()
		stopClient()
	}
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatal("waited in vain for " + what)
		panic("unreachable")
	}
}

// count reads one number as the database's owner.
func (s *stack) count(query string, args ...any) int {
	s.t.Helper()
	var n int
	if err := s.owner.QueryRow(s.t.Context(), query, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// until waits for a number in the database.
func (s *stack) until(want int, query string, args ...any) {
	s.t.Helper()
	for end := time.Now().Add(limit); ; {
		got := s.count(query, args...)
		if got == want {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: %d, want %d", query, got, want)
		}
		time.Sleep(5 * time.Millisecond) // polls the database, which tells nobody
	}
}

func (s *stack) enroll() fleet.Credentials {
	s.t.Helper()
	c, err := fleet.Enroll(s.t.Context(), s.db, altmarkt, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// edge is a scripted edge: it says what the test tells it to say, and keeps
// what it hears.
type edge struct {
	t        *testing.T
	bus      *mqtt.Client
	cred     fleet.Credentials
	stop     func()
	journal  id.Journal
	boot     id.Boot
	epoch    uint32
	raw      [][]byte
	acked    uint64
	hash     wire.Hash
	revision uint64
	minor    uint8 // of the protocol, that it says it speaks

	welcomes chan wire.Welcome
	acks     chan wire.Ack
	syncs    chan wire.Sync
	times    chan wire.Time
	orders   chan wire.Order
	resumes  chan struct{}
}

func (s *stack) edge(cred fleet.Credentials) *edge {
	s.t.Helper()
	e := &edge{
		t: s.t, cred: cred, journal: id.New[id.Journal](time.Now()), boot: id.New[id.Boot](time.Now()),
		welcomes: make(chan wire.Welcome, 64), acks: make(chan wire.Ack, 1024), syncs: make(chan wire.Sync, 1024), resumes: make(chan struct{}, 64),
		times: make(chan wire.Time, 64), orders: make(chan wire.Order, 64),
	}
	e.connect(s)
	return e
}

func (e *edge) connect(s *stack) {
	e.t.Helper()
	ready := make(chan struct{}, 8)
	bus, err := mqtt.New(mqtt.Options{
		URL: s.broker.URL(), User: e.cred.Edge.String(), Password: e.cred.Secret, ClientID: topic.ClientID(e.cred.Secret), Log: quiet(),
		Connected: func() { ready <- struct{}{} },
	})
	if err != nil {
		e.t.Fatal(err)
	}
	if err := bus.Subscribe(e.t.Context(), topic.DownFilter(altmarkt), e.hear); err != nil {
		e.t.Fatal(err)
	}
	e.bus, e.stop = bus, background(e.t, bus.Run)
	wait(e.t, ready, "the connection of the edge")
}

func (e *edge) hear(t string, b []byte) {
	_, c, err := topic.ParseDown(t)
	if err != nil {
		e.t.Error(err)
		return
	}
	switch c {
	case topic.Welcome:
		deliver(e.t, e.welcomes, b)
	case topic.Ack:
		deliver(e.t, e.acks, b)
	case topic.Sync:
		deliver(e.t, e.syncs, b)
	case topic.Time:
		deliver(e.t, e.times, b)
	case topic.Order:
		deliver(e.t, e.orders, b)
	case topic.Resume:
		select {
		case e.resumes <- struct{}{}:
		default:
		}
	}
}

func deliver[M any, P interface {
	*M
	Validate() error
}](t *testing.T, to chan M, b []byte) {
	m, err := wire.Unmarshal[M, P](b)
	if err != nil {
		t.Errorf("the cloud sent what an edge cannot read: %v", err)
		return
	}
	select {
	case to <- m:
	default:
	}
}

type sendable interface{ Validate() error }

func (e *edge) send(c topic.Up, m sendable) {
	e.t.Helper()
	b, err := wire.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	e.sendRaw(c, b)
}

func (e *edge) sendRaw(c topic.Up, b []byte) {
	e.t.Helper()
	if err := e.bus.Publish(e.t.Context(), topic.ForUp(altmarkt, c), b); err != nil {
		e.t.Fatal(err)
	}
}

func (e *edge) hello() wire.Hello {
	return wire.Hello{
		Minor: e.minor, Edge: e.cred.Edge, Journal: e.journal, Boot: e.boot, LastSeq: uint64(len(e.raw)), AckedSeq: e.acked, AckedHash: e.hash,
		Revision: e.revision, Software: "scripted",
	}
}

// greet says hello and waits for the answer. A hello may be lost while the
// cloud is not listening, so that it is said again.
func (e *edge) greet() wire.Welcome {
	e.t.Helper()
	e.boot = id.New[id.Boot](time.Now()) // tells the answers to this hello from others
	h := e.hello()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		e.send(topic.Hello, &h)
		select {
		case w := <-e.welcomes:
			if w.Boot != e.boot {
				continue
			}
			e.epoch = w.Epoch
			return w
		case <-time.After(250 * time.Millisecond):
		}
	}
	e.t.Fatal("nobody answers a hello")
	panic("unreachable")
}

// forgetResumes drops requests that came before.
func (e *edge) forgetResumes() {
	for len(e.resumes) > 0 {
		<-e.resumes
	}
}

// sync waits for a sync and takes it in.
func (e *edge) sync() wire.Sync {
	e.t.Helper()
	m := wait(e.t, e.syncs, "a sync")
	e.revision = m.Through
	e.send(topic.Applied, &wire.Applied{Journal: e.journal, Revision: m.Through})
	return m
}

// add appends to the journal.
func (e *edge) add(ev wire.Event) {
	e.t.Helper()
	ev.Seq, ev.Boot = uint64(len(e.raw)+1), e.boot
	if ev.Wall == 0 {
		ev.Wall = time.Now().UnixMilli()
	}
	b, err := wire.Marshal(&ev)
	if err != nil {
		e.t.Fatal(err)
	}
	e.raw = append(e.raw, b)
}

func (e *edge) enter(r id.Reservation) id.Session {
	e.t.Helper()
	s := id.New[id.Session](time.Now())
	ev := wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: s, Reservation: r, SpaceType: id.Standard}
	if !r.IsZero() {
		ev.Generation = 1
	}
	e.add(ev)
	return s
}

func (e *edge) exit(s id.Session, r id.Reservation) {
	e.t.Helper()
	e.add(wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, Reservation: r, SpaceType: id.Standard})
}

// batch sends the events [from, to), counted from 0.
func (e *edge) batch(from, to int) {
	e.t.Helper()
	e.send(topic.Events, &wire.EventBatch{Journal: e.journal, Epoch: e.epoch, First: uint64(from + 1), Events: e.raw[from:to]})
}

func (e *edge) hashAt(seq uint64) wire.Hash {
	var h wire.Hash
	for _, r := range e.raw[:seq] {
		h = h.Next(r)
	}
	return h
}

// ack waits for an acknowledgement and checks it against the journal.
func (e *edge) ack(s *stack, want uint64) {
	e.t.Helper()
	for {
		a := wait(e.t, e.acks, "an acknowledgement")
		if a.Journal != e.journal || a.Epoch != e.epoch || a.Hash != e.hashAt(a.Seq) {
			e.t.Fatalf("acknowledged %+v", a)
		}
		// The commit comes before the acknowledgement: whoever looks now sees it.
		if got := s.count(`select seq from edge_watermark where parking = $1 and epoch = $2`, altmarkt, a.Epoch); got < int(a.Seq) {
			e.t.Fatalf("acknowledged %d, committed %d", a.Seq, got)
		}
		e.acked, e.hash = a.Seq, a.Hash
		if a.Seq >= want {
			return
		}
	}
}

// reserve makes a confirmed, paid reservation through the committer.
type reserve struct {
	r reservation.Reservation
}

func (o *reserve) Parking() id.Parking { return altmarkt }
func (o *reserve) Prefetch(r *commit.Rows) {
	r.Quarters(o.r.SpaceType, o.r.Claim)
	r.Reservations = append(r.Reservations, o.r.ID)
	r.Payments = append(r.Payments, o.r.Payment)
}

func (o *reserve) Apply(w *commit.Work, now time.Time) error {
	if had, err := w.Reservation(o.r.ID); err != nil || had != nil {
		return err
	}
	if err := w.Claim(o.r.SpaceType, o.r.Claim, 1); err != nil {
		return err
	}
	w.PutReservation(&o.r)
	w.PutPayment(&payment.Payment{
		ID: o.r.Payment, Reservation: o.r.ID, State: payment.Authorized, Provider: "sandbox", Method: "pm", Amount: o.r.Quote.Total,
		Authorized: o.r.Quote.Total.Minor, UpdatedAt: now,
	})
	w.Emit(feed.ReservationConfirmed, feed.Body{Reservation: &feed.Reservation{
		ID: o.r.ID, State: string(o.r.State), Version: 1, Generation: 1, SpaceType: o.r.SpaceType, From: o.r.Window.From, To: o.r.Window.To,
	}})
	return nil
}

func (s *stack) reserve() id.Reservation {
	s.t.Helper()
	now := time.Now().UTC()
	o := &reserve{reservation.Reservation{
		ID: id.New[id.Reservation](now), Parking: altmarkt, State: reservation.Confirmed, Generation: 1, SpaceType: id.Standard,
		Window: timerange.Range{From: now.Add(-time.Minute), To: now.Add(time.Hour)}, Payment: id.New[id.Payment](now),
		Quote: reservation.Quote{Total: money.New(400, "EUR"), Tax: money.New(64, "EUR")}, Plate: "DDXY123",
		NoShowAt: now.Add(2 * time.Hour), HoldUntil: now, CreatedAt: now, UpdatedAt: now,
	}}
	o.r.Claim = o.r.Window.Claim()
	if _, err := s.committer.Commit(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
	return o.r.ID
}
