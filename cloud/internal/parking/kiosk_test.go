package parking_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/wire"
)

// What no kiosk can be, or what is no setting, is refused with its place, and changes nothing.
func TestWhatNoKioskCanBeIsRefused(t *testing.T) {
	for document, place := range map[string]string{
		`[{"kiosk":"Kasse Nord","label":"x"}]`:                               "kiosks[0].kiosk",
		`[{"kiosk":"kiosk-1","label":"x"},{"kiosk":"kiosk-1","label":"y"}]`:  "kiosks[1].kiosk",
		`[{"kiosk":"kiosk-1","languages":["de","fr"]}]`:                      "kiosks[0].languages",
		`[{"kiosk":"kiosk-1","languages":["de","de"]}]`:                      "kiosks[0].languages",
		`[{"kiosk":"kiosk-1","cash":false,"card":false}]`:                    "kiosks[0].card",
		`[{"kiosk":"kiosk-1","label":"a\nb"}]`:                               "kiosks[0].label",
		`[{"kiosk":"kiosk-1","footer":" x"}]`:                                "kiosks[0].footer",
		`[{"kiosk":"kiosk-1","tax_id":"DE1234567890123456789012345678901"}]`: "kiosks[0].tax_id",
		`[{"kiosk":"kiosk-1"}]`:                                              "kiosks[0]",
		`[{"kiosk":"kiosk-1","pin":"1234"}]`:                                 "kiosks",
		`[{"kiosk":"kiosk-1","cash":"some"}]`:                                "kiosks",
		`{}`:                                                                 "kiosks",
	} {
		_, err := with(t, "kiosks", document)
		if f := fault.From(err); err == nil || f.Code != parking.CodePolicyInvalid || f.Fields[place] == "" {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// What is set of kiosks comes back as it was set, through what is stored and through what an
// edge is told and tells.
func TestSettingsOfKiosksComeBack(t *testing.T) {
	p, err := with(t, "kiosks", `[{"kiosk":"kiosk-1","label":"Kasse","languages":["de","en"],"cash":false,"card":true,"lost":false,"issuer":"We\nHere","footer":"Bye"},{"kiosk":"kiosk-2","tickets":true}]`)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again parking.Policy
	if err := json.Unmarshal(stored, &again); err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("%s: %v", stored, err)
	}
	for _, k := range p.Kiosks {
		m := k.Wire()
		if back := parking.KioskSettingOf(m); !reflect.DeepEqual(back, k) {
			t.Errorf("%+v became %+v", k, back)
		}
	}
	if m := p.Kiosks[0].Wire(); m.Cash != wire.No || m.Card != wire.Yes || m.Slips != 0 || m.Languages != "de en" {
		t.Errorf("%+v", m)
	}
	if none, err := p.With(map[string]json.RawMessage{"kiosks": json.RawMessage("[]")}); err != nil || !reflect.DeepEqual(none, parking.DefaultPolicy()) {
		t.Errorf("%+v, %v", none, err)
	}
}
