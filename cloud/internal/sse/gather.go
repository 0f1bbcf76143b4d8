package sse

import (
	"io"
	"net"
	"net/http"
	"sync"
)

// Gather makes the connections of a listener such that Cork holds back what net/http
// would send in two parts. Without it Cork does nothing.
func Gather(l net.Listener) net.Listener { return gathering{l} }

type gathering struct{ net.Listener }

// Accept implements net.Listener.
func (g gathering) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if t, ok := c.(*net.TCPConn); ok {
		return &gathered{TCPConn: t}, err
	}
	return c, err
}

// heldMost is the most that is held back: what net/http collects before it writes.
const heldMost = 4 << 10

// held are buffers for what is held back.
var held = sync.Pool{New: func() any { return new([heldMost]byte) }}

// gathered is a connection that can hold back a first part until the next one comes, to
// send both by one call of the system. One goroutine writes, as net/http does.
type gathered struct {
	*net.TCPConn
	buffer *[heldMost]byte // nil: nothing is held back
	n      int             // bytes that are
	failed error           // why they could not be sent
	parts  [2][]byte
	both   net.Buffers
}

// Write implements net.Conn.
func (g *gathered) Write(b []byte) (int, error) {
	switch {
	case g.failed != nil:
		return 0, g.failed
	case g.buffer == nil:
		return g.TCPConn.Write(b)
	case g.n+len(b) <= heldMost:
		g.n += copy(g.buffer[g.n:], b)
		return len(b), nil
	}
	first := g.n
	g.parts = [2][]byte{g.buffer[:first], b}
	g.both = g.parts[:]
	n, err := g.both.WriteTo(g.TCPConn)
	g.parts, g.both, g.n = [2][]byte{}, nil, 0
	if err != nil {
		g.failed = err
	}
	return max(0, int(n)-first), err
}

// ReadFrom implements io.ReaderFrom: net/http sends files by it.
func (g *gathered) ReadFrom(r io.Reader) (int64, error) {
	if err := g.flush(); err != nil {
		return 0, err
	}
	return g.TCPConn.ReadFrom(r)
}

// flush sends what is held back.
func (g *gathered) flush() error {
	if g.n > 0 && g.failed == nil {
		_, g.failed = g.TCPConn.Write(g.buffer[:g.n])
	}
	g.n = 0
	return g.failed
}

// Corked is what Cork returns.
type Corked struct{ conn *gathered }

// Cork makes the connection of a request hold back what is written first, if it serves
// one request at a time and is from Gather, until more is written than it holds or the
// cork is off again, which whoever calls Cork must see to. What could not be sent is told
// by the next Write.
func Cork(r *http.Request) Corked {
	c := connOf(r)
	if c == nil || c.gathered == nil || r.ProtoMajor != 1 || c.gathered.buffer != nil {
		return Corked{}
	}
	c.gathered.buffer, _ = held.Get().(*[heldMost]byte)
	return Corked{c.gathered}
}

// Uncork sends what is held back.
func (c Corked) Uncork() {
	if c.conn == nil {
		return
	}
	_ = c.conn.flush() // the next Write says so
	held.Put(c.conn.buffer)
	c.conn.buffer = nil
}
