package traffic

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func curves(t *testing.T, csv string) Curves {
	t.Helper()
	c, err := ReadCurves(strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestADayRepeats(t *testing.T) {
	c := curves(t, "timestamp,a,b\n2024-06-11T00:00Z,100,7\n2024-06-11T06:00Z,,\n2024-06-11T12:00Z,20,\n2024-06-11T18:00Z,60,\n")
	for when, want := range map[string]int{
		"2026-11-22T00:00:00Z":      100,
		"2026-11-22T06:00:00Z":      60, // half-way from 100 to 20: an empty cell is no reading
		"2026-11-22T12:00:00Z":      20,
		"2026-11-22T15:00:00Z":      40,
		"2026-11-22T21:00:00Z":      80, // half-way to the next day's 100
		"2026-11-22T13:00:00+01:00": 20,
	} {
		if got := c["a"].Free(at(t, when)); got != want {
			t.Errorf("%s: %d free, want %d", when, got, want)
		}
		if got := c["b"].Free(at(t, when)); got != 7 {
			t.Errorf("one reading holds all day; at %s it is %d", when, got)
		}
	}
}

func TestAWeekRepeatsByWeekday(t *testing.T) {
	// From a Tuesday to the next Monday.
	c := curves(t, "timestamp,a\n2024-06-11T12:00Z,10\n2024-06-15T12:00Z,50\n2024-06-16T12:00Z,30\n2024-06-17T11:55Z,10\n")
	for when, want := range map[string]int{
		"2026-11-24T12:00:00Z": 10, // a Tuesday
		"2026-11-28T12:00:00Z": 50, // a Saturday
		"2026-11-29T12:00:00Z": 30, // a Sunday
		"2026-11-30T00:00:00Z": 20, // Monday morning, half-way from Sunday
	} {
		if got := c["a"].Free(at(t, when)); got != want {
			t.Errorf("%s: %d free, want %d", when, got, want)
		}
	}
}

func TestOccupiedIsWhatCanBe(t *testing.T) {
	c := curves(t, "timestamp,a\n2024-06-11T00:00Z,120\n2024-06-11T08:00Z,-4\n2024-06-11T12:00Z,30\n")["a"]
	for when, want := range map[string]int{"2026-11-22T00:00:00Z": 0, "2026-11-22T08:00:00Z": 100, "2026-11-22T12:00:00Z": 70} {
		if got := c.Occupied(at(t, when), 100); got != want {
			t.Errorf("%s: %d inside, want %d", when, got, want)
		}
	}
}

func TestBadReadingsNameTheirLine(t *testing.T) {
	for csv, says := range map[string]string{
		"":                           "EOF",
		"a,b\n":                      "first line",
		"timestamp,a\nyesterday,1\n": "line 2",
		"timestamp,a\n2024-06-11T00:00Z,1\n2024-06-11T01:00Z,many\n": `line 3: a has "many"`,
		"timestamp,a\n2024-06-11T02:00Z,1\n2024-06-11T01:00Z,2\n":    "later",
		"timestamp,a,a\n2024-06-11T00:00Z,1,2\n":                     `two columns "a"`,
	} {
		if _, err := ReadCurves(strings.NewReader(csv)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", csv, err, says)
		}
	}
}

func TestTheSampleIsReadable(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "sample", "occupancy-2024-06-11.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c, err := ReadCurves(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"dresden-altmarkt-galerie", "dresden-semperoper", "dresden-parkhaus-mitte"} {
		least, most := 1<<30, -1
		for m := range 24 * 60 {
			n := c[p].Free(time.Date(2026, 11, 22, 0, m, 0, 0, time.UTC))
			least, most = min(least, n), max(most, n)
		}
		if most-least < 20 {
			t.Errorf("%s hardly moves: from %d to %d free", p, least, most)
		}
	}
}
