package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// tickets are the codes of the tickets that the kiosk has printed.
func (k *atKiosk) tickets() []string {
	k.t.Helper()
	raw, err := os.ReadFile(filepath.Join(k.dir, sim.PaperFile))
	if err != nil {
		k.t.Fatal(err)
	}
	if text, ok := escpos.Text(raw); !ok {
		k.t.Fatalf("a printer is sent what is no command:\n%s", text)
	}
	return escpos.Codes(raw)
}

// A kiosk at an entry gives a ticket to who stands there, by the lane's own way: decided
// and journalled, then the arm; and pays and leaves by it.
func TestAKioskAtAnEntryGivesATicket(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 50)
	k.kiosk.Lane = "entry-1"
	k.start(true)
	k.screen("start", "", "")
	if code := k.do(`"action":"ticket"`); code != "" {
		t.Fatal(code)
	}
	k.screen("ticket", "problem", `"drive_up"`)
	k.board.toldAt(entry1)
	k.board.stillShut()
	if code := k.do(`"action":"back"`); code != "" {
		t.Fatal(code)
	}
	k.board.arrive(entry1)
	k.screen("start", "", "")
	if code := k.do(`"action":"ticket"`); code != "" {
		t.Fatal(code)
	}
	k.board.opened(entry1)
	if told := k.board.toldAt(entry1); told.ticket != "" || told.text == "" {
		t.Errorf("the lane says %+v: the ticket is the kiosk's to print", told)
	}
	k.screen("ticket", "phase", `"take"`)
	adm := k.applied(wire.Admitted, 1)[0]
	if got := k.tickets(); adm.Reason != wire.AdmitWalkin || adm.Lane != "entry-1" || !slices.Equal(got, []string{admission.TicketText(adm.Session)}) {
		t.Fatalf("printed %q for %+v", got, adm)
	}
	if code := k.do(`"action":"done"`); code != "" {
		t.Fatal(code)
	}
	k.screen("start", "", "")
	if code := k.do(`"action":"ticket"`); code != "" { // the car has not passed yet
		t.Fatal(code)
	}
	k.screen("ticket", "problem", `"lane_busy"`)
	if code := k.do(`"action":"back"`); code != "" {
		t.Fatal(code)
	}
	k.board.driveThrough(entry1)
	k.applied(wire.Entered, 1)
	k.screen("start", "", "")
	if code := k.do(`"action":"find","by":"ticket","text":"` + k.tickets()[0] + `"`); code != "" {
		t.Fatal(code)
	}
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
}

// The power goes when the lane has journalled a walk-in and before his ticket is out: the
// start prints it, once, and opens nothing. What the lane had not heard of is given up.
func TestATicketOutlastsAPowerCut(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 50)
	k.kiosk.Lane = "entry-1"
	k.start(true)
	k.screen("start", "", "")
	k.board.arrive(entry1)
	held := make(chan struct{})
	k.board.onOpen = func(int) error { // it hangs with the journal written
		<-held
		return nil
	}
	if code := k.do(`"action":"ticket"`); code != "" {
		t.Fatal(code)
	}
	adm := k.applied(wire.Admitted, 1)[0]
	k.screen("ticket", "phase", `"asking"`)
	if _, err := os.Stat(filepath.Join(k.dir, sim.PaperFile)); err == nil {
		t.Fatal("it is printed before the lane has answered")
	}
	go close(held)
	k.stop()
	for len(k.board.opens) > 0 {
		<-k.board.opens
	}
	k.board = newBoard(t)
	k.plug(50)
	k.kiosk.Lane = "entry-1"
	k.start(false)
	k.screen("ticket", "phase", `"take"`)
	if got := k.tickets(); !slices.Equal(got, []string{admission.TicketText(adm.Session)}) {
		t.Fatalf("printed %q for %s", got, adm.Session)
	}
	k.board.stillShut()
	if in := k.applied(wire.Entered, 1)[0]; in.Session != adm.Session || !in.Inferred {
		t.Errorf("%+v", in)
	}
	k.applied(wire.Admitted, 1)
}

// Who is not let in gets no ticket: full, closed, an arm that is stopped, a lane that
// leads out.
func TestAKioskGivesNoTicketThatTheLaneWouldNot(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 50)
	k.kiosk.Lane = "entry-2"
	k.reversible = true
	k.start(true)
	k.screen("start", "", "")
	k.board.arrive(entry2)
	refused := func(order string) {
		t.Helper()
		if order != "" {
			if _, err := k.agent.Obey(t.Context(), Order{Lane: "entry-2", Command: order, By: "test", Why: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		if code := k.do(`"action":"ticket"`); code != "" {
			t.Fatal(code)
		}
		k.screen("ticket", "problem", `"no_tickets"`)
		if code := k.do(`"action":"back"`); code != "" {
			t.Fatal(code)
		}
		k.screen("start", "", "")
		for len(k.board.tells) > 0 {
			<-k.board.tells
		}
	}
	refused("mode_closed")
	refused("mode_full")
	if _, err := k.agent.Obey(t.Context(), Order{Lane: "entry-2", Command: "mode_open", By: "test", Why: "test"}); err != nil {
		t.Fatal(err)
	}
	refused("halt")
	if _, err := k.agent.Obey(t.Context(), Order{Lane: "entry-2", Command: "resume", By: "test", Why: "test"}); err != nil {
		t.Fatal(err)
	}
	k.board.levels(entry2, func(in *lane.Inputs) { in.Arming, in.Far = lane.Off, lane.Off })
	k.must(`"action":"ticket"`)
	k.screen("ticket", "problem", `"drive_up"`) // so that the lane has seen it
	k.must(`"action":"back"`)
	if _, err := k.agent.Obey(t.Context(), Order{Lane: "entry-2", Command: "turn", By: "test", Why: "test"}); err != nil {
		t.Fatal(err)
	}
	k.board.arrive(entry2)
	k.screen("start", "", "")
	code := k.do(`"action":"ticket"`)
	k.screen("start", "", "")
	if code != string(kiosk.NoTickets) || k.seen["can"].(map[string]any)["tickets"] != false {
		t.Errorf("%q at a lane that leads out, can: %v", code, k.seen["can"])
	}
	// Turned after the tap: the lane itself says no.
	if why, _ := k.agent.gate("entry-2").askTicket(t.Context(), id.New[id.Session](time.Now())); why != kiosk.NoTickets {
		t.Errorf("the lane says %q", why)
	}
	k.board.stillShut()
	k.applied(wire.Admitted, 0)
	k.applied(wire.Released, 0)
}
