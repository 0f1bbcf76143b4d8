package uplink_test

import (
	"testing"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/wire"
)

// A cloud of an earlier minor version could not read the field: it is sent the same
// events, without it.
func TestOnlyACloudThatKnowsOfTracesIsToldOfThem(t *testing.T) {
	t.Parallel()
	e := start(t, secret, func(e *edge) {
		var err error
		if e.trace, err = trace.FromEnv(func(k string) string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}[k] // nothing is sent: it does not run
		}); err != nil {
			t.Fatal(err)
		}
		e.cloud.Set(cloudtest.Faults{Minor: wire.TraceSince - 1})
	})
	named := func() (n int) {
		e.cloud.Look(func(c *cloudtest.Cloud) {
			for _, b := range c.Batches {
				n += len(b.Traces)
			}
		})
		return n
	}
	e.record(3)
	e.settled(3)
	if n := named(); n != 0 {
		t.Fatalf("a cloud of minor %d is told of %d traces", wire.TraceSince-1, n)
	}
	e.net.Cut()
	e.cloud.Set(cloudtest.Faults{Minor: wire.TraceSince})
	e.record(1)
	e.net.Heal()
	e.settled(4)
	if n := named(); n != 1 {
		t.Errorf("a cloud of minor %d is told of %d traces of one event", wire.TraceSince, n)
	}
}
