package fleet

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Edge is an enrolled edge.
type Edge struct {
	Parking  id.Parking
	ID       id.Edge
	LeaseTTL time.Duration // the parking's policy
}

// Store reads what the service needs.
type Store interface {
	// Edges lists every enrolled edge.
	Edges(ctx context.Context) ([]Edge, error)
	// Edge is the parking's edge; a fault of kind NotFound says that none is
	// enrolled.
	Edge(ctx context.Context, parking id.Parking) (Edge, error)
	// Standing reads the standing of one parking's edge.
	Standing(ctx context.Context, parking id.Parking, asked id.Journal) (Standing, error)
	// Snapshot reads what the edge caches, with reservations that end after the
	// instant.
	Snapshot(ctx context.Context, parking id.Parking, endAfter time.Time, priced bool) (*Snapshot, error)
	// Changes reads what happened after a revision: of at most maxBehind events,
	// and about as many reservations as asked for.
	Changes(ctx context.Context, parking id.Parking, after uint64, maxBehind, reservations int, priced bool) (*Changes, error)
}

// Bus carries messages. A handler must not block.
type Bus interface {
	Publish(ctx context.Context, topic string, payload []byte) error
	Subscribe(ctx context.Context, filter string, handle func(topic string, payload []byte)) error
	Unsubscribe(ctx context.Context, filter string) error
}

// Shards hands out the fleet's shards.
type Shards interface {
	// OpenShards starts to hold shards, on a connection of its own.
	OpenShards(ctx context.Context) (ShardLocks, error)
}

// ShardLocks are the shards that this instance holds. They are all lost when
// Take returns an error.
type ShardLocks interface {
	// Take tries to get every shard that is not held yet and returns those it
	// got. It also proves that those held before are still held.
	Take(ctx context.Context) ([]uint8, error)
	// Close gives all of them back.
	Close()
}

// Options are what New needs.
type Options struct {
	Store     Store
	Bus       Bus
	Shards    Shards
	Committer commit.Committer
	Key       pass.SigningKey // signs the time that edges are told
	Metrics   *Metrics
	Now       func() time.Time
	Log       *slog.Logger
	Tracing   trace.TracerProvider // nil: nothing is traced
	Desk      Desk                 // nil: nobody looks at lanes from afar
}

// sane is the edge with a lease that can run.
func (e Edge) sane() Edge {
	if e.LeaseTTL <= 0 {
		e.LeaseTTL = parking.DefaultPolicy().LeaseTTL
	}
	return e
}

const (
	// beatSeconds is how often an edge shows that it lives.
	beatSeconds = 2
	// heartbeat is how often held shards are proved and others tried for.
	heartbeat = 2 * time.Second
	// queueLen bounds the messages of one edge that wait. What comes on top is
	// dropped: the edge sends again what is not acknowledged.
	queueLen = 64
	// strangersLen bounds the messages that wait for their edge to be looked up.
	strangersLen = 256
	// messageTimeout bounds the work on one message.
	messageTimeout = 20 * time.Second
)

// Service is one instance's share of the fleet.
type Service struct {
	o         Options
	log       *slog.Logger
	strangers chan message

	mu      sync.Mutex
	owned   map[uint8]bool
	workers map[id.Parking]*worker
}

type message struct {
	parking id.Parking
	channel topic.Up
	payload []byte
}

// New makes a service.
func New(o Options) *Service {
	return &Service{
		o: o, log: o.Log.With("component", "fleet"), strangers: make(chan message, strangersLen),
		owned: map[uint8]bool{}, workers: map[id.Parking]*worker{},
	}
}

// Run owns what shards it can get until ctx ends, and returns when all its
// workers have ended.
func (s *Service) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		served, err := s.reign(ctx)
		if err != nil && ctx.Err() == nil && (served || !failing) {
			s.log.Warn("no shards can be held, trying on", "served", served, "err", err)
		}
		failing = err != nil
		pause(ctx, heartbeat/2)
	}
	return nil
}

// reign owns shards on one connection, until that or ctx ends. served says
// that it has served some.
func (s *Service) reign(ctx context.Context) (served bool, err error) {
	locks, err := s.o.Shards.OpenShards(ctx)
	if err != nil {
		return false, err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		stop()
		s.abdicate()
		running.Wait()
		locks.Close()
	}()
	running.Go(func() { s.meet(ctx, &running) })
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		got, err := s.take(ctx, locks)
		if err != nil {
			return served, err
		}
		if len(got) > 0 {
			if err := s.rule(ctx, got, &running); err != nil {
				return served, err
			}
			served = true
		}
		select {
		case <-ctx.Done():
			return served, nil
		case <-tick.C:
		}
	}
}

func (s *Service) take(ctx context.Context, locks ShardLocks) ([]uint8, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return locks.Take(ctx)
}

