package listing

import (
	"math"
	"slices"
	"time"
)

// hit is one parking of a result.
type hit struct {
	lot      *lot
	distance float64 // metres; -1 when nothing was to be near
}

// candidate is a parking that may be a hit. It has no pointer, so that it is cheap
// to move.
type candidate struct {
	apart float64 // what it is sorted by, before the id: see vec.apart
	rank  int32   // in the index, or below zero: -1-i in alone
}

// search is a query under way.
type search struct {
	query
	from  vec     // of near
	most  float64 // apart
	since int64   // when its first page was made, in µs; places are as they were then; 0: now
	index *index
	alone []*lot      // that are looked at by themselves, and not in the index
	best  []candidate // at most one more than the limit, in order
}

// find answers a query with one page, and the cursor of the next. l.mu is held.
func (l *Listing) find(q query) ([]hit, *cursor) {
	s := search{query: q}
	next := l.search(&s)
	hits := make([]hit, len(s.best))
	for i, c := range s.best {
		hits[i] = hit{s.lot(c), s.distance(c)}
	}
	return hits, next
}

func (s *search) lot(c candidate) *lot {
	if c.rank < 0 {
		return s.alone[-1-c.rank]
	}
	return s.index.lots[c.rank]
}

func (s *search) face(c candidate) *face {
	if c.rank < 0 {
		return s.alone[-1-c.rank].face
	}
	return s.index.faces[c.rank]
}

// distance is how many metres a candidate is from what it is to be near; -1
// without that.
func (s *search) distance(c candidate) float64 {
	if s.near == nil {
		return -1
	}
	return metres(c.apart)
}

// search makes best the page that the query asks for and returns the cursor of
// the next. l.mu is held.
func (l *Listing) search(s *search) *cursor {
	s.index, s.most, s.since, s.best = l.index, math.Inf(1), 0, s.best[:0]
	if s.near != nil {
		s.from = s.near.vec()
		if s.radius > 0 {
			s.most = apartAt(s.radius)
		}
	}
	made := l.now().UnixMicro()
	if s.after != nil {
		s.since, made = s.after.made, s.after.made
	}
	s.alone = l.byHand(s.since)
	for i, x := range s.alone {
		apart := 0.0
		if s.near != nil {
			apart = s.from.apart(x.placeAt(s.since).vec())
		}
		s.consider(candidate{apart, int32(-1 - i)}, x)
	}
	if s.near != nil {
		s.findNear()
	} else {
		s.findByID()
	}
	if len(s.best) <= s.limit {
		return nil
	}
	s.best = s.best[:s.limit]
	last := s.best[s.limit-1]
	return &cursor{s.order(), last.apart, made, s.lot(last).Parking.ID}
}

// few is up to how many lots are compared one by one rather than found by order.
func (x *index) few() int { return len(x.lots) / 8 }

func (s *search) findNear() {
	ranks, ok := s.index.having(s.words)
	if !ok || len(ranks) > s.index.few() {
		s.index.tree.nearest(s)
		return
	}
	for _, i := range ranks {
		s.offer(s.from.apart(s.index.lots[i].vec), i)
	}
}

func (s *search) findByID() {
	x, first := s.index, int32(0)
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
	if ok {
		for _, i := range ranks {
			if s.full(i) {
				return
			}
			s.offer(0, i)
		}
		return
	}
	for i := first; int(i) < len(x.lots) && !s.full(i); i++ {
		s.offer(0, i)
	}
}

// full reports whether no lot of the index from this one on, by id, can be among
// the best.
func (s *search) full(rank int32) bool {
	n := len(s.best)
	return n > s.limit && s.behind(candidate{0, rank}, s.best[n-1])
}

// offer considers a lot of the index.
func (s *search) offer(apart float64, rank int32) {
	if apart > s.most {
		return
	}
	if len(s.alone) > 0 || s.after != nil || s.box != nil || s.typ != "" || len(s.words) > 0 {
		x := s.index.lots[rank]
		if len(s.alone) == 0 || !x.handled(s.since) {
			s.consider(candidate{apart, rank}, x)
		}
		return
	}
	s.take(candidate{apart, rank})
}

// consider takes a lot among the best if it fits the query and comes before the
// last of them.
func (s *search) consider(c candidate, x *lot) {
	switch {
	case c.apart > s.most,
		s.after != nil && (c.apart < s.after.apart || c.apart == s.after.apart && x.Parking.ID <= s.after.id),
		s.box != nil && !s.box.holds(x.placeAt(s.since)),
		!x.matches(s.words):
		return
	}
	if s.typ != "" {
		if _, sold := x.Parking.SpaceType(s.typ); !sold {
			return
		}
	}
	s.take(c)
}

func (s *search) take(c candidate) {
	n := len(s.best)
	if n > s.limit {
		if !s.behind(s.best[n-1], c) {
			return
		}
		n--
	} else {
		s.best = append(s.best, candidate{})
	}
	// Near ones are offered first, so that most go behind most.
	i := n
	for ; i > 0; i-- {
		if x := &s.best[i-1]; x.apart < c.apart || x.apart == c.apart && !s.behind(*x, c) {
			break
		}
		s.best[i] = s.best[i-1]
	}
	s.best[i] = c
	if s.near != nil && n == s.limit {
		s.most = s.best[n].apart
	}
}

// behind reports whether one candidate comes after another.
func (s *search) behind(c, other candidate) bool {
	return c.apart > other.apart || c.apart == other.apart && s.lot(c).Parking.ID > s.lot(other).Parking.ID
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
