package broker

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Fault codes of Start.
const (
	CodePortBusy      = "port_busy"
	CodeListenInvalid = "mqtt_listen_invalid"
	CodeStore         = "broker_store_unusable"
)

const (
	// slack is what topic and headers may add to a message.
	slack       = 4 << 10
	authTimeout = 5 * time.Second
	// startTimeout bounds how long the store may take to recover.
	startTimeout = 30 * time.Second
	storeLimit   = 1 << 30
	// maxAckPending is how many messages of one subscription may be on their way.
	maxAckPending = 65535 / (topic.Shards + 8)
	memoryLimit   = 64 << 20
	cloudUser     = "openlot-cloud"
)

// Grant is what a client may do, as MQTT topic filters.
type Grant struct {
	Publish   []string
	Subscribe []string
}

// Authenticator decides who may connect.
type Authenticator interface {
	// Authenticate returns what the client may do, or why it may not connect.
	// The reason is logged: it holds no secret.
	Authenticate(ctx context.Context, user, password string) (Grant, error)
}

// Options are what Start needs.
type Options struct {
	Listen string // host:port of the MQTT listener; port 0 takes a free one
	Dir    string // for the broker's own store
	Auth   Authenticator
	Log    *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	srv      *server.Server
	addr     string
	password string
}

// Start starts the broker and returns when it takes connections. Its errors
// are faults: CodePortBusy, CodeListenInvalid and CodeStore.
func Start(ctx context.Context, o Options) (*Broker, error) {
	host, portText, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeListenInvalid, "The MQTT address (--mqtt) must be host:port, such as 127.0.0.1:1883.")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeListenInvalid, "The port of the MQTT address (--mqtt) must be a number up to 65535.")
	}
	listen := int(port)
	if listen == 0 {
		listen = server.RANDOM_PORT
	}
	log := &logger{log: o.Log.With("component", "broker")}
	b := &Broker{password: random()}
	opts := &server.Options{
		ServerName:            "openlot",
		DontListen:            true, // the MQTT listener is the only one
		NoSigs:                true,
		NoLog:                 true,
		JetStream:             true,
		StoreDir:              o.Dir,
		JetStreamMaxMemory:    memoryLimit,
		JetStreamMaxStore:     storeLimit,
		MaxPayload:            wire.MaxMessage + slack,
		DisableShortFirstPing: true,
		MQTT: server.MQTTOpts{
			Host:        host,
			Port:        listen,
			AuthTimeout: (2 * authTimeout).Seconds(),
			// All subscriptions of a session share 65535; an instance may hold
			// every shard.
			MaxAckPending: maxAckPending,
			// Nothing relies on the broker to remember what was delivered.
			ConsumerMemoryStorage: true,
		},
		CustomClientAuthentication: &gate{auth: o.Auth, password: b.password, log: log.log},
	}
	b.srv, err = server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("prepare the broker: %w", err)
	}
	b.srv.SetLoggerV2(log, false, false, false)
	b.srv.Start()
	if err := log.fatal(); err != nil {
		b.Close()
		return nil, startFault(err, o)
	}
	wait := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !b.srv.ReadyForConnections(wait) {
		b.Close()
		if err := log.fatal(); err != nil {
			return nil, startFault(err, o)
		}
		return nil, fault.New(fault.Unavailable, CodeStore, "The broker did not become ready in time. Its store is in "+o.Dir+".")
	}
	b.addr = net.JoinHostPort(reachable(host), strconv.Itoa(opts.MQTT.Port))
	return b, nil
}

// reachable is an address by which a listener on host is reached from here.
func reachable(host string) string {
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		return "127.0.0.1"
	}
	return host
}

func startFault(err error, o Options) error {
	if errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
		return fault.Wrap(err, fault.Unavailable, CodePortBusy,
			"Something else listens on "+o.Listen+". Stop it, or choose another address with --mqtt.")
	}
	if strings.Contains(err.Error(), "listen") {
		return fault.Wrap(err, fault.Invalid, CodeListenInvalid, "Cannot listen on "+o.Listen+" (--mqtt).")
	}
	return fault.Wrap(err, fault.Unavailable, CodeStore, "The broker cannot use its store in "+o.Dir+".")
}

// Addr is host:port of the listener.
func (b *Broker) Addr() string { return b.addr }

// URL is where the cloud itself connects, with the credential that Login gives.
func (b *Broker) URL() string { return "tcp://" + b.addr }

// Login is the cloud's own credential. It is made anew at each start, lives in
// memory only and may do everything.
func (b *Broker) Login() (user, password string) { return cloudUser, b.password }

// Close disconnects everybody and returns when the broker has ended.
func (b *Broker) Close() {
	b.srv.Shutdown()
	b.srv.WaitForShutdown()
}

func random() string {
	var k [32]byte
	if _, err := rand.Read(k[:]); err != nil {
		panic("broker: the system's random source failed: " + err.Error())
	}
	return hex.EncodeToString(k[:])
}

// gate asks the authenticator about each connection.
type gate struct {
	auth     Authenticator
	password string
	log      *slog.Logger
}

// Check implements server.Authentication. It runs on the connection's own
// goroutine.
func (g *gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == cloudUser {
		if subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.password)) != 1 {
			g.refuse(c, "not the password of this instance")
			return false
		}
		c.RegisterUser(&server.User{Username: cloudUser})
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	grant, err := g.auth.Authenticate(ctx, o.Username, o.Password)
	if err != nil {
		g.refuse(c, err.Error())
		return false
	}
	c.RegisterUser(&server.User{Username: o.Username, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: subjects(grant.Publish)},
		Subscribe: &server.SubjectPermission{Allow: subjects(grant.Subscribe)},
	}})
	return true
}

// The user is not logged: a client that mixes up its settings sends the secret
// there.
func (g *gate) refuse(c server.ClientAuthentication, reason string) {
	g.log.Warn("login refused", "remote", c.RemoteAddress().String(), "reason", reason)
}

// subjects says MQTT filters as the broker's subjects. Openlot's topics have no
// character but / that means something in a subject.
func subjects(filters []string) []string {
	swap := strings.NewReplacer("/", ".", "+", "*")
	var out []string
	for _, f := range filters {
		s := swap.Replace(f)
		if above, ok := strings.CutSuffix(s, ".#"); ok {
			out = append(out, above, above+".>")
			continue
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		// An empty list would allow everything.
		out = []string{"openlot.nothing"}
	}
	return out
}

// logger passes on what the server says and keeps what made it give up.
type logger struct {
	log *slog.Logger
	mu  sync.Mutex
	err error
}

func (l *logger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug("the broker says", "text", fmt.Sprintf(format, v...))
}

func (l *logger) Warnf(format string, v ...any) {
	l.log.Warn("the broker warns", "text", fmt.Sprintf(format, v...))
}

func (l *logger) Errorf(format string, v ...any) {
	s := fmt.Sprintf(format, v...)
	if strings.Contains(s, "authentication error") { // refuse has said it, with the reason
		return
	}
	l.log.Warn("the broker has a problem", "text", s)
}

func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf(format, v...)
	}
}

func (l *logger) Debugf(string, ...any) {}
func (l *logger) Tracef(string, ...any) {}
