package stack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, dir, script string) *Process {
	t.Helper()
	p, err := start("shell", dir, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// running is a stack whose cloud is a shell's script; it answers at once.
func running(t *testing.T, script string) *Stack {
	t.Helper()
	s := &Stack{cloud: program{
		name: "shell", logs: t.TempDir(), argv: []string{"/bin/sh", "-c", script},
		ready: func(context.Context, *Process) error { return nil },
	}}
	if err := s.cloud.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestAProgramThatEndsAgainAndAgainIsNamedWithItsLog(t *testing.T) {
	s := running(t, "echo cannot open the database >&2; exit 3")
	var said []string
	err := s.Keep(t.Context(), func(line string) { said = append(said, line) })
	if err == nil || !strings.Contains(err.Error(), "shell ended by itself (exit status 3)") || !strings.Contains(err.Error(), "cannot open the database") {
		t.Errorf("says %v", err)
	}
	if len(said) != maxRestarts {
		t.Errorf("it was started again %d times: %q", len(said), said)
	}
}

func TestAProgramThatIsKilledIsStartedAgain(t *testing.T) {
	s := running(t, "exec sleep 60")
	first := s.cloud.Process()
	ctx, cancel := context.WithCancel(t.Context())
	said, kept := make(chan string, 1), make(chan error, 1)
	go func() { kept <- s.Keep(ctx, func(line string) { said <- line }) }()
	if err := syscall.Kill(first.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if line := <-said; line != "shell ended by itself (signal: killed); it is started again" {
		t.Errorf("says %q", line)
	}
	for s.cloud.Process() == first {
		runtime.Gosched()
	}
	cancel()
	if err := <-kept; err != nil {
		t.Error(err)
	}
	select {
	case <-s.cloud.Process().Done():
		t.Error("it does not run")
	default:
	}
}

func TestAProgramThatIsStoppedHasNotFailed(t *testing.T) {
	s := running(t, "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- s.Keep(ctx, func(line string) { t.Error(line) }) }()
	s.Stop()
	cancel()
	if err := <-kept; err != nil {
		t.Error(err)
	}
	if err := s.Failure(); err != nil {
		t.Error(err)
	}
}

func TestUntilNamesTheProgramThatDidNotGetReady(t *testing.T) {
	p := shell(t, t.TempDir(), "echo no licence; exit 1")
	err := until(t.Context(), p, time.Minute, func(ctx context.Context) error { return ctx.Err() })
	if err != nil {
		t.Errorf("what is ready at once is not waited for: %v", err)
	}
	err = until(t.Context(), p, time.Minute, func(context.Context) error { return http.ErrNoLocation })
	if err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("says %v", err)
	}
}

// The edge may answer at once or wait for the revision; either will do.
func TestAwaitRevision(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait_revision") != "7" {
			t.Errorf("asked for %s", r.URL)
		}
		if asked.Add(1) < 3 {
			_, _ = w.Write([]byte(`{"revision":6}`))
			return
		}
		_, _ = w.Write([]byte(`{"revision":8}`))
	}))
	defer srv.Close()
	x := &Site{EdgeURL: srv.URL}
	if err := x.AwaitRevision(t.Context(), 7); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	asked.Store(-1 << 40)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := x.AwaitRevision(ctx, 7); err == nil {
		t.Error("a revision that does not come is not waited for without end")
	}
}

func TestDatabaseURL(t *testing.T) {
	s := &Stack{cfg: Config{Dir: t.TempDir()}}
	if _, err := s.DatabaseURL(); err == nil {
		t.Error("a cloud that does not run has a database")
	}
	if err := os.MkdirAll(s.data(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.data(), "runtime.json"), []byte(`{"pid":1,"database_url":"postgres:///x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if u, err := s.DatabaseURL(); err != nil || u != "postgres:///x" {
		t.Errorf("%q, %v", u, err)
	}
}
