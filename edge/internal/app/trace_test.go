package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/wire"
)

// A collector that takes connections and never answers, and a queue of spans that is
// full because of it: the gate opens and the cloud is told as if there were none.
func TestACollectorThatHangsDelaysNoLane(t *testing.T) {
	t.Parallel()
	held, asked := make(chan struct{}), make(chan struct{}, 1000)
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-held
	}))
	t.Cleanup(collector.Close)
	t.Cleanup(func() { close(held) })
	s := newSite(t)
	var err error
	if s.trace, err = trace.FromEnv(func(k string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}[k]
	}); err != nil {
		t.Fatal(err)
	}
	s.start(true)
	text := s.pass(s.guest.Reservation, 5)
	s.board.arrive(entry1)

	fill := func() wire.Trace {
		return s.trace.Span("filler", trace.Internal, wire.Trace{}, time.Now(), time.Now())
	}
	fill()
	<-asked // whoever sends is busy with that for five seconds
	full := make(chan struct{})
	go func() {
		defer close(full)
		for fill() != (wire.Trace{}) {
		}
	}()
	select {
	case <-full:
	case <-time.After(4 * time.Second): // it waits for room, which is what the lane must not do
		t.Error("whoever has a span waits until the collector answers")
	}
	began := time.Now()
	s.board.show(entry1, text)
	s.board.opened(entry1)
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("the gate opens after %v", took)
	}
	s.board.driveThrough(entry1)
	s.applied(wire.Entered, 1)
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("the cloud knows after %v", took)
	}
}
