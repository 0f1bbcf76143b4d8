package sse

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pair is a connection of a listener that gathers, and its other end.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = Gather(l)
	t.Cleanup(func() { _ = l.Close() })
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	return ours, theirs
}

func requestOf(c net.Conn, major int) *http.Request {
	return (&http.Request{ProtoMajor: major}).WithContext(ConnContext(context.Background(), c))
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if n, err := c.Write(b); n != len(b) || err != nil {
		t.Fatalf("%d of %d bytes are written: %v", n, len(b), err)
	}
}

// arrives expects bytes, and nothing behind them that is there already.
func arrives(t *testing.T, c net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("something else than %d bytes arrives: %v", len(want), err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // what was sent by now is here: it is the loopback
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Fatal("more arrives")
	}
}

// What is written first waits for what comes next, and both arrive in their order.
func TestWhatIsCorkedIsSentTogether(t *testing.T) {
	t.Parallel()
	head, body := bytes.Repeat([]byte("h"), heldMost), bytes.Repeat([]byte("b"), 20_000)
	ours, theirs := pair(t)
	for range 3 { // one request after the other
		c := Cork(requestOf(ours, 1))
		if c == (Corked{}) {
			t.Fatal("nothing is corked")
		}
		if again := Cork(requestOf(ours, 1)); again != (Corked{}) {
			t.Fatal("corked twice")
		}
		write(t, ours, head)
		arrives(t, theirs, nil)
		write(t, ours, body)
		arrives(t, theirs, append(bytes.Clone(head), body...))
		c.Uncork()
		arrives(t, theirs, nil)

		c = Cork(requestOf(ours, 1))
		write(t, ours, head[:100])
		write(t, ours, head[:200])
		arrives(t, theirs, nil)
		c.Uncork() // an answer that breaks off, or was short
		arrives(t, theirs, head[:300])

		c = Cork(requestOf(ours, 1))
		write(t, ours, head[:100])
		if n, err := ours.(io.ReaderFrom).ReadFrom(strings.NewReader("file")); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		arrives(t, theirs, append(bytes.Clone(head[:100]), "file"...))
		write(t, ours, body)
		arrives(t, theirs, body)
		c.Uncork()
		write(t, ours, head[:10])
		arrives(t, theirs, head[:10])
	}
}

// Only a plain connection that serves one request at a time is corked.
func TestOnlyAConnectionOfOneRequestIsCorked(t *testing.T) {
	t.Parallel()
	ours, _ := pair(t)
	bare := ours.(*gathered).TCPConn
	for what, r := range map[string]*http.Request{
		"HTTP/2 without TLS":             requestOf(ours, 2),
		"TLS":                            requestOf(tls.Server(ours, &tls.Config{MinVersion: tls.VersionTLS13}), 1),
		"a connection that was not ours": requestOf(bare, 1),
		"a request of no connection":     {ProtoMajor: 1},
	} {
		c := Cork(r)
		if c != (Corked{}) || ours.(*gathered).buffer != nil {
			t.Errorf("%s is corked", what)
		}
		c.Uncork()
	}
}

// What was held back and could not be sent is not left out in silence: nothing follows it.
func TestWhatCouldNotBeSentIsTold(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"two parts", "an uncork"} {
		ours, theirs := pair(t)
		c := Cork(requestOf(ours, 1))
		write(t, ours, make([]byte, heldMost))
		_ = ours.SetWriteDeadline(time.Unix(1, 0)) // long past: nothing can be sent for now
		if after == "two parts" {
			if n, err := ours.Write(make([]byte, 20_000)); err == nil || n > 0 {
				t.Errorf("%d bytes are written: %v", n, err)
			}
		}
		c.Uncork()
		_ = ours.SetWriteDeadline(time.Time{})
		if n, err := ours.Write([]byte("x")); err == nil || n > 0 {
			t.Errorf("after %s %d bytes are written behind what is missing: %v", after, n, err)
		}
		arrives(t, theirs, nil)
	}
}
