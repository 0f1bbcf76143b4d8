package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/notify"
)

// manager is a service manager at the other end of a real socket, with a
// watchdog of 2 s.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func (s *site) supervise() *manager {
	s.t.Helper()
	t, _ := s.t.(*testing.T)
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	socket, err := notify.FromEnv(func(key string) string {
		return map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"}[key]
	}, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s.supervisor = socket
	return &manager{t, c}
}

// hears returns the next message that begins so, or "" if none came in time.
func (m *manager) hears(prefix string, within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ""
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if text := string(b[:n]); strings.HasPrefix(text, prefix) {
			return text
		}
	}
}

// One lane that stands still ends the feeding, though all others turn: the
// service manager then starts the agent anew.
func TestALaneThatHangsIsNotVouchedFor(t *testing.T) {
	s := newSite(t)
	m := s.supervise()
	hang := make(chan struct{})
	s.board.onOpen = func(gate int) error {
		if gate == exit1 {
			<-hang
		}
		return nil
	}
	release := sync.OnceFunc(func() { close(hang) })
	s.start(true)
	t.Cleanup(release) // before the agent is stopped
	if m.hears("READY=1", 10*time.Second) == "" || m.hears("WATCHDOG=1", 10*time.Second) == "" || m.hears("WATCHDOG=1", 10*time.Second) == "" {
		t.Fatal("not ready, or not fed")
	}
	s.board.arrive(exit1)
	s.board.show(exit1, "") // the exit opens, and its loop stands still in that
	for fed := 0; m.hears("WATCHDOG=1", 2*time.Second) != ""; fed++ {
		if fed > 4 { // its turns before that
			t.Fatal("fed on while a lane stands still")
		}
	}
	for _, g := range s.agent.gates {
		if g.lane.ID == "exit-1" { // as later
			g.turned.Add(-int64(11 * time.Second))
		}
	}
	resp, err := http.Get("http://" + s.agent.Addr() + "/healthz")
	s.must(err)
	text, err := io.ReadAll(resp.Body)
	s.must(errors.Join(err, resp.Body.Close()))
	if said := string(text); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, "lane exit-1") || strings.Contains(said, "entry") {
		t.Errorf("/healthz: %d %s", resp.StatusCode, said)
	}
	release()
	if m.hears("WATCHDOG=1", 10*time.Second) == "" {
		t.Fatal("not fed though all lanes turn again")
	}
	s.stop()
	if m.hears("STOPPING=1", 10*time.Second) == "" {
		t.Fatal("the end was not told")
	}
}

// Ready is not said before the lanes turn, and the status says what is lost.
func TestTheManagerKnowsWhatGoesOn(t *testing.T) {
	s := newSite(t)
	m := s.supervise()
	s.start(true)
	if m.hears("STATUS=3 lanes; board connected; cloud online", 10*time.Second) == "" {
		t.Fatal("all is well, and nobody says so")
	}
	close(s.board.broken)
	if m.hears("STATUS=3 lanes; board lost; cloud online", 10*time.Second) == "" {
		t.Fatal("the board is lost, and nobody says so")
	}
	s.net.Cut()
	if m.hears("STATUS=3 lanes; board lost; cloud down", 20*time.Second) == "" {
		t.Fatal("the link is lost, and nobody says so")
	}
}
