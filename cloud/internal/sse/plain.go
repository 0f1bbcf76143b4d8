package sse

import (
	"net/http"
	"time"
)

// plain is the ordinary handler: it returns when the client, or the server, ends.
func (s *Server) plain(w http.ResponseWriter, r *http.Request, t *Topic) {
	c := client{s, w, http.NewResponseController(w)}
	wake, unwatch := t.Watch()
	defer unwatch()
	forget := s.known(c.control)
	defer forget()
	if !c.write(retry(nil)) {
		return
	}
	silence := time.NewTimer(s.options.Heartbeat)
	defer silence.Stop()
	var seen uint64
	var leave <-chan time.Time
	draining := s.draining
	for {
		frame, newest := t.source.Since(seen)
		if frame != nil {
			if !c.write(frame) {
				return
			}
			seen = newest
			silence.Reset(s.options.Heartbeat)
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		case <-draining:
			draining = nil
			leave = time.After(s.share())
		case <-leave:
			c.write(retry(nil))
			return
		case <-wake:
		case <-silence.C:
			if !c.write([]byte(beat)) {
				return
			}
			silence.Reset(s.options.Heartbeat)
		}
	}
}

// client is the writing end of an ordinary stream.
type client struct {
	s       *Server
	w       http.ResponseWriter
	control *http.ResponseController
}

// write sends a frame, or reports that the client is gone or stuck.
func (c client) write(frame []byte) bool {
	// Without deadlines, as behind some middleware, TCP's own must do.
	began := time.Now()
	_ = c.control.SetWriteDeadline(began.Add(c.s.options.Stuck))
	if c.s.drained.Load() { // Drain may have set its own before
		_ = c.control.SetWriteDeadline(began.Add(lastWrite))
	}
	n, err := c.w.Write(frame)
	c.s.writes.Add(1)
	c.s.bytes.Add(int64(n))
	if err == nil {
		err = c.control.Flush()
	}
	if err != nil && time.Since(began) >= c.s.options.Stuck {
		c.s.evicted.Add(1)
	}
	return err == nil
}
