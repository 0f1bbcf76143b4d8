package mqtt

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	mrand "math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/openlot/openlot/protocol/fault"
)

// Fault codes of this package.
const (
	CodeURLInvalid  = "mqtt_url_invalid"
	CodeUnavailable = "broker_unavailable"
	CodeRefused     = "subscription_refused"
)

const (
	qos            = 1
	callTimeout    = 5 * time.Second
	keepAlive      = 10 * time.Second
	reconnectLimit = 5 * time.Second
	refused        = 0x80 // SUBACK
)

// Handler takes one message. Messages of one connection come one after the
// other in the order of the broker, so that it must not block and must not
// call the client; it owns payload.
type Handler func(topic string, payload []byte)

// Options are what New needs.
type Options struct {
	URL       string // tcp://host:port, ssl://…, ws://…; user and password in it are used
	User      string // overrides that of the URL
	Password  string
	ClientID  string // empty: a random one
	Log       *slog.Logger
	Connected func() // called after each connection, once everything is subscribed again; must not block
}

// Client is one connection. Its methods are safe for concurrent use.
type Client struct {
	paho      paho.Client
	log       *slog.Logger
	lost      chan struct{} // holds one
	connected func()        // may be nil

	mu      sync.Mutex
	filters map[string]Handler

	received, sent, failed, connects atomic.Uint64
}

// New makes a client that is not connected yet. It returns a fault with
// CodeURLInvalid for a URL that cannot be used.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, CodeURLInvalid, "The broker's URL (OPENLOT_MQTT_URL) must be like tcp://host:1883 or ssl://host:8883.")
	}
	switch u.Scheme {
	case "tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss":
	default:
		return nil, fault.Newf(fault.Invalid, CodeURLInvalid, "The broker's URL (OPENLOT_MQTT_URL) has the scheme %q; use tcp, ssl, ws or wss.", u.Scheme)
	}
	user, password := o.User, o.Password
	if user == "" && u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	u.User = nil
	c := &Client{
		log: o.Log.With("component", "mqtt"), filters: map[string]Handler{},
		lost: make(chan struct{}, 1), connected: o.Connected,
	}
	name := o.ClientID
	if name == "" {
		name = "openlot-" + suffix()
	}
	po := paho.NewClientOptions().
		AddBroker(u.String()).SetClientID(name).SetUsername(user).SetPassword(password).
		SetProtocolVersion(4).SetCleanSession(true).SetResumeSubs(false).SetStore(paho.NewMemoryStore()).
		SetOrderMatters(true).SetKeepAlive(keepAlive).SetPingTimeout(callTimeout).
		SetConnectTimeout(callTimeout).SetWriteTimeout(callTimeout).
		SetAutoReconnect(false).SetConnectRetry(false)
	// The library's own reconnection cannot be stopped while it sleeps; Run does it.
	po.SetConnectionLostHandler(func(_ paho.Client, err error) {
		c.log.Warn("connection to the broker lost", "err", err)
		select {
		case c.lost <- struct{}{}:
		default:
		}
	})
	// What comes for a filter that was just given up.
	po.SetDefaultPublishHandler(func(paho.Client, paho.Message) {})
	c.paho = paho.NewClient(po)
	return c, nil
}

func suffix() string {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic("mqtt: the system's random source failed: " + err.Error())
	}
	return hex.EncodeToString(b[:])
}

// Run keeps the connection until ctx ends: after a loss it connects again, at
// once and then with growing, jittered pauses.
func (c *Client) Run(ctx context.Context) error {
	defer c.paho.Disconnect(250)
	tries, told := 0, false
	for ctx.Err() == nil {
		select {
		case <-c.lost: // of the connection before
		default:
		}
		if err := c.wait(ctx, c.paho.Connect()); err != nil {
			if !told && ctx.Err() == nil {
				c.log.Warn("cannot connect to the broker, trying on", "err", err)
				told = true
			}
			pause(ctx, backoff(tries))
			tries++
			continue
		}
		tries, told = 0, false
		c.connects.Add(1)
		c.resubscribe(ctx)
		if c.connected != nil {
			c.connected()
		}
		select {
		case <-ctx.Done():
		case <-c.lost:
		}
	}
	return nil
}

// backoff is half a second, doubled with each try, up to the limit, of which a
// random half is taken off.
func backoff(tries int) time.Duration {
	d := min(time.Second/2<<min(tries, 8), reconnectLimit)
	return d/2 + mrand.N(d/2) //nolint:gosec // only spreads clients over time
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Up reports whether the connection stands.
func (c *Client) Up() bool { return c.paho.IsConnectionOpen() }

// Publish sends a message and returns when the broker has it, or a fault with
// CodeUnavailable. The message may then arrive or not.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte) error {
	if !c.paho.IsConnectionOpen() {
		c.failed.Add(1)
		return away(nil)
	}
	if err := c.wait(ctx, c.paho.Publish(topic, qos, false, payload)); err != nil {
		c.failed.Add(1)
		return err
	}
	c.sent.Add(1)
	return nil
}

// Subscribe calls h for every message that matches filter, now and after each
// reconnection, until Unsubscribe. Without a connection it is done when there is
// one. A fault with CodeRefused says that the broker does not allow it.
func (c *Client) Subscribe(ctx context.Context, filter string, h func(topic string, payload []byte)) error {
	c.mu.Lock()
	c.filters[filter] = h
	c.mu.Unlock()
	if !c.paho.IsConnectionOpen() {
		return nil
	}
	return c.subscribe(ctx, filter, h)
}

func (c *Client) subscribe(ctx context.Context, filter string, h Handler) error {
	t := c.paho.Subscribe(filter, qos, func(_ paho.Client, m paho.Message) {
		c.received.Add(1)
		h(m.Topic(), m.Payload())
	})
	if err := c.wait(ctx, t); err != nil {
		return err
	}
	if st, ok := t.(*paho.SubscribeToken); ok && st.Result()[filter] == refused {
		return fault.New(fault.Forbidden, CodeRefused, "The broker refuses the subscription to "+filter+".")
	}
	return nil
}

// Unsubscribe ends a subscription.
func (c *Client) Unsubscribe(ctx context.Context, filter string) error {
	c.mu.Lock()
	delete(c.filters, filter)
	c.mu.Unlock()
	if !c.paho.IsConnectionOpen() {
		return nil
	}
	return c.wait(ctx, c.paho.Unsubscribe(filter))
}

func (c *Client) resubscribe(ctx context.Context) {
	c.mu.Lock()
	filters := maps.Clone(c.filters)
	c.mu.Unlock()
	for f, h := range filters {
		for c.paho.IsConnectionOpen() && ctx.Err() == nil {
			err := c.subscribe(ctx, f, h)
			if err == nil {
				break
			}
			c.log.Error("cannot subscribe again", "filter", f, "err", err)
			if fault.Code(err) == CodeRefused {
				break
			}
		}
	}
	c.log.Info("connected to the broker", "subscriptions", len(filters))
}

// wait never waits longer than callTimeout: a token of a lost connection may
// stay open for good.
func (c *Client) wait(ctx context.Context, t paho.Token) error {
	limit := time.NewTimer(callTimeout)
	defer limit.Stop()
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			return away(err)
		}
		return nil
	case <-ctx.Done():
		return away(context.Cause(ctx))
	case <-limit.C:
		return away(fmt.Errorf("no answer within %s", callTimeout))
	}
}

func away(cause error) error {
	return fault.Wrap(cause, fault.Unavailable, CodeUnavailable, "The message broker does not answer.")
}
