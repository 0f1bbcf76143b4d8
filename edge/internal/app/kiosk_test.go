package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// kioskTariff costs 510 for any stay.
const kioskTariff = `{"format":1,"version":1,"currency":"EUR","rate":510,"interval_minutes":1440,"free_minutes":0,"daily_max":0,"exit_after_payment_minutes":15,"tax_basis_points":1900}`

// atKiosk is a site with a simulated machine, whose pieces move when the test says.
type atKiosk struct {
	*site
	sim  *sim.Devices
	dir  string
	tap  int
	seen map[string]any
}

func newKiosk(t *testing.T, coins int) *atKiosk {
	t.Helper()
	k := &atKiosk{site: newSite(t), dir: t.TempDir()}
	k.plug(coins)
	now := time.Now()
	k.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Entries: []wire.Entry{k.guest},
		Keys:       []wire.PassKey{{ID: k.key.Public().ID, Public: k.key.Public().Public}},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 2, Until: now.Add(time.Hour).Unix()}},
		Policy:     &wire.Policy{EarlyEntry: 900},
		Prices:     &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{{Document: []byte(kioskTariff)}}},
	})
	return k
}

// plug connects the devices with what they keep without power.
func (k *atKiosk) plug(coins int) {
	k.t.Helper()
	d, err := sim.Open(k.dir, escpos.Head{Parking: "Altmarkt", Kiosk: "kiosk-1", Zone: time.UTC}, []int64{10, 20, 50, 100, 200}, []int64{500, 1000}, coins)
	if err != nil {
		k.t.Fatal(err)
	}
	k.sim = d
	k.kiosk = &KioskConfig{ID: "kiosk-1", Label: "1", Languages: []wire.Language{wire.German, wire.English}, Cash: d.Cash, Card: d.Terminal, Printer: d.Printer, World: d}
}

// screen waits for a screen as the stream tells it, with a field that is so if one is
// named.
func (k *atKiosk) screen(name, field, want string) map[string]any {
	k.t.Helper()
	k.where(fmt.Sprintf("screen %s with %s %s", name, field, want), func(state map[string]any) bool {
		screen := state["screen"].(map[string]any)
		got, err := json.Marshal(screen[field])
		if err != nil {
			k.t.Fatal(err)
		}
		return screen["name"] == name && (field == "" || string(got) == want)
	})
	return k.seen["screen"].(map[string]any)
}

// where waits for a state, as the stream tells it, of which something is so.
func (k *atKiosk) where(what string, is func(state map[string]any) bool) {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, "http://"+k.agent.Addr()+"/kiosk/api/state", nil)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	watchdog := time.AfterFunc(20*time.Second, func() { _ = res.Body.Close() })
	defer watchdog.Stop()
	last := ""
	for in := bufio.NewScanner(res.Body); in.Scan(); {
		data, found := strings.CutPrefix(in.Text(), "data: ")
		if !found {
			continue
		}
		last = data
		var state map[string]any
		if err := json.Unmarshal([]byte(data), &state); err != nil {
			k.t.Fatal(err)
		}
		if is(state) {
			k.seen = state
			return
		}
	}
	k.t.Fatalf("waited in vain for %s; the last was %s", what, last)
}

// do taps on the screen that was seen last, and returns the refusal.
func (k *atKiosk) do(action string) string {
	k.t.Helper()
	k.tap++
	body := fmt.Sprintf(`{"screen_id":%v,"key":"%d",%s}`, k.seen["screen_id"], k.tap, action)
	res, err := http.Post("http://"+k.agent.Addr()+"/kiosk/api/do", "application/json", strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Code string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		k.t.Fatal(err)
	}
	return answer.Code
}

