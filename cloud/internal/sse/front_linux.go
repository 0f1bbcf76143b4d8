package sse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// mostHead is the longest head that a front reads by itself.
const mostHead = 4 << 10

// Front stands before an HTTP server on a TCP listener: a request for a stream
// whose path begins with prefix, and which is all that came with its connection,
// goes to h at once, and its connection on to a shard. What net/http does for a
// connection, most of all two goroutines, costs as much again as all the rest.
// Every other connection is accepted from what Front returns, with nothing read
// from it. h must not write more than a short answer, unless it calls Serve.
func (s *Server) Front(l net.Listener, prefix string, h http.Handler) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok || len(s.shards) == 0 {
		return l
	}
	file, err := tcp.File() // a descriptor of its own, because a listener of Go's lets nobody wait for it
	if err != nil {
		return l
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return l
	}
	_ = raw.Control(func(fd uintptr) {
		// Connections inherit it. Go sets it for those that go to net/http.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		// A connection is accepted with its request, or a second later without. Where
		// that is not so, net/http waits for it.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 1)
	})
	f := &front{TCPListener: tcp, file: file, raw: raw, handler: h, start: "GET " + prefix, others: make(chan net.Conn), failed: make(chan error, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.idle.Add(1)
	f.working.Go(f.work)
	return f
}

// front is the listener that Front returns. One worker accepts; the others serve
// what they have accepted, or wait for their turn.
type front struct {
	*net.TCPListener
	file    *os.File // the listener, too
	raw     syscall.RawConn
	handler http.Handler
	start   string
	ctx     context.Context //nolint:containedctx // of all requests; ends with the listener
	cancel  context.CancelFunc
	others  chan net.Conn
	failed  chan error
	working sync.WaitGroup
	idle    atomic.Int32 // workers that accept, or wait for it
}

// Accept implements net.Listener.
func (f *front) Accept() (net.Conn, error) {
	select {
	case c := <-f.others:
		return c, nil
	case err := <-f.failed:
		return nil, err
	case <-f.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It returns when all requests are done.
func (f *front) Close() error {
	f.cancel()
	err := errors.Join(f.TCPListener.Close(), f.file.Close())
	f.working.Wait()
	return err
}

func (f *front) work() {
	w := &worker{front: f, head: make([]byte, mostHead), lines: bufio.NewReader(nil)}
	for {
		fd, err := f.accept(&w.from)
		if err != nil {
			f.idle.Add(-1)
			select {
			case f.failed <- err:
			default:
			}
			return
		}
		// Somebody must accept, however long this takes.
		if f.idle.Add(-1) == 0 {
			f.idle.Add(1)
			f.working.Go(f.work)
		}
		w.take(fd)
		if int(f.idle.Add(1)) > 2*runtime.GOMAXPROCS(0) {
			f.idle.Add(-1)
			return
		}
	}
}

// accept returns a connection's descriptor, which may block, and tells from where
// it comes.
func (f *front) accept(from *syscall.RawSockaddrAny) (fd int, err error) {
	for pause := time.Duration(0); ; {
		var failed syscall.Errno
		err = f.raw.Read(func(own uintptr) bool {
			fd, failed = accept(int(own), from)
			return failed != syscall.EAGAIN
		})
		if err != nil || failed == 0 {
			return fd, err
		}
		switch failed {
		case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
			case <-f.ctx.Done():
			}
		default: // of a connection that is no more
		}
	}
}

// worker has what is used for one request after the other.
type worker struct {
	*front
	from  syscall.RawSockaddrAny
	head  []byte
	bytes bytes.Reader
	lines *bufio.Reader
}

// take serves a connection, or gives it to net/http.
func (w *worker) take(fd int) {
	n, errno := recv(fd, w.head, syscall.MSG_PEEK)
	if errno == 0 && n > 0 {
		if r := w.request(w.head[:n]); r != nil {
			if m, _ := recv(fd, w.head[:n], syscall.MSG_TRUNC); m == n { // is thrown away
				w.serve(fd, r)
				return
			}
		}
	}
	if c := fileConn(fd); c != nil {
		select {
		case w.others <- c:
		case <-w.ctx.Done():
			_ = c.Close()
		}
	}
}

// request is that of a stream, if b is the whole of one and nothing about it is
// out of the ordinary.
func (w *worker) request(b []byte) *http.Request {
	if !bytes.HasPrefix(b, []byte(w.start)) || bytes.Index(b, []byte("\r\n\r\n")) != len(b)-4 || !bytes.Contains(b, []byte("text/event-stream")) {
		return nil
	}
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' {
			return nil
		}
	}
	w.bytes.Reset(b)
	w.lines.Reset(&w.bytes)
	r, err := http.ReadRequest(w.lines)
	if err != nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Host == "" || r.Close || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return nil
	}
	if !plainly(r.Host, "-.:_[]") {
		return nil
	}
	for name := range r.Header {
		if !plainly(name, "-_") {
			return nil
		}
	}
	if r.Header["Upgrade"] != nil || r.Header["Expect"] != nil || r.Header["Trailer"] != nil {
		return nil
	}
	return r
}

