package parking

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Languages are those that the apps speak; what owners write for drivers is in these.
func Languages() []string { return []string{"de", "en"} }

// Texts are the same in several languages, by the language's name.
type Texts map[string]string

// Facts are what drivers need to know of a place, as its owner tells it. What is left out
// is not known.
type Facts struct {
	MaxHeight *int      `json:"max_height_cm,omitempty"` // of a vehicle
	MaxWidth  *int      `json:"max_width_cm,omitempty"`  // with its mirrors
	Entrance  *Entrance `json:"entrance,omitempty"`
	OnFoot    Texts     `json:"on_foot,omitempty"` // how to walk in and out
	Features  []Feature `json:"features,omitempty"`
	Staffed   Texts     `json:"staffed,omitempty"` // when somebody is there
	Phone     string    `json:"phone,omitempty"`   // for help
}

// Entrance is where one drives in.
type Entrance struct {
	Address   string   `json:"address,omitempty"`
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
}

// Feature is something that a place has.
type Feature string

// The features.
const (
	Lit        Feature = "lit"
	Covered    Feature = "covered"
	Charging   Feature = "charging"
	Accessible Feature = "accessible"
	Lift       Feature = "lift"
	Toilets    Feature = "toilets"
	Cameras    Feature = "cameras"
)

// features are all of them, in the order in which they are kept and shown.
var features = []Feature{Lit, Covered, Charging, Accessible, Lift, Toilets, Cameras}

// Limits of what is told.
const (
	MaxText    = 300 // characters
	maxAddress = 120
	leastSize  = 100 // centimetres
	mostSize   = 1000
	leastPhone = 6 // digits
	mostPhone  = 15
)

// checkFacts names what is wrong about the facts, by its place.
func (p *Policy) checkFacts(wrong map[string]string) {
	f := p.Facts
	if f == nil {
		return
	}
	for name, cm := range map[string]*int{"max_height_cm": f.MaxHeight, "max_width_cm": f.MaxWidth} {
		if cm != nil && (*cm < leastSize || *cm > mostSize) {
			wrong["facts."+name] = fmt.Sprintf("is not %d to %d centimetres", leastSize, mostSize)
		}
	}
	f.Entrance.check(wrong)
	for name, t := range map[string]Texts{"on_foot": f.OnFoot, "staffed": f.Staffed} {
		if t != nil {
			t.Check("facts."+name, false, wrong)
		}
	}
	seen := map[Feature]bool{}
	for i, x := range f.Features {
		switch place := fmt.Sprintf("facts.features[%d]", i); {
		case !slices.Contains(features, x):
			wrong[place] = "is not known"
		case seen[x]:
			wrong[place] = "is there twice"
		}
		seen[x] = true
	}
	if f.Phone != "" && !isPhone(f.Phone) {
		wrong["facts.phone"] = "is not written as +49 351 4567890"
	}
}

func (e *Entrance) check(wrong map[string]string) {
	if e == nil {
		return
	}
	if *e == (Entrance{}) {
		wrong["facts.entrance"] = "says nothing"
	}
	if e.Address != "" {
		if says := line(e.Address, maxAddress); says != "" {
			wrong["facts.entrance.address"] = says
		}
	}
	if (e.Latitude == nil) != (e.Longitude == nil) {
		wrong["facts.entrance"] = "has one half of a position"
		return
	}
	if e.Latitude == nil {
		return
	}
	// What is no number is not in a range either.
	if !(*e.Latitude >= -90 && *e.Latitude <= 90) {
		wrong["facts.entrance.latitude"] = "is not -90 to 90"
	}
	if !(*e.Longitude >= -180 && *e.Longitude <= 180) {
		wrong["facts.entrance.longitude"] = "is not -180 to 180"
	}
}

// Check names what is wrong about texts at a place; whole: each language must be there,
// else one.
func (t Texts) Check(place string, whole bool, wrong map[string]string) {
	for _, l := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(Languages(), l) {
			wrong[place+"."+l] = "is no language that the apps speak"
		} else if says := line(t[l], MaxText); says != "" {
			wrong[place+"."+l] = says
		}
	}
	for _, l := range Languages() {
		if _, there := t[l]; whole && !there {
			wrong[place+"."+l] = "is missing"
		}
	}
	if !whole && len(t) == 0 {
		wrong[place] = "is in no language"
	}
}

// line says what is wrong with a text on one line; empty: nothing.
func line(text string, most int) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is empty"
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "has a character that cannot be shown"
	case utf8.RuneCountInString(text) > most:
		return fmt.Sprintf("has more than %d characters", most)
	}
	return ""
}

// isPhone is whether a number can be dialled from anywhere.
func isPhone(text string) bool {
	rest, plus := strings.CutPrefix(text, "+")
	digits := 0
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			if i == 0 && c == '0' {
				return false
			}
			digits++
		case i == 0 || !strings.ContainsRune(" ()-", c):
			return false
		}
	}
	return plus && digits >= leastPhone && digits <= mostPhone && len(rest) <= 26
}

// clean is what is kept of facts: features in their order, and nothing that says nothing.
func (f *Facts) clean() *Facts {
	if f == nil {
		return nil
	}
	c := *f
	c.Features = nil
	for _, x := range features {
		if slices.Contains(f.Features, x) {
			c.Features = append(c.Features, x)
		}
	}
	if c.MaxHeight == nil && c.MaxWidth == nil && c.Entrance == nil && len(c.OnFoot) == 0 && len(c.Features) == 0 && len(c.Staffed) == 0 && c.Phone == "" {
		return nil
	}
	return &c
}
