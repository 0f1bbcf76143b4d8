package listing

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// hit is one parking of a result.
type hit struct {
	lot      *lot
	distance float64 // metres; -1 when nothing was to be near
}

// candidate is a parking that may be a hit.
type candidate struct {
	lot   *lot
	apart float64 // what it is sorted by, before the id: see vec.apart
}

// search is a query under way.
type search struct {
	query
	from  vec         // of near
	most  float64     // apart
	since int64       // when its first page was made, in µs; places are as they were then; 0: now
	alone bool        // some lots are looked at by themselves, and not in the index
	best  []candidate // at most one more than the limit, in order
}

// find answers a query with one page, and the cursor of the next. l.mu is held.
func (l *Listing) find(q query) ([]hit, *cursor) {
	s := search{query: q, most: math.Inf(1), best: make([]candidate, 0, q.limit+1)}
	if q.near != nil {
		s.from = q.near.vec()
		if q.radius > 0 {
			s.most = apartAt(q.radius)
		}
	}
	made := l.now().UnixMicro()
	if q.after != nil {
		s.since, made = q.after.made, q.after.made
	}
	alone := l.byHand(s.since)
	s.alone = len(alone) > 0
	for _, x := range alone {
		s.offer(x, s.apart(x))
	}
	if q.near != nil {
		l.findNear(&s)
	} else {
		l.findByID(&s)
	}
	hits := make([]hit, min(len(s.best), q.limit))
	for i := range hits {
		hits[i] = hit{s.best[i].lot, -1}
		if q.near != nil {
			hits[i].distance = metres(s.best[i].apart)
		}
	}
	if len(s.best) <= q.limit {
		return hits, nil
	}
	last := s.best[q.limit-1]
	return hits, &cursor{q.order(), last.apart, made, last.lot.Parking.ID}
}

// few is up to how many lots are compared one by one rather than found by order.
func (x *index) few() int { return len(x.lots) / 8 }

func (l *Listing) findNear(s *search) {
	x := l.index
	if ranks, ok := x.having(s.words); ok && len(ranks) <= x.few() {
		for _, i := range ranks {
			if lot := x.lots[i]; !s.alone || !lot.handled(s.since) {
				s.offer(lot, s.from.apart(lot.vec))
			}
		}
		return
	}
	x.tree.nearest(s.from, s.box, s.most, func(i int32, apart float64) float64 {
		if lot := x.lots[i]; !s.alone || !lot.handled(s.since) {
			s.offer(lot, apart)
		}
		return s.most
	})
}

func (l *Listing) findByID(s *search) {
	x := l.index
	first := int32(0)
	if s.after != nil {
		first = x.after(s.after.id)
	}
	// Which of the first that have the words, or are in the box, or of all.
	ranks, ok := x.having(s.words)
	switch {
	case ok:
		i, _ := slices.BinarySearch(ranks, first)
		ranks = ranks[i:]
	case s.box != nil:
		if ranks, ok = x.tree.in(*s.box, x.few()); ok {
			slices.Sort(ranks)
		}
	}
	if !ok {
		for _, lot := range x.lots[first:] {
			if s.full(lot) {
				return
			}
			if !s.alone || !lot.handled(s.since) {
				s.offer(lot, 0)
			}
		}
		return
	}
	for _, i := range ranks {
		lot := x.lots[i]
		if s.full(lot) {
			return
		}
		if !s.alone || !lot.handled(s.since) {
			s.offer(lot, 0)
		}
	}
}

// full reports whether no lot from this one on, by id, can be among the best.
func (s *search) full(x *lot) bool {
	n := len(s.best)
	return n > s.limit && s.best[n-1].lot.Parking.ID < x.Parking.ID
}

// apart is what a lot that is looked at by itself is sorted by.
func (s *search) apart(x *lot) float64 {
	if s.near == nil {
		return 0
	}
	return s.from.apart(x.placeAt(s.since).vec())
}

// offer takes a lot among the best if it fits the query and is nearer than the
// last of them.
func (s *search) offer(x *lot, apart float64) {
	h := candidate{x, apart}
	full := len(s.best) > s.limit
	switch {
	case apart > s.most,
		full && compare(h, s.best[len(s.best)-1]) >= 0,
		s.after != nil && cmp.Or(cmp.Compare(apart, s.after.apart), cmp.Compare(x.Parking.ID, s.after.id)) <= 0,
		s.box != nil && !s.box.holds(x.placeAt(s.since)),
		!x.matches(s.words):
		return
	}
	if s.typ != "" {
		if _, sold := x.Parking.SpaceType(s.typ); !sold {
			return
		}
	}
	if full {
		s.best = s.best[:len(s.best)-1]
	}
	i := len(s.best)
	for i > 0 && compare(h, s.best[i-1]) < 0 {
		i--
	}
	s.best = slices.Insert(s.best, i, h)
	if s.near != nil && len(s.best) > s.limit {
		s.most = s.best[len(s.best)-1].apart
	}
}

func compare(a, b candidate) int {
	if a.apart != b.apart {
		return cmp.Compare(a.apart, b.apart)
	}
	return cmp.Compare(a.lot.Parking.ID, b.lot.Parking.ID)
}

// move is a place that a lot has left.
type move struct {
	at  int64 // µs
	was point
}

// Pages of one query show each parking where it was for the first of them.
const (
	keepMoves = time.Hour
	maxMoves  = 16 // of one lot
)

// placeAt is where a lot was; 0 is now.
func (l *lot) placeAt(since int64) point {
	if since > 0 {
		for _, m := range l.moves { // the oldest first
			if m.at > since {
				return m.was
			}
		}
	}
	return placeOf(&l.Parking)
}

// handled reports whether a lot is looked at by itself, and not in the index.
func (l *lot) handled(since int64) bool {
	return l.loose || since > 0 && len(l.moves) > 0 && l.moves[len(l.moves)-1].at > since
}

// byHand lists the lots that the index does not know as they are, or were.
func (l *Listing) byHand(since int64) []*lot {
	if since == 0 || len(l.moved) == 0 {
		return l.loose
	}
	out := slices.Clone(l.loose)
	for _, x := range l.moved {
		if !x.loose && x.handled(since) {
			out = append(out, x)
		}
	}
	return out
}

// hasMoved remembers where a lot was. l.mu is held.
func (l *Listing) hasMoved(x *lot, was point) {
	if len(x.moves) == 0 {
		l.moved = append(l.moved, x)
	}
	if len(x.moves) == maxMoves {
		x.moves = x.moves[1:]
	}
	x.moves = append(x.moves, move{l.now().UnixMicro(), was})
}

// forgetMoves drops what is older than pages live. l.mu is held.
func (l *Listing) forgetMoves() {
	old := l.now().Add(-keepMoves).UnixMicro()
	l.moved = slices.DeleteFunc(l.moved, func(x *lot) bool {
		x.moves = slices.DeleteFunc(slices.Clone(x.moves), func(m move) bool { return m.at <= old })
		return len(x.moves) == 0
	})
}
