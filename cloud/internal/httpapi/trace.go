package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const tracerName = "github.com/openlot/openlot/cloud/internal/httpapi"

// span begins the span of a request, as a child of the caller's (W3C traceparent).
// It is named by the route's template and has no address in it. Without a provider
// there is none, and nothing is done.
func (s *server) span(c *gin.Context, method, route, request string) trace.Span {
	if s.Tracing == nil {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
	ctx, span := s.Tracing.Tracer(tracerName).Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.String("openlot.request_id", request)))
	c.Request = c.Request.WithContext(ctx)
	return span
}

// endSpan ends it with the answer's status.
func endSpan(span trace.Span, status int) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError || status == statusCut {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
	span.End()
}

// traceOf is what finds a request's trace from its log line.
func traceOf(span trace.Span) []slog.Attr {
	if span == nil || !span.SpanContext().IsValid() {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", span.SpanContext().TraceID().String())}
}
