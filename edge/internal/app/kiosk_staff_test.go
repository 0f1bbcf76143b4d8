package app

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/pin"
	"github.com/openlot/openlot/protocol/wire"
)

const annasPIN = "480915"

// withStaff gives the machine somebody who can unlock it.
func (k *atKiosk) withStaff(shifts bool) {
	k.t.Helper()
	h, err := pin.Make(annasPIN, 1000)
	if err != nil {
		k.t.Fatal(err)
	}
	k.kiosk.Staff, k.kiosk.Shifts = []KioskStaff{{"anna", h}}, shifts
}

func (k *atKiosk) unlock(name, typed string) string {
	k.t.Helper()
	return k.do(fmt.Sprintf(`"action":"staff_unlock","by":%q,"pin":%q`, name, typed))
}

func (k *atKiosk) good(action string) {
	k.t.Helper()
	if code := k.do(action); code != "" {
		k.t.Fatalf("%s: %s", action, code)
	}
}

// Without the cloud: staff opens a shift, somebody pays, staff counts the box, the power
// goes while it is emptied; and the cloud has the shift once, with what was counted.
func TestAShiftIsCountedWithoutTheCloud(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 5) // 10, 20, 50, 100, 200: 1900 in coins
	k.withStaff(true)
	k.start(true)
	ticket := k.walkIn()
	k.applied(wire.Entered, 1)
	k.net.Cut()
	k.screen("start", "", "")
	if can := k.seen["can"].(map[string]any); can["cash"] != false || can["staff"] != true {
		t.Fatalf("%v", can)
	}
	if code := k.unlock("anna", annasPIN); code != "" {
		t.Fatal(code)
	}
	k.screen("staff", "shift", "null")
	k.good(`"action":"shift_open"`)
	k.good(`"action":"staff_lock"`)
	k.screen("start", "", "")
	k.good(`"action":"find","by":"ticket","text":"` + ticket + `"`)
	k.screen("pay", "", "")
	k.put(1000)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":0}`)
	k.good(`"action":"pay"`)
	k.moves() // into the box
	k.moves() // 490 of change
	k.screen("paid", "receipt", `"printed"`)
	k.good(`"action":"done"`)
	k.screen("start", "", "")
	if code := k.unlock("anna", annasPIN); code != "" {
		t.Fatal(code)
	}
	staff := k.screen("staff", "box_total", `{"currency":"EUR","minor":1000}`)
	if s := staff["shift"].(map[string]any); s["payments"] != 1.0 || s["float"].(map[string]any)["minor"] != 1900.0 || s["taken"].(map[string]any)["minor"] != 1000.0 || s["change"].(map[string]any)["minor"] != 490.0 {
		t.Fatalf("%v", s)
	}
	k.good(`"action":"shift_close","counted":[{"value":500,"count":1,"note":true}],"note":"a note is gone"`)
	k.begins()
	k.stop()
	if err := k.sim.Cash.PowerCut(true); err != nil {
		t.Fatal(err)
	}
	k.plug(5)
	k.withStaff(true)
	k.start(false)
	k.moves()
	k.screen("start", "", "") // whoever was there has to prove anew who he is
	if r := k.sim.Cash.Report(); kiosk.Sum(r.Box) != 0 {
		t.Fatalf("%+v", r)
	}
	if code := k.unlock("anna", annasPIN); code != "" {
		t.Fatal(code)
	}
	if c := k.screen("staff", "shift", "null")["closed"].(map[string]any); c["difference"].(map[string]any)["minor"] != -500.0 {
		t.Fatalf("%v", c)
	}
	k.net.Heal()
	if e := k.applied(wire.ShiftOpened, 1)[0]; e.Amount != 1900 || e.By != "anna" || e.Currency != "EUR" || e.Lane != "kiosk-1" {
		t.Errorf("%+v", e)
	}
	e := k.applied(wire.ShiftClosed, 1)[0]
	if e.Expected != 1000 || e.Amount != 500 || e.Stays != 1900-490 || e.Taken != 1000 || e.Given != 490 || e.Payments != 1 || e.Why != "a note is gone" {
		t.Errorf("%+v", e)
	}
}

