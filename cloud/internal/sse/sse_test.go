package sse_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openlot/openlot/cloud/internal/sse"
)

// everyWay runs a test against each way to keep streams.
func everyWay(t *testing.T, test func(t *testing.T, start func(sse.Options) *bed)) {
	t.Parallel()
	for name, makes := range map[string]func(sse.Options) (*sse.Server, error){
		"early":  sse.New,
		"handed": sse.New,
		"plain":  func(o sse.Options) (*sse.Server, error) { return sse.NewPlain(o), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(o sse.Options) *bed { return start(t, o, makes, name) })
		})
	}
}

// bed serves topics by name, at their path.
type bed struct {
	t    *testing.T
	way  string
	sse  *sse.Server
	http *httptest.Server
	left chan string

	mu     sync.Mutex
	states map[string]*state
}

// state is a number that goes up, told in frames of one size.
type state struct {
	name  string
	size  int
	topic *sse.Topic

	mu    sync.Mutex
	n     uint64
	frame []byte
}

func (s *state) Since(seen uint64) ([]byte, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen == s.n {
		return nil, seen
	}
	return s.frame, s.n
}

func (s *state) set(n uint64) {
	s.mu.Lock()
	s.n = n
	s.frame = fmt.Appendf(nil, "id: %d\ndata: %s %d %s %d\n\n", n, s.name, n, strings.Repeat("x", s.size), n)
	s.mu.Unlock()
	s.topic.Wake()
}

func start(t *testing.T, o sse.Options, makes func(sse.Options) (*sse.Server, error), way string) *bed {
	t.Helper()
	s, err := makes(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, way: way, sse: s, left: make(chan string, 10_000), states: map[string]*state{}}
	b.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Admit() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("X-Outer", "kept")
		b.mu.Lock()
		topic := b.states[r.URL.Path].topic
		b.mu.Unlock()
		s.Serve(w, r, topic)
	}))
	b.http.Config.ConnContext = sse.ConnContext
	if way == "early" {
		b.http.Listener = s.Front(b.http.Listener, "/", b.http.Config.Handler)
	}
	b.http.Start()
	t.Cleanup(b.http.Close)
	t.Cleanup(s.Close)
	return b
}

func (b *bed) state(name string, size int) *state {
	s := &state{name: name, size: size}
	s.topic = b.sse.Topic(s, func() { b.left <- name })
	s.set(1)
	b.mu.Lock()
	b.states["/"+name] = s
	b.mu.Unlock()
	return s
}

func (b *bed) gone(name string) {
	b.t.Helper()
	select {
	case got := <-b.left:
		if got != name {
			b.t.Fatalf("a client of %s left, not of %s", got, name)
		}
	case <-time.After(10 * time.Second):
		b.t.Fatal("the client is still held")
	}
}

