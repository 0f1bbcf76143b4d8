package sse

import (
	"net"
	"net/http"
	"syscall"
	"time"
	"unsafe"
)

// hand takes a connection from net/http and gives it to a shard. It reports
// false, and has done nothing, when net/http does not let go.
func (s *Server) hand(w http.ResponseWriter, c *net.TCPConn, t *Topic) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	// A second descriptor, of which Go's poller does not know.
	fd := -1
	if raw.Control(func(own uintptr) { fd = dup(int(own)) }) != nil || fd < 0 {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = syscall.Close(fd)
		return false
	}
	// What the reader has got already is of a further request, which a stream
	// without an end never comes to.
	_ = conn.Close() // the first descriptor; the connection lives on in the second
	s.handed.Add(1)
	s.give(fd, t, w.Header())
	return true
}

// give gives a descriptor to its shard.
func (s *Server) give(fd int, t *Topic, h http.Header) {
	setsockopt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
	if !s.shards[fd%len(s.shards)].add(fd, t, h) {
		_ = syscall.Close(fd)
		s.end(t)
	}
}

// appendHead appends the answer's head: its body ends with the connection.
func appendHead(b []byte, h http.Header) []byte {
	b = appendHeader(append(b, "HTTP/1.1 200 OK\r\n"...), h)
	return retry(append(b, "\r\n"...))
}

// appendHeader appends a header for an answer that ends with the connection.
func appendHeader(b []byte, h http.Header) []byte {
	b = append(b, "Connection: close\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	for k, values := range h {
		for _, v := range values {
			b = append(append(append(append(b, k...), ": "...), clean(v)...), "\r\n"...)
		}
	}
	return b
}

// clean keeps a header's value in its line.
func clean(v string) string {
	for i := range len(v) {
		if v[i] < ' ' && v[i] != '\t' {
			return ""
		}
	}
	return v
}

func dup(fd int) int {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// What follows never waits, so Go's scheduler is told nothing of it: that takes
// longer than some of the calls.

// sendto writes.
func sendto(fd int, b []byte) (int, syscall.Errno) {
	//nolint:gosec // the bytes are read only, and before it returns
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func setsockopt(fd, level, name int, value int32) {
	//nolint:gosec // the value is read only, and before it returns
	_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
}

func epollCtl(epoll, op, fd int, events uint32, gen int32) syscall.Errno {
	e := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: gen}
	//nolint:gosec // the event is read only, and before it returns
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	return errno
}

// end sends the end of a stream and closes its descriptor.
func end(fd int) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(fd), syscall.SHUT_WR, 0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
}
