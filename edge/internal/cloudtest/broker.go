// Package cloudtest is the other side for tests: a real broker, a cloud that
// applies journals by the protocol's rules and can be told to misbehave, and a
// network that can be cut. Only tests import it.
package cloudtest

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
)

// Stranger is a login that every Broker knows: that of some other edge.
const Stranger = "some other edge"

// Broker is a broker on a free port that lets one edge in, and a stranger.
type Broker struct {
	server *mqtt.Server
	Addr   string
}

// StartBroker starts a broker for an edge with its secret; it may use its own
// parking's topics only.
func StartBroker(t testing.TB, parking id.Parking, edge id.Edge, secret string) *Broker {
	t.Helper()
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	err := server.AddHook(new(auth.Hook), &auth.Options{Ledger: &auth.Ledger{
		Auth: auth.AuthRules{
			{Username: auth.RString(edge.String()), Password: auth.RString(secret), Allow: true},
			{Username: Stranger, Password: Stranger, Allow: true},
		},
		ACL: auth.ACLRules{{Username: auth.RString(edge.String()), Filters: auth.Filters{
			auth.RString(topic.PublishGrant(parking)): auth.WriteOnly, auth.RString(topic.SubscribeGrant(parking)): auth.ReadOnly,
		}}, {Username: Stranger, Filters: auth.Filters{"#": auth.Deny}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := server.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &Broker{server, l.Address()}
}

// subscribe calls handle in a goroutine of the broker.
func (b *Broker) subscribe(filter string, handle func(topic string, payload []byte)) error {
	return b.server.Subscribe(filter, 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) {
		handle(p.TopicName, append([]byte(nil), p.Payload...))
	})
}

func (b *Broker) publish(topic string, payload []byte) error {
	return b.server.Publish(topic, payload, false, 1)
}

// Network is a TCP relay that can be cut.
type Network struct {
	Addr string

	mu    sync.Mutex
	hole  bool // bytes are swallowed, connections stay
	down  bool // connections are refused and closed
	conns map[net.Conn]struct{}

	// Attempts receives for every connection that is attempted.
	Attempts chan struct{}
}

// StartNetwork relays to addr.
func StartNetwork(t testing.TB, addr string) *Network {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{Addr: l.Addr().String(), conns: map[net.Conn]struct{}{}, Attempts: make(chan struct{}, 1)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case n.Attempts <- struct{}{}:
			default:
			}
			if !n.add(c) {
				continue
			}
			up, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
			if err != nil || !n.add(up) {
				_ = c.Close()
				continue
			}
			all.Go(func() { n.relay(up, c) })
			all.Go(func() { n.relay(c, up) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		n.Cut()
		all.Wait()
	})
	return n
}

func (n *Network) add(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		_ = c.Close()
		return false
	}
	n.conns[c] = struct{}{}
	return true
}

func (n *Network) relay(to, from net.Conn) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buf := make([]byte, 32<<10)
	for {
		k, err := from.Read(buf)
		n.mu.Lock()
		swallow := n.hole
		n.mu.Unlock()
		if !swallow && k > 0 {
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut closes all connections and refuses new ones.
func (n *Network) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for c := range n.conns {
		_ = c.Close()
	}
	clear(n.conns)
}

// Swallow lets connections stand and loses every byte, also on new ones.
func (n *Network) Swallow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hole = true
}

// Heal lets new connections through; those that lost bytes are closed.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hole {
		for c := range n.conns {
			_ = c.Close()
		}
		clear(n.conns)
	}
	n.down, n.hole = false, false
}
