package story

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/scripts/client"
)

func TestWatcherChecksOrderAndVersions(t *testing.T) {
	tell := func(seen ...client.Seen) *watcher {
		w := newWatcher("s")
		for _, s := range seen {
			w.tell(s)
		}
		return w
	}
	good := tell(client.Seen{Version: 1, Count: new(5)}, client.Seen{Version: 2, Count: new(5)}, client.Seen{Version: 3}, client.Seen{Version: 4, Count: new(4)})
	if err := good.check([]int{5, 4}); err != nil {
		t.Error(err)
	}
	if err := good.check([]int{5, 3, 4}); err == nil || !strings.Contains(err.Error(), "[5 3 4]") || !strings.Contains(err.Error(), "[5 4]") {
		t.Errorf("a count that was missed: %v", err)
	}
	if err := tell(client.Seen{Version: 2, Count: new(5)}, client.Seen{Version: 1, Count: new(4)}).check([]int{5, 4}); err == nil {
		t.Error("a version that went back is not noticed")
	}
	good.end(io.ErrUnexpectedEOF)
	if err := good.check([]int{5, 4}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream that ended: %v", err)
	}
}

func TestWatcherAwaitsTheLatestCount(t *testing.T) {
	w := newWatcher("s")
	w.tell(client.Seen{Version: 1, Count: new(4)})
	w.tell(client.Seen{Version: 2, Count: new(5)})
	go func() {
		w.tell(client.Seen{Version: 3, Count: new(6)})
		w.tell(client.Seen{Version: 4, Count: new(4)})
	}()
	s, err := w.count(t.Context(), 4)
	if err != nil || s.Version != 4 {
		t.Errorf("saw %+v, %v; it was so at version 1 and is so again since 4", s, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := w.count(ctx, 9); err == nil || !strings.Contains(err.Error(), "expected 9 free, last saw version 4 with 4 free") {
		t.Error(err)
	}
}

func TestAlteredPassIsAForgery(t *testing.T) {
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := pass.Sign(pass.Pass{
		Parking: "p", Reservation: id.New[id.Reservation](now), Generation: 1, SpaceType: "standard", From: now, To: now.Add(time.Hour), NoShowAt: now.Add(time.Hour), Revision: 1,
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pass.NewVerifier([]pass.PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	altered, err := alter(keys, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(altered); !errors.Is(err, pass.ErrBadSignature) || len(altered) != len(text) {
		t.Errorf("the altered pass: %v", err)
	}
}

// A cut makes bytes vanish without ending the connection, and new connections
// get no answer; after healing new ones work.
func TestCutIsABlackHole(t *testing.T) {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = up.Close() }()
	go func() {
		for {
			c, err := up.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	n, err := newNetwork("echo", up.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", n.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	echo := func(c net.Conn, wait time.Duration) error {
		t.Helper()
		if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 5))
		return err
	}
	before := dial()
	if err := echo(before, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := n.cut(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.Conn{"old": before, "new": dial()} {
		if err, ok := errors.AsType[net.Error](echo(c, 50*time.Millisecond)); !ok || !err.Timeout() {
			t.Errorf("the %s connection does not hang: %v", name, err)
		}
	}
	n.heal(t.Context())
	if err := echo(dial(), 5*time.Second); err != nil {
		t.Errorf("after healing: %v", err)
	}
}
