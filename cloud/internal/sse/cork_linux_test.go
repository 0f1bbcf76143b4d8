package sse

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"syscall"
	"testing"
)

// Only a plain connection that serves one request at a time is corked.
func TestOnlyAConnectionOfOneRequestIsCorked(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	on := func() (on bool) {
		if err := raw.Control(func(fd uintptr) {
			n, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK)
			if on = n != 0; err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Error(err)
		}
		return on
	}
	for _, c := range []struct {
		what   string
		seen   net.Conn
		major  int
		corked bool
	}{
		{"HTTP/1.1", conn, 1, true},
		{"HTTP/2 without TLS", conn, 2, false},
		{"TLS", tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS13}), 1, false},
	} {
		r := (&http.Request{ProtoMajor: c.major}).WithContext(ConnContext(context.Background(), c.seen))
		cork := Cork(r)
		if got := on(); got != c.corked {
			t.Errorf("%s: corked %t", c.what, got)
		}
		cork.Uncork()
		if on() {
			t.Errorf("%s: the cork is left on", c.what)
		}
	}
	_ = conn.Close()
	Cork((&http.Request{ProtoMajor: 1}).WithContext(ConnContext(context.Background(), conn))).Uncork() // does nothing
	Cork(&http.Request{ProtoMajor: 1}).Uncork()
}
