package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/position"
)

// positionTimeout bounds how long an answer waits to say how far the log is.
const positionTimeout = time.Second

// positioned lets a client read what it has written: an answer that may have changed
// something says how far the database's log had come, and who sends that with a reading
// is answered from a server that has got so far.
func (s *server) positioned(c *gin.Context) {
	if s.Position == nil {
		return
	}
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		c.Writer = &telling{ResponseWriter: c.Writer, before: func() { s.tell(c) }}
		return
	}
}

// reading is what ctx is for a request that is answered from wherever it is fresh
// enough for its client.
func reading(ctx context.Context, c *gin.Context) (context.Context, error) {
	p, err := position.Parse(c.GetHeader(position.Header))
	return position.With(ctx, p), err
}

func (s *server) tell(c *gin.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), positionTimeout)
	defer cancel()
	p, err := s.Position(ctx)
	if err != nil {
		p = position.Unknown // what was changed is read where it was
	}
	c.Header(position.Header, p.String())
}

// telling calls before once, when nothing was written yet.
type telling struct {
	gin.ResponseWriter
	before func()
	told   bool
}

func (w *telling) tell() {
	if !w.told {
		w.told = true
		w.before()
	}
}

// Write implements http.ResponseWriter.
func (w *telling) Write(b []byte) (int, error) {
	w.tell()
	return w.ResponseWriter.Write(b)
}

// WriteString implements gin.ResponseWriter.
func (w *telling) WriteString(s string) (int, error) {
	w.tell()
	return w.ResponseWriter.WriteString(s)
}

// WriteHeaderNow implements gin.ResponseWriter.
func (w *telling) WriteHeaderNow() {
	w.tell()
	w.ResponseWriter.WriteHeaderNow()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *telling) Unwrap() http.ResponseWriter { return w.ResponseWriter }
