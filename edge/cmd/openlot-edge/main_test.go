package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/firmware-bridge/twin"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	parking id.Parking = "dresden-altmarkt"
	secret  string     = "not-a-real-secret"
)

// site is a twin, a broker and a cloud, and the arguments of an agent for them.
type site struct {
	t     *testing.T
	twin  string // its API
	cloud *cloudtest.Cloud
	key   pass.SigningKey
	args  []string
	data  string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	port := filepath.Join(dir, "board")
	tw, err := twin.New(twin.Config{
		Name: "twin", Port: port, Speed: 10,
		Gates: []twin.GateConfig{{Name: "entry-1"}, {Name: "exit-1", Exit: true}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tw.Run(ctx) }()
	api := httptest.NewServer(tw.Handler())
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		api.Close()
	})
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	edge := id.New[id.Edge](time.Now())
	b := cloudtest.StartBroker(t, parking, edge, secret)
	s := &site{t: t, twin: api.URL, cloud: cloudtest.StartCloud(t, b, parking), key: key, data: filepath.Join(dir, "data")}
	s.cloud.Signs(key)
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{
		"run", "--parking", string(parking), "--edge-id", edge.String(), "--secret-file", file, "--mqtt", "tcp://" + b.Addr,
		"--data-dir", s.data, "--http", "127.0.0.1:0", "--board", port, "--lanes", "entry-1:entry:0,exit-1:exit:1",
	}
	return s
}

// run runs the agent until stop, which returns its exit code.
func (s *site) run() (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	var log bytes.Buffer
	go func() { code <- start(ctx, s.args, io.Discard, &log) }()
	var once sync.Once
	result := -1
	stop = func() int {
		once.Do(func() {
			cancel()
			result = <-code
			if s.t.Failed() {
				s.t.Log(log.String())
			}
		})
		return result
	}
	s.t.Cleanup(func() { stop() })
	return stop
}

// drive sends a vehicle to a gate and waits until its visit is over.
func (s *site) drive(gate, credential string) twin.Vehicle {
	s.t.Helper()
	body := fmt.Sprintf(`{"credential":%q,"patience_ms":4000}`, credential)
	if credential == "" {
		body = `{"button":true,"patience_ms":4000}`
	}
	v := s.vehicle(http.MethodPost, "/gates/"+gate+"/vehicles", body)
	return s.vehicle(http.MethodGet, "/vehicles/"+v.ID+"?wait=30s", "")
}

func (s *site) vehicle(method, path, body string) (v twin.Vehicle) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), method, s.twin+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode/100 != 2 {
		b, _ := io.ReadAll(r.Body)
		s.t.Fatalf("%s: %s", r.Status, b)
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *site) applied(kind wire.EventKind, n int) (out []wire.Event) {
	s.t.Helper()
	s.cloud.Wait("events of a kind", func(c *cloudtest.Cloud) bool {
		out = slices.DeleteFunc(slices.Clone(c.Applied), func(e wire.Event) bool { return e.Kind != kind })
		return len(out) >= n
	})
	return out
}

