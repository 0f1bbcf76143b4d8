package app

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// crashEnv tells a child process of this test to be an agent: data directory,
// broker and edge id.
const crashEnv = "OPENLOT_TEST_CRASH_AGENT"

func TestMain(m *testing.M) {
	if spec := os.Getenv(crashEnv); spec != "" {
		childAgent(strings.Split(spec, ","))
		return
	}
	goleak.VerifyTestMain(m)
}

// childAgent runs an agent with an entry and an exit through which walk-ins
// come and go as fast as they can, and prints every opening and every ticket,
// until it is killed.
func childAgent(spec []string) {
	s := &site{dir: spec[0], board: newBoard(new(testing.T))}
	if err := s.edge.UnmarshalText([]byte(spec[2])); err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		return
	}
	s.net = &cloudtest.Network{Addr: spec[1]}
	cfg := s.config()
	cfg.HTTP = ""
	s.board.onOpen = func(gate int) error {
		_, err := fmt.Fprintf(os.Stdout, "opened %d\n", gate)
		return err
	}
	a, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		return
	}
	go func() {
		if err := a.Run(context.Background()); err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "error", err)
		}
	}()
	for {
		s.board.levels(entry1, func(in *lane.Inputs) { in.Arming = lane.On })
		s.board.show(entry1, "")
		var got told
		select {
		case got = <-s.board.tells:
		case <-time.After(sameRefusal / 10): // refused a moment ago, and not decided again so soon
		}
		if got.ticket == "" {
			continue // no allotment yet
		}
		_, _ = fmt.Fprintln(os.Stdout, "ticket", got.ticket)
		<-s.board.opens
		s.board.driveThrough(entry1)
		if rand.IntN(3) == 0 {
			continue // stays
		}
		// The lanes do not wait for each other: it is inside when the entry has
		// journalled that.
		ses, _ := admission.ParseTicket(got.ticket)
		for inside := false; !inside; time.Sleep(time.Millisecond) {
			a.rec.View(func(st *admission.State) { inside = st.Sessions[ses].Phase == admission.Inside })
		}
		s.board.show(exit1, got.ticket)
		<-s.board.opens
		<-s.board.tells
		s.board.driveThrough(exit1)
	}
}

// An agent that is killed again and again, at any moment, loses no opening and
// no passage, and the cloud applies everything once.
func TestAnAgentKilledAtAnyMoment(t *testing.T) {
	s := newSite(t)
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Keys: []wire.PassKey{wire.PassKey(s.key.Public())},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 60000, Until: time.Now().Add(time.Hour).Unix()}},
	})
	opened, tickets := map[string]int{}, map[string]bool{}
	for life := range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), crashEnv+"="+strings.Join([]string{s.dir, s.net.Addr, s.edge.String()}, ","))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, kill := bufio.NewScanner(out), 10+rand.IntN(120)
		for n := 0; lines.Scan(); n++ {
			if n == kill {
				_ = cmd.Process.Kill() // what it had said is still read
			}
			if life%3 == 1 && n == kill/2 {
				s.net.Cut() // die offline
			}
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "opened":
				opened[rest]++
			case "ticket":
				tickets[rest] = true
			case "error":
				t.Fatal(rest)
			}
		}
		_ = cmd.Wait()
		s.net.Heal()
	}

	// A last life that is not killed brings the cloud up to date.
	s.start(false)
	s.cloud.Wait("the last start and what it concluded", func(c *cloudtest.Cloud) bool {
		starts := 0
		for _, e := range c.Applied {
			if e.Kind == wire.Started {
				starts++
			}
		}
		_, seq := c.Watermark()
		return starts == 9 && seq == s.agent.rec.Position().LastSeq
	})
	type life struct{ admitted, entered, released, exited int }
	sessions := map[id.Session]*life{}
	s.cloud.Look(func(c *cloudtest.Cloud) {
		for i, e := range c.Applied {
			if e.Seq != uint64(i)+1 {
				t.Fatalf("event %d has seq %d", i, e.Seq)
			}
			if e.Session.IsZero() {
				continue
			}
			if sessions[e.Session] == nil {
				sessions[e.Session] = &life{}
			}
			l := sessions[e.Session]
			switch e.Kind {
			case wire.Admitted:
				l.admitted++
			case wire.Entered:
				l.entered++
			case wire.Released:
				l.released++
			case wire.Exited:
				l.exited++
			default:
			}
		}
	})
	in, out := 0, 0
	for ses, l := range sessions {
		in, out = in+l.admitted, out+l.released
		if l.admitted != 1 || l.entered != 1 || l.released > 1 || l.exited != l.released {
			t.Errorf("session %v: %+v", ses, *l)
		}
		delete(tickets, "TK1:"+ses.String())
	}
	if in < opened["0"] || out < opened["1"] {
		t.Errorf("%d admissions and %d releases for %d and %d openings", in, out, opened["0"], opened["1"])
	}
	if len(tickets) > 0 {
		t.Errorf("%d tickets were handed out for nothing", len(tickets))
	}
	if opened["0"] < 20 || opened["1"] < 10 {
		t.Errorf("too little happened to prove anything: %v", opened)
	}
}
