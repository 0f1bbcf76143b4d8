package sse_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/sse"
)

// behind is an HTTP server with a front, and what its handler was asked.
type behind struct {
	*httptest.Server
	sse   *sse.Server
	front net.Listener

	mu    sync.Mutex
	asked []*http.Request
}

func startBehind(t *testing.T, h http.HandlerFunc) *behind {
	t.Helper()
	s, err := sse.New(sse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &behind{sse: s}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.asked = append(b.asked, r)
		b.mu.Unlock()
		h(w, r)
	}))
	b.front = s.Front(b.Listener, "/live", b.Config.Handler)
	b.Listener = b.front
	b.Start()
	t.Cleanup(s.Close)
	t.Cleanup(b.Close)
	return b
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	last   bool // on its connection
	body   string
}

// ask sends a request in parts and reads its answer.
func (b *behind) ask(t *testing.T, parts ...string) reply {
	t.Helper()
	a, err := http.ReadResponse(bufio.NewReader(b.dial(t, parts...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if err != nil {
		t.Error(err)
	}
	return reply{a.StatusCode, a.Header, a.Close, string(body)}
}

// dial writes parts of a request, with time between them.
func (b *behind) dial(t *testing.T, parts ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i, p := range parts {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that it is a segment of its own
		}
		if _, err := io.WriteString(conn, p); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// early is how many requests did not come through net/http.
func (b *behind) early() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.asked {
		if r.Context().Value(http.ServerContextKey) == nil {
			n++
		}
	}
	return n
}

const live = "GET /live?x=1 HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n"

// TestWhatIsOutOfTheOrdinaryIsForNetHTTP asks in ways that a front must not judge,
// and compares with what a server without one answers.
func TestWhatIsOutOfTheOrdinaryIsForNetHTTP(t *testing.T) {
	t.Parallel()
	h := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %q %v %s", r.Method, r.Host, body, err, r.Header.Get("X"))
	}
	b := startBehind(t, h)
	bare := &behind{Server: httptest.NewServer(http.HandlerFunc(h))}
	bare.front = bare.Listener
	t.Cleanup(bare.Close)
	for name, parts := range map[string][]string{
		"another path":    {"GET /other HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"},
		"no stream":       {"GET /live HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"},
		"another method":  {"POST /live HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab"},
		"in two parts":    {live, "Connection: close\r\n\r\n"},
		"byte by byte":    append(strings.Split("GET /live", ""), " HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"),
		"with a body":     {live + "Content-Length: 2\r\nConnection: close\r\n\r\n", "ab"},
		"in chunks":       {live + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n"},
		"to be closed":    {live + "Connection: close\r\n\r\n"},
		"old":             {"GET /live HTTP/1.0\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n"},
		"without a host":  {"GET /live HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n"},
		"with two hosts":  {live + "Host: there\r\n\r\n"},
		"a bad host":      {"GET /live HTTP/1.1\r\nHost: he{re\r\nAccept: text/event-stream\r\n\r\n"},
		"a bad name":      {live + "X Y: 1\r\n\r\n"},
		"a bad value":     {live + "X: a\x01b\r\n\r\n"},
		"not ASCII":       {live + "X: \xc3\xa4\r\nConnection: close\r\n\r\n"},
		"folded":          {live + "X: a\r\n b\r\nConnection: close\r\n\r\n"},
		"bare line feeds": {"GET /live HTTP/1.1\nHost: here\nAccept: text/event-stream\nConnection: close\n\n"},
		"a long head":     {live + "X: " + strings.Repeat("x", 5000) + "\r\nConnection: close\r\n\r\n"},
		"expecting":       {live + "Expect: 100-continue\r\nConnection: close\r\n\r\n"},
		"two at once":     {live + "\r\n" + live + "Connection: close\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.early()
			got, want := b.ask(t, parts...), bare.ask(t, parts...)
			if got.status != want.status || got.body != want.body {
				t.Errorf("%d %q, without a front %d %q", got.status, got.body, want.status, want.body)
			}
			if b.early() != before {
				t.Error("it did not come through net/http")
			}
		})
	}
}

func TestAnAnswerThatIsNoStreamIsWhole(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789", 2_000_000)
	b := startBehind(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/live/refused":
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "too many")
		case "/live/big":
			_, _ = io.WriteString(w, big)
		case "/live/panic":
			panic("planted")
		case "/live/abort":
			panic(http.ErrAbortHandler)
		}
		if r.RemoteAddr == "" || r.Host != "here" || r.Context().Err() != nil {
			t.Errorf("from %q to %q, %v", r.RemoteAddr, r.Host, r.Context().Err())
		}
	})
	for _, c := range []struct {
		path, after, body string
		status            int
	}{
		{"/live/refused", "2", "too many", http.StatusServiceUnavailable},
		{"/live/big", "", big, http.StatusOK},
		{"/live/empty", "", "", http.StatusOK},
	} {
		a := b.ask(t, "GET "+c.path+" HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n")
		if a.status != c.status || a.header.Get("Retry-After") != c.after || a.body != c.body || !a.last || a.header.Get("Date") == "" {
			t.Errorf("%s: %d %v, %d bytes", c.path, a.status, a.header, len(a.body))
		}
	}
	for _, path := range []string{"/live/panic", "/live/abort"} {
		conn := b.dial(t, "GET "+path+" HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n")
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("%s: %q, %v", path, rest, err)
		}
	}
	if b.early() != 5 {
		t.Errorf("%d of 5 were not for net/http", b.early())
	}
}

// TestNothingHoldsUpAFront has handlers that take long and clients that say
// nothing while others are served.
func TestNothingHoldsUpAFront(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := startBehind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live/long" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	var long sync.WaitGroup
	for range 20 {
		long.Go(func() {
			if a := b.ask(t, "GET /live/long HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n"); a.body != "/live/long" {
				t.Errorf("%q", a.body)
			}
		})
		b.dial(t) // and says nothing
	}
	for range 50 {
		if a := b.ask(t, live+"\r\n"); a.body != "/live" {
			t.Errorf("%q", a.body)
		}
		a, err := b.Client().Get(b.URL + "/other") // kept alive
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		if _ = a.Body.Close(); err != nil || !bytes.Equal(body, []byte("/other")) {
			t.Errorf("%q, %v", body, err)
		}
	}
	close(release)
	long.Wait()
}

func TestAFrontEndsWithItsRequests(t *testing.T) {
	t.Parallel()
	asked, ended := make(chan struct{}), make(chan struct{})
	b := startBehind(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(ended)
	})
	b.dial(t, live+"\r\n")
	<-asked
	if err := b.front.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("a request outlives the front")
	}
	if _, err := b.front.Accept(); err == nil {
		t.Error("it goes on")
	}
	if c, err := net.Dial("tcp", b.front.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("somebody listens")
	}
}