// figure is one of the server's metrics.
func (b *bed) figure(name string) float64 {
	b.t.Helper()
	r := prometheus.NewRegistry()
	b.sse.Register(r)
	all, err := r.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == name {
			return m.GetMetric()[0].GetGauge().GetValue() + m.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.t.Fatalf("there is no metric %s", name)
	return 0
}

type client struct {
	t    *testing.T
	name string
	conn *net.TCPConn
	in   *bufio.Reader
	body *bufio.Reader
	seen uint64
	num  int // frames
	size int // bytes of frames
}

// open asks for a topic, with bytes after the request when there are any.
func (b *bed) open(name string, buffer int, after string) *client {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.http.Listener.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: b.t, name: name, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
	if buffer > 0 {
		if err := c.conn.SetReadBuffer(buffer); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /"+name+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"+after); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// answer reads the head; the body ends with the connection.
func (c *client) answer() (int, http.Header) {
	c.t.Helper()
	a, err := http.ReadResponse(c.in, nil) //nolint:bodyclose // it has no end
	if err != nil {
		c.t.Fatal(err)
	}
	c.body = bufio.NewReader(a.Body)
	return a.StatusCode, a.Header
}

// next reads lines until a frame, or comment, is whole. Every frame must be of
// the client's topic, in one piece, and no older than the one before.
func (c *client) next() (string, bool) {
	c.t.Helper()
	if c.body == nil {
		c.answer()
	}
	for {
		line, err := c.body.ReadString('\n')
		if err != nil {
			return "", false
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, ":") || strings.HasPrefix(line, "retry:") {
			return line, true
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		parts := strings.Split(data, " ")
		n, err := strconv.ParseUint(parts[1], 10, 64)
		if err != nil || parts[0] != c.name || len(parts) != 4 || parts[3] != parts[1] || strings.Trim(parts[2], "x") != "" {
			c.t.Fatalf("a client of %s was sent %.80q…", c.name, data)
		}
		if n <= c.seen {
			c.t.Fatalf("state %d after %d", n, c.seen)
		}
		c.seen, c.num, c.size = n, c.num+1, c.size+len(line)
		return line, true
	}
}

func (c *client) until(n uint64) {
	c.t.Helper()
	for c.seen < n {
		if _, ok := c.next(); !ok {
			c.t.Fatalf("ended at state %d of %d", c.seen, n)
		}
	}
}

func TestAStreamBeginsWithTheNewestAndGoesOn(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{})
		s := b.state("a", 10)
		s.set(7)
		c := b.open("a", 0, "")
		status, h := c.answer()
		if status != http.StatusOK || h.Get("Content-Type") != "text/event-stream" || h.Get("X-Outer") != "kept" || h.Get("Date") == "" {
			t.Errorf("%d %v", status, h)
		}
		if line, _ := c.next(); !strings.HasPrefix(line, "retry: ") {
			t.Errorf("the first line is %q", line)
		}
		c.until(7)
		for n := uint64(8); n < 100; n++ {
			s.set(n)
			c.until(n)
		}
		if got := b.figure("openlot_sse_connections"); got != 1 {
			t.Errorf("%v connections", got)
		}
		for _, way := range []string{"early", "handed"} {
			want := 0.0
			if way == b.way && runtime.GOOS == "linux" {
				want = 1
			}
			if got := b.figure("openlot_sse_" + way + "_total"); got != want {
				t.Errorf("%v of %v streams came the way %q", got, want, way)
			}
		}
	})
}

func TestRetriesAreSpread(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{})
		b.state("a", 1)
		found := map[string]bool{}
		for range 20 {
			line, _ := b.open("a", 0, "").next()
			found[line] = true
		}
		if len(found) < 10 {
			t.Errorf("20 clients were told to come back at %d different times", len(found))
		}
	})
}

func TestASilentStreamSaysThatItIsAlive(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{Heartbeat: 150 * time.Millisecond})
		b.state("a", 1)
		c := b.open("a", 0, "")
		c.until(1)
		for range 5 {
			began := time.Now()
			if line, ok := c.next(); !ok || !strings.HasPrefix(line, ":") {
				t.Fatalf("%q", line)
			}
			if silent := time.Since(began); silent > 10*time.Second {
				t.Errorf("silent for %s", silent)
			}
		}
	})
}

func TestAPlaceIsGivenBack(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{Max: 2})
		b.state("a", 1)
		for _, end := range []func(*net.TCPConn) error{(*net.TCPConn).Close, (*net.TCPConn).CloseWrite, func(c *net.TCPConn) error {
			_ = c.SetLinger(0) // a reset
			return c.Close()
		}} {
			one, two := b.open("a", 0, ""), b.open("a", 0, "")
			one.until(1)
			two.until(1)
			if status, _ := b.open("a", 0, "").answer(); status != http.StatusServiceUnavailable {
				t.Errorf("a third of two: %d", status)
			}
			for _, c := range []*client{one, two} {
				if err := end(c.conn); err != nil {
					t.Error(err)
				}
				b.gone("a")
			}
		}
	})
}

