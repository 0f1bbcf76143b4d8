package mqtt_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/mqtt"
	"github.com/openlot/openlot/cloud/internal/mqtt/broker"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

const limit = 20 * time.Second

type nobody struct{}

func (nobody) EdgeSecret(context.Context, id.Edge) (id.Parking, []byte, error) {
	h := sha256.Sum256(nil)
	return "", h[:], fault.New(fault.NotFound, "edge_not_enrolled", "No such edge.")
}

func open(t *testing.T, dir, listen string) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Options{Listen: listen, Dir: dir, Auth: broker.Edges{Secrets: nobody{}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run starts a client and returns a channel that tells each connection.
func run(t *testing.T, url, user, password string) (*mqtt.Client, <-chan struct{}) {
	t.Helper()
	connected := make(chan struct{}, 8)
	c, err := mqtt.New(mqtt.Options{
		URL: url, User: user, Password: password, Log: slog.New(slog.DiscardHandler),
		Connected: func() { connected <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return c, connected
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

func TestOrderAndReconnection(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir, "127.0.0.1:0")
		// The password is made anew with each start, so that the front stays and
		// the broker behind it changes.
		user, password := b.Login()
		front := newFront(t, b.Addr())
		c, connected := run(t, "tcp://"+front.addr(), user, password)
		wait(t, connected, "the connection")
		got := make(chan string, 2048)
		if err := c.Subscribe(t.Context(), "a/+/b", func(_ string, p []byte) { got <- string(p) }); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := c.Publish(t.Context(), "a/1/b", []byte{byte(i >> 8), byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 1000 {
			if p := wait(t, got, "a message"); p != string([]byte{byte(i >> 8), byte(i)}) {
				t.Fatalf("message %d is %x", i, p)
			}
		}
		front.cut()
		wait(t, connected, "the reconnection")
		if err := c.Publish(t.Context(), "a/2/b", []byte("again")); err != nil {
			t.Fatal(err)
		}
		if p := wait(t, got, "a message after the reconnection"); p != "again" {
			t.Fatal(p)
		}
		if err := c.Unsubscribe(t.Context(), "a/+/b"); err != nil {
			t.Fatal(err)
		}
		front.close()
		b.Close()
		// Without a broker a publish fails at once and does not hang.
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for c.Up() && ctx.Err() == nil {
			_ = c.Publish(ctx, "a/3/b", nil)
		}
		if err := c.Publish(t.Context(), "a/3/b", nil); fault.Code(err) != mqtt.CodeUnavailable {
			t.Fatalf("%v", err)
		}
	})
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"", "localhost:1883", "http://localhost", "tcp://", "::"} {
		if _, err := mqtt.New(mqtt.Options{URL: bad, Log: slog.New(slog.DiscardHandler)}); fault.Code(err) != mqtt.CodeURLInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// front is a TCP relay that can cut its connections.
type front struct {
	l      net.Listener
	to     string
	conns  chan net.Conn
	closed chan struct{}
}

func newFront(t *testing.T, to string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{l: l, to: to, conns: make(chan net.Conn, 64), closed: make(chan struct{})}
	go func() {
		defer close(f.closed)
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			f.conns <- in
			f.conns <- out
			go relay(in, out)
			go relay(out, in)
		}
	}()
	return f
}

func relay(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (f *front) addr() string { return f.l.Addr().String() }

func (f *front) cut() {
	for {
		select {
		case c := <-f.conns:
			_ = c.Close()
		default:
			return
		}
	}
}

func (f *front) close() {
	_ = f.l.Close()
	<-f.closed
	f.cut()
}
