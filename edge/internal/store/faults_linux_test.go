package store

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// full runs the long versions, for make.
var (
	full     = flag.Bool("store.full", false, "every write, a million images, ten thousand damages")
	everyNth = flag.Int("store.every", 97, "of the faults, without -store.full")
)

// The calls by which a store changes its files.
var changing = []string{"pwrite64", "fdatasync", "fsync", "write", "ftruncate", "fallocate", "openat", "renameat", "linkat", "unlinkat"}

// driven runs a drive under strace with a fault, and returns what it said.
func driven(t *testing.T, path string, events int, inject ...string) *promised {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"-f", "-qq", "-o", "/dev/null"}, inject...)
	cmd := exec.CommandContext(ctx, "strace", append(args, os.Args[0])...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%d,failing", DriveEnv, path, events), "GOMAXPROCS=1")
	var errs bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &errs, time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: these tests need strace", err)
	}
	p := newPromised()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		p.hear(lines.Text())
	}
	_ = cmd.Wait() // a kill is what was asked for
	if ctx.Err() != nil {
		t.Fatalf("%v: hangs; said last: %s", inject, p.said)
	}
	if bytes.Contains(errs.Bytes(), []byte("panic")) || bytes.Contains(errs.Bytes(), []byte("strace:")) {
		t.Fatalf("%v: %s", inject, errs.String())
	}
	return p
}

// counted is how often a drive makes a call.
func counted(t *testing.T, call string, events int) int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-o", trace, "-e", "trace="+call, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%d,failing", DriveEnv, filepath.Join(t.TempDir(), "edge.db"), events), "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: these tests need strace: %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	// The counts of strace are of one thread: the one that does most.
	most := map[string]int{}
	n := 0
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, call+"(") {
			thread, _, _ := strings.Cut(line, " ")
			most[thread]++
			n = max(n, most[thread])
		}
	}
	return n
}

// Whichever write, sync or other change of a file is the last one before the
// process is killed, or is the one that fails: nothing that was acted upon is
// lost, no pass opens twice, and after a failure the gate goes on.
func TestAFaultAtEveryWriteAndSync(t *testing.T) {
	events, stride, points := 200, 1, 0
	if !*full {
		stride = *everyNth * Slower
	}
	for _, call := range changing {
		n := counted(t, call, events)
		if n == 0 {
			continue // this file system or version of Go does without
		}
		for _, fault := range []string{"signal=KILL", "error=EIO", "error=ENOSPC"} {
			if call == "write" && fault != "signal=KILL" {
				// What the drive says goes through it, too.
				continue
			}
			for when := 1; when <= n; when += stride {
				points++
				path := filepath.Join(t.TempDir(), "edge.db")
				p := driven(t, path, events, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, when))
				where := fmt.Sprintf("%s number %d of %d: %s", call, when, n, fault)
				if fault != "signal=KILL" && (!p.done || len(p.order) < events*3/5) {
					t.Errorf("%s: the gate did not go on: %d events, %s", where, len(p.order), p.said)
				}
				v, _, err := look(t.Context(), path, lookBy{readOnly: true, keep: true})
				if err != nil {
					t.Errorf("%s: %v", where, err)
				} else if err := p.kept(&v.file); err != nil {
					t.Errorf("%s: %v (%s)", where, err, p.said)
				} else if v.origin == fromPieces {
					t.Errorf("%s: only pieces are left: %v", where, v.damage)
				}
				must(t, os.RemoveAll(filepath.Dir(path)))
				must(t, os.MkdirAll(filepath.Dir(path), 0o700))
			}
		}
		t.Logf("%s: %d times in a drive", call, n)
	}
	t.Logf("%d faults", points)
}

// A disk that fails for good from some write on loses nothing that was acted
// upon; who asks later is refused.
func TestADiskThatFailsForGood(t *testing.T) {
	for _, call := range []string{"pwrite64", "fdatasync"} {
		for _, when := range []int{30, 90, 150} {
			path := filepath.Join(t.TempDir(), "edge.db")
			p := driven(t, path, 200, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:error=EIO:when=%d+", call, when))
			v, _, err := look(t.Context(), path, lookBy{readOnly: true, keep: true})
			must(t, err)
			if err := p.kept(&v.file); err != nil {
				t.Errorf("%s from %d on: %v", call, when, err)
			}
			if len(p.order) < 10 || p.done {
				t.Errorf("%s from %d on: %d events, %s", call, when, len(p.order), p.said)
			}
		}
	}
}
