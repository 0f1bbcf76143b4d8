package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/firmware-bridge/twin"
)

// lines is the command with the site's settings.
func (s *site) lines(more ...string) []string {
	return append(append([]string{"lines"}, s.args[1:]...), more...)
}

func TestLinesShowsWhatMoves(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- start(ctx, s.lines("--json"), w, io.Discard)
		_ = w.Close()
	}()
	seen := map[string]string{}
	driven := false
	for in := bufio.NewScanner(r); in.Scan(); {
		var one row
		if err := json.Unmarshal(in.Bytes(), &one); err != nil {
			t.Fatalf("%v: %s", err, in.Text())
		}
		seen[one.Lane+" "+one.Input] = one.Level
		if len(seen) >= 10 && !driven { // the inputs of two gates
			driven = true
			s.vehicle(http.MethodPost, "/gates/entry-1/vehicles", `{"credential":"x","patience_ms":1000}`)
		}
		if seen["entry-1 arming"] == "active" && seen["entry-1 credential"] == "event" {
			break
		}
	}
	if seen["exit-1 safety"] != "inactive" || seen["exit-1 arm_closed"] != "active" {
		t.Errorf("seen %v", seen)
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if code := <-done; code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestABarrierMovesOnlyAfterItsNameWasTyped(t *testing.T) {
	s := newSite(t)
	car := s.vehicle(http.MethodPost, "/gates/entry-1/vehicles", `{"button":true,"patience_ms":600000}`) // it drives in when the arm is up
	for car.Timeline.Presented == 0 {                                                                    // an arm that goes up before it is there comes down again
		car = s.vehicle(http.MethodGet, "/vehicles/"+car.ID, "")
	}
	for name, c := range map[string]struct{ args []string }{
		"another name": {s.lines("--pulse", "open", "--lane", "entry-1", "--confirm", "exit-1")},
		"no such lane": {s.lines("--pulse", "open", "--lane", "entry-9", "--confirm", "entry-9")},
	} {
		if code := start(t.Context(), c.args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%s: it ended with %d", name, code)
		}
	}
	cmd := linesCmd{Pulse: "open", Lane: "entry-1"}
	cfg := &config.Config{Lanes: []config.Lane{{ID: "entry-1", Device: "board"}}, Devices: []config.Device{{ID: "board", Board: &config.Board{Port: "/nothing"}}}}
	var out bytes.Buffer
	if err := cmd.pulse(t.Context(), cfg, strings.NewReader("yes\n"), &out, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(out.String(), "Nobody may be near it") {
		t.Errorf("a yes is no name: %v, %q", err, out.String())
	}
	if v := s.vehicle(http.MethodGet, "/vehicles/"+car.ID, ""); v.Outcome == twin.Passed {
		t.Fatalf("the barrier has moved: %+v", v)
	}
	if code := start(t.Context(), s.lines("--pulse", "open", "--lane", "entry-1", "--confirm", "entry-1"), io.Discard, io.Discard); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if v := s.vehicle(http.MethodGet, "/vehicles/"+car.ID+"?wait=30s", ""); v.Outcome != twin.Passed {
		t.Errorf("the barrier has not moved: %+v", v)
	}
}

func TestNobodyMovesABarrierBesideTheAgent(t *testing.T) {
	s := newSite(t)
	stop := s.run()
	s.cloud.Wait("the agent", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > 0 })
	for _, more := range [][]string{nil, {"--pulse", "open", "--lane", "entry-1", "--confirm", "entry-1"}} {
		var errs bytes.Buffer
		if code := start(t.Context(), s.lines(more...), io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), "agent_running") {
			t.Errorf("lines %v: %d, %s", more, code, errs.String())
		}
	}
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() { done <- start(ctx, s.lines("--json"), w, io.Discard) }()
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil { // it is at work
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	var errs bytes.Buffer
	if code := start(t.Context(), s.args, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), "agent_running") {
		t.Errorf("an agent beside lines: %d, %s", code, errs.String())
	}
	cancel()
	<-done
}

func TestThePanelSaysEachChangeOnce(t *testing.T) {
	var out bytes.Buffer
	p := newPanel(&config.Config{Lanes: []config.Lane{{ID: "entry-1", Device: "pi", Gate: 2}}}, &out, false)
	p.now = func() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }
	p.set("pi", 2, "safety", lane.Off, "rp1:4 high")
	p.set("pi", 2, "safety", lane.Off, "rp1:4 high")
	p.set("pi", 2, "safety", lane.On, "rp1:4 low")
	p.set("pi", 3, "safety", lane.On, "rp1:5 low")
	p.lost("pi", io.ErrUnexpectedEOF)
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		"12:00:00.000 entry-1 safety inactive rp1:4 high", "12:00:00.000 entry-1 safety active rp1:4 low",
		"12:00:00.000 pi gate 3 safety active rp1:5 low", "12:00:00.000 entry-1 safety unknown rp1:4 low",
		"12:00:00.000 pi gate 3 safety unknown rp1:5 low", "12:00:00.000 pi device lost unexpected EOF",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", out.String())
	}
}
