package benchsse

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// crowd is many clients of one stream in one goroutine.
type crowd struct {
	epoll int
	conns []member // by descriptor
	open  []int32
	buf   []byte
	need  uint64 // version that ends a wait
	bare  bool   // a stream begins without an event
	ready int    // clients whose stream began
	at    int    // clients at need or beyond
	heard func(was, is uint64, when time.Time)
	bytes int64
}

// member is one client.
type member struct {
	version uint64
	rest    []byte // the end of what was read: a mark or number may be cut
	slow    bool
	got     int64 // bytes while it is slow
}

var mark = []byte(`"version":`)

func newCrowd() (*crowd, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &crowd{epoll: fd, buf: make([]byte, 256<<10)}, err
}

// connect opens n streams, at most inflight at a time in their handshake.
func (c *crowd) connect(addr, path string, n int) error {
	const inflight = 128
	to := netip.MustParseAddrPort(addr)
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept: text/event-stream\r\n\r\n")
	began := len(c.open)
	limit := time.Now().Add(time.Minute)
	for c.ready < began+n {
		for len(c.open) < began+n && len(c.open)-c.ready < inflight {
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			if err := errors.Join(
				syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
				syscall.SetNonblock(fd, true),
			); err != nil {
				return err
			}
			if _, err := syscall.Write(fd, request); err != nil {
				return err
			}
			for fd >= len(c.conns) {
				c.conns = append(c.conns, make([]member, 1024)...)
			}
			c.conns[fd] = member{}
			c.open = append(c.open, int32(fd))
			c.watch(int32(fd), syscall.EPOLL_CTL_ADD)
		}
		if err := c.poll(10); err != nil {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("only %d of %d streams began", c.ready, began+n)
		}
	}
	return nil
}

func (c *crowd) watch(fd int32, op int) {
	_ = syscall.EpollCtl(c.epoll, op, int(fd), &syscall.EpollEvent{Fd: fd, Events: syscall.EPOLLIN}) // shows as clients that hear nothing
}

// until waits for all but some clients to be at a version.
func (c *crowd) until(version uint64, but int, patience time.Duration) error {
	c.need, c.at = version, 0
	for _, fd := range c.open {
		if c.conns[fd].version >= version {
			c.at++
		}
	}
	for limit := time.Now().Add(patience); c.at < len(c.open)-but; {
		if err := c.poll(20); err != nil {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d clients are at version %d", c.at, len(c.open), version)
		}
	}
	return nil
}

func (c *crowd) poll(ms int) error {
	var events [512]syscall.EpollEvent
	n, err := syscall.EpollWait(c.epoll, events[:], ms)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return err
	}
	for _, e := range events[:max(n, 0)] {
		if err := c.read(e.Fd); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) read(fd int32) error {
	m := &c.conns[fd]
	kept := copy(c.buf, m.rest)
	n, err := syscall.Read(int(fd), c.buf[kept:])
	if errors.Is(err, syscall.EAGAIN) {
		return nil
	}
	if n <= 0 {
		return fmt.Errorf("a stream ended: %w", errors.Join(err, errors.New("end of file")))
	}
	c.bytes += int64(n)
	if m.slow {
		m.got += int64(n)
	}
	if c.bare && m.version == 0 {
		m.version = 1
		c.ready++
	}
	b, version := c.buf[:kept+n], uint64(0)
	m.rest = nil
	for {
		i := bytes.Index(b, mark)
		if i < 0 {
			b = b[max(0, len(b)-len(mark)+1):]
			if i := bytes.IndexByte(b, mark[0]); i >= 0 && bytes.HasPrefix(mark, b[i:]) {
				m.rest = append(m.rest, b[i:]...)
			}
			break
		}
		v, j := uint64(0), i+len(mark)
		for ; j < len(b) && b[j] >= '0' && b[j] <= '9'; j++ {
			v = v*10 + uint64(b[j]-'0')
		}
		if j == len(b) {
			m.rest = append(m.rest, b[i:]...)
			break
		}
		version, b = max(version, v), b[j:]
	}
	if version == 0 || version == 1 && m.version > 0 { // the tariff has a version, too: 1
		return nil
	}
	if version < m.version {
		return fmt.Errorf("a client went from version %d back to %d", m.version, version)
	}
	if m.version == 0 {
		c.ready++
	} else if c.heard != nil && !m.slow {
		c.heard(m.version, version, time.Now())
	}
	if m.version < c.need && version >= c.need {
		c.at++
	}
	m.version = version
	return nil
}

func (c *crowd) close() {
	for _, fd := range c.open {
		// A reset leaves no port behind that waits.
		_ = syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		_ = syscall.Close(int(fd))
	}
	_ = syscall.Close(c.epoll)
}
