package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	parking id.Parking = "dresden-altmarkt"
	secret  string     = "not-a-real-secret"
	entry1             = 0
	exit1              = 1
	entry2             = 2
)

// site is a parking with a board, a network and a cloud.
type site struct {
	t       testing.TB
	dir     string
	edge    id.Edge
	board   *testBoard
	net     *cloudtest.Network
	cloud   *cloudtest.Cloud
	key     pass.SigningKey
	guest   wire.Entry
	machine clock.Machine // the zero value is this one
	agent   *Agent
	stop    func()
	limit   int64 // of the store; 0: the default
	trace   *trace.Tracer

	supervisor Supervisor // or nil
	reversible bool       // entry-2 is
	kiosk      *KioskConfig
}

func newSite(t testing.TB) *site {
	t.Helper()
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), edge: id.New[id.Edge](time.Now()), board: newBoard(t), key: key}
	b := cloudtest.StartBroker(t, parking, s.edge, secret)
	s.cloud, s.net = cloudtest.StartCloud(t, b, parking), cloudtest.StartNetwork(t, b.Addr)
	s.cloud.Signs(key)
	now := time.Now()
	s.guest = wire.Entry{
		Reservation: id.New[id.Reservation](now), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, Version: 1,
		From: now.Add(-time.Hour).Unix(), To: now.Add(time.Hour).Unix(), NoShowAt: now.Add(time.Minute).Unix(),
	}
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Entries: []wire.Entry{s.guest},
		Keys:       []wire.PassKey{{ID: key.Public().ID, Public: key.Public().Public}},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 1, Until: now.Add(time.Hour).Unix()}},
		Policy:     &wire.Policy{EarlyEntry: 900},
	})
	return s
}

func (s *site) config() Config {
	laneAt := func(name id.Lane, d admission.Direction, gate int) LaneConfig {
		return LaneConfig{Lane: admission.Lane{ID: name, Direction: d, SpaceType: id.Standard}, Device: "board", Gate: gate}
	}
	timing := uplink.DefaultTiming()
	timing.Backoff, timing.Silence = 200*time.Millisecond, 2*time.Second
	var choices []store.Option
	if s.limit > 0 {
		choices = append(choices, store.WithLimit(s.limit))
	}
	second := laneAt("entry-2", admission.Entry, entry2)
	second.Reversible = s.reversible
	return Config{
		Store: choices, Parking: parking, DataDir: s.dir, HTTP: "127.0.0.1:0", Zone: time.UTC, Built: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Software: "test",
		Lanes:   []LaneConfig{laneAt("entry-1", admission.Entry, entry1), laneAt("exit-1", admission.Exit, exit1), second},
		Devices: map[string]device.Connect{"board": s.board.connect}, Machine: s.machine, Supervisor: s.supervisor,
		Kiosk:  s.kiosk,
		Uplink: uplink.Config{Broker: "tcp://" + s.net.Addr, Edge: s.edge, Secret: secret, Timing: timing, Trace: s.trace},
	}
}

// start starts the agent and waits until it is in step with the cloud.
func (s *site) start(online bool) {
	s.t.Helper()
	a, err := Open(s.config(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	s.agent, s.stop = a, func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				s.t.Error(err)
			}
		})
	}
	s.t.Cleanup(s.stop)
	if online {
		s.cloud.Wait("the sync", func(c *cloudtest.Cloud) bool { return len(c.Syncs) > 0 && c.Syncs[len(c.Syncs)-1].Revision == 10 })
		s.timed()
	}
}

// timed waits until the agent knows the time: the mark says so that it journals
// for what it could not place before.
func (s *site) timed() {
	s.t.Helper()
	s.cloud.Wait("the time", func(c *cloudtest.Cloud) bool {
		return slices.ContainsFunc(c.Applied, func(e wire.Event) bool { return e.Kind == wire.TimeMark })
	})
}

