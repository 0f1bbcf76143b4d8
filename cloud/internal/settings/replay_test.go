package settings_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/settings"
)

// Days are the parking's: one has 23 hours, another 25, and the run holds whole ones.
func TestDaysAreTheParkings(t *testing.T) {
	p := &parking.Parking{Timezone: "Europe/Berlin"}
	now := time.Date(2027, 3, 30, 12, 0, 0, 0, time.UTC) // a Tuesday
	for name, c := range map[string]struct {
		from, to    string
		first, last string
		hours       float64
		wrong       bool
	}{
		"unless said": {"", "", "2027-03-23", "2027-03-29", 7*24 - 1, false},
		"a short day": {"2027-03-28", "2027-03-28", "2027-03-28", "2027-03-28", 23, false},
		"a long day":  {"2026-10-25", "2026-10-25", "2026-10-25", "2026-10-25", 25, false},
		"up to a day": {"", "2027-03-07", "2027-03-01", "2027-03-07", 7 * 24, false},
		"92 days":     {"2026-12-01", "2027-03-02", "2026-12-01", "2027-03-02", 92 * 24, false},
		"93 days":     {"2026-12-01", "2027-03-03", "", "", 0, true},
		"backwards":   {"2027-03-02", "2027-03-01", "", "", 0, true},
		"no day":      {"2027-02-30", "2027-03-01", "", "", 0, true},
	} {
		s, err := settings.Days(p, c.from, c.to, now)
		if (err != nil) != c.wrong {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil && (s.First != c.first || s.Last != c.last || s.To.Sub(s.From).Hours() != c.hours || !s.Morning.Equal(time.Date(2027, 3, 31, 6, 0, 0, 0, time.UTC))) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
