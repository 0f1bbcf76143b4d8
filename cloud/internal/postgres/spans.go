package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// spans makes a span of each statement that is run for somebody whose request is
// traced. Statements carry parameters apart from their text, so that nothing
// personal is in a span.
type spans struct{}

var _ pgx.QueryTracer = spans{}

// TraceQueryStart implements pgx.QueryTracer.
func (spans) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx
	}
	ctx, _ = parent.TracerProvider().Tracer(tracerName).Start(ctx, verb(d.SQL), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.query.text", d.SQL)))
	return context.WithValue(ctx, ownSpan{}, true)
}

// ownSpan marks the context of a statement that has a span.
type ownSpan struct{}

// TraceQueryEnd implements pgx.QueryTracer.
func (spans) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if ctx.Value(ownSpan{}) == nil {
		return
	}
	s := trace.SpanFromContext(ctx)
	if d.Err != nil {
		s.SetStatus(codes.Error, "the statement failed") // its text may quote values
	}
	s.End()
}

const tracerName = "github.com/openlot/openlot/cloud/internal/postgres"

// verb is a statement's first word: the name of its span.
func verb(sql string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	if word = strings.ToUpper(strings.TrimSpace(word)); len(word) > 10 {
		return "SQL"
	}
	return word
}

// traced gives everybody whose request is in a batch, and is traced, a span of the
// one statement that committed it for all.
func (f *flight) traced(began, ended time.Time) {
	for _, u := range f.units {
		for _, r := range u.requests {
			parent := trace.SpanFromContext(r.ctx)
			if !parent.IsRecording() {
				continue
			}
			_, s := parent.TracerProvider().Tracer(tracerName).Start(r.ctx, "commit batch", trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.Int("db.operation.batch.size", f.requests())))
			if f.err != nil {
				s.SetStatus(codes.Error, "the batch was not committed")
			}
			s.End(trace.WithTimestamp(ended))
		}
	}
}

// traced puts into each event what trace it is of, so that who tells an edge of it,
// maybe in another process, goes on with that.
func (u *unit) traced() {
	begin := 0
	for i, r := range u.requests {
		span := trace.SpanFromContext(r.ctx)
		for e := begin; e < u.last[i]; e++ {
			u.writes.Events[e].Body.Trace = ""
			if span.IsRecording() && span.SpanContext().IsSampled() {
				u.writes.Events[e].Body.Trace = "00-" + span.SpanContext().TraceID().String() + "-" + span.SpanContext().SpanID().String() + "-01"
			}
		}
		begin = max(begin, u.last[i])
	}
}