// Real cars of the twin, over a real serial line, through the program itself.
func TestCarsDriveThroughTheRealThing(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	guest := id.New[id.Reservation](now)
	text, err := pass.Sign(pass.Pass{
		Parking: parking, Reservation: guest, Generation: 1, SpaceType: id.Standard,
		From: now.Add(-time.Minute), To: now.Add(time.Hour), NoShowAt: now.Add(time.Minute), Revision: 5,
	}, s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Keys: []wire.PassKey{{ID: s.key.Public().ID, Public: s.key.Public().Public}},
		Entries: []wire.Entry{{
			Reservation: guest, Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, Version: 1,
			From: now.Add(-time.Minute).Unix(), To: now.Add(time.Hour).Unix(), NoShowAt: now.Add(time.Minute).Unix(),
		}},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 1, Until: now.Add(time.Hour).Unix()}},
	})
	stop := s.run()
	s.cloud.Wait("the sync", func(c *cloudtest.Cloud) bool { return len(c.Syncs) > 0 })
	s.cloud.Wait("the time", func(c *cloudtest.Cloud) bool {
		return slices.ContainsFunc(c.Applied, func(e wire.Event) bool { return e.Kind == wire.TimeMark })
	})

	if v := s.drive("entry-1", text); v.Outcome != twin.Passed {
		t.Fatalf("a guest: %+v", v)
	}
	in := s.applied(wire.Entered, 1)[0]
	if v := s.drive("entry-1", text); v.Outcome != twin.Refused || !strings.Contains(v.Display, "used") {
		t.Fatalf("the same pass again: %+v", v)
	}
	walkin := s.drive("entry-1", "")
	if walkin.Outcome != twin.Passed || !strings.HasPrefix(walkin.Ticket, "TK1:") {
		t.Fatalf("a walk-in: %+v", walkin)
	}
	if v := s.drive("entry-1", ""); v.Outcome != twin.Refused {
		t.Fatalf("a walk-in with the allotment used up: %+v", v)
	}

	if code := stop(); code != 0 {
		t.Fatalf("the agent ended with %d", code)
	}
	var out, errs bytes.Buffer
	if code := start(context.Background(), []string{"inspect", "--data-dir", s.data}, &out, &errs); code != 0 {
		t.Fatalf("inspect: %d %s", code, errs.String())
	}
	var in2 struct {
		Sessions int  `json:"sessions"`
		Clean    bool `json:"ended_cleanly"`
	}
	if err := json.Unmarshal(out.Bytes(), &in2); err != nil || in2.Sessions != 2 || !in2.Clean {
		t.Errorf("inspect: %+v %v", in2, err)
	}

	stop = s.run() // the next life knows them
	if v := s.drive("exit-1", walkin.Ticket); v.Outcome != twin.Passed {
		t.Fatalf("the walk-in leaves: %+v", v)
	}
	if v := s.drive("exit-1", text); v.Outcome != twin.Passed {
		t.Fatalf("the guest leaves: %+v", v)
	}
	exits := s.applied(wire.Exited, 2)
	if len(exits) != 2 || exits[1].Session != in.Session {
		t.Errorf("exits %+v", exits)
	}
	for _, e := range s.applied(wire.LaneFault, 0) {
		t.Errorf("a fault on a quiet day: %+v", e)
	}
	for _, e := range s.applied(wire.Entered, 2) {
		if e.Inferred {
			t.Errorf("inferred though it was seen: %+v", e)
		}
	}
	stop()
}

func TestAMistypedVariableIsNotIgnored(t *testing.T) {
	t.Setenv("OPENLOT_EDGE_LANE", "entry-1:entry:0")
	var errs bytes.Buffer
	if code := start(context.Background(), []string{"version"}, io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), "OPENLOT_EDGE_LANE ") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	yaml := filepath.Join(dir, "edge.yaml")
	if err := os.WriteFile(yaml, []byte("parking: dresden-altmarkt\nlane: nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{
		"run", "--parking", "dresden-altmarkt", "--edge-id", id.New[id.Edge](time.Now()).String(), "--secret-file", file,
		"--data-dir", dir, "--board", file, "--http", "127.0.0.1:0",
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no board":           {append(slices.Clone(good), "--board", filepath.Join(dir, "nothing")), "--board"},
		"lanes":              {append(slices.Clone(good), "--lanes", "entry-1:in:0"), "--lanes"},
		"a lane twice":       {append(slices.Clone(good), "--lanes", "a:entry:0,a:exit:1"), "twice"},
		"a gate twice":       {append(slices.Clone(good), "--lanes", "a:entry:0,b:exit:0"), "twice"},
		"parking":            {append(slices.Clone(good), "--parking", "Dresden!"), "--parking"},
		"edge id":            {append(slices.Clone(good), "--edge-id", "edg_1"), "--edge-id"},
		"secret":             {append(slices.Clone(good), "--secret-file", filepath.Join(dir, "nothing")), "--secret-file"},
		"broker":             {append(slices.Clone(good), "--mqtt", "localhost"), "--mqtt"},
		"zone":               {append(slices.Clone(good), "--timezone", "Europe/Dresden"), "--timezone"},
		"unknown flag":       {append(slices.Clone(good), "--color", "blue"), "--color"},
		"unknown setting":    {append(slices.Clone(good), "--config", yaml), `"lane"`},
		"below zero":         {[]string{"gate", "--data-dir", dir, "--lane", "entry-1", "--by", "rosa", "--why", "counted", "count", "-5"}, "-5 is below zero"},
		"nothing to inspect": {[]string{"inspect", "--data-dir", filepath.Join(dir, "nothing")}, "no store"},
	} {
		t.Run(name, func(t *testing.T) {
			var errs bytes.Buffer
			if code := start(context.Background(), c.args, io.Discard, &errs); code == 0 || !strings.Contains(errs.String(), c.want) {
				t.Errorf("exit %d, %q does not name %s", code, errs.String(), c.want)
			}
		})
	}
}

// What tests need never reaches a Pi.
func TestTheProgramHoldsNoTestBroker(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"mochi-mqtt", "nats-io", "gin-gonic", "jackc/pgx", "riverqueue", "cloudtest", "firmware-bridge/twin", "testing\n"} {
		if strings.Contains(string(out), forbidden) {
			t.Errorf("the edge agent depends on %s", forbidden)
		}
	}
}
