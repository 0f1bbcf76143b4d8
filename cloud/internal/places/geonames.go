package places

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Limits of a gazetteer.
const (
	MaxFile   = 256 << 20 // bytes
	MaxPlaces = 500_000
	maxLine   = 64 << 10
	maxNames  = 16 // of one place, beside its own
	maxLength = 120
)

// The columns of the two files that GeoNames has.
const (
	columnsOfPlaces    = 19 // a country, or the cities of all
	columnsOfPostcodes = 12
)

// ReadGeoNames reads the places of a file in one of GeoNames' two formats: places
// (https://download.geonames.org/export/dump/, such as DE.txt or cities500.txt) or
// postcodes (https://download.geonames.org/export/zip/). Nothing of a file is taken if
// something in it cannot be. What nobody drives to is left out: administrative areas,
// waters, mountains, places that are no more.
func ReadGeoNames(in io.Reader) ([]Place, error) {
	limited := &io.LimitedReader{R: in, N: MaxFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, maxLine), maxLine)
	g := gazetteer{regions: map[string]string{}, postcodes: map[string]bool{}}
	n := 0
	for lines.Scan() {
		n++
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" {
			continue
		}
		if err := g.line(strings.Split(text, "\t")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(g.places) > MaxPlaces {
			return nil, fmt.Errorf("line %d: more than %d places; take the file of a country or of cities", n, MaxPlaces)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, maxLine)
	case err != nil:
		return nil, err
	case limited.N == 0:
		return nil, fmt.Errorf("larger than %d MiB; take the file of a country or of cities", MaxFile>>20)
	case len(g.places) == 0:
		return nil, errors.New("has no place in it")
	}
	g.settle()
	return g.places, nil
}

// gazetteer is a file that is being read.
type gazetteer struct {
	columns   int
	places    []Place
	region    []string          // of each place, as a key of regions
	regions   map[string]string // names, by "DE.13"
	postcodes map[string]bool
}

func (g *gazetteer) line(c []string) error {
	if g.columns == 0 {
		g.columns = len(c)
	}
	switch {
	case len(c) != g.columns:
		return fmt.Errorf("has %d columns, the lines before %d", len(c), g.columns)
	case len(c) == columnsOfPlaces:
		return g.place(c)
	case len(c) == columnsOfPostcodes:
		return g.postcode(c)
	}
	return fmt.Errorf("has %d columns: a file of GeoNames has %d (places) or %d (postcodes), with tabs between them", len(c), columnsOfPlaces, columnsOfPostcodes)
}

// place takes a line of: geonameid, name, asciiname, alternatenames, latitude, longitude,
// feature class, feature code, country code, cc2, admin1 … admin4, population, elevation,
// dem, timezone, modification date.
func (g *gazetteer) place(c []string) error {
	key := c[8] + "." + c[10]
	if c[6] == "A" && c[7] == "ADM1" {
		g.regions[key] = c[1]
	}
	kind, ok := kindOf(c[6], c[7])
	if !ok {
		return nil
	}
	at, err := pointIn(c[4], c[5])
	if err != nil {
		return err
	}
	people := 0
	if c[14] != "" {
		if people, err = strconv.Atoi(c[14]); err != nil || people < 0 {
			return errors.New("the population (column 15) is no number")
		}
	}
	p := Place{Kind: kind, Name: c[1], Country: country(c[8]), At: at, People: people}
	seen := map[string]bool{plainName(p.Name): true}
	for other := range strings.SplitSeq(c[3], ",") {
		if plain := plainName(other); latin(other) && !seen[plain] && len(p.Others) < maxNames {
			seen[plain] = true
			p.Others = append(p.Others, other)
		}
	}
	return g.add(p, key)
}

// postcode takes a line of: country code, postal code, place name, admin name1, code1,
// name2, code2, name3, code3, latitude, longitude, accuracy. Of a code with several places
// it takes the first.
func (g *gazetteer) postcode(c []string) error {
	at, err := pointIn(c[9], c[10])
	if err != nil {
		return err
	}
	if key := c[0] + " " + c[1]; !g.postcodes[key] {
		g.postcodes[key] = true
		return g.add(Place{Kind: Postcode, Name: c[1], Context: c[2], Country: country(c[0]), At: at}, "")
	}
	return nil
}

func (g *gazetteer) add(p Place, region string) error {
	if p.Name == "" || len(p.Name) > maxLength || len(p.Context) > maxLength {
		return fmt.Errorf("a name has 1 to %d bytes", maxLength)
	}
	g.places, g.region = append(g.places, p), append(g.region, region)
	return nil
}

// kindOf says what a feature of GeoNames is for a driver; false: nothing.
func kindOf(class, code string) (Kind, bool) {
	switch class {
	case "P":
		switch code {
		case "PPLX":
			return District, true
		case "PPLH", "PPLQ", "PPLW", "PPLCH": // were there once
			return "", false
		}
		return Town, true
	case "S":
		if code == "SQR" {
			return Street, true
		}
		return Landmark, true
	case "L":
		return Landmark, code == "PRK" || code == "AMUS"
	case "R":
		return Street, code == "ST" || code == "STM" || code == "PROM"
	}
	return "", false
}

func pointIn(lat, lon string) (Point, error) {
	p := Point{}
	var err, err2 error
	p.Lat, err = strconv.ParseFloat(lat, 64)
	p.Lon, err2 = strconv.ParseFloat(lon, 64)
	if err != nil || err2 != nil || !(math.Abs(p.Lat) <= 90) || !(math.Abs(p.Lon) <= 180) {
		return p, errors.New("has no position in degrees")
	}
	return p, nil
}

func country(code string) string {
	if len(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z' {
		return code
	}
	return ""
}

// latin reports whether a name can be typed here; codes and addresses of pages are none.
func latin(s string) bool {
	if len(s) < 2 || len(s) > maxLength || strings.Contains(s, "//") {
		return false
	}
	lower := false
	for _, r := range s {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) {
			return false
		}
		lower = lower || unicode.IsLower(r)
	}
	return lower
}

// How far from a town its districts, streets and landmarks are looked for.
const (
	around = 25.0 // km
	cell   = 0.5  // degrees
)

// settle says of each place where it is: a town in its region, whatever else in the town
// that draws it most, by people and nearness.
func (g *gazetteer) settle() {
	type square struct{ lat, lon int }
	in := func(p Point, dLat, dLon int) square {
		return square{int(math.Floor(p.Lat/cell)) + dLat, int(math.Floor(p.Lon/cell)) + dLon}
	}
	towns := map[square][]int{}
	for i := range g.places {
		if p := &g.places[i]; p.Kind == Town && p.People > 0 {
			towns[in(p.At, 0, 0)] = append(towns[in(p.At, 0, 0)], i)
		}
	}
	for i := range g.places {
		p := &g.places[i]
		if p.Kind == Town {
			p.Context = g.regions[g.region[i]]
		}
		if p.Context != "" || p.Kind == Town {
			continue
		}
		most := 0.0
		for dLat := -1; dLat <= 1; dLat++ {
			for dLon := -1; dLon <= 1; dLon++ {
				for _, j := range towns[in(p.At, dLat, dLon)] {
					t := &g.places[j]
					if km := p.At.km(t.At); km <= around {
						if pull := float64(t.People) / (1 + km*km); pull > most {
							most, p.Context = pull, t.Name
						}
					}
				}
			}
		}
	}
}
