package notify_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/notify"
)

// manager is the other end of a real socket.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

func TestTheManagerHears(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@openlot-notify-test-" + strconv.Itoa(os.Getpid())} {
		c := manager(t, name)
		s, err := notify.FromEnv(env("NOTIFY_SOCKET="+name, "WATCHDOG_USEC=30000000", "WATCHDOG_PID=7"), 7)
		if err != nil {
			t.Fatal(err)
		}
		if s.Watchdog() != 30*time.Second {
			t.Errorf("watchdog %v", s.Watchdog())
		}
		for _, say := range []struct {
			do   func() error
			want string
		}{
			{s.Ready, "READY=1"},
			{s.Alive, "WATCHDOG=1"},
			{s.Stopping, "STOPPING=1"},
			{func() error { return s.Status("2 lanes\nMAINPID=1\r\n") }, "STATUS=2 lanes MAINPID=1"},
		} {
			if err := say.do(); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, c); got != say.want {
				t.Errorf("heard %q, want %q", got, say.want)
			}
		}
	}
}

// Without a manager everything goes on, and another's watchdog is not fed.
func TestNobodyAsked(t *testing.T) {
	s, err := notify.FromEnv(env(), 7)
	if err != nil || s != nil {
		t.Fatal(s, err)
	}
	if s.Watchdog() != 0 || s.Ready() != nil || s.Alive() != nil || s.Status("x") != nil || s.Stopping() != nil {
		t.Error("a nil socket is not silent")
	}
	s, err = notify.FromEnv(env("NOTIFY_SOCKET=/nowhere", "WATCHDOG_USEC=30000000", "WATCHDOG_PID=8"), 7)
	if err != nil || s.Watchdog() != 0 {
		t.Errorf("the watchdog of process 8: %v, %v", s.Watchdog(), err)
	}
	if err := s.Ready(); err == nil {
		t.Error("nobody is there, and no error")
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	for _, e := range [][]string{
		{"NOTIFY_SOCKET=vsock:2:9999"},
		{"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=soon"},
		{"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=0"},
		{"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=99999999999999"},
	} {
		if s, err := notify.FromEnv(env(e...), 7); err == nil {
			t.Errorf("%v: %+v", e, s)
		}
	}
}