// plainly reports whether s is of letters, digits and some others.
func plainly(s, others string) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune(others, c) {
			return false
		}
	}
	return true
}

// serve answers a request.
func (w *worker) serve(fd int, r *http.Request) {
	e := &early{fd: fd, header: make(http.Header, 8)}
	defer func() {
		// As in net/http a panic ends its connection only. Who has something to say
		// about it recovers it before it comes here.
		switch {
		case e.fd < 0: // a shard has it
			_ = recover()
		case recover() != nil:
			end(e.fd)
		default:
			e.finish()
		}
	}()
	r.RemoteAddr = address(&w.from)
	w.handler.ServeHTTP(e, r.WithContext(context.WithValue(w.ctx, connKey{}, e)))
}

// early is the writing end of a request that did not come through net/http.
type early struct {
	fd     int // -1: a shard has it
	header http.Header
	status int
	body   []byte
}

func (e *early) Header() http.Header { return e.header }

func (e *early) WriteHeader(status int) {
	if e.status == 0 {
		e.status = status
	}
}

func (e *early) Write(b []byte) (int, error) {
	if e.fd < 0 {
		return 0, http.ErrHijacked
	}
	e.WriteHeader(http.StatusOK)
	e.body = append(e.body, b...)
	return len(b), nil
}

// hand gives the connection to a shard, for good.
func (e *early) hand(s *Server, t *Topic, h http.Header) {
	fd := e.fd
	e.fd = -1
	s.early.Add(1)
	s.give(fd, t, h)
}

// finish sends an answer that is no stream, and ends the connection.
func (e *early) finish() {
	e.WriteHeader(http.StatusOK)
	b := append(make([]byte, 0, 512+len(e.body)), "HTTP/1.1 "...)
	b = append(append(strconv.AppendInt(b, int64(e.status), 10), ' '), http.StatusText(e.status)...)
	if !slices.Contains([]int{http.StatusNoContent, http.StatusNotModified}, e.status) {
		e.header.Set("Content-Length", strconv.Itoa(len(e.body)))
	}
	b = append(appendHeader(append(b, "\r\n"...), e.header), "\r\n"...)
	b = append(b, e.body...)
	if n, errno := sendto(e.fd, b); errno == 0 && n == len(b) {
		end(e.fd)
	} else if c := fileConn(e.fd); c != nil { // it takes the rest later
		_ = c.SetDeadline(time.Now().Add(stuckAnswer))
		_, _ = c.Write(b[max(n, 0):]) // the caller is gone if it fails
		_ = c.Close()
	}
}

// stuckAnswer is how long an answer that is no stream may take.
const stuckAnswer = 10 * time.Second

// fileConn makes a connection of Go's of a descriptor, or closes it.
func fileConn(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "")
	c, err := net.FileConn(file)
	_ = file.Close() // c has a descriptor of its own
	if err != nil {
		return nil
	}
	return c
}

// address is what net/http calls the remote address.
func address(a *syscall.RawSockaddrAny) string {
	var ip netip.Addr
	var port uint16 // in the network's order
	switch a.Addr.Family {
	case syscall.AF_INET:
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(a)) //nolint:gosec // that is what the family says
		ip, port = netip.AddrFrom4(in.Addr), in.Port
	case syscall.AF_INET6:
		in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(a)) //nolint:gosec // that is what the family says
		ip, port = netip.AddrFrom16(in.Addr).Unmap(), in.Port
	}
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[:])).String()
}

// What follows never waits, so Go's scheduler is told nothing of it: that takes
// longer than some of the calls.

// accept takes a connection from a listener that does not block.
func accept(fd int, from *syscall.RawSockaddrAny) (int, syscall.Errno) {
	size := uint32(syscall.SizeofSockaddrAny)
	//nolint:gosec // both are written before it returns
	n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&size)), syscall.SOCK_CLOEXEC, 0, 0)
	return int(n), errno
}

// recv reads.
func recv(fd int, b []byte, flags int) (int, syscall.Errno) {
	//nolint:gosec // the bytes are written before it returns
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(flags|syscall.MSG_DONTWAIT), 0, 0)
	return int(n), errno
}
