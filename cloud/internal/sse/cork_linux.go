package sse

import (
	"net/http"
	"syscall"
)

// Corked is a connection that holds back what does not fill a packet.
type Corked struct{ conn *plainConn }

// Cork makes what is written to the connection of a request leave it together: net/http
// writes the head of a long answer apart from most of its body, and each time costs the
// kernel a way through its layers. It does nothing when the connection is not known, or
// is not of this request alone.
func Cork(r *http.Request) Corked {
	if r.ProtoMajor != 1 {
		return Corked{}
	}
	c := Corked{connOf(r)}
	c.set(1)
	return c
}

// Uncork sends what was held back.
func (c Corked) Uncork() { c.set(0) }

func (c Corked) set(on int32) {
	if c.conn == nil {
		return
	}
	// A connection that is closed has nothing to send.
	_ = c.conn.raw.Control(func(fd uintptr) { setsockopt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, on) })
}
