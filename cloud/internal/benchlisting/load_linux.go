package benchlisting

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// request is what is sent for a query.
func request(query string) []byte {
	return fmt.Appendf(nil, "GET /parkings?%s HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n", query)
}

// load is what one run showed.
type load struct {
	perSecond float64
	took      []time.Duration // of paced requests, from when each was due
}

// asker is one connection that is kept.
type asker struct {
	fd   int
	due  time.Time
	head []byte // of the answer that is being read
	rest int    // of its body; -1: the head is not complete
}

// crowd asks over many connections. It never sleeps: waking a client costs a
// server more than half of what an answer does, and the faster one would be spared
// it, because its clients are always awake.
type crowd struct {
	epoll    int
	askers   map[int32]*asker
	idle     []*asker
	requests [][]byte
	asked    int
	answered int
	buf      []byte
	done     func(*asker)
}

func newCrowd(addr string, n int, requests [][]byte) (*crowd, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	c := &crowd{askers: map[int32]*asker{}, requests: requests, buf: make([]byte, 256<<10)}
	if c.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return c, err
		}
		a := &asker{fd: fd}
		c.askers[int32(fd)] = a
		c.idle = append(c.idle, a)
		err = errors.Join(
			syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
			syscall.SetNonblock(fd, true),
			syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}),
		)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *crowd) close() {
	for _, a := range c.askers {
		_ = syscall.Close(a.fd)
	}
	_ = syscall.Close(c.epoll)
}

// ask sends the next request over a connection that is idle.
func (c *crowd) ask(due time.Time) error {
	a := c.idle[len(c.idle)-1]
	c.idle = c.idle[:len(c.idle)-1]
	a.due, a.head, a.rest = due, a.head[:0], -1
	r := c.requests[c.asked%len(c.requests)]
	c.asked++
	if n, err := syscall.Write(a.fd, r); err != nil || n != len(r) {
		return fmt.Errorf("%d bytes of a request are sent: %w", n, err)
	}
	return nil
}

// hear reads what is there.
func (c *crowd) hear() error {
	var events [64]syscall.EpollEvent
	n, err := syscall.EpollWait(c.epoll, events[:], 0)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return err
	}
	for _, e := range events[:max(n, 0)] {
		a := c.askers[e.Fd]
		n, err := syscall.Read(a.fd, c.buf)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		whole, err := a.take(c.buf[:n])
		if err != nil {
			return err
		}
		if whole {
			c.answered++
			c.idle = append(c.idle, a)
			if c.done != nil {
				c.done(a)
			}
		}
	}
	return nil
}

// take takes a part of an answer and reports whether that was its end.
func (a *asker) take(b []byte) (whole bool, err error) {
	if a.rest < 0 {
		before := len(a.head)
		a.head = append(a.head, b...)
		end := bytes.Index(a.head, []byte("\r\n\r\n"))
		if end < 0 {
			return false, nil
		}
		if a.rest, err = length(a.head[:end]); err != nil {
			return false, err
		}
		b = b[end+4-before:]
	}
	if a.rest -= len(b); a.rest < 0 {
		return false, errors.New("more than an answer")
	}
	return a.rest == 0, nil
}

// length is what the head of a good answer says of its body.
func length(head []byte) (int, error) {
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		if i == 0 && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return 0, errors.New(string(line))
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			return strconv.Atoi(string(value))
		}
	}
	return 0, errors.New("an answer does not tell its length")
}

// flood asks over n connections without a pause.
func flood(addr string, requests [][]byte, n int, d time.Duration) (load, error) {
	c, err := newCrowd(addr, n, requests)
	if err != nil {
		return load{}, err
	}
	defer c.close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := time.Now()
	for time.Since(began) < d || len(c.idle) < n {
		for len(c.idle) > 0 && time.Since(began) < d {
			if err := c.ask(time.Time{}); err != nil {
				return load{}, err
			}
		}
		if err := c.hear(); err != nil {
			return load{}, err
		}
	}
	return load{perSecond: float64(c.answered) / time.Since(began).Seconds()}, nil
}

// pace asks at a rate, whatever the answers: a request that is due while all
// connections wait is sent late, and its time counts from when it was due.
func pace(addr string, requests [][]byte, n int, rate float64, d time.Duration) (load, error) {
	c, err := newCrowd(addr, n, requests)
	if err != nil {
		return load{}, err
	}
	defer c.close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	total := int(rate * d.Seconds())
	out := load{took: make([]time.Duration, 0, total)}
	c.done = func(a *asker) { out.took = append(out.took, time.Since(a.due)) }
	began := time.Now()
	for c.answered < total {
		for c.asked < total && len(c.idle) > 0 {
			due := began.Add(time.Duration(float64(c.asked) / rate * float64(time.Second)))
			if time.Now().Before(due) {
				break
			}
			if err := c.ask(due); err != nil {
				return out, err
			}
		}
		if err := c.hear(); err != nil {
			return out, err
		}
	}
	out.perSecond = float64(c.answered) / time.Since(began).Seconds()
	return out, nil
}

func (l load) percentile(p float64) float64 {
	if len(l.took) == 0 {
		return 0
	}
	slices.Sort(l.took)
	return float64(l.took[min(int(float64(len(l.took))*p), len(l.took)-1)].Microseconds()) / 1000
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// size is how long the answer to a query is.
func size(addr, query string) (int, error) {
	a, err := http.Get("http://" + addr + "/parkings?" + query) //nolint:noctx // from a server of ours
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, a.Body)
	return int(n), errors.Join(err, a.Body.Close())
}
