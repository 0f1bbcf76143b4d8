package store_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// crashEnv names the file that a child process of this test writes until it is
// killed.
const crashEnv = "OPENLOT_TEST_CRASH_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		childWrites(path)
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "check-store" {
		os.Exit(store.CheckMain(os.Args[2]))
	}
	if spec := os.Getenv(store.DriveEnv); spec != "" {
		os.Exit(store.ChildDrives(spec))
	}
	os.Exit(m.Run())
}

// childWrites admits, enters and acknowledges as fast as it can from several
// goroutines and prints what the store has promised, until it is killed.
func childWrites(path string) {
	s, err := store.Open(path, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		os.Exit(1)
	}
	go func() { _ = s.Run(context.Background()) }()
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) // the parent reads it
	}
	say("open %d", s.Position().LastSeq)
	for range 3 {
		go func() {
			for {
				ses := id.New[id.Session](time.Now())
				events, err := s.Record(func(*admission.State) []admission.Fact {
					return []admission.Fact{admit(ses, id.New[id.Reservation](time.Now()))}
				})
				if err != nil {
					say("error %v", err)
					return
				}
				// The barrier would be told to open now.
				say("opened %d %s", events[0].Seq, ses)
			}
		}()
	}
	for {
		changed := s.Changed()
		p := s.Position()
		if p.LastSeq == p.AckedSeq {
			<-changed
			continue
		}
		raw, err := s.Pending(p.AckedSeq, 1+rand.IntN(20), 1<<20)
		if err != nil {
			say("error %v", err)
			return
		}
		h := p.AckedHash
		for _, r := range raw {
			h = h.Next(r)
		}
		seq := p.AckedSeq + uint64(len(raw))
		if err := s.Ack(seq, h); err != nil {
			say("error %v", err)
			return
		}
		say("acked %d", seq)
	}
}

// A process that is killed at any moment has lost nothing that it acted on.
func TestKilledAtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	opened := map[string]uint64{} // session → seq, over all lives
	acked := uint64(0)
	for life := range 12 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), crashEnv+"="+path)
		cmd.Stderr = os.Stderr // a panic is not a kill
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, kill := bufio.NewScanner(pipe), rand.IntN(400)
		for n := 0; lines.Scan(); n++ {
			if n == kill {
				_ = cmd.Process.Kill() // what it said before it died is still read
			}
			word, rest, _ := strings.Cut(lines.Text(), " ")
			var seq uint64
			var ses string
			switch word {
			case "opened":
				if _, err := fmt.Sscan(rest, &seq, &ses); err != nil {
					continue // cut off in the middle
				}
				opened[ses] = seq
			case "acked":
				if _, err := fmt.Sscan(rest, &seq); err == nil && n < kill {
					acked = max(acked, seq)
				}
			case "error":
				t.Fatalf("life %d: %s", life, rest)
			}
		}
		_ = cmd.Wait()

		in, err := store.Inspect(path)
		if err != nil {
			t.Fatalf("life %d left a file that cannot be read: %v", life, err)
		}
		// What was acknowledged just before the kill may be pending again: the
		// cloud's next welcome says so. Nothing else is ever gone.
		if n := in.LastSeq - in.AckedSeq; n != uint64(len(in.Pending)) {
			t.Fatalf("life %d: %d events pending, the head says %d", life, len(in.Pending), n)
		}
		pending := map[uint64]wire.Event{}
		for _, e := range in.Pending {
			pending[e.Seq] = e
		}
		for ses, seq := range opened {
			if seq > in.LastSeq {
				t.Fatalf("life %d: the barrier opened for event %d, which is lost", life, seq)
			}
			if e, ok := pending[seq]; seq > in.AckedSeq && (!ok || e.Session.String() != ses) {
				t.Fatalf("life %d: event %d was acted on and is not what is pending", life, seq)
			}
		}
		if in.Sessions < len(opened) {
			t.Fatalf("life %d: %d sessions, %d cars were let in", life, in.Sessions, len(opened))
		}
	}
	if len(opened) < 100 || acked == 0 {
		t.Fatalf("the children did too little to prove anything: %d opened, %d acknowledged", len(opened), acked)
	}
}
