package app

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	ossignal "os/signal"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/wire"
)

// status is what /healthz says.
func (s *site) status() (code int, status string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.agent.Addr() + "/healthz")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, body.Status
}

// walkin lets one in and returns his ticket.
func (s *site) walkin() string {
	s.t.Helper()
	s.board.arrive(entry1)
	s.board.show(entry1, "")
	s.board.opened(entry1)
	ticket := s.board.toldAt(entry1).ticket
	s.board.driveThrough(entry1)
	return ticket
}

// inItsOwnProcess runs a test in a process of its own, and reports whether this is
// that process: its limits are nobody else's, not even the test runner's.
func inItsOwnProcess(t *testing.T) bool {
	t.Helper()
	const sign = "OPENLOT_TEST_ALONE"
	if os.Getenv(sign) == t.Name() {
		return true
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), sign+"="+t.Name())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// While nothing at all can be written nobody comes in and everybody gets out, it
// is said, and once it can be written the exits are journalled, each once and with
// its time.
func TestADiskThatFailsForAWhileTrapsNobodyAndForgetsNoExit(t *testing.T) {
	if !inItsOwnProcess(t) {
		return
	}
	s := newSite(t)
	s.start(true)
	ticket := s.walkin()
	s.applied(wire.Entered, 1)

	ossignal.Ignore(syscall.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	relax := func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	}
	defer relax()
	s.board.arrive(entry2)
	s.board.show(entry2, s.pass(s.guest.Reservation, 5))
	s.board.toldAt(entry2)
	s.board.stillShut()
	if code, status := s.status(); code != http.StatusServiceUnavailable || status != "failing" {
		t.Errorf("/healthz: %d %s", code, status)
	}
	before := time.Now()
	s.board.arrive(exit1)
	s.board.show(exit1, ticket)
	s.board.opened(exit1)
	s.board.toldAt(exit1)
	after := time.Now()
	s.board.driveThrough(exit1)
	relax()

	exited := s.applied(wire.Exited, 1)[0]
	if "TK1:"+exited.Session.String() != ticket || !exited.Inferred {
		t.Errorf("who left: %+v", exited)
	}
	if at := exited.Time(); at.Before(before.Add(-time.Second)) || at.After(after.Add(time.Second)) {
		t.Errorf("left at %v, which was between %v and %v", at, before, after)
	}
	s.applied(wire.Released, 1)
	s.agent.rec.View(func(st *admission.State) {
		if len(st.Sessions) != 0 {
			t.Errorf("%d are inside", len(st.Sessions))
		}
	})
	// The guest who was refused was not let in, and is now.
	s.board.show(entry2, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry2)
	if code, status := s.status(); code != http.StatusOK || status != "ok" {
		t.Errorf("/healthz: %d %s", code, status)
	}
}

// A full store lets nobody in, and everybody out.
func TestAFullStoreTrapsNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	ticket := s.walkin()
	s.applied(wire.Entered, 1)
	s.stop()
	s.limit = 1
	s.start(true)
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	s.board.toldAt(entry1)
	s.board.stillShut()
	if code, status := s.status(); code != http.StatusOK || status != "degraded" {
		t.Errorf("/healthz: %d %s", code, status)
	}
	s.board.arrive(exit1)
	s.board.show(exit1, ticket)
	s.board.opened(exit1)
	s.board.toldAt(exit1)
	s.board.driveThrough(exit1)
	s.applied(wire.Exited, 1)
}
