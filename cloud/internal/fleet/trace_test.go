package fleet_test

import (
	"context"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/openlot/openlot/protocol/wire"
)

// An edge of an earlier minor version could not read the field: it is told the same,
// without it, and there is no span of what it was not told.
func TestOnlyWhoKnowsOfTracesIsToldOfThem(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	tracing := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	t.Cleanup(func() { _ = tracing.Shutdown(context.Background()) }) // it only forgets
	s := newStack(t, time.Minute)
	s.stop()
	s.tracing = tracing
	s.stop = s.serve()
	e := s.edge(s.enroll())
	const traceID, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

	for _, minor := range []uint8{wire.TraceSince - 1, wire.TraceSince} {
		e.minor = minor
		if w := e.greet(); w.Minor != minor {
			t.Fatalf("an edge of minor %d is answered with %d", minor, w.Minor)
		}
		for e.revision < uint64(s.count(`select revision from parking_head where parking = 'altmarkt'`)) {
			e.sync() // a snapshot, which names no traces
		}
		if _, err := s.owner.Exec(t.Context(), `select record_event('altmarkt', 'test', jsonb_build_object('trace', $1::text))`, "00-"+traceID+"-"+parent+"-01"); err != nil {
			t.Fatal(err)
		}
		head := uint64(s.count(`select max(revision) from event where parking = 'altmarkt' and kind = 'test'`))
		var named []wire.Trace
		for e.revision < head {
			named = append(named, e.sync().Traces...)
		}
		told := spans.GetSpans()
		if minor < wire.TraceSince {
			if len(named) > 0 || len(told) > 0 {
				t.Fatalf("an edge of minor %d is told of %x, and %d spans tell of it", minor, named, len(told))
			}
			continue
		}
		if len(named) != 1 || len(told) != 1 {
			t.Fatalf("an edge of minor %d is told of %x, and %d spans tell of it", minor, named, len(told))
		}
		got := told[0]
		if got.Name != "publish sync" || got.SpanContext.TraceID().String() != traceID || got.Parent.SpanID().String() != parent ||
			named[0] != wire.NewTrace(got.SpanContext.TraceID(), got.SpanContext.SpanID(), true) {
			t.Errorf("the sync names %x; the span is %+v", named[0], got)
		}
	}
}
