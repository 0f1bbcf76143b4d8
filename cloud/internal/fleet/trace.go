package fleet

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

const tracerName = "github.com/openlot/openlot/cloud/internal/fleet"

// publishTraced sends a delta, to an edge that knows of traces with the spans in
// which it is sent: one in each trace whose commit it tells of.
func (w *worker) publishTraced(ctx context.Context, m *wire.Sync, parents []string) bool {
	if w.s.o.Tracing == nil || w.down.minor < wire.TraceSince || len(parents) == 0 {
		return w.publish(ctx, topic.Sync, m)
	}
	tracer := w.s.o.Tracing.Tracer(tracerName)
	var spans []trace.Span
	for _, p := range parents {
		in := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": p})
		if !trace.SpanContextFromContext(in).IsValid() {
			continue
		}
		_, span := tracer.Start(in, "publish sync", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			attribute.String("messaging.system", "mqtt"), attribute.String("openlot.parking_id", string(w.edge.Parking)),
			attribute.Int64("openlot.revision", int64(m.Through))))
		if c := span.SpanContext(); c.IsValid() {
			m.Traces = append(m.Traces, wire.NewTrace(c.TraceID(), c.SpanID(), c.IsSampled()))
		}
		spans = append(spans, span)
	}
	sent := w.publish(ctx, topic.Sync, m)
	for _, span := range spans {
		if !sent {
			span.SetStatus(codes.Error, "the broker did not take it")
		}
		span.End()
	}
	return sent
}

// applying begins the span in which a batch is applied that names the traces of its
// events: a child of the first, linked to the others. There is none without a name.
func (s *Service) applying(ctx context.Context, b *wire.EventBatch) (context.Context, trace.Span) {
	if s.o.Tracing == nil || len(b.Traces) == 0 {
		return ctx, noop.Span{}
	}
	var links []trace.Link
	for _, t := range b.Traces[1:] {
		links = append(links, trace.Link{SpanContext: remote(t.Trace)})
	}
	return s.o.Tracing.Tracer(tracerName).Start(trace.ContextWithRemoteSpanContext(ctx, remote(b.Traces[0].Trace)), "apply events",
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...), trace.WithAttributes(
			attribute.String("messaging.system", "mqtt"), attribute.Int("messaging.batch.message_count", len(b.Events)),
			attribute.Int64("openlot.seq", int64(b.First))))
}

func remote(t wire.Trace) trace.SpanContext {
	var flags trace.TraceFlags
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: t.TraceID(), SpanID: t.SpanID(), TraceFlags: flags.WithSampled(t.Sampled()), Remote: true,
	})
}
