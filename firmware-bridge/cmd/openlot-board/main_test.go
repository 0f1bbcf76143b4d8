package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/firmware-bridge/twin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// launch runs the command and returns its output, line by line.
func launch(t *testing.T, args ...string) (lines *bufio.Scanner, stop func() (code int, errs string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, w, &errs)
		_ = w.Close()
	}()
	stop = sync.OnceValues(func() (int, string) {
		cancel()
		go func() { _, _ = io.Copy(io.Discard, r) }()
		return <-code, errs.String()
	})
	t.Cleanup(func() { stop() })
	return bufio.NewScanner(r), stop
}

func TestTwinAndProbe(t *testing.T) {
	port := filepath.Join(t.TempDir(), "board")
	lines, stop := launch(t, "twin", "--pty", port, "--http", "127.0.0.1:0", "--gates", "entry-1:entry,exit-1:exit", "--name", "demo", "--speed", "50")
	if !lines.Scan() {
		_, errs := stop()
		t.Fatalf("no line when ready: %s", errs)
	}
	_, url, ok := strings.Cut(lines.Text(), "page ")
	if !ok || !strings.Contains(lines.Text(), port) {
		t.Fatalf("ready line %q", lines.Text())
	}
	probe, stopProbe := launch(t, "probe", "--port", port)
	for _, want := range []string{"board demo, firmware", "gate 0  active: arm_closed", "gate 1  active: arm_closed"} {
		if !probe.Scan() || !strings.HasPrefix(probe.Text(), want) {
			t.Fatalf("probe says %q, want %q", probe.Text(), want)
		}
	}
	if code := run(t.Context(), []string{"probe", "--port", port}, io.Discard, &bytes.Buffer{}); code != 1 {
		t.Errorf("a second probe ended with %d", code)
	}
	res, err := http.Post(url+"gates/entry-1/vehicles", "application/json", strings.NewReader(`{"credential":"SECRET","patience_ms":50}`))
	if err != nil {
		t.Fatal(err)
	}
	var v twin.Vehicle
	err = json.NewDecoder(res.Body).Decode(&v)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("%s, %v", res.Status, err)
	}
	for probe.Scan() {
		if strings.Contains(probe.Text(), "SECRET") {
			t.Error("the probe prints credentials")
		}
		if strings.Contains(probe.Text(), "credential of 6 bytes") {
			break
		}
	}
	if code, errs := stopProbe(); code != 0 {
		t.Errorf("probe ended with %d: %s", code, errs)
	}
	if code, errs := stop(); code != 0 {
		t.Errorf("twin ended with %d: %s", code, errs)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestClearErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dir := t.TempDir()
	file := filepath.Join(dir, "notes")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"busy address", []string{"twin", "--pty", dir + "/b", "--http", l.Addr().String(), "--gates", "a:entry"}, 1, "--http " + l.Addr().String()},
		{"taken path", []string{"twin", "--pty", file, "--http", "127.0.0.1:0", "--gates", "a:entry"}, 1, "--pty " + file},
		{"no such folder", []string{"twin", "--pty", dir + "/no/b", "--http", "127.0.0.1:0", "--gates", "a:entry"}, 1, "no such file or directory"},
		{"no kind of gate", []string{"twin", "--pty", dir + "/b", "--gates", "a"}, 1, "--gates"},
		{"two of a name", []string{"twin", "--pty", dir + "/b", "--http", "127.0.0.1:0", "--gates", "a:entry,a:exit"}, 1, `two gates "a"`},
		{"standing still", []string{"twin", "--pty", dir + "/b", "--http", "127.0.0.1:0", "--gates", "a:entry", "--speed", "0"}, 1, "speed"},
		{"no number", []string{"twin", "--pty", dir + "/b", "--http", "127.0.0.1:0", "--gates", "a:entry", "--speed", "NaN"}, 1, "speed"},
		{"missing port", []string{"probe", "--port", dir + "/none"}, 1, "--port " + dir + "/none"},
		{"unknown flag", []string{"twin", "--colour", "red"}, 2, "--colour"},
		{"no command", nil, 2, "twin"},
		{"version", []string{"version"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &errs); code != tt.code || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("ended with %d: %s, want %d and %q", code, errs.String(), tt.code, tt.says)
			}
		})
	}
	if left, _ := filepath.Glob(dir + "/b*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
