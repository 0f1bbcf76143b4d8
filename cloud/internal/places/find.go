package places

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

// Query is what somebody types.
type Query struct {
	Text  string
	Near  *Point // of equals the nearer come first; nil: anywhere
	Limit int
}

// Found is a place and how well it fits.
type Found struct {
	Place        // by the name that fits
	slips  uint8 // in all words
	fit    uint8 // the less the better
	weight float64
	rank   int32 // of the place in its index
}

// How a name fits beside its slips.
const (
	fitWhole  = iota // it is what was typed
	fitBegins        // it begins so
	fitWords         // what was typed are whole words of it
	fitParts
)

// better orders results.
func better(a, b *Found) bool {
	switch {
	case a.slips != b.slips:
		return a.slips < b.slips
	case a.fit != b.fit:
		return a.fit < b.fit
	case a.weight != b.weight:
		return a.weight > b.weight
	}
	return a.rank < b.rank
}

// spare is how many results more than asked for are looked at, so that as many are left
// when what is the same has been put together.
const spare = 12

// Find lists the places that fit best.
func (x *Index) Find(q Query) []Found {
	words := split(q.Text, maxQueryWords)
	letters := 0
	for _, w := range words {
		letters += len([]rune(w))
	}
	if letters < 2 || q.Limit < 1 {
		return nil
	}
	left := maxJudged
	best := x.search(words, q, nil, &left)
	if len(best) == 0 || best[0].slips > 0 {
		for _, other := range readings(words) {
			best = x.search(other, q, best, &left)
		}
	}
	return best
}

// readings are what else words may mean: a number is that of a house, and two words are
// one ("Schiller Straße").
func readings(words []string) [][]string {
	var out [][]string
	streets := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return len(w) <= 4 && unicode.IsDigit(rune(w[0])) })
	if len(streets) > 0 && len(streets) < len(words) {
		words = streets
		out = append(out, words)
	}
	for i := 1; i < len(words); i++ {
		joined := slices.Clone(words[:i-1])
		out = append(out, append(append(joined, words[i-1]+words[i]), words[i+1:]...))
	}
	return out
}

// maxJudged is how many names are looked at for one question. Only words of a letter or
// two, which say next to nothing, have more.
const maxJudged = 50_000

// search adds to the best what fits words better. left is how many names may be judged.
func (x *Index) search(words []string, q Query, best []Found, left *int) []Found {
	sets := make([][]matched, len(words))
	rarest, fewest := 0, math.MaxInt
	for i, w := range words {
		sets[i] = x.fitting(w)
		n := 0
		for _, m := range sets[i] {
			n += int(x.starts[m.word+1] - x.starts[m.word])
		}
		if n == 0 {
			return best
		}
		if n < fewest {
			rarest, fewest = i, n
		}
	}
	seen := x.scratch.Get().(*marks)
	defer x.scratch.Put(seen)
	if seen.round++; seen.round == 0 { // it has been round once
		clear(seen.of)
		seen.round = 1
	}
	for _, m := range sets[rarest] {
		for _, n := range x.post[x.starts[m.word]:x.starts[m.word+1]] {
			if seen.of[n] == seen.round {
				continue
			}
			seen.of[n] = seen.round
			if *left--; *left < 0 {
				return best
			}
			if f, ok := x.judge(n, sets); ok {
				best = x.keep(best, f, &x.names[n], q)
			}
		}
	}
	return best
}

// judge says how well a name fits; false: some word is not in it.
func (x *Index) judge(at int32, sets [][]matched) (Found, bool) {
	n := &x.names[at]
	f := Found{fit: fitParts}
	covered, own, begins, whole := uint16(0), false, false, true
	for i, set := range sets {
		var m matched
		var u use
		found := false
		for _, other := range x.uses[n.first:n.last] {
			at, ok := slices.BinarySearchFunc(set, other.word, func(m matched, w int32) int { return int(m.word) - int(w) })
			if ok && (!found || closer(set[at], other, m, u)) {
				m, u, found = set[at], other, true
			}
		}
		if !found {
			return f, false
		}
		f.slips += m.slips
		whole = whole && m.whole
		if u.at == notOwn {
			continue
		}
		own = true
		begins = begins || i == 0 && u.at == 0
		if m.whole {
			covered |= 1 << u.at
			if !u.whole {
				covered |= 2 << u.at
			}
		}
	}
	switch {
	case bits.OnesCount16(covered) >= int(n.words):
		f.fit = fitWhole
	case begins:
		f.fit = fitBegins
	case whole:
		f.fit = fitWords
	}
	return f, own
}

// closer reports whether a word fits better where it is used than another one.
func closer(a matched, at use, b matched, other use) bool {
	switch {
	case a.slips != b.slips:
		return a.slips < b.slips
	case a.whole != b.whole:
		return a.whole
	}
	return at.at < other.at
}

// keep takes a result among the best, of which there is one for each place.
func (x *Index) keep(best []Found, f Found, n *name, q Query) []Found {
	p := &x.places[n.place]
	f.rank, f.weight = n.place, x.weights[n.place]
	if q.Near != nil {
		f.weight -= 2 * math.Log2(1+q.Near.km(p.At)/10)
	}
	most := q.Limit + spare
	if len(best) >= most && !better(&f, &best[len(best)-1]) {
		return best
	}
	if i := slices.IndexFunc(best, func(b Found) bool { return b.rank == f.rank }); i >= 0 {
		if !better(&f, &best[i]) {
			return best
		}
		best = slices.Delete(best, i, i+1)
	}
	f.Place = *p
	if n.other >= 0 {
		f.Name = p.Others[n.other]
	}
	i, _ := slices.BinarySearchFunc(best, &f, func(b Found, f *Found) int {
		if better(&b, f) {
			return -1
		}
		return 1
	})
	best = slices.Insert(best, i, f)
	return best[:min(len(best), most)]
}

// apart is how far from each other two places of one name and kind must be to be two.
func (k Kind) apart() float64 {
	switch k {
	case Town, Postcode:
		return 15
	case District:
		return 5
	case Street:
		return 2
	case Landmark:
		return 0.5
	case Lot:
	}
	return 0
}

// same reports whether two results are one place, which two sources know.
func same(a, b *Found) bool {
	return a.Kind == b.Kind && a.At.km(b.At) < a.Kind.apart() && plainName(a.Name) == plainName(b.Name)
}

func plainName(s string) string {
	words := split(s, maxNameWords)
	for i := range words {
		words[i] = collapsed(writtenOut(read(words[i])))
	}
	return strings.Join(words, " ")
}

// together puts two lists of results into one, in which a place stands once.
func together(a, b []Found, limit int) []Found {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Found) int {
		switch {
		case better(&a, &b):
			return -1
		case better(&b, &a):
			return 1
		}
		return 0
	})
	out := make([]Found, 0, limit)
	for i := range all {
		f := all[i]
		at := slices.IndexFunc(out, func(o Found) bool { return same(&o, &f) })
		if at >= 0 {
			o := &out[at]
			if o.Bounds == nil {
				o.Bounds = f.Bounds
			}
			if o.Context == "" {
				o.Context = f.Context
			}
			if o.Country == "" {
				o.Country = f.Country
			}
			continue
		}
		if len(out) < limit {
			out = append(out, f)
		}
	}
	return out
}
