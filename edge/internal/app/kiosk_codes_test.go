package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// shopsKey is the gate key of the parking with shops.
var shopsKey = credential.Key([]byte(strings.Repeat("k", 32)))

// withShops tells the edge of two shops, and of one whose time is over.
func (k *atKiosk) withShops() {
	now := time.Now()
	k.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Entries: []wire.Entry{k.guest}, GateKey: shopsKey[:],
		Keys:       []wire.PassKey{{ID: k.key.Public().ID, Public: k.key.Public().Public}},
		Allotments: []wire.Allotment{{SpaceType: "standard", Version: 1, Units: 9, Until: now.Add(time.Hour).Unix()}},
		Policy:     &wire.Policy{EarlyEntry: 900},
		Prices: &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{{Document: []byte(kioskTariff)}}, Shops: []wire.Shop{
			{Number: 1, Name: "Kino", Gives: wire.GivesAmount, Value: 200, Until: now.Add(time.Hour).Unix()},
			{Number: 2, Name: "Bäckerei", Gives: wire.GivesPercent, Value: 100, Most: 100, Until: now.Add(time.Hour).Unix()},
			{Number: 3, Name: "Zirkus", Gives: wire.GivesAmount, Value: 200, Until: now.Add(-time.Minute).Unix()},
		}},
	})
}

// told does something, and fails the test when it is refused.
func (k *atKiosk) must(action string, args ...any) {
	k.t.Helper()
	if code := k.do(fmt.Sprintf(action, args...)); code != "" {
		k.t.Fatalf("%s: %s", action, code)
	}
}

// Without the cloud: codes of shops are taken once, over a power cut too, and what is wrong
// with another is said; the rest is paid in cash; what could not be given as change pays
// for the next stay, once; and the cloud hears of all of it.
func TestCodesAndSlipsWithoutTheCloud(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1) // 380 in coins
	k.withShops()
	k.start(true)
	first := k.walkIn()
	k.applied(wire.Entered, 1)
	k.board.arrive(entry1)
	k.board.show(entry1, "")
	k.board.opened(entry1)
	second := k.board.toldAt(entry1).ticket
	k.board.driveThrough(entry1)
	k.applied(wire.Entered, 2)
	k.net.Cut()

	code := func(shop uint16, serial uint32) string { return till.ShopCode(shopsKey, shop, serial) }
	k.screen("start", "", "")
	k.must(`"action":"find","by":"ticket","text":%q`, first)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
	k.must(`"action":"validation"`)
	for _, x := range []struct{ typed, problem string }{
		{"0000-0000-0000", "code_unknown"},
		{code(3, 1), "code_expired"},
		{code(9, 1), "code_expired"},
		{till.ShopCode(credential.Key{1}, 1, 1), "code_unknown"},
		{"not a code", "code_unknown"},
	} {
		k.screen("validation", "", "")
		k.must(`"action":"validate","code":%q`, x.typed)
		k.screen("validation", "problem", `"`+x.problem+`"`)
	}
	k.must(`"action":"validate","code":%q`, strings.ToLower(code(1, 7)))
	pay := k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":310}`)
	if d := pay["bill"].(map[string]any)["discount"].(map[string]any)["minor"]; d != 200.0 {
		t.Errorf("%v are taken off: %v", d, pay["bill"])
	}
	k.must(`"action":"validation"`)
	k.screen("validation", "", "")
	k.must(`"action":"validate","code":%q`, code(1, 7))
	k.screen("validation", "problem", `"code_used"`)
	k.must(`"action":"validate","code":%q`, code(1, 8)) // another one of a shop that gives one for a stay
	k.screen("validation", "problem", `"code_not_more"`)
	k.must(`"action":"validate","code":%q`, code(2, 1))
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":210}`)

	k.put(1000)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":0}`)
	k.must(`"action":"pay","credit":true`)
	k.moves()
	k.moves()
	paid := k.screen("paid", "receipt", `"printed"`)
	slip := paid["credit"].(map[string]any)
	if slip["amount"].(map[string]any)["minor"] != 410.0 { // 790 less 380
		t.Fatalf("%v", paid)
	}
	k.must(`"action":"done"`)

	k.stop()
	k.plug(1)
	k.start(false)
	k.screen("start", "", "")
	k.must(`"action":"find","by":"ticket","text":%q`, second)
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
	k.must(`"action":"validation"`)
	k.screen("validation", "", "")
	k.must(`"action":"validate","code":%q`, code(1, 7))
	k.screen("validation", "problem", `"code_used"`)
	k.must(`"action":"validate","code":%q`, code(1, 9))
	k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":310}`)
	k.must(`"action":"validation"`)
	k.screen("validation", "", "")
	k.must(`"action":"redeem","code":%q`, slip["code"])
	rest := k.screen("paid", "receipt", `"printed"`)
	next := rest["credit"].(map[string]any)
	if next["amount"].(map[string]any)["minor"] != 100.0 || next["code"] == slip["code"] || rest["exit_by"] == nil {
		t.Fatalf("%v", rest)
	}
	raw, err := os.ReadFile(filepath.Join(k.dir, sim.PaperFile))
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := escpos.Text(raw); !ok || !strings.Contains(text, next["code"].(string)) || !strings.Contains(text, "Taken off by shops") || !strings.Contains(text, "Paid by a credit slip") {
		t.Errorf("the receipts say\n%s", text)
	}
	k.net.Heal()
	var shops, cash, slips, used int64
	for _, e := range k.applied(wire.Paid, 7) {
		switch {
		case e.Method == wire.ShopPays:
			shops += e.Amount
		case e.Method == wire.CreditPays:
			used += e.Amount
			if e.Credit.IsZero() || e.CreditOf.IsZero() {
				t.Errorf("%+v", e)
			}
		case e.Note == wire.NoteSlip:
			slips += e.Amount
		default:
			cash += e.Amount
		}
	}
	if shops != 500 || cash != 210 || slips != 410 || used != 410 {
		t.Errorf("%d by shops, %d in cash, %d as slips, of which %d are used", shops, cash, slips, used)
	}
}

// Whoever guesses waits, and the next visit does not begin anew.
func TestGuessingCodesIsSlow(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 1)
	k.withShops()
	k.start(true)
	ticket := k.walkIn()
	last := ""
	for visit := range 2 {
		k.screen("start", "", "")
		k.must(`"action":"find","by":"ticket","text":%q`, ticket)
		k.screen("pay", "", "")
		k.must(`"action":"validation"`)
		k.screen("validation", "", "")
		for range 8 - visit {
			last = k.do(`"action":"validate","code":"1111-1111-1111"`)
		}
		if visit == 0 && last != "" {
			t.Fatalf("the first ones: %s", last)
		}
		if visit == 0 {
			k.must(`"action":"cancel"`)
		}
	}
	if last != "too_many_tries" {
		t.Errorf("%q", last)
	}
	if code := k.do(fmt.Sprintf(`"action":"validate","code":%q`, till.ShopCode(shopsKey, 1, 1))); code != "too_many_tries" {
		t.Errorf("a right one is looked at: %q", code)
	}
}
