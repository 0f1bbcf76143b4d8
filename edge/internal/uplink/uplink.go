package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Journal is what the uplink needs of the store.
type Journal interface {
	Position() store.Position
	Committed() <-chan struct{}
	Pending(after uint64, limit, size int) ([][]byte, error)
	Ack(seq uint64, hash wire.Hash) error
	Welcomed(epoch uint32, seq uint64, hash wire.Hash) error
	NewJournal() error
	Sync(m *wire.Sync) (complete bool, err error)
}

// Clock learns the cloud's time.
type Clock interface {
	// Mono counts while the machine sleeps, too.
	Mono() time.Duration
	// Known reports whether the cloud has said what time it is since the machine
	// booted.
	Known() bool
	// Answered takes the answer to a question that was asked so long ago, if it is
	// signed; its error says why not. What it journals is on disk.
	Answered(t *wire.Time, asked time.Duration) error
}

// Config is whom to talk to and as whom.
type Config struct {
	Broker   string // tcp://host:port
	Parking  id.Parking
	Edge     id.Edge
	Boot     id.Boot
	Secret   string
	Software string
	Timing   Timing
	Trace    *trace.Tracer // nil: nothing is traced
	// Orders takes what the cloud wants of a lane; it must not block. Nil: there are none.
	Orders func(o wire.Order)
	// Changed holds a value when the lanes look otherwise than in the last beat. Nil: the
	// cloud hears of it with the next one.
	Changed <-chan struct{}
	// Machine says that a machine that takes money stands here, which needs prices.
	Machine bool
}

// The keepalive is never below two seconds: brokers allow one and a half of it
// in whole seconds, which leaves nothing of one.

// Timing is how long the uplink waits for what.
type Timing struct {
	Connect  time.Duration // the broker answers
	Welcome  time.Duration // the cloud answers a hello before it is said again
	Resend   time.Duration // an acknowledgement, before events are sent again
	Silence  time.Duration // the broker acknowledges a message, before the link is given up
	Backoff  time.Duration // the longest wait before the next attempt
	Foreign  time.Duration // before a foreign edge says hello again
	Ask      time.Duration // between two questions for the time
	Hold     time.Duration // the answer to the first, before events go without
	FastBeat time.Duration // 0, or a beat interval that overrides the cloud's
}

// DefaultTiming is what edges in the field use.
func DefaultTiming() Timing {
	return Timing{
		Connect: 5 * time.Second, Welcome: 3 * time.Second, Resend: 5 * time.Second,
		Silence: 8 * time.Second, Backoff: 5 * time.Second, Foreign: time.Minute, Ask: time.Minute, Hold: 10 * time.Second,
	}
}

// Link is what the connection to the cloud is like.
type Link string

// The states of the link.
const (
	Down     Link = "down"     // no connection to the broker
	Greeting Link = "greeting" // connected, the cloud has not welcomed this connection yet
	Online   Link = "online"   // welcomed
	Foreign  Link = "foreign"  // the cloud says that this edge is not this parking's
)

// Uplink is one edge's connection. Run it once.
type Uplink struct {
	cfg     Config
	journal Journal
	clock   Clock
	beat    func() wire.Beat // the lanes and the time; the uplink fills in the rest
	log     *slog.Logger
	link    atomic.Value

	// Only Run's goroutine: what was said last of the link, nil before the first
	// time. A link that stays as it is said of once.
	said *bool

	// Only Run's goroutine: a hello is not answered yet, and what the first such
	// hello said to be acknowledged. A welcome may be late, but not less.
	asked     bool
	askedFrom uint64
}

// New makes an uplink. beat describes the lanes and the time now.
func New(cfg Config, j Journal, c Clock, beat func() wire.Beat, log *slog.Logger) *Uplink {
	u := &Uplink{cfg: cfg, journal: j, clock: c, beat: beat, log: log}
	u.link.Store(Down)
	return u
}