// A wrong PIN is told from what a visitor may not do, guessing is slow over a restart of
// the agent, and no PIN is in what the agent keeps, logs or tells.
func TestAPINIsNotGuessedAndIsNowhere(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1)
	k.withStaff(false)
	k.start(true)
	k.screen("start", "", "")
	if code := k.do(`"action":"shift_open"`); code != string(kiosk.StaffOnly) {
		t.Fatal(code)
	}
	for i := range 3 {
		if code := k.unlock([]string{"anna", "anna", "berta"}[i], "910275"); code != string(kiosk.PinWrong) {
			t.Fatal(i, code)
		}
	}
	if code := k.unlock("anna", annasPIN); code != string(kiosk.PinSlow) {
		t.Fatal(code)
	}
	k.stop()
	k.plug(1)
	k.withStaff(false)
	k.start(false)
	k.screen("start", "", "")
	if code := k.unlock("anna", annasPIN); code != string(kiosk.PinSlow) {
		t.Fatalf("a start makes guessing quick again: %q", code)
	}
	for _, e := range k.applied(wire.Commanded, 1) {
		if strings.Contains(e.By+e.Why+e.Note, "berta") || strings.Contains(e.By+e.Why+e.Note, "910275") {
			t.Errorf("what was typed is told: %+v", e)
		}
	}
	k.stop()
	for _, word := range []string{"910275", annasPIN} {
		for _, dir := range []string{k.dir, k.site.dir} {
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if raw, err := os.ReadFile(dir + "/" + f.Name()); err == nil && strings.Contains(string(raw), word) {
					t.Errorf("a PIN is in %s", f.Name())
				}
			}
		}
	}
	k.start(false)
}

// Somebody calls for help: the cloud hears of it, somebody far away says that he comes,
// and the screen says so; an order to answer nobody's call is refused; and without a line
// the screen says that nobody hears.
func TestACallForHelpIsAnsweredFromAfar(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1)
	k.start(true)
	k.screen("start", "", "")
	none := k.fromAfar("kiosk-1", wire.CommandNotice, 20*time.Second)
	k.sendOrder(none)
	if e := k.answers(1)[0]; e.Order != none.ID || e.Note != "notice_refused" || e.Code != "order_not_now" {
		t.Fatalf("%+v", e)
	}
	k.good(`"action":"help"`)
	k.screen("help", "state", `"calling"`)
	if e := k.applied(wire.HelpCalled, 1)[0]; e.Note != wire.HelpWanted || e.Lane != "kiosk-1" {
		t.Fatalf("%+v", e)
	}
	k.sendOrder(k.fromAfar("kiosk-1", wire.CommandNotice, -time.Second)) // held up
	if e := k.answers(2)[1]; e.Note != "notice_refused" || e.Code != "order_late" {
		t.Fatalf("%+v", e)
	}
	k.screen("help", "state", `"calling"`)
	k.sendOrder(k.fromAfar("kiosk-1", wire.CommandNotice, 20*time.Second))
	k.screen("help", "state", `"noticed"`)
	k.good(`"action":"back"`)
	k.screen("start", "", "")
	if e := k.applied(wire.HelpCalled, 2)[1]; e.Note != wire.HelpOver {
		t.Fatalf("%+v", e)
	}
	k.net.Cut()
	k.screen("start", "", "")
	k.good(`"action":"help"`)
	k.screen("help", "state", `"no_line"`)
	k.net.Heal()
	k.screen("help", "state", `"calling"`)
	k.applied(wire.HelpCalled, 3)
}

// Staff's refusals have statuses of their own.
func TestWhatStaffIsRefusedHasItsStatus(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1)
	k.withStaff(false)
	k.start(true)
	k.screen("start", "", "")
	for i, want := range []int{http.StatusForbidden, http.StatusForbidden, http.StatusForbidden, http.StatusTooManyRequests} {
		k.tap++
		body := fmt.Sprintf(`{"screen_id":%v,"key":"%d","action":"staff_unlock","by":"anna","pin":"910275"}`, k.seen["screen_id"], k.tap)
		res, err := http.Post("http://"+k.agent.Addr()+"/kiosk/api/do", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d: %d, want %d", i, res.StatusCode, want)
		}
	}
}
