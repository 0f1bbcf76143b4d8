package httpapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
)

// statusCut counts an answer that was broken off.
const statusCut = 499

// observe names the request, and counts and logs it when it is done.
func (s *server) observe(c *gin.Context) {
	began := time.Now()
	name := c.GetHeader(problem.RequestIDHeader)
	if !goodRequestID(name) {
		name = rand.Text()[:16]
	}
	c.Header(problem.RequestIDHeader, name)
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	s.Metrics.begun()
	span := s.span(c, method(c.Request.Method), route, name)
	panicked := true
	defer func() {
		if panicked { // the connection is cut
			endSpan(span, statusCut)
			s.Metrics.ended(c, method(c.Request.Method), route, statusCut, time.Since(began))
		}
	}()
	c.Next()
	panicked = false

	status, took := c.Writer.Status(), time.Since(began)
	s.Metrics.ended(c, method(c.Request.Method), route, status, took)
	s.line(c, name, route, status, took, span)
	endSpan(span, status)
}

// unremarkable is how long an answer may take without being news.
const unremarkable = 250 * time.Millisecond

// line logs a request.
func (s *server) line(c *gin.Context, name, route string, status int, took time.Duration, span trace.Span) {
	level, last := slog.LevelInfo, c.Errors.Last()
	switch {
	case last != nil && (status >= http.StatusInternalServerError || probe(route)): // who is told 404 by a probe has found nothing missing
		level = slog.LevelError
	case last == nil && probe(route) && status == http.StatusOK,
		last == nil && listed(route) && status < http.StatusBadRequest && took < unremarkable:
		level = slog.LevelDebug
	}
	if !s.Log.Enabled(c.Request.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", name), slog.String("method", method(c.Request.Method)), slog.String("route", route),
		slog.Int("status", status), slog.Int("bytes", max(c.Writer.Size(), 0)), slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	attrs = append(attrs, traceOf(span)...)
	if last != nil {
		attrs = append(attrs, slog.String("code", fault.Code(last.Err)))
	}
	if level == slog.LevelError {
		attrs = append(attrs, slog.Any("err", last.Err))
	}
	s.Log.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// probe reports a route that balancers ask every few seconds: that all is well is
// no news.
func probe(route string) bool { return route == healthzPath || route == readyzPath }

// method keeps words that somebody made up out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// goodRequestID accepts a name that a proxy in front of us gave.
func goodRequestID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// recover turns a panic into an opaque 500; when the answer has begun, the
// connection is cut so that nobody takes it for whole.
func (s *server) recover(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p) // net/http's own way to cut a connection
		}
		err := fmt.Errorf("panic: %v", p)
		_ = c.Error(err)
		s.Log.ErrorContext(c.Request.Context(), "a handler panicked", "route", c.FullPath(), "err", err, "stack", string(debug.Stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		problem.Write(c.Writer, c.Request, err)
	}()
	c.Next()
}

// secure makes what sets the headers that every answer has, and every page. Pages set
// their own content security policy.
func secure() gin.HandlerFunc {
	// All answers share the values; who adds one to them gets a copy.
	nosniff, noReferrer, deny, same := []string{"nosniff"}, []string{"no-referrer"}, []string{"DENY"}, []string{"same-origin"}
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["X-Content-Type-Options"] = nosniff
		h["Cross-Origin-Resource-Policy"] = same
		if !listed(c.FullPath()) {
			h["Referrer-Policy"] = noReferrer // links carry tokens
			h["X-Frame-Options"] = deny
		}
		c.Next()
	}
}

// listed reports a route whose answers are never a page, and are asked for more than all
// others: a map of headers of more than eight costs them a twentieth of their time.
func listed(route string) bool {
	return route == parkingsPath || route == parkingPath || route == namedPath
}

// The listing's routes.
const (
	parkingsPath = "/parkings"
	parkingPath  = "/parking"
	namedPath    = "/parkings/:id"
)
