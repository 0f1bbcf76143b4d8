package places

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/openlot/openlot/protocol/id"
)

// Parking is what a parking says of where it is.
type Parking struct {
	ID            id.Parking
	Name          string
	Address, City string
	At            Point
}

// How far parkings that name the same town or street may lie apart.
const (
	acrossTown   = 30 // km
	acrossStreet = 3
)

// spoken is what an address may look like.
type spoken struct{ postcode, town, number *regexp.Regexp }

func addresses() spoken {
	const code = `(?:[A-Z]{1,2}-)?(\d{4,5}|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})`
	return spoken{
		postcode: regexp.MustCompile(`^` + code + `$`), town: regexp.MustCompile(`^` + code + `\s+(\p{L}.*)$`),
		number: regexp.MustCompile(`\s+\d+\s*[a-zA-Z]?(?:\s*[-–/+]\s*\d+\s*[a-zA-Z]?)*$`),
	}
}

// read parts an address, such as "Prager Straße 12 a, 01069 Dresden".
func (s spoken) read(address string) (streets []string, postcode, town string) {
	for part := range strings.SplitSeq(address, ",") {
		part = strings.TrimSpace(part)
		if m := s.postcode.FindStringSubmatch(part); m != nil {
			postcode = m[1]
			continue
		}
		if m := s.town.FindStringSubmatch(part); m != nil {
			postcode, town = m[1], strings.TrimSpace(m[2])
			continue
		}
		for street := range strings.SplitSeq(part, " / ") {
			street = strings.TrimSpace(s.number.ReplaceAllString(street, ""))
			if isStreet(street) && !slices.Contains(streets, street) {
				streets = append(streets, street)
			}
		}
	}
	return streets, postcode, town
}

// isStreet tells a street from what else stands in addresses, such as "P18".
func isStreet(s string) bool {
	letters := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters >= 3 && len(s) <= 80
}

// gathered is a place that several parkings name.
type gathered struct {
	Place
	n int // how many
}

// FromParkings makes places of what parkings say: each of them, and their towns, streets
// and postcodes. A place stands in the middle of the parkings that name it.
func FromParkings(parkings []Parking) []Place {
	s := addresses()
	groups := map[string][]*gathered{}
	var order []*gathered
	add := func(kind Kind, name, context string, p *Parking, across float64) {
		key := string(kind) + "\x00" + plainName(name) + "\x00" + plainName(context)
		for _, g := range groups[key] {
			if g.At.km(p.At) > across {
				continue
			}
			g.n++
			share := 1 / float64(g.n)
			g.At = Point{g.At.Lat + (p.At.Lat-g.At.Lat)*share, g.At.Lon + (p.At.Lon-g.At.Lon)*share}
			g.Bounds = g.Bounds.extend(p.At)
			return
		}
		g := &gathered{Place{Kind: kind, Name: name, Context: context, At: p.At}, 1}
		if kind == Town {
			g.People = inTownOfLots
		}
		if kind != Lot {
			g.Bounds = (*Bounds)(nil).extend(p.At)
		} else {
			g.Parking = p.ID
		}
		groups[key], order = append(groups[key], g), append(order, g)
	}
	for i := range parkings {
		p := &parkings[i]
		streets, postcode, town := s.read(p.Address)
		if p.City != "" {
			town = p.City
		}
		if town != "" {
			add(Town, town, "", p, acrossTown)
		}
		if postcode != "" {
			add(Postcode, postcode, town, p, acrossTown)
		}
		for _, street := range streets {
			add(Street, street, town, p, acrossStreet)
		}
		add(Lot, p.Name, town, p, -1) // each is one of its own
	}
	out := make([]Place, len(order))
	for i, g := range order {
		out[i] = g.Place
	}
	return out
}
