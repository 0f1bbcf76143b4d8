package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

func (s *site) order(l id.Lane, command string) error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	return s.obey(ctx, Order{Lane: l, Command: command, By: "A1", Why: "delivery"})
}

func (s *site) obey(ctx context.Context, o Order) error {
	_, err := s.agent.Obey(ctx, o)
	return err
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// An order is written down before the barrier hears of it, tells the cloud who and
// why, and holds over a start.
func TestAnOrderIsJournalledBeforeItIsCarriedOutAndHolds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := filepath.Join(t.TempDir(), "image.db")
	s.board.onOpen = func(int) error { return copyStore(s.dir, image) }
	s.start(true)
	s.net.Cut() // so that nothing is trimmed
	s.must(s.order("entry-1", "hold_open"))
	s.board.opened(entry1)
	in, err := store.Inspect(image)
	s.must(err)
	if !slices.ContainsFunc(in.Pending, func(e wire.Event) bool { return e.Kind == wire.Commanded }) {
		t.Fatalf("opened before it was written down: %+v", in.Pending)
	}
	s.net.Heal()
	c := s.applied(wire.Commanded, 1)[0]
	if c.Lane != "entry-1" || c.Note != "hold_open" || c.By != "A1" || c.Why != "delivery" {
		t.Fatalf("%+v", c)
	}
	s.board.levels(entry1, func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.On, lane.Off })
	s.must(s.order("exit-1", "mode_closed_to_all"))
	s.stop()
	s.board.mu.Lock()
	s.board.inputs[entry1] = quiet
	s.board.mu.Unlock()
	s.start(false)
	s.board.opened(entry1) // it is held open again
	r := s.agent.Report()
	if !r.Lanes[0].Held || r.Lanes[1].Mode != "closed_to_all" || r.Lanes[2].Held {
		t.Fatalf("%+v", r.Lanes)
	}
	s.must(s.order("entry-1", "let_go"))
	if s.agent.Report().Lanes[0].Held {
		t.Fatal("still held")
	}
}

// What the journal cannot take is not done, but in an emergency.
func TestAnOrderThatCannotBeWrittenDownIsNotCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	bad := Order{Lane: "entry-1", Command: "hold_open", By: strings.Repeat("x", 100), Why: "\xff"} // no event can carry it
	if err := s.obey(t.Context(), bad); fault.From(err).Kind != fault.Unavailable {
		t.Fatal(err)
	}
	s.board.stillShut()
	bad.Command = "alarm"
	s.must(s.obey(t.Context(), bad))
	s.board.opened(entry1)
}

func TestAModeBindsWhoComesIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.board.arrive(entry2)
	refused := func(text string, n int, want wire.Reason) {
		t.Helper()
		s.board.show(entry2, text)
		s.board.toldAt(entry2)
		if got := s.applied(wire.Refused, n); got[n-1].Reason != want {
			t.Fatalf("%s, want %s", got[n-1].Reason, want)
		}
		s.board.stillShut()
	}
	s.must(s.order("entry-2", "mode_full"))
	refused("", 1, wire.RefuseFull)
	s.must(s.order("entry-2", "mode_closed_to_all"))
	refused(s.pass(s.guest.Reservation, 5), 2, wire.RefuseLaneClosed)
	s.must(s.order("entry-2", "mode_full"))
	s.board.show(entry2, s.pass(s.guest.Reservation, 6)) // another text: the same one is not looked at again at once
	s.board.opened(entry2)
}

// Staff opens for one vehicle: it is a stay like any other, with a reason that says so.
func TestStaffOpensForOneVehicle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.must(s.order("entry-1", "open"))
	s.board.opened(entry1)
	if err := s.order("entry-1", "open"); fault.Code(err) != CodeNotNow {
		t.Fatalf("opened for a second one at once: %v", err)
	}
	s.board.arrive(entry1)
	s.board.driveThrough(entry1)
	if adm := s.applied(wire.Admitted, 1)[0]; adm.Reason != wire.AdmitManual || adm.Session != s.applied(wire.Entered, 1)[0].Session {
		t.Fatalf("%+v", adm)
	}
}

