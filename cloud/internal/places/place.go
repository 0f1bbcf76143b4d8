// Package places finds places by what somebody types of their name: a town, a street,
// a postcode, a landmark, a parking. It is pure: places go in, an index comes out, and
// an index is never changed.
//
// Two indexes stand side by side. One is made of what the parkings' own addresses say,
// and made anew when those change (Directory); the other one of a gazetteer that an
// operator may have (ReadGeoNames), once.
package places

import (
	"math"

	"github.com/openlot/openlot/protocol/id"
)

// Kind is what a place is.
type Kind string

// The kinds of places.
const (
	Town     Kind = "town"
	District Kind = "district"
	Street   Kind = "street"
	Postcode Kind = "postcode"
	Landmark Kind = "landmark"
	Lot      Kind = "parking"
)

// Point is a position in degrees.
type Point struct{ Lat, Lon float64 }

// Bounds are where something begins and ends, in degrees.
type Bounds struct{ West, South, East, North float64 }

// Place is one that may be searched for.
type Place struct {
	Kind    Kind
	Name    string
	Others  []string // names that it has as well
	Context string   // where it is, such as the town of a street
	Country string   // ISO 3166-1; empty: not known
	At      Point
	Bounds  *Bounds    // nil: not known
	People  int        // who live there; 0: not known
	Parking id.Parking // of a Lot
}

// Where nobody was counted, a place weighs as one in which so many live.
const (
	inTown     = 2_000
	inDistrict = 2_000
	inLot      = 1_000
	inLandmark = 500
	inPostcode = 300
	inStreet   = 100
	// inTownOfLots is for a town of which all that is known is that it has parkings: that
	// is what people look for here.
	inTownOfLots = 50_000
)

// weight is how well known a place is, on a scale of doublings.
func (p *Place) weight() float64 {
	people := 0
	switch p.Kind {
	case Town:
		people = inTown
	case District:
		people = inDistrict
	case Lot:
		people = inLot
	case Landmark:
		people = inLandmark
	case Postcode:
		people = inPostcode
	case Street:
		people = inStreet
	}
	return math.Log2(float64(max(p.People, people, 1)))
}

// kmPerDegree is a degree of latitude, in kilometres.
const kmPerDegree = 111.2

// km is the way between two places; exact enough to say what is nearer.
func (p Point) km(q Point) float64 {
	lon := math.Abs(p.Lon - q.Lon)
	lon = min(lon, 360-lon) * math.Cos((p.Lat+q.Lat)/2*math.Pi/180)
	return kmPerDegree * math.Hypot(p.Lat-q.Lat, lon)
}

// extend makes bounds that hold a point as well.
func (b *Bounds) extend(p Point) *Bounds {
	if b == nil {
		return &Bounds{p.Lon, p.Lat, p.Lon, p.Lat}
	}
	return &Bounds{min(b.West, p.Lon), min(b.South, p.Lat), max(b.East, p.Lon), max(b.North, p.Lat)}
}
