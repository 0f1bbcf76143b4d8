package stack

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A part that is turned off stays off, however it was ended, until it is turned on; and
// when it ends by itself after that, it is started again as before.
func TestAPartThatIsOffStaysOffUntilItIsTurnedOn(t *testing.T) {
	for _, hard := range []bool{false, true} {
		s := running(t, "exec sleep 60")
		s.cfg.Dir = t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		said, kept, controlled := make(chan string, 1), make(chan error, 1), make(chan error, 1)
		go func() { kept <- s.Keep(ctx, func(line string) { said <- line }) }()
		go func() { controlled <- s.Control(ctx) }()
		for listens := false; !listens; {
			select {
			case err := <-controlled:
				t.Fatalf("nothing listens: %v", err)
			default:
			}
			if c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(s.cfg.Dir, socket)); err == nil {
				listens = c.Close() == nil
			}
		}
		tell := func(what, part string) string {
			if err := Tell(t.Context(), s.cfg.Dir, what, part, hard); err != nil {
				return err.Error()
			}
			return ""
		}
		if got := tell("off", "cloud"); !strings.Contains(got, "there is no cloud; there are shell") {
			t.Errorf("says %q", got)
		}
		first := s.cloud.Process()
		for range 2 { // again is the same
			if got := tell("off", "shell"); got != "" {
				t.Fatal(got)
			}
		}
		<-first.Done()
		if err := s.Failure(); err != nil || s.cloud.Process() != first {
			t.Errorf("it is started again: %v", err)
		}
		for range 2 {
			if got := tell("on", "shell"); got != "" {
				t.Fatal(got)
			}
		}
		second := s.cloud.Process()
		if second == first {
			t.Fatal("it is not started")
		}
		_ = second.cmd.Process.Kill() // as it would end by itself
		if line := <-said; line != "shell ended by itself (signal: killed); it is started again" {
			t.Errorf("says %q", line)
		}
		cancel()
		if err := <-kept; err != nil {
			t.Error(err)
		}
		if err := <-controlled; err != nil {
			t.Error(err)
		}
		if got := tell("off", "shell"); !strings.Contains(got, "nothing runs in "+s.cfg.Dir) {
			t.Errorf("when nothing runs: %q", got)
		}
		s.Stop()
	}
}