// await waits until something is so; changed says when it may be.
func (k *atKiosk) await(what string, changed func() <-chan struct{}, is func() bool) {
	k.t.Helper()
	late := time.After(20 * time.Second)
	for {
		next := changed()
		if is() {
			return
		}
		select {
		case <-next:
		case <-late:
			k.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (k *atKiosk) put(value int64) {
	k.t.Helper()
	k.await("the slot", k.sim.Cash.Ordered, func() bool { return k.sim.Cash.Insert(value) == nil })
}

// begins waits until the device has been told to move money.
func (k *atKiosk) begins() {
	k.t.Helper()
	k.await("an order", k.sim.Cash.Ordered, func() bool { return k.sim.Cash.Report().Busy })
}

// moves lets the device move all that it is told to.
func (k *atKiosk) moves() {
	k.t.Helper()
	k.begins()
	for more := true; more; {
		var err error
		if more, err = k.sim.Cash.Advance(); err != nil {
			k.t.Fatal(err)
		}
	}
}

// walkIn lets somebody in, and returns his ticket.
func (k *atKiosk) walkIn() string {
	k.t.Helper()
	k.board.arrive(entry1)
	k.board.show(entry1, "")
	k.board.opened(entry1)
	ticket := k.board.toldAt(entry1).ticket
	k.board.driveThrough(entry1)
	k.await("the entry", k.agent.rec.Changed, func() (in bool) {
		k.agent.rec.View(func(s *admission.State) {
			for _, ses := range s.Sessions {
				in = in || ses.Phase == admission.Inside && ses.Entered > 0
			}
		})
		return in
	})
	return ticket
}

// Without the cloud: a ticket, a note, change that is short, a power cut between note
// and receipt; and the cloud has each payment once when it is back.
func TestCashAndAPowerCutWithoutTheCloud(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1) // 10, 20, 50, 100, 200: 380 in coins
	k.start(true)
	ticket := k.walkIn()
	k.applied(wire.Entered, 1)
	k.net.Cut()
	k.screen("start", "", "")
	if code := k.do(`"action":"find","by":"ticket","text":"` + ticket + `"`); code != "" {
		t.Fatal(code)
	}
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
	k.put(1000)
	pay := k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":0}`)
	if missing := pay["change"].(map[string]any)["missing"].(map[string]any)["minor"]; missing != 110.0 { // 490 less 380
		t.Fatalf("%v are missing of the change: %v", missing, pay["change"])
	}
	if code := k.do(`"action":"pay"`); code != string(kiosk.ChangeMissing) {
		t.Fatalf("it was not asked first: %q", code)
	}
	if code := k.do(`"action":"pay","credit":true`); code != "" {
		t.Fatal(code)
	}
	k.moves()
	k.screen("change", "", "")
	k.begins()
	for range 2 { // of the coins; then the power goes
		if _, err := k.sim.Cash.Advance(); err != nil {
			t.Fatal(err)
		}
	}
	k.stop()
	if err := k.sim.Cash.PowerCut(true); err != nil {
		t.Fatal(err)
	}
	k.plug(1)
	k.start(false)
	k.moves()
	paid := k.screen("paid", "receipt", `"printed"`)
	credit := paid["credit"].(map[string]any)
	if credit["amount"].(map[string]any)["minor"] != 110.0 || paid["change"].(map[string]any)["minor"] != 380.0 {
		t.Fatalf("%v", paid)
	}
	raw, err := os.ReadFile(filepath.Join(k.dir, sim.PaperFile))
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := escpos.Text(raw); !ok || !strings.Contains(text, credit["code"].(string)) || !strings.Contains(text, "1.10 EUR") {
		t.Fatalf("the receipt says\n%s", text)
	}
	if r := k.sim.Cash.Report(); r.Totals.Inserted != 1000 || r.Totals.Given != 380 || r.Totals.Kept != 1000 {
		t.Fatalf("%+v", r.Totals)
	}
	k.net.Heal()
	sum := int64(0)
	for _, e := range k.applied(wire.Paid, 2) {
		sum += e.Amount
		if e.Lane != "kiosk-1" || e.Until == 0 || e.Until > e.Wall {
			t.Errorf("%+v", e)
		}
	}
	if sum != 620 {
		t.Errorf("the cloud hears of %d: 510 and a credit of 110 were kept", sum)
	}
	if code := k.do(`"action":"done"`); code != "" {
		t.Fatal(code)
	}
	k.screen("start", "", "")
	if code := k.do(`"action":"find","by":"ticket","text":"` + ticket + `"`); code != "" {
		t.Fatal(code)
	}
	if again := k.screen("paid", "", ""); again["method"] != "none" || again["exit_by"] == nil {
		t.Errorf("who has paid is asked again: %v", again)
	}
}

// Only this machine, and addresses that are listed, may use the kiosk; and no page of
// another origin that its browser has open.
func TestOnlyTheMachineItselfUsesTheKiosk(t *testing.T) {
	k := &takings{cfg: KioskConfig{Allow: []netip.Prefix{netip.MustParsePrefix("192.168.7.12/32")}}}
	for _, c := range []struct {
		from, host, origin string
		may                bool
	}{
		{"127.0.0.1:4000", "127.0.0.1:8090", "", true},
		{"[::1]:4000", "localhost:8090", "http://localhost:8090", true},
		{"192.168.7.12:4000", "192.168.7.2:8090", "http://192.168.7.2:8090", true},
		{"192.168.7.13:4000", "192.168.7.2:8090", "", false},
		{"127.0.0.1:4000", "127.0.0.1:8090", "http://evil.example", false},
		{"127.0.0.1:4000", "evil.example:8090", "", false}, // a name that was pointed here
		{"127.0.0.1:4000", "evil.example:8090", "http://evil.example:8090", false},
		{"", "127.0.0.1:8090", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/kiosk/api/do", bytes.NewReader(nil))
		r.RemoteAddr, r.Host = c.from, c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if k.may(r) != c.may {
			t.Errorf("%+v", c)
		}
	}
}
