package listing

import (
	"cmp"
	"math"
	"slices"
)

// hit is one parking of a result.
type hit struct {
	lot      *lot
	distance float64 // metres; -1 when nothing was to be near
}

// find answers a query with one page, and the cursor of the next. l.mu is held.
func (l *Listing) find(q query) ([]hit, *cursor) {
	var hits []hit
	for _, x := range l.sorted {
		at := point{x.Parking.Latitude, x.Parking.Longitude}
		h := hit{x, -1}
		if q.near != nil {
			if h.distance = metres(*q.near, at); q.radius > 0 && h.distance > q.radius {
				continue
			}
		}
		if q.box != nil && !q.box.holds(at) || !x.matches(q.words) {
			continue
		}
		if _, sold := x.Parking.SpaceType(q.typ); q.typ != "" && !sold {
			continue
		}
		hits = append(hits, h)
	}
	if q.near != nil {
		slices.SortStableFunc(hits, compare) // stable: by id where it is equally far
	}
	if q.after != nil {
		mark := hit{lot: &lot{}, distance: q.after.distance}
		mark.lot.Parking.ID = q.after.id
		if q.near == nil {
			mark.distance = -1
		}
		i, found := slices.BinarySearchFunc(hits, mark, compare)
		if found {
			i++
		}
		hits = hits[i:]
	}
	if len(hits) <= q.limit {
		return hits, nil
	}
	hits = hits[:q.limit]
	last := hits[len(hits)-1]
	return hits, &cursor{q.order(), max(last.distance, 0), last.lot.Parking.ID}
}

func compare(a, b hit) int {
	if c := cmp.Compare(a.distance, b.distance); c != 0 {
		return c
	}
	return cmp.Compare(a.lot.Parking.ID, b.lot.Parking.ID)
}

// metres is the distance on a sphere of the Earth's mean radius.
func metres(a, b point) float64 {
	const radius = 6_371_008.8
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	sin2 := func(x float64) float64 { s := math.Sin(x / 2); return s * s }
	h := sin2(rad(b.lat-a.lat)) + math.Cos(rad(a.lat))*math.Cos(rad(b.lat))*sin2(rad(b.lng-a.lng))
	return 2 * radius * math.Asin(math.Sqrt(min(h, 1)))
}
