package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg/pgtest"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/soak/check"
)

// asWorker makes this test binary a worker.
const asWorker = "OPENLOT_SOAK_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		if err := Work(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func config(t *testing.T) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		DSN: postgrestest.DSN(t), Dir: t.TempDir(), Command: []string{self}, Env: []string{asWorker + "=1"},
		Operations: 5000, For: 6 * time.Second, Workers: 3, Clients: 24, KillEvery: 600 * time.Millisecond, CheckEvery: time.Second,
		Speed: 2400, Seed: 1, Out: t.Output(),
	}
}

// crashing is a run on a Postgres of its own, which is killed, too. Its commits are
// as durable as synchronous says.
func crashing(t *testing.T, synchronous string) Config {
	t.Helper()
	cluster := pgtest.Durable(t)
	if err := cluster.EnsureDatabase(t.Context(), "soak"); err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	cfg.DSN = cluster.DSN("soak")
	if err := postgres.Migrate(t.Context(), cfg.DSN, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := postgrestest.Owner(t, cfg.DSN).Exec(t.Context(), "alter database soak set synchronous_commit = "+synchronous); err != nil {
		t.Fatal(err)
	}
	cfg.Crash = func(ctx context.Context) error {
		if err := cluster.Crash(); err != nil {
			return err
		}
		return cluster.Restart(ctx)
	}
	cfg.Operations, cfg.For, cfg.CrashEvery = 10000, 90*time.Second, 2500*time.Millisecond
	return cfg
}

// The short form of make soak.
func TestNothingIsOversoldLeakedOrLost(t *testing.T) {
	cfg := crashing(t, "on")
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.JSON())
	if !r.OK {
		t.Errorf("%s\n%v", r.Found, r.Wrong)
	}
	if r.Operations < 500 || r.Kills < 3 || r.Crashes < 1 || r.Checks < 1 || r.Refused == 0 {
		t.Errorf("too little was done to mean anything: %d operations, %d refused, %d kills, %d of Postgres, %d checks", r.Operations, r.Refused, r.Kills, r.Crashes, r.Checks)
	}
	for _, name := range Operations() {
		if r.ByName[name] == 0 && name != "miss" && name != "replace-edge" { // nobody is late, or old enough, yet when the machine is slow
			t.Errorf("no %s was done", name)
		}
	}
}

// What is taken away between an answer and the end is missed, and a line that no
// worker writes is noticed.
func TestLossIsSeen(t *testing.T) {
	cfg := config(t)
	cfg.Operations, cfg.KillEvery, cfg.CheckEvery = 400, 0, 0
	r := &run{Config: cfg, clock: clock{Start: time.Now(), Speed: 1}, ops: map[string]int{}, results: map[result]int{}, texts: map[string]string{}, failed: make(chan struct{}), enough: make(chan struct{})}
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.db.Close()
	defer func() { _ = r.conn.Close(context.Background()) }()
	for _, n := range []note{
		{op: "reserve", result: accepted, parking: "small-2", row: reservationRow, id: [16]byte{1}},
		{op: "settle", result: accepted, parking: "small-2", row: paymentRow, id: [16]byte{2}},
		{op: "leave", result: accepted, parking: "small-2", row: sessionRow, id: [16]byte{3}, state: "left"},
		{op: "adopt", result: accepted, parking: "small-2", row: watermarkRow, version: 9},
		{op: "extend", result: accepted, parking: "small-2", row: noRow, revision: 99},
	} {
		r.note(strings.TrimSuffix(string(n.line()), "\n"))
	}
	if err := r.verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.result(); got.Lost != 5 || got.OK || !strings.Contains(got.JSON(), `"soak":"failed"`) {
		t.Errorf("5 answers without effect: %s", got.JSON())
	}
	for _, c := range []struct {
		now  stored
		want string
	}{
		{stored{3, "cancelled"}, ""},
		{stored{2, "cancelled"}, "version 3 was answered, it is at 2"},
		{stored{4, "confirmed"}, "it was cancelled for good, it is confirmed"},
	} {
		n := note{row: reservationRow, version: 3, state: "cancelled"}
		if why := n.missing(map[rowKind]map[[16]byte]stored{reservationRow: {{}: c.now}}, map[[16]byte]bool{{}: true}, nil, nil); why != c.want {
			t.Errorf("%v: %q, want %q", c.now, why, c.want)
		}
	}
	r.note("reserve ok")
	select {
	case <-r.failed:
	default:
		t.Error("a line that is no note passes")
	}
}

// Without the guards the same run does not pass: the counters are written as if
// nobody else had been there.
func TestAForgottenClaimFailsTheRun(t *testing.T) {
	cfg := config(t)
	cfg.KillEvery, cfg.Operations, cfg.CheckEvery = 0, 0, 500*time.Millisecond
	owner := postgrestest.Owner(t, cfg.DSN)
	plantLostClaims(t, owner)
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK || r.Found.Counts[check.Oversold]+r.Found.Counts[check.Leaked] == 0 {
		t.Errorf("claims were lost, and the run says %s", r.JSON())
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(r.JSON()), &line); err != nil || line["soak"] != "failed" {
		t.Errorf("%s: %v", r.JSON(), err)
	}
	if left, err := filepath.Glob(filepath.Join(cfg.Dir, "*.journal")); err != nil || len(left) == 0 {
		t.Errorf("no edge kept a journal: %v", err)
	}
}
