package places

import (
	"slices"
	"strings"
	"sync"
)

// Index finds places by words. It is never changed, and may be used by many at a time.
type Index struct {
	places  []Place
	weights []float64 // of the places
	names   []name    // each place has one or more
	uses    []use     // of words in names, each name's together

	nodes  []node   // of the tree of all words
	post   []int32  // names in which words are, each word's together
	starts []int32  // where a word's begin in post; one more than there are words
	length []uint16 // of a word, in letters

	scratch sync.Pool // *marks
}

// name is one name of a place, with the words of its context behind its own.
type name struct {
	place       int32
	other       int16 // which of Others it is; -1: the place's Name
	words       uint8 // how many are the name's own
	first, last int32 // in uses
}

// use says that a word stands in a name.
type use struct {
	word  int32
	at    uint8 // the how manyth; notOwn: in the context
	whole bool  // it is the word itself, not two of them joined
}

const notOwn = 0xff

// node is a letter of the tree of words. The nodes stand in the order in which the tree is
// gone through, so that what begins with something is next to each other, and going on
// without it is one step.
type node struct {
	letter rune
	depth  int32 // from 1
	word   int32 // that ends here; -1: none
	next   int32 // the first node that does not begin like this one
}

// marks are names that were looked at already, for one search.
type marks struct {
	round uint32
	of    []uint32
}

type usage struct {
	text string
	name int32
	at   uint8
	one  bool
}

// New makes an index. It keeps the places.
func New(places []Place) *Index {
	x := &Index{places: places, weights: make([]float64, len(places))}
	var all []usage
	for i := range places {
		p := &places[i]
		x.weights[i] = p.weight()
		context := split(p.Context, maxNameWords)
		x.add(&all, int32(i), -1, p.Name, context)
		for j, o := range p.Others {
			x.add(&all, int32(i), int16(j), o, context)
		}
	}
	slices.SortFunc(all, func(a, b usage) int {
		if c := strings.Compare(a.text, b.text); c != 0 {
			return c
		}
		return int(a.name) - int(b.name)
	})
	perName := make([][]use, len(x.names))
	word, before := int32(-1), ""
	for i, u := range all {
		if i == 0 || u.text != before {
			word, before = word+1, u.text
			x.starts = append(x.starts, int32(len(x.post)))
			x.length = append(x.length, uint16(len([]rune(u.text))))
		}
		if n := len(x.post); n == int(x.starts[word]) || x.post[n-1] != u.name {
			x.post = append(x.post, u.name)
		}
		perName[u.name] = append(perName[u.name], use{word: word, at: u.at, whole: u.one})
	}
	x.starts = append(x.starts, int32(len(x.post)))
	for i := range perName {
		x.names[i].first = int32(len(x.uses))
		x.uses = append(x.uses, perName[i]...)
		x.names[i].last = int32(len(x.uses))
	}
	x.plant(all)
	x.scratch.New = func() any { return &marks{of: make([]uint32, len(x.names))} }
	return x
}

// add puts in a name.
func (x *Index) add(all *[]usage, place int32, other int16, text string, context []string) {
	own := split(text, maxNameWords)
	if len(own) == 0 {
		return
	}
	n := int32(len(x.names))
	x.names = append(x.names, name{place: place, other: other, words: uint8(len(own))})
	for i, w := range own {
		for _, f := range forms(w) {
			*all = append(*all, usage{f, n, uint8(i), true})
		}
		if i > 0 && joins(read(w)) {
			for _, f := range forms(own[i-1] + w) {
				*all = append(*all, usage{f, n, uint8(i - 1), false})
			}
		}
	}
	for _, w := range context {
		for _, f := range forms(w) {
			*all = append(*all, usage{f, n, notOwn, true})
		}
	}
}

// plant grows the tree of the words, which are in order.
func (x *Index) plant(all []usage) {
	var open []int32 // the nodes of the word before, by depth
	word, before := int32(-1), []rune(nil)
	for i, u := range all {
		if i > 0 && u.text == all[i-1].text {
			continue
		}
		word++
		letters := []rune(u.text)
		same := 0
		for same < len(letters) && same < len(before) && letters[same] == before[same] {
			same++
		}
		for _, at := range open[same:] {
			x.nodes[at].next = int32(len(x.nodes))
		}
		open = open[:same]
		for d := same; d < len(letters); d++ {
			open = append(open, int32(len(x.nodes)))
			x.nodes = append(x.nodes, node{letter: letters[d], depth: int32(d + 1), word: -1})
		}
		x.nodes[open[len(open)-1]].word = word
		before = letters
	}
	for _, at := range open {
		x.nodes[at].next = int32(len(x.nodes))
	}
}

// Len is how many places there are.
func (x *Index) Len() int { return len(x.places) }
