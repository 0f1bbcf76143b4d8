// Package sse keeps event streams: many clients, each on one topic, each led to
// the topic's newest state and never through a backlog.
//
// On Linux a stream over plain HTTP/1.1 is taken from net/http after the request
// was read. From then on it is a file descriptor and a record in a flat table: no
// goroutine, channel or buffer waits for it. One shard for each core writes the
// same encoded frame to all clients of a topic and hears of who went away, or can
// take more, from an epoll of its own. All other streams (HTTP/2, TLS, other
// systems) are an ordinary handler. What a client sees is the same.
//
// A client that does not read keeps at most the rest of one frame, and what fits
// its small socket buffer. When it reads again it gets that rest and then the
// newest state; when it does not for too long, it is evicted.
package sse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Source is the state that a topic shows. Its frames are never changed after it
// gave them away, because many clients share them.
type Source interface {
	// Since returns the frame that leads from a state to the newest, and the
	// newest; no frame when that is the same. 0 is a client that knows nothing.
	// It must not call the Server.
	Since(seen uint64) (frame []byte, newest uint64)
}

// Options bound the streams. The zero value is good.
type Options struct {
	Max       int           // streams at a time; 0: 20000
	Heartbeat time.Duration // the longest silence; 0: 15 s
	Stuck     time.Duration // how long a client may block, give or take a third of Heartbeat; 0: 10 s
}

// Server keeps streams until Close.
type Server struct {
	options Options
	shards  []*shard // none where there is only the ordinary handler
	closed  chan struct{}
	once    sync.Once

	draining   chan struct{} // closed by Drain
	drainUntil time.Time     // set before
	drained    atomic.Bool   // nobody is let in any more
	ordinaryMu sync.Mutex
	ordinary   map[*http.ResponseController]struct{} // streams

	open                            atomic.Int64
	writes, bytes, blocked, evicted atomic.Int64
	blocking                        atomic.Int64
	handed, early                   atomic.Int64
}

// New makes a server.
func New(o Options) (*Server, error) {
	s := NewPlain(o)
	return s, s.startShards()
}

// NewPlain makes a server that has the ordinary handler only.
func NewPlain(o Options) *Server {
	if o.Max == 0 {
		o.Max = 20_000
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Stuck == 0 {
		o.Stuck = 10 * time.Second
	}
	return &Server{options: o, closed: make(chan struct{}), draining: make(chan struct{}), ordinary: map[*http.ResponseController]struct{}{}}
}

// Close ends all streams, and those that are still to come.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		for _, h := range s.shards {
			h.close()
		}
	})
}

// Admit takes a place, or reports that there is none. Serve, or Forgo, gives it
// back.
func (s *Server) Admit() bool {
	select {
	case <-s.closed:
		return false
	default:
	}
	if s.drained.Load() {
		return false
	}
	if s.open.Add(1) > int64(s.options.Max) {
		s.open.Add(-1)
		return false
	}
	return true
}

// Topic is what its clients are shown.
type Topic struct {
	source Source
	left   func()
	server *Server

	mu    sync.Mutex
	wakes map[chan struct{}]struct{}
	parts []part // by shard
}

// Topic makes a topic. left is called for each client of Serve that has gone; it
// must not wait for Wake or Serve.
func (s *Server) Topic(source Source, left func()) *Topic {
	return &Topic{source: source, left: left, server: s, parts: make([]part, len(s.shards))}
}

// Wake says that there is a new state. It does not wait for clients.
func (t *Topic) Wake() {
	t.mu.Lock()
	for c := range t.wakes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	t.mu.Unlock()
	for _, h := range t.server.shards {
		h.wake(t)
	}
}

// Watch returns a channel that gets a value after each Wake, folded when there
// are several, and what ends it.
func (t *Topic) Watch() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wakes == nil {
		t.wakes = map[chan struct{}]struct{}{}
	}
	t.wakes[c] = struct{}{}
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.wakes, c)
	}
}

// Serve runs, or hands over, a stream that was admitted.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, t *Topic) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect it
	if e, ok := r.Context().Value(connKey{}).(*early); ok {
		e.hand(s, t, h)
		return
	}
	if c := s.takes(r); c != nil && s.hand(w, c, t) {
		return
	}
	s.plain(w, r, t)
	s.end(t)
}

// Forgo gives a place back that Serve is not going to be called for.
func (s *Server) Forgo(t *Topic) { s.end(t) }

// end is told of each client that has gone.
func (s *Server) end(t *Topic) {
	s.open.Add(-1)
	t.left()
}

type connKey struct{}

// ConnContext is for http.Server: without it all streams are ordinary.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *gathered:
		return context.WithValue(ctx, connKey{}, &plainConn{c.TCPConn, c})
	case *net.TCPConn:
		return context.WithValue(ctx, connKey{}, &plainConn{c, nil})
	}
	return ctx
}

// takes returns the connection of a request that can be taken from net/http.
func (s *Server) takes(r *http.Request) *net.TCPConn {
	if len(s.shards) == 0 || r.Method != http.MethodGet || r.TLS != nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.ContentLength != 0 {
		return nil
	}
	if c := connOf(r); c != nil {
		return c.TCPConn
	}
	return nil
}

// plainConn is a connection that net/http has.
type plainConn struct {
	*net.TCPConn
	gathered *gathered // nil: it is not from Gather
}

// connOf is the connection of a request; nil when it is not known, or is not
// the plain one that ConnContext saw.
func connOf(r *http.Request) *plainConn {
	c, _ := r.Context().Value(connKey{}).(*plainConn)
	return c
}

const beat = ": still here\n\n"

// retry spreads the clients of a server that goes away over two seconds.
func retry(b []byte) []byte {
	return fmt.Appendf(b, "retry: %d\n\n", 1000+rand.IntN(2000)) //nolint:gosec // only spreads clients over time
}
