package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/firmware-bridge/twin"
	"github.com/openlot/openlot/protocol/wire"
)

// build builds the program as a version.
func build(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openlot-edge")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w -X main.version="+version, "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// process is a running program whose log is read.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	log  bytes.Buffer
	more chan struct{} // closed and replaced at each line
}

func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // how it ended is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s: %s", p.cmd, p.log.String())
		}
	})
	return p
}

// logged waits for a line and returns what the expression's group matched.
func (p *process) logged(expr string) string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	limit := time.After(60 * time.Second)
	for {
		p.mu.Lock()
		m, more := re.FindStringSubmatch(p.log.String()), p.more
		p.mu.Unlock()
		if m != nil {
			return m[len(m)-1]
		}
		select {
		case <-more:
		case <-p.done:
			p.t.Fatalf("it ended without saying %s", expr)
		case <-limit:
			p.t.Fatalf("it does not say %s", expr)
		}
	}
}

func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatal("it does not end")
	}
	if !p.cmd.ProcessState.Success() {
		p.t.Fatal(p.cmd.ProcessState)
	}
}

// walkins lets the site's cloud allow some.
func (s *site) walkins(units uint16) {
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Keys: []wire.PassKey{wire.PassKey(s.key.Public())},
		Allotments: []wire.Allotment{{SpaceType: "standard", Version: 1, Units: units, Until: time.Now().Add(time.Hour).Unix()}},
	})
}

// timed waits until an agent knows the time: without it no walk-in is let in.
func (s *site) timed() {
	s.t.Helper()
	s.cloud.Wait("the time", func(c *cloudtest.Cloud) bool {
		return slices.ContainsFunc(c.Applied, func(e wire.Event) bool { return e.Kind == wire.TimeMark })
	})
}

// The program as it is installed, perhaps for another processor and emulated
// (OPENLOT_TEST_EDGE is its command), lets somebody in and out.
func TestARealProgramAtTheGate(t *testing.T) {
	command := strings.Fields(os.Getenv("OPENLOT_TEST_EDGE"))
	if len(command) == 0 {
		command = []string{build(t, "v1.0.0")}
	}
	s := newSite(t)
	s.walkins(1)
	p := launch(t, nil, append(command, s.args...)...)
	addr := p.logged(`agent started.* http=(\S+)`)
	s.timed()
	r, err := http.Get("http://" + addr + "/healthz")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("healthz: %v %v", r, err)
	}
	_ = r.Body.Close()
	in := s.drive("entry-1", "")
	if in.Outcome != twin.Passed || in.Ticket == "" {
		t.Fatalf("a walk-in: %+v", in)
	}
	if out := s.drive("exit-1", in.Ticket); out.Outcome != twin.Passed {
		t.Fatalf("he leaves: %+v", out)
	}
	s.applied(wire.Exited, 1)
	p.stop()
	out, err := exec.Command(command[0], append(command[1:], "inspect", "--data-dir", s.data)...).Output()
	var seen struct {
		LastSeq uint64 `json:"last_seq"`
		Clean   bool   `json:"ended_cleanly"`
	}
	if err != nil || json.Unmarshal(out, &seen) != nil || seen.LastSeq < 5 || !seen.Clean {
		t.Fatalf("inspect: %v %s", err, out)
	}
}

// manager is a service manager in small: it starts the program again whenever it
// ends, and ends it when its watchdog is not fed.
type manager struct {
	t    *testing.T
	args []string
	conn *net.UnixConn
	name string
	now  *process
}

const watchdog = 4 * time.Second

func newManager(t *testing.T, args ...string) *manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t: t, args: args, conn: conn, name: name}
}

// start starts the program once and waits until it is ready. It reports whether
// it was; else it has ended, or been ended.
func (m *manager) start() bool {
	m.t.Helper()
	m.now = launch(m.t, []string{"NOTIFY_SOCKET=" + m.name, "WATCHDOG_USEC=4000000"}, m.args...)
	return m.hear("READY=1", 5*watchdog)
}

// hear waits for a message of the program, and ends the program if it is silent
// for too long.
func (m *manager) hear(want string, silence time.Duration) bool {
	m.t.Helper()
	b := make([]byte, 4096)
	for until := time.Now().Add(silence); ; {
		select {
		case <-m.now.done:
			return false
		default:
		}
		_ = m.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := m.conn.Read(b)
		if err != nil {
			if time.Now().After(until) {
				_ = m.now.cmd.Process.Kill() // as the watchdog does
				<-m.now.done
				return false
			}
			continue
		}
		if text := string(b[:n]); text == want {
			return true
		} else if text == "WATCHDOG=1" {
			until = time.Now().Add(silence)
		}
	}
}

// ended waits until the program has ended by itself, or was ended because it
// hung.
func (m *manager) ended() {
	m.t.Helper()
	m.hear("", watchdog)
	select {
	case <-m.now.done:
	default:
		m.t.Fatal("the program runs on")
	}
}

// software is what runs, by its own word.
func (m *manager) software() string {
	m.t.Helper()
	return m.now.logged(`agent started.*software="openlot-edge ([^"]+)"`)
}