// Link is the state of the link now.
func (u *Uplink) Link() Link { return u.link.Load().(Link) }

// Online reports whether the cloud has welcomed the connection that is up.
func (u *Uplink) Online() bool { return u.Link() == Online }

// message is one that came from the cloud.
type message struct {
	channel topic.Down
	payload []byte
}

// Run keeps the link up until ctx ends.
func (u *Uplink) Run(ctx context.Context) error {
	wait := u.cfg.Timing.Backoff / 20
	for ctx.Err() == nil {
		began := time.Now()
		lost := u.connect(ctx)
		u.setLink(Down)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > 2*u.cfg.Timing.Backoff {
			wait = u.cfg.Timing.Backoff / 20
		}
		if u.news(false) {
			u.log.Warn("link to the cloud lost; the gates go on without it", "err", lost)
		} else {
			u.log.Debug("link to the cloud still lost", "err", lost, "retry_in", wait.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // only spreads edges over time
		}
		wait = min(2*wait, u.cfg.Timing.Backoff*2/3)
	}
	return nil //nolint:nilerr // the end of ctx is how it is told to stop
}

func (u *Uplink) setLink(l Link) {
	if old := u.link.Swap(l); old != l {
		u.log.Debug("link", "state", string(l))
	}
	if l == Online && u.news(true) {
		u.log.Info("link to the cloud is up")
	}
}

// news reports that the link being up, or not, is not what was said last, and
// takes it as said.
func (u *Uplink) news(up bool) bool {
	if u.said != nil && *u.said == up {
		return false
	}
	u.said = &up
	return true
}

// connect makes one connection and serves it until it is lost.
func (u *Uplink) connect(ctx context.Context) error {
	inbox := make(chan message, 1024)
	lost := make(chan error, 1)
	fail := func(err error) {
		select {
		case lost <- err:
		default:
		}
	}
	o := mqtt.NewClientOptions().AddBroker(u.cfg.Broker).
		SetClientID(topic.ClientID(u.cfg.Secret)).SetUsername(u.cfg.Edge.String()).SetPassword(u.cfg.Secret).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetResumeSubs(false).
		SetConnectTimeout(u.cfg.Timing.Connect).SetWriteTimeout(u.cfg.Timing.Connect).
		SetKeepAlive(max(u.cfg.Timing.Silence/2, 2*time.Second)).SetPingTimeout(max(u.cfg.Timing.Silence/2, time.Second)).
		SetOrderMatters(true).SetMaxReconnectInterval(u.cfg.Timing.Backoff).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { fail(fmt.Errorf("connection lost: %w", err)) }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			// Order matters for syncs, so the client calls this from one goroutine;
			// it must not block there.
			parking, channel, err := topic.ParseDown(m.Topic())
			if err != nil || parking != u.cfg.Parking {
				return
			}
			select {
			case inbox <- message{channel, m.Payload()}:
			default:
				fail(errors.New("the cloud sends faster than this edge can take"))
			}
		})
	c := mqtt.NewClient(o)
	if err := finished(c.Connect(), u.cfg.Timing.Connect+time.Second, "connect to the broker"); err != nil {
		return err
	}
	defer c.Disconnect(50)
	if err := finished(c.Subscribe(topic.DownFilter(u.cfg.Parking), 1, nil), u.cfg.Timing.Connect, "subscribe"); err != nil {
		return err
	}
	s := session{Uplink: u, client: c}
	return s.serve(ctx, inbox, lost)
}

// finished waits for a token, which may never complete by itself.
func finished(t mqtt.Token, wait time.Duration, what string) error {
	if !t.WaitTimeout(wait) {
		return fmt.Errorf("%s: no answer within %v", what, wait)
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if sub, ok := t.(*mqtt.SubscribeToken); ok {
		for filter, granted := range sub.Result() {
			if granted > 2 {
				return fmt.Errorf("%s: the broker does not grant %s", what, filter)
			}
		}
	}
	return nil
}
