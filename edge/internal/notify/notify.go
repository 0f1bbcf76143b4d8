// Package notify tells the service manager how the agent is: ready, alive, what
// it does, stopping. It speaks sd_notify(3): one datagram of lines on the unix
// socket that NOTIFY_SOCKET names.
package notify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// sendWait bounds one message. The manager's buffer is never full for long, and
// nobody's work may wait for it.
const sendWait = time.Second

// Socket is where messages go. One that is nil has nobody at the other end:
// everything sent succeeds.
type Socket struct {
	address  net.UnixAddr
	watchdog time.Duration
}

// FromEnv reads where to send and how often the manager wants to hear of us
// from the environment that it made. It is nil when nobody asked, and an error
// when what was asked cannot be done.
func FromEnv(getenv func(string) string, pid int) (*Socket, error) {
	name := getenv("NOTIFY_SOCKET")
	switch {
	case name == "":
		return nil, nil //nolint:nilnil // a nil socket is one that nobody listens to
	case name[0] != '/' && name[0] != '@':
		return nil, fmt.Errorf("NOTIFY_SOCKET %q: want a path, or @ and an abstract name", name)
	}
	s := &Socket{address: net.UnixAddr{Name: name, Net: "unixgram"}}
	if text := getenv("WATCHDOG_USEC"); text != "" {
		usec, err := strconv.ParseInt(text, 10, 64)
		if err != nil || usec <= 0 || usec > int64(time.Hour/time.Microsecond) {
			return nil, fmt.Errorf("WATCHDOG_USEC %q: want microseconds up to an hour", text)
		}
		// Another process' watchdog is none of our business.
		if owner := getenv("WATCHDOG_PID"); owner == "" || owner == strconv.Itoa(pid) {
			s.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return s, nil
}

// Watchdog is how long the manager waits for Alive before it ends the process;
// 0 means forever.
func (s *Socket) Watchdog() time.Duration {
	if s == nil {
		return 0
	}
	return s.watchdog
}

// Ready says that the start is over.
func (s *Socket) Ready() error { return s.send("READY=1") }

// Alive feeds the watchdog.
func (s *Socket) Alive() error { return s.send("WATCHDOG=1") }

// Stopping says that the end has begun.
func (s *Socket) Stopping() error { return s.send("STOPPING=1") }

// Status says in one line what goes on. Line ends become spaces: a message's
// lines are commands.
func (s *Socket) Status(text string) error {
	return s.send("STATUS=" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " "))
}

func (s *Socket) send(line string) (err error) {
	if s == nil {
		return nil
	}
	c, err := net.DialUnix(s.address.Net, nil, &s.address)
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetWriteDeadline(time.Now().Add(sendWait)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if _, err := c.Write([]byte(line)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
