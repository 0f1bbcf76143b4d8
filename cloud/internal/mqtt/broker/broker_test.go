package broker_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/openlot/openlot/cloud/internal/mqtt/broker"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	altmarkt id.Parking = "altmarkt"
	neumarkt id.Parking = "neumarkt"
	limit               = 10 * time.Second
)

// secrets are enrolled edges in memory.
type secrets map[id.Edge]struct {
	parking id.Parking
	secret  string
}

func (s secrets) EdgeSecret(_ context.Context, e id.Edge) (id.Parking, []byte, error) {
	x, ok := s[e]
	if !ok {
		return "", nil, fault.New(fault.NotFound, "edge_not_enrolled", "No such edge.")
	}
	h := sha256.Sum256([]byte(x.secret))
	return x.parking, h[:], nil
}

type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type fixture struct {
	*broker.Broker
	log    *log
	edges  map[id.Parking]id.Edge
	secret map[id.Parking]string
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{log: &log{}, edges: map[id.Parking]id.Edge{}, secret: map[id.Parking]string{}}
	s := secrets{}
	for _, p := range []id.Parking{altmarkt, neumarkt} {
		e := id.New[id.Edge](time.Now())
		f.edges[p], f.secret[p] = e, "secret of "+string(p)
		s[e] = struct {
			parking id.Parking
			secret  string
		}{p, f.secret[p]}
	}
	b, err := broker.Start(t.Context(), broker.Options{
		Listen: "127.0.0.1:0", Dir: t.TempDir(), Auth: broker.Edges{Secrets: s},
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	f.Broker = b
	return f
}

func (f *fixture) dial(user, password string) (paho.Client, error) {
	o := paho.NewClientOptions().AddBroker(f.URL()).SetClientID("test-" + id.New[id.Boot](time.Now()).String()).
		SetUsername(user).SetPassword(password).SetCleanSession(true).SetAutoReconnect(false).SetConnectTimeout(limit)
	c := paho.NewClient(o)
	t := c.Connect()
	if !t.WaitTimeout(limit) {
		return nil, errors.New("no answer")
	}
	return c, t.Error()
}

func (f *fixture) edge(t *testing.T, p id.Parking) paho.Client {
	t.Helper()
	c, err := f.dial(f.edges[p].String(), f.secret[p])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(50) })
	return c
}

func (f *fixture) cloud(t *testing.T) paho.Client {
	t.Helper()
	c, err := f.dial(f.Login())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(50) })
	return c
}

func subscribe(t *testing.T, c paho.Client, filter string) (<-chan paho.Message, bool) {
	t.Helper()
	got := make(chan paho.Message, 16)
	tok := c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) { got <- m })
	if !tok.WaitTimeout(limit) {
		t.Fatal("no SUBACK")
	}
	return got, tok.Error() == nil && tok.(*paho.SubscribeToken).Result()[filter] != 0x80
}

func publish(t *testing.T, c paho.Client, topic string, payload []byte) {
	t.Helper()
	if tok := c.Publish(topic, 1, false, payload); !tok.WaitTimeout(limit) || tok.Error() != nil {
		t.Fatalf("publish: %v", tok.Error())
	}
}

func receive(t *testing.T, from <-chan paho.Message) paho.Message {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(limit):
		t.Fatal("nothing arrived")
		return nil
	}
}

func TestAnEdgeTalksForItsOwnParkingOnly(t *testing.T) {
	f := start(t)
	cloud, a, b := f.cloud(t), f.edge(t, altmarkt), f.edge(t, neumarkt)
	up, ok := subscribe(t, cloud, "openlot/1/+/+/up/+")
	if !ok {
		t.Fatal("the cloud may not listen")
	}

	publish(t, a, topic.ForUp(altmarkt, topic.Beat), []byte("own"))
	if m := receive(t, up); string(m.Payload()) != "own" || m.Topic() != topic.ForUp(altmarkt, topic.Beat) {
		t.Fatalf("%s %s", m.Topic(), m.Payload())
	}
	// Foreign messages are swallowed; the own one behind them shows that they are.
	publish(t, a, topic.ForUp(neumarkt, topic.Beat), []byte("foreign up"))
	publish(t, a, topic.ForDown(neumarkt, topic.Sync), []byte("foreign down"))
	publish(t, a, topic.ForDown(altmarkt, topic.Sync), []byte("own down"))
	publish(t, a, topic.ForUp(altmarkt, topic.Beat), []byte("own again"))
	if m := receive(t, up); string(m.Payload()) != "own again" {
		t.Fatalf("%s was delivered", m.Payload())
	}

	for _, filter := range []string{"#", "openlot/#", "openlot/1/+/+/down/+", topic.DownFilter(neumarkt), topic.ForDown(neumarkt, topic.Ack), topic.PublishGrant(altmarkt), "$SYS/#"} {
		if _, ok := subscribe(t, a, filter); ok {
			t.Errorf("an edge may listen on %s", filter)
		}
	}
	mine, ok := subscribe(t, a, topic.DownFilter(altmarkt))
	if !ok {
		t.Fatal("an edge may not listen on its own channels")
	}
	theirs, ok := subscribe(t, b, topic.DownFilter(neumarkt))
	if !ok {
		t.Fatal("an edge may not listen on its own channels")
	}
	publish(t, cloud, topic.ForDown(altmarkt, topic.Ack), []byte("to altmarkt"))
	publish(t, cloud, topic.ForDown(neumarkt, topic.Ack), []byte("to neumarkt"))
	if m := receive(t, mine); string(m.Payload()) != "to altmarkt" {
		t.Fatalf("%s", m.Payload())
	}
	if m := receive(t, theirs); string(m.Payload()) != "to neumarkt" {
		t.Fatalf("%s", m.Payload())
	}
}