// rule begins to serve shards: it listens, starts a worker for each edge, and
// asks the edges to say hello.
func (s *Service) rule(ctx context.Context, shards []uint8, running *sync.WaitGroup) error {
	edges, err := s.o.Store.Edges(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	for _, sh := range shards {
		s.owned[sh] = true
	}
	s.o.Metrics.shards.Set(float64(len(s.owned)))
	s.mu.Unlock()
	for _, sh := range shards {
		if err := s.o.Bus.Subscribe(ctx, topic.ShardFilter(sh), s.receive); err != nil {
			return err
		}
	}
	n := 0
	for _, e := range edges {
		if slices.Contains(shards, topic.Shard(e.Parking)) {
			s.employ(ctx, e, running)
			n++
		}
	}
	s.log.Info("shards taken", "shards", len(shards), "edges", n)
	return nil
}

// abdicate stops listening and forgets the workers, which end with their
// context.
func (s *Service) abdicate() {
	s.mu.Lock()
	owned := slices.Collect(maps.Keys(s.owned))
	clear(s.owned)
	clear(s.workers)
	s.o.Metrics.shards.Set(0)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), heartbeat)
	defer cancel()
	for _, sh := range owned {
		if err := s.o.Bus.Unsubscribe(ctx, topic.ShardFilter(sh)); err != nil {
			break // the connection is gone, and the subscriptions with it
		}
	}
}

// employ starts the worker of an edge, unless it has one.
func (s *Service) employ(ctx context.Context, e Edge, running *sync.WaitGroup) *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[e.Parking]; w != nil {
		return w
	}
	if !s.owned[topic.Shard(e.Parking)] || ctx.Err() != nil {
		return nil
	}
	w := newWorker(s, e)
	s.workers[e.Parking] = w
	running.Go(func() { w.run(ctx) })
	return w
}

// receive is the bus's handler.
func (s *Service) receive(t string, payload []byte) {
	p, channel, err := topic.ParseUp(t)
	if err != nil {
		s.o.Metrics.malformed.Inc()
		return
	}
	m := message{p, channel, payload}
	s.mu.Lock()
	w := s.workers[p]
	s.mu.Unlock()
	if w != nil {
		w.offer(m)
		return
	}
	select {
	case s.strangers <- m:
	default:
		s.o.Metrics.dropped.Inc()
	}
}

// meet looks up the edges of parkings that had none when their shard was taken.
func (s *Service) meet(ctx context.Context, running *sync.WaitGroup) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-s.strangers:
			e, err := s.edge(ctx, m.parking)
			if f := fault.From(err); f != nil {
				if f.Kind == fault.NotFound && m.channel == topic.Hello {
					s.dismiss(ctx, m)
				} else if ctx.Err() == nil {
					s.log.Warn("message of an edge that is not known", "parking_id", m.parking, "err", err)
				}
				continue
			}
			if w := s.employ(ctx, e, running); w != nil {
				w.offer(m)
			}
		}
	}
}

func (s *Service) edge(ctx context.Context, p id.Parking) (Edge, error) {
	ctx, cancel := context.WithTimeout(ctx, messageTimeout)
	defer cancel()
	return s.o.Store.Edge(ctx, p)
}

// dismiss answers the hello of an edge whose parking has none enrolled.
func (s *Service) dismiss(ctx context.Context, m message) {
	h, err := wire.Unmarshal[wire.Hello](m.payload)
	if err != nil {
		s.o.Metrics.malformed.Inc()
		return
	}
	b, err := wire.Marshal(foreign(&h, s.o.Now()))
	if err != nil {
		s.log.Error("cannot encode a message", "channel", topic.Welcome, "err", err)
		return
	}
	if err := s.o.Bus.Publish(ctx, topic.ForDown(m.parking, topic.Welcome), b); err != nil {
		s.log.Debug("message not sent", "channel", topic.Welcome, "err", err)
	}
}

func foreign(h *wire.Hello, now time.Time) *wire.Welcome {
	return &wire.Welcome{
		Minor: min(h.Minor, wire.Minor), Journal: h.Journal, Boot: h.Boot, Verdict: wire.Foreign, ServerTime: now.UnixMilli(),
	}
}

// Feed takes hints that parkings have news. It is a consumer of the feed and
// never blocks.
func (s *Service) Feed(events []feed.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		if w := s.workers[events[i].Parking]; w != nil {
			w.hint()
		}
	}
}

// Reconnected asks every edge of ours to say hello: messages of both ways may
// have been lost. It never blocks.
func (s *Service) Reconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		w.reconnected()
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// unavailable reports errors that are over once a part is back.
func unavailable(err error) bool {
	f := fault.From(err)
	return f != nil && f.Kind == fault.Unavailable || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