func TestAFurtherRequestDoesNotDisturb(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{})
		s := b.state("a", 1)
		b.state("other", 1)
		c := b.open("a", 0, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
		for n := uint64(2); n < 20; n++ {
			s.set(n)
			c.until(n)
		}
		if _, err := io.WriteString(c.conn, "and more"); err != nil {
			t.Error(err)
		}
		s.set(20)
		c.until(20)
	})
}

// TestWhoStalledEndsOnTheNewestState lets clients stop reading for a while, with
// frames that fit the buffers many times, once, and not at all.
func TestWhoStalledEndsOnTheNewestState(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		for _, size := range []int{50, 4_000, 300_000} {
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				b := start(sse.Options{Heartbeat: time.Minute, Stuck: time.Minute})
				b.t = t
				const clients = 8
				last := uint64(min(3_000, 20_000_000/size))
				s := b.state("a", size)
				s.set(2)
				var all sync.WaitGroup
				stalled := make([]*client, clients)
				for i := range stalled {
					stalled[i] = b.open("a", 0, "")
				}
				quick := b.open("a", 0, "")
				quick.until(2)
				all.Go(func() { quick.until(last) })
				for n := uint64(3); n < last; n++ {
					s.set(n)
				}
				for _, c := range stalled {
					all.Go(func() { c.until(last) })
				}
				s.set(last)
				all.Wait()
			})
		}
	})
}

func TestWhoNeverReadsIsEvicted(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{Heartbeat: 300 * time.Millisecond, Stuck: 200 * time.Millisecond})
		s := b.state("a", 8_000_000)
		b.open("a", 4<<10, "")
		s.set(2)
		b.gone("a")
		if got := b.figure("openlot_sse_evictions_total"); got != 1 {
			t.Errorf("%v evictions", got)
		}
		if got := b.figure("openlot_sse_blocked"); got != 0 {
			t.Errorf("%v are blocked", got)
		}
	})
}

// TestNobodyIsSentWhatIsForAnother has clients of many topics come and go all the
// time, so that descriptors change hands.
func TestNobodyIsSentWhatIsForAnother(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{})
		stop := make(chan struct{})
		var telling, all sync.WaitGroup
		for i := range 4 {
			name := fmt.Sprint("topic", i)
			s := b.state(name, 3_000)
			telling.Go(func() {
				for n := uint64(2); ; n++ {
					select {
					case <-stop:
						return
					default:
						s.set(n)
					}
				}
			})
			for range 4 {
				all.Go(func() {
					for range 20 {
						c := b.open(name, 64<<10, "")
						for range 4 {
							if _, ok := c.next(); !ok {
								t.Error("a client was ended that had not gone")
								return
							}
						}
						_ = c.conn.Close()
					}
				})
			}
		}
		all.Wait()
		close(stop)
		telling.Wait()
		for range 4 * 4 * 20 {
			select {
			case <-b.left:
			case <-time.After(10 * time.Second):
				t.Fatal("some clients are still held")
			}
		}
		if got := b.figure("openlot_sse_connections"); got != 0 {
			t.Errorf("%v connections at the end", got)
		}
	})
}

func TestCloseEndsEveryStream(t *testing.T) {
	everyWay(t, func(t *testing.T, start func(sse.Options) *bed) {
		b := start(sse.Options{})
		b.state("a", 1)
		b.state("big", 1_000_000)
		c, big := b.open("a", 0, ""), b.open("big", 4<<10, "")
		c.until(1)
		big.answer()
		b.sse.Close()
		if _, ok := c.next(); ok {
			t.Error("it goes on")
		}
		_ = big.conn.Close()
		for range 2 {
			select {
			case <-b.left:
			case <-time.After(10 * time.Second):
				t.Fatal("a client is still held")
			}
		}
		if b.sse.Admit() {
			t.Error("a closed server takes streams")
		}
	})
}
