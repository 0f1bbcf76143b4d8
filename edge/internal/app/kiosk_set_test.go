package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/protocol/wire"
)

// owner has the owner set something of machines: the policy of a delta through a revision,
// with everything that goes with it.
func (k *atKiosk) owner(through uint64, set ...wire.MachineSetting) {
	k.t.Helper()
	k.cloud.Send(&wire.Sync{
		Kind: wire.Delta, Base: through - 1, Through: through, Parts: 1,
		Policy: &wire.Policy{EarlyEntry: 900, Zone: "Europe/Berlin", Machines: set},
		Prices: &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{{Document: []byte(kioskTariff)}}},
	})
}

// tells waits for a beat that says something of the machine, since so many beats.
func (k *atKiosk) tells(since int, what string, of func(wire.MachineStatus) bool) {
	k.t.Helper()
	k.cloud.Wait(what, func(c *cloudtest.Cloud) bool {
		for _, b := range c.Beats[since:] {
			if len(b.Machines) == 1 && of(b.Machines[0]) {
				return true
			}
		}
		return false
	})
}

func (k *atKiosk) beats() (n int) {
	k.cloud.Look(func(c *cloudtest.Cloud) { n = len(c.Beats) })
	return n
}

func can(state map[string]any, what string) bool {
	return state["can"].(map[string]any)[what] == true
}

func about(state map[string]any, what string) any { return state["kiosk"].(map[string]any)[what] }

// nord is what an owner may set.
var nord = wire.MachineSetting{
	Machine: "kiosk-1", Label: "Kasse Nord", Languages: "en", Cash: wire.No, Card: wire.Yes, Lost: wire.No, Help: "0351 123456",
	Issuer: "Parken am Altmarkt GmbH\nWilsdruffer Straße 1", TaxID: "DE123456789", Footer: "Gute Fahrt.",
}

func inForce(s wire.MachineStatus) bool {
	return s.Held == 0 && s.Set.Label == "Kasse Nord" && s.Set.Languages == "en" && s.Set.Cash == wire.No && s.Set.Card == wire.Yes && s.Set.Lost == wire.No && s.Set.Slips == wire.Yes
}

// What the owner sets of a machine is in force and told within a moment where nobody is at
// it, replaces what its file says and nothing else, and holds with the cloud gone and over a
// start. What he takes back is as in the file again.
func TestWhatTheOwnerSetsOfAMachineHolds(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	k.start(true)
	k.tells(0, "the file", func(s wire.MachineStatus) bool {
		return s.Held == 0 && s.Set.Machine == "kiosk-1" && s.Set.Label == "1" && s.Set.Languages == "de en" && s.Set.Cash == wire.Yes && s.Set.Tickets == wire.No && s.Set.Shifts == wire.No
	})
	before := k.beats()
	k.owner(11, nord, wire.MachineSetting{Machine: "kiosk-9", Label: "is not here"})
	k.tells(before, "what is set", inForce)
	as := func(state map[string]any) bool {
		return about(state, "label") == "Kasse Nord" && about(state, "help") == "0351 123456" && !can(state, "cash") && can(state, "card") && !can(state, "lost")
	}
	k.where("it is shown", as)
	k.net.Cut()
	k.stop()
	k.start(false)
	k.where("it holds over a start without the cloud", as)
	if code := k.do(`"action":"lost"`); code != string(kiosk.NotNow) {
		t.Errorf("a stay can be found by when it began: %q", code)
	}
	k.net.Heal()
	before = k.beats()
	k.cloud.Wait("the line", func(c *cloudtest.Cloud) bool { return len(c.Beats) > before })
	k.owner(12)
	k.tells(before, "the file again", func(s wire.MachineStatus) bool { return s.Held == 0 && s.Set.Label == "1" && s.Set.Cash == wire.Yes })
	k.where("as before", func(state map[string]any) bool {
		return about(state, "label") == "1" && can(state, "cash") && can(state, "lost")
	})
}

