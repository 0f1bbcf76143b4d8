package trace_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

func env(pairs ...string) func(string) string {
	return func(k string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == k {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// Who names no collector pays nothing.
func TestNoCollectorCostsNothing(t *testing.T) {
	tr, err := trace.FromEnv(env())
	if err != nil || tr != nil {
		t.Fatalf("%v, %v", tr, err)
	}
	e := wire.Event{Kind: wire.Admitted}
	if n := testing.AllocsPerRun(100, func() { tr.Begin(&e); tr.Recorded(nil, time.Time{}, time.Time{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for _, bad := range [][]string{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c", "OTEL_TRACES_SAMPLER", "some"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c", "OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "2"},
	} {
		if tr, err := trace.FromEnv(env(bad...)); err == nil || tr != nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// A collector that never answers holds up nobody: what does not fit the queue is
// left out, and the agent ends in time.
func TestACollectorThatHangsHoldsUpNobody(t *testing.T) {
	held := make(chan struct{})
	asked := make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-held
	}))
	defer s.Close()
	defer close(held)
	tr, err := trace.FromEnv(env("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tr.Run(ctx, slog.New(slog.DiscardHandler)) }()
	took, left := 0, 0
	for range 5000 {
		if tr.Span("x", trace.Internal, wire.Trace{}, time.Now(), time.Now()) == (wire.Trace{}) {
			left++
		} else {
			took++
		}
	}
	<-asked
	if left == 0 || took > 1000 {
		t.Errorf("%d were taken, %d left out", took, left)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	if n := tr.Dropped(); n != 5000 {
		t.Errorf("%d are counted as dropped of 5000 that nobody got", n)
	}
}

// An admission and the entry after it are one trace; a batch names their spans as
// soon as they are journalled; what an event says of the driver is in none.
func TestAnEntryIsOneTrace(t *testing.T) {
	told := make(chan map[string]any, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("X-Key") != "a b" {
			t.Errorf("%v %s %v", err, r.URL, r.Header)
		}
		told <- m
	}))
	defer s.Close()
	tr, err := trace.FromEnv(env("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL+"/", "OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b"), trace.Attr{Key: "openlot.parking_id", Text: "p"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ses, boot := id.New[id.Session](now), id.New[id.Boot](now)
	events := []wire.Event{
		{Seq: 4, Boot: boot, Mono: 1, Kind: wire.Admitted, Lane: "in", Session: ses, Reason: wire.AdmitWalkin, SpaceType: id.Standard},
		{Seq: 5, Boot: boot, Mono: 2, Kind: wire.Entered, Lane: "in", Session: ses},
		{Seq: 6, Boot: boot, Mono: 3, Kind: wire.TimeMark, TrustedLo: 5},
	}
	var raw [][]byte
	for i := range events {
		b, err := wire.Marshal(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
		tr.Begin(&events[i])
	}
	named := tr.Of(raw)
	if len(named) != 2 || named[0].Place != 0 || named[1].Place != 1 || named[0].Trace.TraceID() != named[1].Trace.TraceID() {
		t.Fatalf("%+v", named)
	}
	tr.Recorded(events, now, now.Add(time.Millisecond))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := tr.Run(ctx, slog.New(slog.DiscardHandler)); err != nil { // what waits is sent at the end
		t.Fatal(err)
	}
	spans := (<-told)["resourceSpans"].([]any)[0].(map[string]any)["scopeSpans"].([]any)[0].(map[string]any)["spans"].([]any)
	if len(spans) != 2 {
		t.Fatalf("%v", spans)
	}
	first, second := spans[0].(map[string]any), spans[1].(map[string]any)
	if first["name"] != "gate admitted" || first["parentSpanId"] != nil || second["name"] != "gate entered" || second["parentSpanId"] != first["spanId"] {
		t.Errorf("%v", spans)
	}
}

// A payment at a machine is at no lane: its span names none, not the number 0.
func TestWhatIsAtNoLaneNamesNone(t *testing.T) {
	told := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		told <- string(b)
	}))
	defer s.Close()
	tr, err := trace.FromEnv(env("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	e := wire.Event{Seq: 4, Boot: id.New[id.Boot](now), Kind: wire.Paid, Session: id.New[id.Session](now)}
	tr.Begin(&e)
	tr.Recorded([]wire.Event{e}, now, now)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := tr.Run(ctx, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if got := <-told; !strings.Contains(got, "gate paid") || strings.Contains(got, "openlot.lane") {
		t.Error(got)
	}
}
