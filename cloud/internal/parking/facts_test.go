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

// What cannot be told of a place is refused with where it stands, and changes nothing.
func TestFactsThatCannotBe(t *testing.T) {
	for document, place := range map[string]string{
		`{"max_height_cm":0}`:                          "facts.max_height_cm",
		`{"max_height_cm":2}`:                          "facts.max_height_cm",
		`{"max_height_cm":-200}`:                       "facts.max_height_cm",
		`{"max_width_cm":1001}`:                        "facts.max_width_cm",
		`{"max_height_cm":1.5}`:                        "facts",
		`{"max_height_cm":"2 m"}`:                      "facts",
		`{"height":200}`:                               "facts",
		`[]`:                                           "facts",
		`{"entrance":{}}`:                              "facts.entrance",
		`{"entrance":{"latitude":51.05}}`:              "facts.entrance",
		`{"entrance":{"latitude":91,"longitude":181}}`: "facts.entrance.latitude",
		`{"entrance":{"address":"a\nb"}}`:              "facts.entrance.address",
		`{"entrance":{"address":"` + strings.Repeat("ß", 121) + `"}}`: "facts.entrance.address",
		`{"on_foot":{}}`:                                        "facts.on_foot",
		`{"on_foot":{"fr":"Par l'escalier"}}`:                   "facts.on_foot.fr",
		`{"staffed":{"de":"  "}}`:                               "facts.staffed.de",
		`{"staffed":{"en":"` + strings.Repeat("x", 301) + `"}}`: "facts.staffed.en",
		`{"features":["lit","pool"]}`:                           "facts.features[1]",
		`{"features":["lit","lit"]}`:                            "facts.features[1]",
		`{"phone":"0351 4567890"}`:                              "facts.phone",
		`{"phone":"+49"}`:                                       "facts.phone",
		`{"phone":"+0351 4567890"}`:                             "facts.phone",
		`{"phone":"+49 351 4567890;isub=1"}`:                    "facts.phone",
		`{"phone":"javascript:alert(1)"}`:                       "facts.phone",
	} {
		_, err := with(t, "facts", document)
		if f := fault.From(err); err == nil || f.Code != parking.CodePolicyInvalid || f.Fields[place] == "" {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// What is told comes back as it was told, the features in their order; null, or nothing in
// them, takes the facts away.
func TestFactsComeBack(t *testing.T) {
	const told = `{"max_height_cm":200,"max_width_cm":230,"entrance":{"address":"Wilsdruffer Straße 3","latitude":51.0501,"longitude":13.7373},"on_foot":{"de":"Treppe zum Altmarkt","en":"Stairs to Altmarkt"},"features":["lit","charging","lift"],"staffed":{"de":"Mo–Sa 8–20 Uhr"},"phone":"+49 351 4567890"}`
	p, err := with(t, "facts", strings.Replace(told, `"lit","charging","lift"`, `"lift","lit","charging"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	p = p.Clean(time.Now())
	if shown, err := json.Marshal(p.Document().Facts); err != nil || string(shown) != told {
		t.Errorf("%s, %v", shown, err)
	}
	stored, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again parking.Policy
	if err := json.Unmarshal(stored, &again); err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("%s: %v", stored, err)
	}
	for _, nothing := range []string{"null", "{}", `{"features":[]}`} {
		none, err := p.With(map[string]json.RawMessage{"facts": json.RawMessage(nothing)})
		if err != nil || none.Validate() != nil || !reflect.DeepEqual(none.Clean(time.Now()), parking.DefaultPolicy()) {
			t.Errorf("%s: %+v, %v", nothing, none.Facts, err)
		}
	}
	if was, is, err := parking.DefaultPolicy().Difference(p); err != nil || string(was["facts"]) != "null" || string(is["facts"]) != told || len(is) != 1 {
		t.Errorf("the history says %s, then %s, %v", was, is, err)
	}
}
