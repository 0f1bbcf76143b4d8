package parking_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
)

const good = `{"type":"Feature","geometry":{"type":"Point","coordinates":[13.74,51.05]},"properties":{"id":"dresden-altmarkt","name":"Altmarkt","city":"Dresden","address":"Altmarkt 1","kind":"underground","capacity":400,"tz":"Europe/Berlin"}}`

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",") + `]}`
}

func TestReadGeoJSON(t *testing.T) {
	unknown := strings.Replace(strings.Replace(good, `"capacity":400,`, "", 1), "dresden-altmarkt", "dresden-neumarkt", 1)
	got, err := parking.ReadGeoJSON(strings.NewReader(collection(good, unknown)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Capacity() != 400 || got[0].Latitude != 51.05 || got[0].Longitude != 13.74 || got[0].Kind != parking.Underground {
		t.Errorf("%+v", got)
	}
	if len(got[1].SpaceTypes) != 0 {
		t.Error("a parking of unknown capacity would be sold")
	}
	for _, p := range got {
		if err := p.Tariff.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// numbered is the good feature with a type of numbered bays.
func numbered(name, bays string) string {
	return strings.Replace(good, `"capacity":400`, `"capacity":400,"numbered":[{"space_type":"`+name+`","class":"ev","label":"Charging","bays":[`+bays+`]}]`, 1)
}

// Numbered bays are part of the capacity, and a type has as many spaces as bays.
func TestBaysAreRead(t *testing.T) {
	got, err := parking.ReadGeoJSON(strings.NewReader(collection(numbered("ev", `"E1","E2"`))))
	if err != nil || got[0].Capacity() != 400 {
		t.Fatalf("%+v, %v", got, err)
	}
	if ev, ok := got[0].SpaceType("ev"); !ok || ev.Capacity != 2 || !slices.Equal(ev.Bays, []string{"E1", "E2"}) {
		t.Errorf("%+v", ev)
	}
}

// Each bad feature is named by index and reason, all of them at once, and
// nothing is returned.
func TestABadFeatureSpoilsTheFileAndIsNamed(t *testing.T) {
	edit := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	for name, c := range map[string]struct{ feature, reason string }{
		"no name":             {edit(`"name":"Altmarkt"`, `"name":" "`), "no name"},
		"latitude":            {edit(`51.05`, `91`), "impossible coordinates"},
		"longitude":           {edit(`13.74`, `-180.5`), "impossible coordinates"},
		"null island":         {edit(`[13.74,51.05]`, `[0,0]`), "impossible coordinates"},
		"no geometry":         {edit(`"geometry":{"type":"Point","coordinates":[13.74,51.05]},`, ``), "not a Point"},
		"a line":              {edit(`"Point"`, `"LineString"`), "not a Point"},
		"bad id":              {edit(`dresden-altmarkt`, `Dresden/Altmarkt`), "id"},
		"no id":               {edit(`"id":"dresden-altmarkt",`, ``), "id"},
		"kind":                {edit(`underground`, `submarine`), "kind"},
		"zone":                {edit(`Europe/Berlin`, `Europe/Dresden`), "time zone"},
		"no zone":             {edit(`,"tz":"Europe/Berlin"`, ``), "no time zone"},
		"zero capacity":       {edit(`400`, `0`), "capacity"},
		"negative capacity":   {edit(`400`, `-4`), "capacity"},
		"fractional capacity": {edit(`400`, `4.5`), "capacity"},
		"vast capacity":       {edit(`400`, `4000000`), "capacity"},
		"capacity as text":    {edit(`400`, `"400"`), "capacity"},
		"not an object":       {`7`, "not"},
		"a bay twice":         {numbered("ev", `"E1","E1"`), "twice"},
		"a bay without label": {numbered("ev", `"E1",""`), "label"},
		"a long label":        {numbered("ev", `"12345678901234567"`), "label"},
		"standard numbered":   {numbered("standard", `"E1"`), "standard"},
		"a class of its own":  {strings.Replace(numbered("ev", `"E1"`), `"class":"ev"`, `"class":"boat"`, 1), "class"},
		"no bays":             {numbered("ev", ""), "bays"},
		"more bays than room": {strings.Replace(numbered("ev", `"E1","E2"`), "400", "1", 1), "capacity"},
	} {
		list, err := parking.ReadGeoJSON(strings.NewReader(collection(edit("dresden-altmarkt", "dresden-first"), c.feature)))
		var f *fault.Fault
		if !errors.As(err, &f) || f.Code != parking.CodeImportInvalid || list != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(f.Fields["features[1]"], c.reason) || len(f.Fields) != 1 {
			t.Errorf("%s: %v, want features[1] to say %q", name, f.Fields, c.reason)
		}
	}
	_, err := parking.ReadGeoJSON(strings.NewReader(collection(good, good)))
	if f := fault.From(err); !strings.Contains(f.Fields["features[1]"], "features[0]") {
		t.Errorf("a duplicate id: %v", f.Fields)
	}
}

func TestNotACollection(t *testing.T) {
	for _, in := range []string{``, `{`, `[]`, `{"type":"Feature"}`, `{"type":"FeatureCollection"}`, `{"type":"FeatureCollection","features":[]}`, collection(good) + `{}`} {
		if _, err := parking.ReadGeoJSON(strings.NewReader(in)); fault.Code(err) != parking.CodeImportInvalid {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// The sample that the project ships is importable.
func TestSample(t *testing.T) {
	f, err := os.Open("../../../scripts/sample/carparks.geojson")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	list, err := parking.ReadGeoJSON(f)
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
}
