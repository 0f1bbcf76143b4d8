package stack_test

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
)

// A reservation is one trace, from the caller through the cloud's request, its
// statements, its commit and its sync to the edge that takes it up; and an entry is
// one from the gate through the batch to the cloud's commit. All of it is real: the
// programs, Postgres, the broker, the board's twin; only who collects is a stand-in.
func TestATraceGoesToTheGateAndComesBack(t *testing.T) {
	told := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", told.url)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms; the cloud's kit waits five seconds otherwise
	s, parking := start(t)
	site := s.Sites[0]

	const traceID, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	cloud := &client.Cloud{URL: s.URL(), HTTP: &http.Client{Transport: traced("00-" + traceID + "-" + caller + "-01")}}
	from := time.Now().UTC().Truncate(time.Second)
	r, _, err := cloud.Reserve(t.Context(), "a-reservation-that-is-traced", client.Wanted{
		ParkingID: parking, SpaceType: "standard", From: from, To: from.Add(2 * time.Hour), VehiclePlate: "DDTR100",
		PaymentMethod: "pm_sandbox_ok", Contact: &client.Contact{Email: "driver@example.org"},
	})
	if err != nil || r.State != "confirmed" {
		t.Fatalf("%v, %s", err, r.State)
	}

	trace := decoded(t, traceID)
	in := func(service, name string, parent []byte) func(span) bool {
		return func(s span) bool {
			return s.service == service && s.Name == name && bytes.Equal(s.TraceId, trace) && bytes.Equal(s.ParentSpanId, parent)
		}
	}
	request := told.await("the request", in("openlot", "POST /reserve", decoded(t, caller)))
	told.await("a statement of it", func(s span) bool {
		return s.service == "openlot" && s.Kind == tracepb.Span_SPAN_KIND_CLIENT && s.Name == "SELECT" && bytes.Equal(s.TraceId, trace)
	})
	told.await("its commit", in("openlot", "commit batch", request.SpanId))
	sent := told.await("the sync", in("openlot", "publish sync", request.SpanId))
	told.await("the edge's taking it up", in("openlot-edge", "apply sync", sent.SpanId))

	twin := &client.Twin{URL: site.TwinURL, HTTP: client.NewHTTP()}
	v, err := twin.Visit(t.Context(), "entry-1", r.Pass, "DDTR100", 20*time.Second)
	if err != nil || v.Outcome != client.Passed {
		t.Fatalf("%v, %+v", err, v)
	}
	entered := told.await("the entry", func(s span) bool { return s.service == "openlot-edge" && s.Name == "gate entered" })
	trace = entered.TraceId
	told.await("what the entry goes on with", func(s span) bool {
		return s.service == "openlot-edge" && s.Name == "gate admitted" && bytes.Equal(s.TraceId, trace) && bytes.Equal(s.SpanId, entered.ParentSpanId)
	})
	// Admission and entry may be of one batch: then the entry is linked.
	applied := told.await("the cloud's applying it", func(s span) bool {
		if s.service != "openlot" || s.Name != "apply events" || !bytes.Equal(s.TraceId, trace) {
			return false
		}
		of := bytes.Equal(s.ParentSpanId, entered.SpanId)
		for _, l := range s.Links {
			of = of || bytes.Equal(l.SpanId, entered.SpanId) && bytes.Equal(l.TraceId, trace)
		}
		return of
	})
	told.await("its commit", in("openlot", "commit batch", applied.SpanId))
	// The edge hears of what it told, in the same trace.
	sent = told.await("the sync of it", in("openlot", "publish sync", applied.SpanId))
	told.await("the edge's taking it up", in("openlot-edge", "apply sync", sent.SpanId))

	told.mu.Lock()
	defer told.mu.Unlock()
	for _, s := range told.spans {
		if text := s.Span.String(); strings.Contains(text, "DDTR100") || strings.Contains(text, "driver@") || strings.Contains(text, r.Pass) {
			t.Errorf("a span says who it was: %s", text)
		}
	}
}

// start builds the programs and starts a cloud and one parking with a gate.
func start(t *testing.T) (*stack.Stack, string) {
	t.Helper()
	const parking = "dresden-altmarkt"
	dir, err := os.MkdirTemp("", "openlot-trace-") //nolint:usetesting // Postgres' own user may not enter what t.TempDir is in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	bin := filepath.Join(dir, "bin") + string(filepath.Separator)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cloud/cmd/openlot", "./edge/cmd/openlot-edge", "./firmware-bridge/cmd/openlot-board")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ports, err := stack.FreePorts(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(t.Context(), stack.Config{
		Bin: bin, Dir: dir, HTTP: ports[0], Admin: ports[1], MQTT: ports[2], CarParks: filepath.Join("..", "sample", "carparks.geojson"),
		Live: []string{parking}, Speed: 10,
		TwinHTTP: func(int) string { return ports[3] }, EdgeHTTP: func(int) string { return ports[4] },
	}, func(step string) { t.Log(step) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, parking
}

// traced sends a traceparent with every request.
type traced string

// RoundTrip implements http.RoundTripper.
func (p traced) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", string(p))
	return http.DefaultTransport.RoundTrip(r)
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
