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
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
	if !s.shards[fd%len(s.shards)].add(fd, t, w.Header()) {
		_ = syscall.Close(fd)
		s.end(t)
		return true
	}
	s.handed.Add(1)
	return true
}

// appendHead appends the answer's head: its body ends with the connection.
func appendHead(b []byte, h http.Header) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nConnection: close\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	for k, values := range h {
		for _, v := range values {
			b = append(append(append(append(b, k...), ": "...), clean(v)...), "\r\n"...)
		}
	}
	return retry(append(b, "\r\n"...))
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

// sendto writes without waiting and without a word to Go's scheduler, because it
// takes less time than that would.
func sendto(fd int, b []byte) (int, syscall.Errno) {
	//nolint:gosec // the bytes are read only, and before it returns
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
