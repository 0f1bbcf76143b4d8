package listing_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// TestSlowClientEndsOnTheNewestStateAndDelaysNobody lets one client sleep while
// a parking changes thousands of times, and another read.
func TestSlowClientEndsOnTheNewestStateAndDelaysNobody(t *testing.T) {
	t.Parallel()
	const changes = 12_000
	big := garage("alpha", 30_000)
	big.Name = strings.Repeat("a long name ", 400) // so that little fits the kernel's buffers
	m := newModel(big)
	b := start(t, m, listing.Options{})
	t.Cleanup(b.stop)
	s := httptest.NewUnstartedServer(http.HandlerFunc(b.Parking))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if tcp, ok := c.(*net.TCPConn); ok {
			if err := tcp.SetWriteBuffer(16 << 10); err != nil {
				t.Error(err)
			}
		}
		return ctx
	}
	s.Start()
	t.Cleanup(s.Close)
	slow := open(t, s.Listener.Addr().String(), 16<<10)
	quick := open(t, s.Listener.Addr().String(), 0)
	got := make(chan struct{}, 1)
	go func() { // reads all the time
		defer close(got)
		for quick.next() && quick.last().Version != changes+1 {
		}
	}()
	from := timerange.Floor(time.Now()) + 96
	for range changes {
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{
			{Type: id.Standard, From: from, To: from + 1, N: 1},
		}})})
	}
	select {
	case <-got:
	case <-time.After(10 * time.Second):
		t.Fatal("the reading client did not reach the newest state")
	}
	frames := 0
	for slow.last().Version != changes+1 {
		if !slow.next() {
			t.Fatalf("the slow client ended at version %d after %d frames", slow.last().Version, frames)
		}
		frames++
	}
	if frames > 500 {
		t.Errorf("the slow client was sent a backlog of %d frames", frames)
	}
}

type tcpClient struct {
	watcher
	conn  net.Conn
	lines *bufio.Scanner
}

// open makes a client with a receive buffer of its own choice.
func open(t *testing.T, addr string, buffer int) *tcpClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if buffer > 0 {
		if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET /parking?id=alpha HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	c := &tcpClient{watcher: watcher{t: t, lots: map[string]shown{}}, conn: conn, lines: bufio.NewScanner(conn)}
	c.lines.Buffer(make([]byte, 64<<10), 1<<20)
	return c
}

// next reads one event.
func (c *tcpClient) next() bool {
	for c.lines.Scan() {
		if data, ok := strings.CutPrefix(c.lines.Text(), "data: "); ok {
			c.take("event: parking\ndata: " + data)
			return true
		}
	}
	return false
}

func (c *tcpClient) last() shown { return c.lots["alpha"] }

// TestStuckClientIsEvicted gives a stream's only place to a client that never
// reads.
func TestStuckClientIsEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newModel(garage("alpha", 1)), listing.Options{Streams: sse.NewPlain(sse.Options{Max: 1})})
		defer b.stop()
		near, far := net.Pipe()
		l := &oneConn{conn: make(chan net.Conn, 1)}
		l.conn <- near
		s := &http.Server{Handler: http.HandlerFunc(b.Parkings)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = s.Serve(l)
		}()
		defer func() {
			_, _ = s.Close(), far.Close()
			<-served
		}()
		if _, err := far.Write([]byte("GET /parkings HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{9 * time.Second, http.StatusServiceUnavailable}, {2 * time.Second, 0}} {
			time.Sleep(c.wait)
			synctest.Wait()
			w := watch(t, b.Parkings, "/parkings", "")
			synctest.Wait()
			if w.status != c.want {
				t.Errorf("another client: %d, want %d", w.status, c.want)
			}
			w.close()
		}
	})
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn chan net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conn
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.conn) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.IPAddr{} }