// Who follows another one in is a stay, and who follows one out ends one: the count of
// those inside stays right.
func TestATailgaterIsCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	through := func(gate int, cars int) {
		t.Helper()
		for range cars {
			for _, step := range []func(*lane.Inputs){
				func(in *lane.Inputs) { in.Arming, in.ArmOpen, in.ArmClosed = lane.On, lane.On, lane.Off },
				func(in *lane.Inputs) { in.Safety = lane.On },
				func(in *lane.Inputs) { in.Arming = lane.Off },
				func(in *lane.Inputs) { in.Safety = lane.Off },
			} {
				s.board.levels(gate, step)
			}
		}
		s.board.levels(gate, func(in *lane.Inputs) { in.ArmOpen, in.ArmClosed = lane.Off, lane.On })
	}
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry1)
	through(entry1, 2)
	in := s.applied(wire.Entered, 2)
	if in[0].Inferred || !in[1].Inferred || in[1].Reason != wire.AdmitPolicy || !in[1].Reservation.IsZero() {
		t.Fatalf("%+v", in)
	}
	if f := s.applied(wire.LaneFault, 1)[0]; f.Note != wire.NoteTailgate || in[0].Note != "" || in[1].Note != wire.NoteTailgate {
		t.Fatalf("%+v, and in %+v", f, in)
	}
	if c := s.agent.Report().Count; c != (admission.Count{Low: 1, Best: 2, High: 3}) {
		t.Fatalf("%+v", c)
	}
	s.board.arrive(exit1)
	s.board.show(exit1, s.pass(s.guest.Reservation, 5))
	s.board.opened(exit1)
	through(exit1, 2)
	out := s.applied(wire.Exited, 2)
	if out[0].Session != in[0].Session || out[1].Session != in[1].Session {
		t.Fatalf("in %+v, out %+v", in, out)
	}
	if out[0].Note != "" || out[1].Note != wire.NoteTailgate {
		t.Fatalf("%+v: the cloud cannot tell who followed", out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.must(s.obey(ctx, Order{Lane: "entry-1", Command: "count", Count: new(3), By: "A1", Why: "walked round"}))
	if c := s.agent.Report().Count; c != (admission.Count{Low: 3, Best: 3, High: 3}) {
		t.Fatalf("after a count: %+v", c)
	}
	s.must(s.obey(ctx, Order{Lane: "entry-1", Command: "count", Count: new(1), By: "A1", Why: "walked round"}))
	if c := s.agent.Report().Count; c != (admission.Count{Low: 1, Best: 1, High: 1}) {
		t.Fatalf("after another count: %+v", c)
	}
}

// The local HTTP address, which anybody on the machine can reach, opens nothing.
func TestTheLocalHTTPAddressTakesNoOrders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	resp, err := http.Post("http://"+s.agent.Addr()+"/orders", "application/json", strings.NewReader(`{"lane":"entry-1","command":"open","by":"A1","why":"x"}`))
	s.must(err)
	_ = resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	s.board.stillShut()
}

func TestAnOrderSaysWhoWhatAndWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	good := Order{Lane: "entry-1", Command: "hold_open", By: "A1", Why: "delivery"}
	for name, change := range map[string]func(*Order){
		"another command": func(o *Order) { o.Command = "explode" },
		"nobody":          func(o *Order) { o.By = "" },
		"no reason":       func(o *Order) { o.Why = "" },
		"a long reason":   func(o *Order) { o.Why = strings.Repeat("x", 129) },
		"a count":         func(o *Order) { o.Count = new(3) },
		"how many?":       func(o *Order) { o.Command = "count" },
	} {
		o := good
		change(&o)
		if err := s.obey(t.Context(), o); fault.Code(err) != CodeOrderInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := good
	o.Lane = "entry-9"
	if err := s.obey(t.Context(), o); fault.Code(err) != CodeUnknownLane {
		t.Error(err)
	}
	if err := s.order("entry-1", "turn"); fault.Code(err) != CodeNotNow {
		t.Error(err)
	}
}