// pass signs a pass for a reservation, confirmed at a revision.
func (s *site) pass(r id.Reservation, revision uint64) string {
	s.t.Helper()
	from := time.Now().Add(-time.Hour)
	text, err := pass.Sign(pass.Pass{
		Parking: parking, Reservation: r, Generation: 1, SpaceType: id.Standard,
		From: from, To: from.Add(3 * time.Hour), NoShowAt: from.Add(2 * time.Hour), Revision: revision,
	}, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// kinds waits until the cloud has applied an event of the kind and lists all
// the kinds since the agent's first event.
func (s *site) applied(kind wire.EventKind, n int) []wire.Event {
	s.t.Helper()
	var out []wire.Event
	s.cloud.Wait("an event of a kind", func(c *cloudtest.Cloud) bool {
		out = slices.DeleteFunc(slices.Clone(c.Applied), func(e wire.Event) bool { return e.Kind != kind })
		return len(out) >= n
	})
	if len(out) != n {
		s.t.Fatalf("%d events of kind %d, want %d", len(out), kind, n)
	}
	return out
}

func TestAGuestComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	text := s.pass(s.guest.Reservation, 5)
	s.board.arrive(entry1)
	s.board.show(entry1, text)
	s.board.opened(entry1)
	s.board.show(entry1, text) // the reader reads it again
	if got := s.board.toldAt(entry1); got.text == "" || got.ticket != "" {
		t.Errorf("a guest was told %q and given the ticket %q", got.text, got.ticket)
	}
	s.board.driveThrough(entry1)
	in := s.applied(wire.Entered, 1)[0]
	if adm := s.applied(wire.Admitted, 1)[0]; adm.Session != in.Session || adm.Reason != wire.AdmitReservation || adm.Reservation != s.guest.Reservation || in.Reason != adm.Reason || in.Inferred || in.Offline {
		t.Errorf("admitted %+v, entered %+v", adm, in)
	}
	s.board.arrive(exit1)
	s.board.show(exit1, text)
	s.board.opened(exit1)
	s.board.driveThrough(exit1)
	if out := s.applied(wire.Exited, 1)[0]; out.Session != in.Session || out.Uncertainty > 1100 || out.Reason != wire.AdmitReservation {
		t.Errorf("exited %+v", out)
	}
	s.applied(wire.Refused, 0)
	s.applied(wire.AllotmentAdopted, 1)
	s.applied(wire.LaneFault, 0)
}

// What is on disk at the moment of the opening is enough to know of it.
func TestTheJournalIsOnDiskBeforeTheBarrierOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := filepath.Join(t.TempDir(), "image.db")
	s.board.onOpen = func(int) error {
		b, err := os.ReadFile(filepath.Join(s.dir, StoreFile))
		log, logErr := os.ReadFile(filepath.Join(s.dir, StoreFile+"-wal"))
		return errors.Join(err, logErr, os.WriteFile(image, b, 0o600), os.WriteFile(image+"-wal", log, 0o600))
	}
	s.start(true)
	s.net.Cut() // so that nothing is trimmed and nothing else is written
	text := s.pass(s.guest.Reservation, 5)
	s.board.arrive(entry1)
	s.board.show(entry1, text)
	s.board.opened(entry1)
	in, err := store.Inspect(image)
	if err != nil {
		t.Fatal(err)
	}
	last := in.Pending[len(in.Pending)-1]
	if last.Kind != wire.Admitted || last.Reservation != s.guest.Reservation {
		t.Fatalf("the newest event on disk is %+v", last)
	}

	// An agent that starts from that image concludes the passage and does not let
	// the pass in again.
	s.stop()
	if err := os.Rename(image+"-wal", filepath.Join(s.dir, StoreFile+"-wal")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(image, filepath.Join(s.dir, StoreFile)); err != nil {
		t.Fatal(err)
	}
	s.board = newBoard(t)
	s.start(false)
	s.board.toldAtNothing()
	s.board.arrive(entry2)
	s.board.show(entry2, text)
	if got := s.board.toldAt(entry2); !strings.Contains(got.text, "used") {
		t.Errorf("told %q", got.text)
	}
	s.board.stillShut()
	s.net.Heal()
	if got := s.applied(wire.Entered, 1)[0]; !got.Inferred || got.Session != last.Session {
		t.Errorf("concluded %+v", got)
	}
	if got := s.applied(wire.Refused, 1)[0]; got.Reason != wire.RefusePassback || !got.Offline {
		t.Errorf("refused %+v", got)
	}
	if got := s.applied(wire.Started, 2); got[0].Inferred || !got[1].Inferred {
		t.Errorf("started %+v: the second start follows a crash, the first does not", got)
	}
}

func (b *testBoard) toldAtNothing() {
	b.t.Helper()
	if len(b.tells) > 0 {
		b.t.Fatal("somebody was told something")
	}
}

func TestOnePassAtTwoLanesOpensOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	text := s.pass(s.guest.Reservation, 5)
	s.board.arrive(entry1)
	s.board.arrive(entry2)
	s.board.show(entry1, text)
	s.board.show(entry2, text)
	for range 2 {
		<-s.board.tells
	}
	if n := len(s.board.opens); n != 1 {
		t.Errorf("%d gates opened for one pass", n)
	}
	s.applied(wire.Admitted, 1)
	if got := s.applied(wire.Refused, 1)[0]; got.Reason != wire.RefusePassback {
		t.Errorf("refused for %s", got.Reason)
	}
}

func TestOfflineTheGatesGoOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.net.Cut()
	for s.agent.uplink.Online() {
		<-s.net.Attempts
	}
	stranger := id.New[id.Reservation](time.Now())
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(stranger, 11)) // confirmed after the last sync
	s.board.opened(entry1)
	s.board.toldAt(entry1)
	s.board.driveThrough(entry1)
	s.board.arrive(entry1)
	s.board.show(entry1, "")
	s.board.opened(entry1)
	ticket := s.board.toldAt(entry1).ticket
	s.board.driveThrough(entry1)
	s.board.arrive(entry2)
	s.board.show(entry2, "") // the allotment is used up
	if got := s.board.toldAt(entry2); !strings.Contains(got.text, "No space") {
		t.Errorf("told %q", got.text)
	}
	s.board.show(entry2, s.pass(id.New[id.Reservation](time.Now()), 9)) // confirmed before the last sync, and not in it
	s.board.toldAt(entry2)
	s.board.stillShut()
	s.board.arrive(exit1)
	s.board.show(exit1, ticket)
	s.board.opened(exit1)
	s.board.toldAt(exit1)
	s.board.driveThrough(exit1)

	s.net.Heal()
	admitted := s.applied(wire.Admitted, 2)
	if admitted[0].Reason != wire.AdmitPassOffline || admitted[1].Reason != wire.AdmitWalkin || !admitted[0].Offline {
		t.Errorf("admitted %+v", admitted)
	}
	if out := s.applied(wire.Exited, 1)[0]; out.Session != admitted[1].Session {
		t.Errorf("the walk-in's ticket ended session %v, want %v", out.Session, admitted[1].Session)
	}
	refused := s.applied(wire.Refused, 2)
	if refused[0].Reason != wire.RefuseFull || refused[1].Reason != wire.RefuseUnknown {
		t.Errorf("refused %+v", refused)
	}
}

func TestAnEdgeThatNeverReachedItsCloudLetsPeopleOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.net.Cut()
	s.start(false)
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	if got := s.board.toldAt(entry1); got.text == "" {
		t.Error("refused without a word")
	}
	s.board.stillShut()
	s.board.show(exit1, "gibberish")
	s.board.toldAt(exit1)
	s.board.stillShut()
	s.board.show(exit1, "") // and no loop has seen a car
	s.board.opened(exit1)
	s.board.toldAt(exit1)
	s.board.driveThrough(exit1)
	s.board.show(exit1, s.pass(s.guest.Reservation, 5)) // a pass that nobody can verify
	s.board.opened(exit1)
	s.board.toldAt(exit1)
}

func TestABrokenDiskTrapsNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, err := Open(s.config(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.listen.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(a.rec.rekey(), a.rec.Run(ctx)); err != nil { // the store takes nothing any more
		t.Fatal(err)
	}
	var d device.Gates = s.board
	a.links[0].now.Store(&d)
	for _, g := range a.gates {
		g.step(context.Background(), lane.Input{Kind: lane.Sensed, Inputs: lane.Inputs{Arming: lane.On, Safety: lane.Off, ArmClosed: lane.On, ArmOpen: lane.Off, Fire: lane.Off}})
		g.present(context.Background(), showing{kind: lane.Pressed})
	}
	if len(s.board.opens) != 1 || <-s.board.opens != exit1 {
		t.Error("want the exit open and the entries shut")
	}
}

func TestABoardThatIsLostIsReportedAndItsPassageConcluded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry1)
	s.board.toldAt(entry1)
	close(s.board.broken)
	faults := s.applied(wire.LaneFault, 3)
	if faults[0].Note != lane.FaultBoard {
		t.Errorf("reported %+v", faults)
	}
	if r := s.agent.Report(); r.Board {
		t.Error("the report says that the board is there")
	}
}

func TestTheLocalPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	get := func(path string) (int, map[string]any) {
		t.Helper()
		r, err := http.Get("http://" + s.agent.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s: %s", err, b)
		}
		return r.StatusCode, v
	}
	defer http.DefaultClient.CloseIdleConnections()
	if code, v := get("/healthz"); code != http.StatusOK || v["status"] != "ok" {
		t.Errorf("healthz %d %v", code, v)
	}
	code, v := get("/state")
	if code != http.StatusOK || v["revision"] != 10.0 || v["link"] != "online" || len(v["lanes"].([]any)) != 3 {
		t.Errorf("state %d %v", code, v)
	}
	go s.cloud.Send(&wire.Sync{Kind: wire.Delta, Base: 10, Through: 11, Parts: 1})
	if _, v := get("/state?wait_revision=11"); v["revision"] != 11.0 {
		t.Errorf("waited for revision 11 and got %v", v["revision"])
	}
	if code, v := get("/state?wait_revision=soon"); code != http.StatusBadRequest || v["code"] != "invalid_revision" {
		t.Errorf("a revision that is no number: %d %v", code, v)
	}

	other := s.config()
	other.DataDir, other.HTTP = t.TempDir(), s.agent.Addr()
	if _, err := Open(other, slog.New(slog.DiscardHandler)); fault.Code(err) != "http_address" || !strings.Contains(err.Error(), "--http") {
		t.Errorf("a busy port: %v", err)
	}
	other.HTTP, other.DataDir = "127.0.0.1:0", s.dir
	if _, err := Open(other, slog.New(slog.DiscardHandler)); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second agent on the same store: %v", err)
	}
}

// BenchmarkCredentialToOpen is from the reader's event to the open command, the
// journal's commit included.
func BenchmarkCredentialToOpen(b *testing.B) {
	s := newSite(b)
	s.start(true)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		b.StopTimer()
		text := s.pass(id.New[id.Reservation](time.Now()), 99)
		s.board.arrive(entry1)
		b.StartTimer()
		began := time.Now()
		s.board.show(entry1, text)
		s.board.opened(entry1)
		took = append(took, time.Since(began))
		b.StopTimer()
		s.board.toldAt(entry1)
		s.board.driveThrough(entry1)
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func TestAnIdleLinkStaysUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.cloud.Wait("some beats", func(c *cloudtest.Cloud) bool { return len(c.Beats) >= 4 })
	s.cloud.Look(func(c *cloudtest.Cloud) {
		if len(c.Hellos) != 1 {
			t.Errorf("%d connections for one idle link", len(c.Hellos))
		}
	})
}
