package benchreserve

import (
	"strings"
	"testing"
	"time"
)

// Where the time went adds up to what the client saw, and an answer that does not
// say so is noticed.
func TestPhasesAddUp(t *testing.T) {
	var p phases
	const said = "quote;dur=1.000, commit;dur=4.000, hold;dur=3.000, confirm;dur=5.000, pass;dur=0.500, total;dur=14.000"
	for _, seen := range []time.Duration{16 * time.Millisecond, 20 * time.Millisecond} {
		if err := p.note(seen, said); err != nil {
			t.Fatal(err)
		}
	}
	sum := time.Duration(0)
	for _, name := range phaseNames() {
		if p.by[name] <= 0 {
			t.Errorf("no time in %s", name)
		}
		sum += p.by[name]
	}
	if sum != p.all || p.all != 36*time.Millisecond || p.by["HTTP"] != 8*time.Millisecond || p.by["reading"] != time.Millisecond {
		t.Errorf("%v of %s", p.by, p.all)
	}
	for _, bad := range []string{"", "commit", "commit;dur=fast"} {
		if err := p.note(time.Millisecond, bad); err == nil {
			t.Errorf("%q is taken for an answer", bad)
		}
	}
	var text strings.Builder
	summary := map[string]any{}
	p.spent(3*time.Millisecond, 2)
	p.write(&text, "single", summary)
	if !strings.Contains(text.String(), "4.00 ( 22%)") || summary["cloud_cpu_ms"] != 1.5 {
		t.Errorf("%s %v", text.String(), summary)
	}
}