// copyStore copies a store as it is on disk.
func copyStore(dir, to string) error {
	b, err := os.ReadFile(filepath.Join(dir, StoreFile))
	log, logErr := os.ReadFile(filepath.Join(dir, StoreFile+"-wal"))
	return errors.Join(err, logErr, os.WriteFile(to, b, 0o600), os.WriteFile(to+"-wal", log, 0o600))
}

// A count with a digit too many fills no parking, and one with a digit too few lets
// nobody leave: it is refused before anything is journalled.
func TestACountFarOffIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.walkin()
	s.applied(wire.Entered, 1)
	before := s.agent.rec.Position().LastSeq
	for _, n := range []int{99_999, 1 + farOff + 1} {
		if err := s.obey(t.Context(), Order{Lane: "entry-1", Command: "count", Count: &n, By: "A1", Why: "walked round"}); fault.Code(err) != CodeCountFarOff {
			t.Errorf("%d: %v", n, err)
		}
	}
	if after := s.agent.rec.Position().LastSeq; after != before {
		t.Errorf("%d events were journalled", after-before)
	}
	if err := s.obey(t.Context(), Order{Lane: "entry-1", Command: "count", Count: new(1 + farOff), By: "A1", Why: "walked round"}); err != nil {
		t.Error(err)
	}
	s.applied(wire.Entered, 1+farOff)
}

// A count says what it corrected, ends no guest's stay, and what it corrected is
// journalled as the count's: behind the order, with its note.
func TestACountSaysWhatItCorrects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	s.board.arrive(entry1)
	s.board.show(entry1, s.pass(s.guest.Reservation, 5))
	s.board.opened(entry1)
	s.board.driveThrough(entry1)
	s.applied(wire.Entered, 1)
	for i, c := range []struct {
		n    int
		want Counted
		in   int // of all events until then
		out  int
	}{
		{3, Counted{Was: 1, Is: 3, Reserved: 1}, 3, 0},
		{0, Counted{Was: 3, Is: 1, Reserved: 1}, 3, 2},
		{1, Counted{Was: 1, Is: 1, Reserved: 1}, 3, 2},
	} {
		done, err := s.agent.Obey(t.Context(), Order{Lane: "entry-1", Command: "count", Count: &c.n, By: "A1", Why: "walked round"})
		if err != nil || done.Count == nil || *done.Count != c.want {
			t.Fatalf("count %d: %+v, %v", c.n, done.Count, err)
		}
		order := s.applied(wire.Commanded, i+1)[i]
		note := wire.CountNote(c.want.Was, c.n)
		if order.Note != note || order.By != "A1" {
			t.Errorf("%+v", order)
		}
		in, out := s.applied(wire.Entered, c.in)[1:], []wire.Event(nil)
		if c.out > 0 {
			out = s.applied(wire.Exited, c.out)
		}
		for _, e := range append(in, out...) {
			if _, _, counted := wire.ParseCountNote(e.Note); !counted || !e.Inferred || e.Seq > order.Seq && e.Note != note {
				t.Errorf("%+v after %+v", e, order)
			}
		}
	}
}

// What the lane would not do is on record as that.
func TestAnOrderThatWasRefusedIsOnRecordAsThat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(true)
	if err := s.order("entry-1", "turn"); fault.Code(err) != CodeNotNow { // it leads one way only
		t.Fatal(err)
	}
	s.must(s.order("entry-1", "hold_open"))
	var notes []string
	for _, e := range s.applied(wire.Commanded, 2) {
		notes = append(notes, e.Note+" "+e.By+" "+e.Why)
	}
	if want := []string{"turn" + wire.NoteRefused + " A1 delivery", "hold_open A1 delivery"}; !slices.Equal(notes, want) {
		t.Fatalf("%q, want %q", notes, want)
	}
}
