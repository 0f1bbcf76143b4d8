package parking_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
)

func with(t *testing.T, name, document string) (parking.Policy, error) {
	t.Helper()
	p, err := parking.DefaultPolicy().With(map[string]json.RawMessage{name: json.RawMessage(document)})
	if err == nil {
		err = p.Validate()
	}
	return p, err
}

// What cannot be is refused with its place, and changes nothing.
func TestSettingsThatCannotBe(t *testing.T) {
	long := strings.Repeat("ä", 33)
	for _, c := range []struct{ name, document, place string }{
		{"opening_hours", `{"week":{"mon":[{"from":"22:00","to":"06:00"}]}}`, "opening_hours.week.mon"},
		{"opening_hours", `{"week":{"mon":[{"from":"06:10","to":"22:00"}]}}`, "opening_hours.week.mon"},
		{"opening_hours", `{"exceptions":[{"date":"2026-12-24","hours":[{"from":"06:00","to":"06:00"}]}]}`, "opening_hours.exceptions[0]"},
		{"opening_hours", `{"week":{"monday":[]}}`, "opening_hours"},
		{"opening_hours", `[]`, "opening_hours"},
		{"opening_hours", `{"exceptions":[{"date":"24.12.2026","hours":[]}]}`, "opening_hours"},
		{"lanes", `[{"lane":"Entry 1","label":"x"}]`, "lanes[0].lane"},
		{"lanes", `[{"lane":"entry-1","label":"x"},{"lane":"entry-1","mode":"open"}]`, "lanes[1].lane"},
		{"lanes", `[{"lane":"entry-1","mode":"shut"}]`, "lanes[0].mode"},
		{"lanes", `[{"lane":"entry-1","label":"` + long + `"}]`, "lanes[0].label"},
		{"lanes", `[{"lane":"entry-1","label":"a\nb"}]`, "lanes[0].label"},
		{"lanes", `[{"lane":"entry-1"}]`, "lanes[0]"},
		{"lanes", `[{"lane":"entry-1","pin":4}]`, "lanes"},
		{"lanes", `{}`, "lanes"},
	} {
		_, err := with(t, c.name, c.document)
		if f := fault.From(err); err == nil || f.Code != parking.CodePolicyInvalid || f.Fields[c.place] == "" {
			t.Errorf("%s: %v", c.document, err)
		}
	}
}

// What is set comes back as it was set, through the document and through what is stored;
// null and an empty list take it away.
func TestSettingsComeBack(t *testing.T) {
	p, err := with(t, "opening_hours", `{"week":{"mon":[{"from":"06:00","to":"24:00"}],"sun":[]},"exceptions":[{"date":"2026-12-24","hours":[],"note":"Christmas Eve"},{"date":"2026-05-01","hours":[]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	p = p.Clean(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if len(p.Hours.Exceptions) != 1 {
		t.Errorf("a day that is over is kept: %+v", p.Hours.Exceptions)
	}
	stored, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again parking.Policy
	if err := json.Unmarshal(stored, &again); err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("%s: %v", stored, err)
	}
	shown, err := json.Marshal(p.Document().Hours)
	if want := `{"week":{"mon":[{"from":"06:00","to":"24:00"}],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]},"exceptions":[{"date":"2026-12-24","hours":[],"note":"Christmas Eve"}]}`; err != nil || string(shown) != want {
		t.Errorf("%s", shown)
	}
	none, err := p.With(map[string]json.RawMessage{"opening_hours": json.RawMessage("null"), "lanes": json.RawMessage("[]")})
	if err != nil || none.Hours != nil || none.Lanes != nil || !reflect.DeepEqual(none.Clean(time.Now()), parking.DefaultPolicy()) {
		t.Errorf("%+v, %v", none, err)
	}
}