func TestRefusedLoginsAreLoggedWithoutSecrets(t *testing.T) {
	f := start(t)
	edge := f.edges[altmarkt].String()
	stranger := id.New[id.Edge](time.Now()).String()
	cloudUser, _ := f.Login()
	for name, c := range map[string]struct{ user, password, reason string }{
		"wrong secret":           {edge, "hunter2-wrong", "wrong secret"},
		"another edge's secret":  {edge, f.secret[neumarkt], "wrong secret"},
		"unknown edge":           {stranger, "hunter2-stranger", "not enrolled"},
		"no edge's name":         {"admin", "hunter2-admin", "not an edge's id"},
		"anonymous":              {"", "", "not an edge's id"},
		"the cloud's name":       {cloudUser, "hunter2-cloud", "password of this instance"},
		"secret in the username": {f.secret[altmarkt], edge, "not an edge's id"},
	} {
		if c, err := f.dial(c.user, c.password); err == nil {
			c.Disconnect(0)
			t.Errorf("%s: let in", name)
		}
		if !strings.Contains(f.log.String(), c.reason) {
			t.Errorf("%s: the log does not say %q", name, c.reason)
		}
	}
	for _, s := range []string{"hunter2", f.secret[altmarkt], f.secret[neumarkt]} {
		if strings.Contains(f.log.String(), s) {
			t.Fatalf("a secret is in the log: %s", f.log)
		}
	}
}

func TestMessageSizeIsLimited(t *testing.T) {
	f := start(t)
	up, _ := subscribe(t, f.cloud(t), "openlot/1/+/+/up/+")
	a := f.edge(t, altmarkt)
	publish(t, a, topic.ForUp(altmarkt, topic.Events), make([]byte, wire.MaxMessage))
	if m := receive(t, up); len(m.Payload()) != wire.MaxMessage {
		t.Fatalf("%d bytes", len(m.Payload()))
	}
	tok := a.Publish(topic.ForUp(altmarkt, topic.Events), 1, false, make([]byte, 2*wire.MaxMessage))
	tok.WaitTimeout(limit)
	publish(t, f.edge(t, altmarkt), topic.ForUp(altmarkt, topic.Beat), []byte("after"))
	if m := receive(t, up); string(m.Payload()) != "after" {
		t.Fatalf("%d bytes were delivered", len(m.Payload()))
	}
}

func TestBusyPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, err = broker.Start(t.Context(), broker.Options{
		Listen: l.Addr().String(), Dir: t.TempDir(), Auth: broker.Edges{Secrets: secrets{}}, Log: slog.New(slog.DiscardHandler),
	})
	if fault.Code(err) != broker.CodePortBusy || !strings.Contains(fault.From(err).Detail, "--mqtt") {
		t.Fatalf("%v", err)
	}
	for _, bad := range []string{"1883", "localhost:mqtt!", "127.0.0.1:70000"} {
		_, err = broker.Start(t.Context(), broker.Options{Listen: bad, Dir: t.TempDir(), Auth: broker.Edges{Secrets: secrets{}}, Log: slog.New(slog.DiscardHandler)})
		if fault.Code(err) != broker.CodeListenInvalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestItStartsAgainOnItsStore(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		b, err := broker.Start(t.Context(), broker.Options{Listen: "127.0.0.1:0", Dir: dir, Auth: broker.Edges{Secrets: secrets{}}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
}
