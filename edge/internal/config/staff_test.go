package config

import (
	"fmt"
	"strings"
	"testing"
)

// Staff is read with hashes; a PIN that stands there itself, a name that is there twice or
// cannot be typed, and shifts that nobody could open are mistakes, and no PIN is said.
func TestStaffHasNamesAndHashes(t *testing.T) {
	const good = "pbkdf2-sha256$1000$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	base := full(t)
	from := base[:strings.Index(base, "  staff:")]
	parse := func(more string) (*Config, Problems) { return Parse("staff.yaml", []byte(from+more), nil) }
	c, problems := parse("  staff:\n    - {name: anna, pin: " + good + "}\n    - {name: berta2, pin: " + good + "}\n  shifts: true\n")
	if c == nil || c.Kiosk == nil || len(c.Kiosk.Staff) != 2 || !c.Kiosk.Shifts || c.Kiosk.Staff[0].PIN.String() != good || len(problems) != 1 {
		t.Fatalf("%+v %v", c, problems)
	}
	for name, more := range map[string]string{
		"the PIN itself": "  staff:\n    - {name: anna, pin: \"480915\"}\n",
		"a name twice":   "  staff:\n    - {name: anna, pin: " + good + "}\n    - {name: anna, pin: " + good + "}\n",
		"no such keys":   "  staff:\n    - {name: \"Anna B.\", pin: " + good + "}\n",
		"no PIN":         "  staff:\n    - {name: anna}\n",
		"nobody opens":   "  shifts: true\n",
	} {
		_, problems := parse(more)
		bad := 0
		for _, p := range problems {
			if p.Severity == Error {
				bad++
			}
		}
		if bad == 0 {
			t.Errorf("%s is taken", name)
		}
		for _, p := range problems {
			if strings.Contains(fmt.Sprint(p), "480915") {
				t.Errorf("%s: %v says the PIN", name, p)
			}
		}
	}
}
