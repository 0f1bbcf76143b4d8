package email_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// refusing is a mail server that answers one command with a line of its own.
func refusing(t *testing.T, command, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.WriteString(c, "220 test\r\n")
				for in := bufio.NewScanner(c); in.Scan(); {
					word := strings.ToUpper(strings.Fields(in.Text() + " -")[0])
					switch word {
					case command:
						_, _ = io.WriteString(c, line+"\r\n")
					case "QUIT":
						_, _ = io.WriteString(c, "221 bye\r\n")
						return
					case "EHLO":
						_, _ = io.WriteString(c, "250-test\r\n250 8BITMIME\r\n")
					default:
						_, _ = io.WriteString(c, "250 ok\r\n")
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestPermanentAndTemporaryRefusalsAreToldApart(t *testing.T) {
	m := confirmed(t)
	for _, c := range []struct {
		command, line string
		permanent     bool
	}{
		{"RCPT", "550 5.1.1 no such user", true},
		{"RCPT", "450 4.2.1 mailbox busy", false},
		{"MAIL", "554 5.7.1 not you", true},
		{"DATA", "451 4.3.0 later", false},
		{"EHLO", "421 4.3.2 shutting down", false},
	} {
		err := sender(t, refusing(t, c.command, c.line)).Send(t.Context(), notify.Confirmation, m)
		if err == nil || errors.Is(err, notify.ErrPermanent) != c.permanent {
			t.Errorf("%s %s: %v", c.command, c.line, err)
		}
		if err != nil && strings.Contains(err.Error(), m.To) {
			t.Errorf("the error names the recipient: %v", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if err := sender(t, addr).Send(t.Context(), notify.Confirmation, m); err == nil || errors.Is(err, notify.ErrPermanent) {
		t.Errorf("a server that is away: %v", err)
	}
	m.To = "not an address"
	if err := sender(t, addr).Send(t.Context(), notify.Confirmation, m); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("an impossible address: %v", err)
	}
}
