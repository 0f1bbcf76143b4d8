package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// TestMain lets this program be the one that checkStore starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "check-store" {
		os.Exit(start(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// inside makes a store with so many vehicles inside, and closes it.
func inside(t *testing.T, path string, n int) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(path, log, time.Now, store.WithCheck(checkStore(log)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range n {
		now := time.Now()
		_, err := s.Record(func(*admission.State) []admission.Fact {
			return []admission.Fact{{Event: wire.Event{
				Boot: id.New[id.Boot](now), Wall: now.UnixMilli(), Kind: wire.Admitted, Lane: "entry-1", Session: id.New[id.Session](now),
				SpaceType: id.Standard, Reason: wire.AdmitWalkin,
			}}}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestADamagedStoreIsRepairedByHandAsByAStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, app.StoreFile)
	inside(t, path, 5)
	run := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := start(t.Context(), append(args, "--data-dir", dir), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, said := run("repair"); code != 0 || !strings.Contains(said, "nothing to repair") {
		t.Errorf("a whole store: %d %s", code, said)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 2 * 4096; i < len(b); i += 4096 {
		copy(b[i:], "this is no page of bbolt's")
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := run("inspect"); code != 1 || !strings.Contains(said, "store_corrupt") {
		t.Errorf("inspected: %d %s", code, said)
	}
	code, said := run("repair")
	if after, err := os.ReadFile(path); code != 0 || !strings.Contains(said, "Nothing was changed") || err != nil || !bytes.Equal(after, b) {
		t.Errorf("only said: %d %s %v", code, said, err)
	}
	if code, said := run("repair", "--apply"); code != 0 {
		t.Errorf("done: %d %s", code, said)
	}
	code, said = run("inspect")
	var in struct {
		Sessions int            `json:"sessions"`
		Pending  []any          `json:"pending"`
		Rebuilt  *store.Rebuilt `json:"rebuilt"`
	}
	if err := json.Unmarshal([]byte(said), &in); err != nil || code != 0 || in.Sessions != 5 || len(in.Pending) != 5 || in.Rebuilt == nil || len(in.Rebuilt.Lost) > 0 {
		t.Errorf("after it: %d %s %v", code, said, err)
	}
	if kept, err := filepath.Glob(path + "-damaged-*"); err != nil || len(kept) != 1 {
		t.Errorf("kept: %v %v", kept, err)
	}
}
