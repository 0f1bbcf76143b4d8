package listing

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openlot/openlot/protocol/id"
)

// index finds parkings by place and text, as they were described when it was
// made. But for where faces stand it is never changed: what is new or has changed since is loose, and
// looked at one by one until the next index is made.
type index struct {
	lots  []*lot  // by id
	faces []*face // theirs, from settle on
	tree  *tree
	grams map[gram][]int32 // which lots have two or three bytes in their text
}

// gram is two or three bytes of a text, the first of them zero for two.
type gram uint32

// fewLoose is how many lots are looked at one by one before an index is made.
const fewLoose = 64

// newIndex reads nothing of a lot but its description.
func newIndex(lots []*lot) *index {
	slices.SortFunc(lots, func(a, b *lot) int { return cmp.Compare(a.Parking.ID, b.Parking.ID) })
	x := &index{lots: lots, faces: make([]*face, len(lots)), grams: map[gram][]int32{}}
	places := make([]point, len(lots))
	var has []gram
	for i, l := range lots {
		places[i] = placeOf(&l.Parking)
		has = has[:0]
		for j := 1; j < len(l.text); j++ {
			two := gram(l.text[j-1])<<8 | gram(l.text[j])
			has = append(has, two)
			if j > 1 {
				has = append(has, gram(l.text[j-2])<<16|two)
			}
		}
		slices.Sort(has)
		for _, g := range slices.Compact(has) {
			x.grams[g] = append(x.grams[g], int32(i))
		}
	}
	x.tree = newTree(places)
	return x
}

// having is a short list of lots, by id, in which all that have the words are. It
// reports false when the words are too short to tell.
func (x *index) having(words []string) (ranks []int32, ok bool) {
	if len(words) == 1 {
		return x.rarest(words[0])
	}
	var lists [][]int32
	for _, w := range words {
		if of, ok := x.rarest(w); ok {
			lists = append(lists, of)
		}
	}
	if len(lists) == 0 {
		return nil, false
	}
	slices.SortFunc(lists, func(a, b []int32) int { return len(a) - len(b) })
	ranks = lists[0]
	for _, other := range lists[1:] {
		if len(ranks) < fewLoose {
			break
		}
		ranks = common(ranks, other)
	}
	return ranks, true
}

// rarest is who has the bytes of a word that the fewest have.
func (x *index) rarest(word string) (ranks []int32, ok bool) {
	if len(word) == 2 {
		return x.grams[gram(word[0])<<8|gram(word[1])], true
	}
	for j := 2; j < len(word); j++ {
		of := x.grams[gram(word[j-2])<<16|gram(word[j-1])<<8|gram(word[j])]
		if !ok || len(of) < len(ranks) {
			ranks, ok = of, true
		}
	}
	return ranks, ok
}

// common is what is in both of two lists, of which a is the shorter.
func common(a, b []int32) []int32 {
	out := make([]int32, 0, len(a))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			out = append(out, a[i])
			i, j = i+1, j+1
		}
	}
	return out
}

// after is the rank of the first lot behind an id.
func (x *index) after(p id.Parking) int32 {
	i, found := slices.BinarySearchFunc(x.lots, p, func(l *lot, p id.Parking) int { return strings.Compare(string(l.Parking.ID), string(p)) })
	if found {
		i++
	}
	return int32(i)
}

// reindex makes a new index when there is too much beside it. Only Run calls it,
// which alone changes descriptions: they can be read without the lock.
func (l *Listing) reindex() {
	if len(l.loose) <= max(fewLoose, len(l.lots)/16) {
		return
	}
	lots := make([]*lot, 0, len(l.lots))
	for _, x := range l.lots {
		lots = append(lots, x)
	}
	fresh := newIndex(lots)
	l.settle(fresh)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.loose {
		x.loose = false
	}
	l.index, l.loose = fresh, nil
}
