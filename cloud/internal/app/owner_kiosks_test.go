package app_test

import (
	"fmt"
	"testing"
)

// An owner sets something of a kiosk: first seen, then in force, on record with what was
// before; what no kiosk can be is refused by its place and changes nothing; and who only
// drives sets nothing.
func TestAnOwnerSetsKiosks(t *testing.T) {
	_, owner, driver := ownersPark(t)
	config := func() map[string]any { return owner.want(200, "", "GET", altmarkt+"/config", "") }
	before := config()
	change := func(kiosks string, preview bool) string {
		return fmt.Sprintf(`{"version":%v,"changes":{"kiosks":%s},"preview":%t,"why":"a new receipt"}`, before["version"], kiosks, preview)
	}
	good := `[{"kiosk":"kiosk-1","label":"Kasse Nord","languages":["de","en"],"cash":false,"issuer":"Parken GmbH\nDresden","tax_id":"DE123456789"}]`
	owner.want(200, "", "PATCH", altmarkt+"/policy", change(good, true))
	if text(t, config()) != text(t, before) {
		t.Fatal("a preview changes it")
	}
	bad := owner.want(422, "policy_invalid", "PATCH", altmarkt+"/policy", change(`[{"kiosk":"kiosk-1","cash":false,"card":false,"languages":["fr"]}]`, false))
	if f := bad["fields"].(map[string]any); f["kiosks[0].card"] == nil || f["kiosks[0].languages"] == nil {
		t.Errorf("%v", bad)
	}
	driver.want(403, "no_operator", "PATCH", altmarkt+"/policy", change(good, false))
	if text(t, config()) != text(t, before) {
		t.Fatal("what was refused changes it")
	}
	owner.want(200, "", "PATCH", altmarkt+"/policy", change(good, false))
	kiosks := config()["policy"].(map[string]any)["kiosks"].([]any)
	if len(kiosks) != 1 || kiosks[0].(map[string]any)["cash"] != false || kiosks[0].(map[string]any)["label"] != "Kasse Nord" {
		t.Errorf("%v", kiosks)
	}
	first := owner.want(200, "", "GET", altmarkt+"/changes", "")["changes"].([]any)[0].(map[string]any)
	if first["what"] != "policy.changed" || first["why"] != "a new receipt" || first["after"].(map[string]any)["kiosks"] == nil || len(first["before"].(map[string]any)["kiosks"].([]any)) != 0 {
		t.Errorf("%v", first)
	}
	if now := owner.want(200, "", "GET", altmarkt+"/now", ""); now["kiosks"] == nil {
		t.Errorf("%v", now)
	}
}
