package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/scripts/stack"
)

func TestABusyPortStartsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "var")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"run", "--dir", dir, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--mqtt", l.Addr().String()}, &out, &errs)
	said := errs.String()
	if code != 1 || !strings.Contains(said, "port "+port+" is busy, the broker needs it") || !strings.Contains(said, "--mqtt") || strings.Count(said, "\n") != 1 {
		t.Errorf("code %d, says %q", code, said)
	}
	if _, err := os.Stat(dir); err == nil || out.Len() > 0 {
		t.Errorf("something was started: %q", &out)
	}
}

func TestPortsAreAllDifferent(t *testing.T) {
	c := runCmd{HTTP: stack.Loopback(8080), Admin: stack.Loopback(8081), MQTT: stack.Loopback(1883), EdgePort: 8090, TwinPort: 8070}
	seen := map[string]string{}
	for _, p := range c.ports(make([]string, 110)) {
		if other, taken := seen[p.Addr]; taken {
			t.Errorf("%s is for %s and for %s", p.Addr, p.What, other)
		}
		seen[p.Addr] = p.What
	}
	if c.twinAddr(0) != "127.0.0.1:8070" || c.edgeAddr(2) != "127.0.0.1:8092" {
		t.Errorf("the first twin is at %s, the third edge at %s", c.twinAddr(0), c.edgeAddr(2))
	}
}

func TestSampleHasTheLiveParkings(t *testing.T) {
	d, err := readData(filepath.Join("..", "sample"))
	if err != nil {
		t.Fatal(err)
	}
	live := d.live()
	if len(d.parks.ids) != 13 || !slices.Equal(live[:3], sampleLive()) || len(live) < 10 {
		t.Errorf("%d car parks, live %v", len(d.parks.ids), live)
	}
	for _, id := range live {
		if d.parks.capacity[id] < 1 {
			t.Errorf("%s is live without a capacity", id)
		}
	}
}

func TestTooManyEdges(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"run", "--edges", "500"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "--edges is from 1 to") {
		t.Errorf("code %d, says %q", code, &errs)
	}
	if code := run(t.Context(), []string{"run", "--no-such"}, &out, &errs); code != 2 {
		t.Errorf("wrong usage ends with %d", code)
	}
}
