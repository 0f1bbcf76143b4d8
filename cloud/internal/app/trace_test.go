package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/openlot/openlot/cloud/internal/app"
)

// A caller's trace goes on in ours: the request, the statements that were run for
// it, and the batches that it was committed in, under one trace id, which the log
// line of the request has, too. Nobody's address is in it.
func TestAReservationIsOneTrace(t *testing.T) {
	spans := make(told, 1000)
	dir, log := home(t), &lines{}
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	r := serveConfig(t, dir, slog.New(slog.NewTextHandler(log, nil)), app.Config{Tracing: sdk.NewTracerProvider(sdk.WithSyncer(spans))})

	const traceID, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Hour)
	body := fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"driver@example.org"}}`,
		from.Format(time.RFC3339), from.Add(2*time.Hour).Format(time.RFC3339))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.HTTP+"/reserve", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "a-reservation-that-is-traced")
	req.Header.Set("Traceparent", "00-"+traceID+"-"+parent+"-01")
	if status, _ := call(t, req); status != http.StatusCreated {
		t.Fatalf("answered with %d", status)
	}

	// The answer is there before the request's own span, the last of it, has ended.
	var server tracetest.SpanStub
	statements, commits, late := 0, 0, time.After(10*time.Second)
	for !server.SpanContext.IsValid() {
		var s tracetest.SpanStub
		select {
		case s = <-spans:
		case <-late:
			t.Fatal("the request has no span")
		}
		if s.SpanContext.TraceID().String() != traceID {
			continue
		}
		switch {
		case s.SpanKind == trace.SpanKindServer && s.Name == "POST /reserve":
			server = s
		case s.Name == "commit batch":
			commits++
		case s.SpanKind == trace.SpanKindClient:
			statements++
		}
		if text := fmt.Sprintf("%v %v %v", s.Name, s.Attributes, s.Events); strings.Contains(text, "driver@") {
			t.Errorf("a span says who it was: %s", text)
		}
	}
	if server.Parent.SpanID().String() != parent {
		t.Errorf("the request's span is a child of %s", server.Parent.SpanID())
	}
	// Held and confirmed are two commits.
	if statements == 0 || commits < 2 {
		t.Errorf("%d statements and %d commits have a span", statements, commits)
	}
	if !log.has("route=/reserve", "trace_id="+traceID) {
		t.Error("the log line of the request does not name the trace")
	}
}

// told is an exporter that hands each span on when it has ended.
type told chan tracetest.SpanStub

// ExportSpans implements sdk.SpanExporter.
func (c told) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		c <- tracetest.SpanStubFromReadOnlySpan(s)
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (told) Shutdown(context.Context) error { return nil }

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// has reports whether a line has all of the words.
func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return true
	}
	return false
}
