package trends_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/trends"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// row is an hour of a parking of a hundred spaces.
func row(at time.Time, taken int) trends.Row {
	return trends.Row{Hour: trends.Hour{Type: "standard", At: at.UTC(), Known: time.Hour, Occupied: time.Duration(taken) * time.Hour, Capacity: 100}}
}

func TestUsualIsTheMiddleOfTheSameHours(t *testing.T) {
	zone := zoneOf(t, "Europe/Berlin")
	monday := time.Date(2026, 6, 1, 8, 0, 0, 0, zone)
	for name, c := range map[string]struct {
		taken []int
		want  int // -1: none
	}{
		"nothing": {nil, -1}, "two weeks are too few": {[]int{50, 60}, -1}, "three": {[]int{90, 10, 40}, 40}, "an outlier does not count": {[]int{40, 42, 44, 41, 100, 43, 42, 41}, 42},
		"more than there are spaces": {[]int{130, 120, 110}, 100}, "between two": {[]int{10, 20, 31, 90}, 26},
	} {
		var rows []trends.Row
		for i, n := range c.taken {
			rows = append(rows, row(monday.AddDate(0, 0, 7*i), n))
		}
		u := trends.UsualOf(rows, zone)
		for d := range u {
			for h, got := range u[d] {
				switch {
				case d == 0 && h == 8 && c.want >= 0:
					if got == nil || *got != c.want {
						t.Errorf("%s: %v, want %d", name, got, c.want)
					}
				case got != nil:
					t.Errorf("%s: %d at %d o'clock on day %d, of which nothing is known", name, *got, h, d)
				}
			}
		}
	}
}

// Of what is not known there is nothing, and in particular not zero; several kinds of space
// are one parking.
func TestUsualSaysNothingOfWhatIsNotKnown(t *testing.T) {
	zone := zoneOf(t, "Europe/Berlin")
	monday := time.Date(2026, 6, 1, 8, 0, 0, 0, zone)
	rows := make([]trends.Row, 0, 12)
	for i := range 3 {
		at := monday.AddDate(0, 0, 7*i)
		unknown := row(at, 0)
		unknown.Known, unknown.Occupied = 29*time.Minute, 0
		none := row(at.Add(time.Hour), 0)
		none.Capacity = 0
		ev := row(at.Add(2*time.Hour), 0)
		ev.Type = "ev"
		rows = append(rows, unknown, none, row(at.Add(2*time.Hour), 60), ev)
	}
	u := trends.UsualOf(rows, zone)
	if u[0][8] != nil || u[0][9] != nil {
		t.Error("it makes something of nothing")
	}
	if u[0][10] == nil || *u[0][10] != 30 {
		t.Errorf("%v, want 30 percent of both kinds", u[0][10])
	}
}

// Hours are those of the parking's clock on either side of its changes: 08:00 stays 08:00,
// 02:00 is left out once and comes twice once, as one.
func TestUsualGoesByTheParkingsClock(t *testing.T) {
	zone := zoneOf(t, "Europe/Berlin")
	// Sundays around 25 October 2026, on which 02:00 comes twice: 40 and then 80.
	var rows []trends.Row
	for _, sunday := range []int{11, 18, 25, 32} {
		for at := time.Date(2026, 10, sunday, 0, 0, 0, 0, zone); at.Before(time.Date(2026, 10, sunday+1, 0, 0, 0, 0, zone)); at = at.Add(time.Hour) {
			taken := at.Hour() * 4
			if sunday == 25 && at.Hour() == 2 {
				taken = 40
				if _, offset := at.Zone(); offset == 3600 {
					taken = 80
				}
			}
			rows = append(rows, row(at, taken))
		}
	}
	u := trends.UsualOf(rows[24:], zone) // three Sundays: 8, 60 and 8 at 02:00
	for h, got := range u[6] {
		if got == nil || *got != h*4 {
			t.Errorf("%02d:00: %v, want %d", h, got, h*4)
		}
	}
	if u = trends.UsualOf(rows[24:73], zone); u[6][2] != nil {
		t.Error("the hour that came twice counts as two weeks")
	}
	// The Sunday in spring that has no 02:00 leaves two weeks of it.
	rows = nil
	for _, sunday := range []int{22, 29, 36} {
		for at := time.Date(2026, 3, sunday, 0, 0, 0, 0, zone); at.Before(time.Date(2026, 3, sunday+1, 0, 0, 0, 0, zone)); at = at.Add(time.Hour) {
			rows = append(rows, row(at, 10))
		}
	}
	u = trends.UsualOf(rows, zone)
	if u[6][2] != nil || u[6][1] == nil || u[6][3] == nil {
		t.Errorf("%v %v %v", u[6][1], u[6][2], u[6][3])
	}
}

func TestUsualLooksAtWholeWeeksThatAreOver(t *testing.T) {
	zone := zoneOf(t, "Europe/Berlin")
	from, to := trends.UsualSpan(time.Date(2026, 11, 10, 15, 0, 0, 0, zone), zone)
	if !from.Equal(time.Date(2026, 9, 15, 0, 0, 0, 0, zone)) || !to.Equal(time.Date(2026, 11, 10, 0, 0, 0, 0, zone)) {
		t.Errorf("%s to %s", from, to)
	}
}
