package benchlisting

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

const (
	parkings  = 10_000
	questions = 1_000 // of each kind
)

// city is a place with many parkings around it.
type city struct {
	name     string
	lat, lng float64
}

func cities() []city {
	return []city{
		{"Berlin", 52.52, 13.405},
		{"Hamburg", 53.551, 9.994},
		{"München", 48.137, 11.575},
		{"Köln", 50.938, 6.96},
		{"Frankfurt", 50.11, 8.682},
		{"Stuttgart", 48.776, 9.183},
		{"Düsseldorf", 51.228, 6.773},
		{"Leipzig", 51.34, 12.373},
		{"Dortmund", 51.514, 7.465},
		{"Bremen", 53.079, 8.802},
		{"Dresden", 51.05, 13.738},
		{"Hannover", 52.376, 9.732},
		{"Nürnberg", 49.452, 11.077},
		{"Duisburg", 51.435, 6.763},
		{"Münster", 51.961, 7.628},
		{"Karlsruhe", 49.007, 8.404},
		{"Augsburg", 48.371, 10.898},
		{"Wien", 48.208, 16.374},
		{"Graz", 47.071, 15.438},
		{"Zürich", 47.377, 8.542},
		{"Basel", 47.56, 7.589},
		{"Praha", 50.076, 14.438},
		{"Århus", 56.163, 10.203},
		{"København", 55.676, 12.568},
	}
}

func streets() []string {
	return []string{
		"Hauptstraße", "Bahnhofstraße", "Schillerstraße", "Goethestraße", "Am Markt", "Königsallee", "Lindenweg", "Domplatz",
		"Wilsdruffer Straße", "Brückenstraße", "Theaterplatz", "Rathausgasse", "Uferweg", "Messering", "Am Stadion", "Werftstraße",
	}
}

func houses() []string {
	return []string{"Parkhaus", "Tiefgarage", "Parkplatz", "Centrum-Galerie", "Parkdeck", "Altmarkt", "Oper", "Klinikum", "Kaufhof", "Universität"}
}

// pick draws one of a list.
func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func seeded(kind uint64) *rand.Rand {
	return rand.New(rand.NewPCG(6, kind)) //nolint:gosec // the same for every run
}

// town is a source of parkings that are the same in every run.
type town struct{ first timerange.Q }

// Parkings implements listing.Source.
func (t town) Parkings(context.Context, []id.Parking, int32) ([]listing.Snapshot, error) {
	r := seeded(0)
	out := make([]listing.Snapshot, parkings)
	for i := range out {
		out[i] = t.parking(r, i)
	}
	return out, nil
}

func (t town) parking(r *rand.Rand, i int) listing.Snapshot {
	c := pick(r, cities())
	p := parking.Parking{
		ID: id.Parking(fmt.Sprintf("bench-%05d", i)), Name: fmt.Sprintf("%s %s %d", pick(r, houses()), c.name, i%100), City: c.name,
		Address: fmt.Sprintf("%s %d", pick(r, streets()), 1+r.IntN(200)), Latitude: c.lat + r.NormFloat64()*0.06, Longitude: c.lng + r.NormFloat64()*0.09,
		Timezone: "Europe/Berlin", Kind: parking.Underground, Policy: parking.DefaultPolicy(),
		Tariff: tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: int64(100 + 10*r.IntN(30)), IntervalMinutes: 30, DailyMax: 2500, TaxBasisPoints: 1900},
		SpaceTypes: []parking.SpaceType{
			{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: int16(50 + r.IntN(500))},
			{ID: "ev", Class: parking.ClassEV, Label: "Charging", Capacity: int16(4 + r.IntN(20))},
		},
	}
	s := listing.Snapshot{
		Parking: p, Revision: 1, Days: map[inventory.Key]*inventory.Day{},
		Allotments: map[id.SpaceType]int16{id.Standard: 10}, Allotted: map[id.Session]id.SpaceType{},
	}
	if i%3 > 0 {
		s.Link = &feed.Link{Live: i%30 > 1, Since: t.first.Time()}
	}
	for _, kind := range p.SpaceTypes {
		for day := range int32(3) {
			d := inventory.NewDay(kind.Capacity)
			for q := range d.Free {
				d.Free[q] -= int16(r.IntN(int(kind.Capacity) + 1))
			}
			s.Days[inventory.Key{Type: kind.ID, Day: t.first.Day() + day}] = d
		}
	}
	return s
}

// event claims a unit of a parking for an hour from now on, or gives it back.
func (t town) event(p int, revision uint64) feed.Event {
	n := int16(1)
	if revision%2 == 1 {
		n = -1
	}
	return feed.Event{
		Parking: id.Parking(fmt.Sprintf("bench-%05d", p)), Revision: revision, At: time.Now(), Kind: feed.ReservationHeld,
		Body: feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: t.first, To: t.first + 8, N: n}}},
	}
}

// near is a point in or around a city.
func near(r *rand.Rand) string {
	c := pick(r, cities())
	return fmt.Sprintf("near=%.4f,%.4f", c.lat+r.NormFloat64()*0.08, c.lng+r.NormFloat64()*0.12)
}

// queries are the questions of a kind.
func (t town) queries(kind string) []string {
	r, out := seeded(uint64(kind[0])), make([]string, questions)
	for i := range out {
		switch kind {
		case "near":
			out[i] = near(r)
		case "ten":
			out[i] = near(r) + "&limit=10"
		case "window":
			from := t.first + 8 + timerange.Q(r.IntN(80))
			to := from + 4 + timerange.Q(r.IntN(40))
			out[i] = near(r) + "&from=" + from.Time().Format(time.RFC3339) + "&to=" + to.Time().Format(time.RFC3339)
		case "text":
			words := pick(r, cities()).name
			switch r.IntN(3) {
			case 0:
				words += " " + pick(r, streets())
			case 1:
				words = pick(r, houses()) + " " + fmt.Sprint(r.IntN(100))
			}
			out[i] = "q=" + url.QueryEscape(words)
		}
	}
	return out
}

func kinds() []string { return []string{"text", "window", "ten", "near"} }
