package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const nightly = `{
  "format": 1, "version": 4, "currency": "EUR",
  "rate": 200, "interval_minutes": 60, "free_minutes": 10, "re_entry_minutes": 30,
  "bands": [{"id": "night", "from": "20:00", "to": "07:00", "rate": 100, "interval_minutes": 60, "max": 500}],
  "daily_max": 1800, "day": "calendar", "factors": {"ev": 12000}, "tax_basis_points": 1900
}
`

func TestTariffCommands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, document string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("good.json", nightly)
	odd := write("odd.json", strings.Replace(nightly, `"re_entry_minutes": 30,`, `"minimum": 2000,`, 1))
	bad := write("bad.json", strings.Replace(strings.Replace(nightly, `"20:00"`, `"30:00"`, 1), `"day": "calendar"`, `"day": "moon"`, 1))
	huge := write("huge.json", strings.Repeat(" ", 1<<20))
	window := []string{"--from", "2026-06-03T19:30:00+02:00", "--to", "2026-06-04T08:10:00+02:00", "--zone", "Europe/Berlin"}
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"a sound one": {[]string{"check", good}, 0, []string{good + ": version 4 is sound, from 1.00 EUR, with 0 remarks"}},
		"an odd one": {[]string{"check", odd}, 0, []string{
			odd + ":3: remark: minimum is above daily_max", odd + ": remark: re_entry_minutes is absent", "with 2 remarks",
		}},
		"a wrong one": {[]string{"check", bad}, 1, []string{
			bad + ":4: bands[0].from there is no 30:00 in a day", bad + `:5: day must be "calendar" or "rolling"`, "The tariff has 2 problems.",
		}},
		"one too long":   {[]string{"check", huge}, 1, []string{"at most 65536 bytes"}},
		"no file":        {[]string{"check", filepath.Join(dir, "none.json")}, 1, []string{"file_unreadable"}},
		"a price":        {append([]string{"price", good}, window...), 0, []string{"1 × 60 min at 2.00 EUR", "night: 4 × 60 min at 1.00 EUR", "At most 5.00 EUR", "Thu 2026-06-04 08:10", "9.00 EUR", "of it 19 % tax"}},
		"a dearer space": {append([]string{"price", good, "--type", "ev", "--json"}, window...), 0, []string{`"rule":"factor"`, `"total":{"minor":1080,"currency":"EUR"}`}},
		"no offset":      {[]string{"price", good, "--from", "2026-06-03T19:30:00", "--to", "2026-06-04T08:10:00+02:00"}, 1, []string{"--from must be an instant"}},
		"no zone":        {append([]string{"price", good}, append(window[:4:4], "--zone", "Europe/Atlantis")...), 1, []string{"invalid_timezone"}},
		"backwards":      {[]string{"price", good, "--from", "2026-06-04T08:10:00+02:00", "--to", "2026-06-03T19:30:00+02:00"}, 1, []string{"invalid_window"}},
		"a wrong tariff": {append([]string{"price", bad}, window...), 1, []string{"invalid_tariff"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(context.Background(), append([]string{"tariff"}, c.args...), &out, &out); code != c.code {
				t.Errorf("ended with %d, want %d", code, c.code)
			}
			for _, says := range c.says {
				if !strings.Contains(out.String(), says) {
					t.Errorf("%q is not in:\n%s", says, out.String())
				}
			}
		})
	}
}
