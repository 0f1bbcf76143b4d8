package devpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// poll is how often the state of a process that is starting or ending is looked
// at. The system offers no portable way to wait for a process that is not our
// child, and waiting for one that is would need a goroutine.
const poll = 5 * time.Millisecond

// process is a running postmaster, our child.
type process struct {
	pid     int
	mu      sync.Mutex
	gone    bool
	watcher *os.Process
	hold    *os.File // while this is open the watcher lets Postgres live
}

// watchScript ends Postgres ($1) when nobody holds the other end of its stdin
// any more. That works for any death of ours and on every Unix, unlike a
// parent-death signal, which besides hangs on the thread that forked.
const watchScript = `while read -r _; do :; done; kill -INT "$1"`

// spawn starts Postgres and its watcher in process groups of their own: a Ctrl-C
// at the terminal is for us, and we stop Postgres after its clients.
func spawn(path string, args []string, as account, log *os.File) (*process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }() // opened for reading; nothing can be lost
	attr := func(stdin *os.File) *os.ProcAttr {
		return &os.ProcAttr{
			Dir: "/", Env: environment(), Files: []*os.File{stdin, log, log},
			Sys: &syscall.SysProcAttr{Setpgid: true, Credential: as.credential()},
		}
	}
	server, err := os.StartProcess(path, append([]string{path}, args...), attr(null))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	p := &process{pid: server.Pid}
	_ = server.Release() // reaped by exited, which must not block
	r, w, err := os.Pipe()
	if err != nil {
		p.abort()
		return nil, err
	}
	p.hold = w
	p.watcher, err = os.StartProcess("/bin/sh", []string{"sh", "-c", watchScript, "openlot-postgres-watcher", strconv.Itoa(p.pid)}, attr(r))
	_ = r.Close() // the watcher has its own copy
	if err != nil {
		p.abort()
		return nil, fmt.Errorf("start the watcher of Postgres: %w", err)
	}
	return p, nil
}

// environment is what Postgres sees of ours: nothing that changes how it works.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// exited reports whether the child has ended, and reaps it then.
func (p *process) exited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return true
	}
	var status syscall.WaitStatus
	got, err := syscall.Wait4(p.pid, &status, syscall.WNOHANG, nil)
	if got != p.pid && !errors.Is(err, syscall.ECHILD) {
		return false
	}
	p.gone = true
	if p.watcher != nil { // before the pid can belong to somebody else
		_ = p.watcher.Kill()
		_, _ = p.watcher.Wait()
	}
	if p.hold != nil {
		_ = p.hold.Close()
	}
	return true
}

// signal sends one to the child unless it has ended.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = syscall.Kill(p.pid, sig) // unreaped, so the pid is still its own
	}
}

// end sends the signals in turn until the child is gone, and says whether it is.
func (p *process) end(steps ...ending) bool {
	for _, s := range steps {
		p.signal(s.sig)
		if until(context.Background(), s.wait, p.exited) {
			return true
		}
	}
	return false
}

func (p *process) abort() { p.end(ending{syscall.SIGKILL, 10 * time.Second}) }

// ending is a signal and how long it has to work.
type ending struct {
	sig  syscall.Signal
	wait time.Duration
}

// orderly stops a postmaster: a fast shutdown writes everything out; an
// immediate one leaves the rest to recovery.
func orderly() []ending {
	return []ending{
		{syscall.SIGINT, 30 * time.Second},
		{syscall.SIGQUIT, 5 * time.Second},
		{syscall.SIGKILL, 5 * time.Second},
	}
}

// until polls cond; it returns what cond said last.
func until(ctx context.Context, limit time.Duration, cond func() bool) bool {
	if cond() {
		return true
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		select {
		case <-ctx.Done():
			return cond()
		case <-timeout.C:
			return cond()
		case <-tick.C:
			if cond() {
				return true
			}
		}
	}
}

// endLeftover ends a postmaster that an earlier process of ours left behind on
// the data directory. We hold the directory's lock, so it is nobody else's.
func endLeftover(ctx context.Context, data string) error {
	pidFile := filepath.Join(data, "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return removeStale(pidFile) // torn when the machine went down
	}
	gone := func() bool { return !runsOn(ctx, pid, data) }
	if gone() {
		if syscall.Kill(pid, 0) == nil {
			// The pid now belongs to some other program; Postgres would
			// take it for a competitor and refuse to start.
			return removeStale(pidFile)
		}
		return nil // Postgres itself clears up after a dead one
	}
	for _, s := range orderly() {
		if err := syscall.Kill(pid, s.sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the Postgres (pid %d) that was left on %s: %w", pid, data, err)
		}
		if until(ctx, s.wait, gone) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the Postgres (pid %d) that was left on %s does not end", pid, data)
}

func removeStale(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove stale lock file: %w", err)
	}
	return nil
}

// runsOn reports whether pid is a process that was started with that data
// directory. A dead one whose parent has not noticed has no command line.
func runsOn(ctx context.Context, pid int, data string) bool {
	if runtime.GOOS == "linux" {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return err == nil && strings.Contains(string(line), "\x00-D\x00"+data+"\x00")
	}
	line, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(line), " -D "+data+" ")
}
