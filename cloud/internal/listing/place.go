package listing

import (
	"cmp"
	"math"
	"slices"

	"github.com/openlot/openlot/cloud/internal/parking"
)

// earth is the Earth's mean radius in metres.
const earth = 6_371_008.8

// point is a place in degrees.
type point struct{ lat, lng float64 }

// vec is a place on a sphere of radius 1, seen from its centre. The straight line
// between two of them grows with the way over the sphere and costs no sine, and
// there is no date line and no pole.
type vec [3]float64

func (p point) vec() vec {
	lat, lng := p.lat*math.Pi/180, p.lng*math.Pi/180
	return vec{math.Cos(lat) * math.Cos(lng), math.Cos(lat) * math.Sin(lng), math.Sin(lat)}
}

// apart is the square of the straight line between two places. The conversions
// keep a processor from fusing what another rounds: cursors travel.
func (v vec) apart(w vec) float64 {
	x, y, z := v[0]-w[0], v[1]-w[1], v[2]-w[2]
	return float64(x*x) + float64(y*y) + float64(z*z)
}

// metres is the way over the sphere that belongs to the square of a straight line.
func metres(apart float64) float64 {
	half := math.Sqrt(apart) / 2
	if half < 1e-3 { // 12 km; the next member of the series is less than a micrometre
		return 2 * earth * (half + half*half*half/6)
	}
	return 2 * earth * math.Asin(min(half, 1))
}

// apartAt is the inverse of metres, for half of the sphere at most.
func apartAt(metres float64) float64 {
	s := 2 * math.Sin(min(metres/(2*earth), math.Pi/2))
	return s * s
}

// box is west, south, east, north in degrees; west > east crosses the
// antimeridian.
type box struct{ west, south, east, north float64 }

func (b box) holds(p point) bool {
	if p.lat < b.south || p.lat > b.north {
		return false
	}
	if b.west <= b.east {
		return b.west <= p.lng && p.lng <= b.east
	}
	return p.lng >= b.west || p.lng <= b.east
}

// meets reports whether a box that does not cross the antimeridian has a place
// in common with this one.
func (b box) meets(o box) bool {
	if o.north < b.south || o.south > b.north {
		return false
	}
	if b.west <= b.east {
		return o.west <= b.east && o.east >= b.west
	}
	return o.east >= b.west || o.west <= b.east
}

// tree finds places. It is never changed.
type tree struct {
	nodes []node
	ranks []int32 // of the parkings, by leaf
	at    []vec   // beside them
}

// node is a part of the places, in the smallest box on the sphere and in degrees
// that holds them.
type node struct {
	low, high  vec
	degrees    box
	first, end int32 // in ranks
	right      int32 // its second half; the first is the next node; 0: a leaf
}

const leafSize = 12

// newTree makes the tree of places, each named by where it is in the list.
func newTree(places []point) *tree {
	t := &tree{ranks: make([]int32, len(places)), at: make([]vec, len(places))}
	at := make([]vec, len(places))
	for i, p := range places {
		t.ranks[i], at[i] = int32(i), p.vec()
	}
	if len(places) > 0 {
		t.add(0, len(places), places, at)
	}
	for i, rank := range t.ranks {
		t.at[i] = at[rank]
	}
	return t
}

func (t *tree) add(first, end int, places []point, at []vec) {
	n := node{
		low: vec{2, 2, 2}, high: vec{-2, -2, -2}, degrees: box{west: 360, south: 90, east: -360, north: -90},
		first: int32(first), end: int32(end),
	}
	mine := t.ranks[first:end]
	for _, rank := range mine {
		for k, x := range at[rank] {
			n.low[k], n.high[k] = min(n.low[k], x), max(n.high[k], x)
		}
		p, d := places[rank], &n.degrees
		d.west, d.east = min(d.west, p.lng), max(d.east, p.lng)
		d.south, d.north = min(d.south, p.lat), max(d.north, p.lat)
	}
	me := len(t.nodes)
	t.nodes = append(t.nodes, n)
	if len(mine) <= leafSize {
		return
	}
	widest := 0
	for k := range n.low {
		if n.high[k]-n.low[k] > n.high[widest]-n.low[widest] {
			widest = k
		}
	}
	slices.SortFunc(mine, func(a, b int32) int { return cmp.Compare(at[a][widest], at[b][widest]) })
	middle := first + len(mine)/2
	t.add(first, middle, places, at)
	t.nodes[me].right = int32(len(t.nodes))
	t.add(middle, end, places, at)
}

// apart is the least that a place of the node can be apart from another.
func (n *node) apart(from *vec) float64 {
	sum := 0.0
	for k, x := range from {
		d := max(n.low[k]-x, x-n.high[k], 0)
		sum += d * d
	}
	return sum
}

// nearest offers places to a search, near ones first as far as it is cheap, until
// all that are left are too far apart or outside its box.
func (t *tree) nearest(s *search) {
	if len(t.nodes) > 0 {
		t.visit(0, s)
	}
}

func (t *tree) visit(i int32, s *search) {
	n := &t.nodes[i]
	if s.box != nil && !s.box.meets(n.degrees) {
		return
	}
	if n.right == 0 {
		at, ranks := t.at[n.first:n.end], t.ranks[n.first:n.end]
		for j := range at {
			if d := at[j].apart(s.from); d <= s.most {
				s.offer(d, ranks[j])
			}
		}
		return
	}
	near, far := i+1, n.right
	a, b := t.nodes[near].apart(&s.from), t.nodes[far].apart(&s.from)
	if b < a {
		near, far, a, b = far, near, b, a
	}
	// What is rounded must not hide a place that is just as far.
	if a*(1-1e-9) <= s.most {
		t.visit(near, s)
	}
	if b*(1-1e-9) <= s.most {
		t.visit(far, s)
	}
}

// in lists the places whose node meets a box, and reports false when there are
// more than a number.
func (t *tree) in(b box, limit int) (ranks []int32, all bool) {
	if len(t.nodes) == 0 {
		return nil, true
	}
	open := []int32{0}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		n := &t.nodes[i]
		switch {
		case !b.meets(n.degrees):
		case n.right != 0:
			open = append(open, n.right, i+1)
		default:
			if ranks = append(ranks, t.ranks[n.first:n.end]...); len(ranks) > limit {
				return nil, false
			}
		}
	}
	return ranks, true
}

func placeOf(p *parking.Parking) point { return point{p.Latitude, p.Longitude} }