// A payment that is going on ends as it began, over a power cut and a start, too: the coins
// that were put in are taken and change is given though the owner has meanwhile set that no
// cash is taken, and the receipt is the one that he had. The beat says that it waits.
func TestAPaymentThatGoesOnEndsAsItBegan(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	k.start(true)
	ticket := k.walkIn()
	k.applied(wire.Entered, 1)
	k.screen("start", "", "")
	k.must(`"action":"find","by":"ticket","text":"%s"`, ticket)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
	k.put(500)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":10}`)
	before := k.beats()
	k.owner(11, nord)
	k.tells(before, "it waits", func(s wire.MachineStatus) bool {
		return s.Held == wire.HeldVisit && s.Set.Cash == wire.Yes && s.Set.Label == "1"
	})
	k.put(200) // and it is still taken
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":0}`)
	if !can(k.seen, "cash") || about(k.seen, "label") != "1" {
		t.Fatalf("%v", k.seen)
	}
	k.must(`"action":"pay"`)
	k.moves()
	k.screen("change", "", "")
	k.begins()
	k.stop()
	if err := k.sim.Cash.PowerCut(true); err != nil {
		t.Fatal(err)
	}
	k.plug(5)
	k.start(false)
	k.moves()
	paid := k.screen("paid", "receipt", `"printed"`)
	if paid["change"].(map[string]any)["minor"] != 190.0 || about(k.seen, "label") != "1" {
		t.Fatalf("%v", k.seen)
	}
	raw, err := os.ReadFile(filepath.Join(k.dir, sim.PaperFile))
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := escpos.Text(raw); !ok || strings.Contains(text, "DE123456789") {
		t.Fatalf("the receipt of who had begun before says\n%s", text)
	}
	before = k.beats()
	k.must(`"action":"done"`)
	k.tells(before, "it is in force", inForce)
	k.where("the start", func(state map[string]any) bool { return !can(state, "cash") && about(state, "label") == "Kasse Nord" })
}

// What the owner has on a receipt is there, and the machine's name.
func TestAReceiptSaysWhoGivesIt(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	k.start(true)
	before := k.beats()
	set := nord
	set.Cash = 0
	k.owner(11, set)
	k.tells(before, "what is set", func(s wire.MachineStatus) bool { return s.Held == 0 && s.Set.Label == "Kasse Nord" })
	ticket := k.walkIn()
	k.screen("start", "", "")
	k.must(`"action":"find","by":"ticket","text":"%s"`, ticket)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
	k.must(`"action":"pay_by_card"`)
	k.screen("card", "phase", `"present"`)
	if err := k.sim.Terminal.Show(true); err != nil {
		t.Fatal(err)
	}
	k.screen("paid", "receipt", `"printed"`)
	raw, err := os.ReadFile(filepath.Join(k.dir, sim.PaperFile))
	if err != nil {
		t.Fatal(err)
	}
	text, ok := escpos.Text(raw)
	for _, want := range []string{"Parken am Altmarkt GmbH\nWilsdruffer Straße 1\n", "Parking receipt kiosk-1, Kasse Nord", "Tax number DE123456789", "Help: 0351 123456", "\n\nGute Fahrt.\n"} {
		if !ok || !strings.Contains(text, want) {
			t.Errorf("%q is not on\n%s", want, text)
		}
	}
}

// What a machine cannot be, or what is no setting at all, leaves it as it was, with the
// cloud gone and over a start, too; and the beat says so.
func TestNonsenseLeavesAMachineAsItWas(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5)
	k.start(true)
	before := k.beats()
	k.owner(11, nord)
	k.tells(before, "what is set", inForce)
	through := uint64(11)
	for _, bad := range []wire.MachineSetting{
		{Machine: "kiosk-1", Languages: "de fr"},
		{Machine: "kiosk-1", Languages: "de de"},
		{Machine: "kiosk-1", Cash: wire.No, Card: wire.No},
		{Machine: "kiosk-1", Shifts: wire.Yes}, // and nobody could open one
	} {
		through++
		bad.Label = "nonsense"
		before := k.beats()
		k.owner(through, bad)
		k.tells(before, "it cannot be so", func(s wire.MachineStatus) bool {
			return s.Held == wire.HeldUnusable && s.Set.Label == "Kasse Nord" && s.Set.Cash == wire.No
		})
	}
	k.agent.rec.View(func(s *admission.State) {
		if s.Revision != through || s.Policy.EarlyEntry != 900 {
			t.Errorf("the rest of the policy does not hold: revision %d", s.Revision)
		}
	})
	k.net.Cut()
	k.stop()
	k.start(false)
	k.where("as it was", func(state map[string]any) bool {
		return about(state, "label") == "Kasse Nord" && !can(state, "cash") && can(state, "card")
	})
}
