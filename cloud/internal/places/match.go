package places

import (
	"slices"
	"unicode"
)

// deepest is how many letters a word of the tree has at most: maxWordLength, and what an
// abbreviation at its end is written out to.
const deepest = maxWordLength + 16

const never = 0xff

// matched is a word of the index that fits one of a query.
type matched struct {
	word  int32
	slips uint8
	whole bool // it is that word, not only begun by it
}

// slipsIn is how many slips a word may have.
func slipsIn(word []rune) uint8 {
	if slices.ContainsFunc(word, unicode.IsDigit) { // another figure is another place
		return 0
	}
	switch {
	case len(word) < 4:
		return 0
	case len(word) < 8:
		return 1
	}
	return 2
}

// match lists the words that begin with a word, give or take some slips, in the order of
// the index. A slip is a letter too many, missing or wrong, or two in the wrong order (the
// distance of Damerau and Levenshtein, without changing a part twice).
//
// It goes through the tree with one row of the table of distances for each depth. What no
// word below a node can mend is left out with all that is below it.
func (x *Index) match(word []rune, slips uint8) []matched {
	m := len(word)
	if m == 0 || m > maxWordLength {
		return nil
	}
	var rows [deepest + 1][maxWordLength + 1]uint8
	var path [deepest + 1]rune
	var best [deepest + 1]uint8 // of what begins the path
	var alive [deepest + 1]bool
	for j := range m + 1 {
		rows[0][j] = uint8(j)
	}
	best[0], alive[0] = never, true
	var out []matched
	for i := 0; i < len(x.nodes); {
		n := &x.nodes[i]
		d := n.depth
		path[d], best[d], alive[d] = n.letter, best[d-1], false
		if alive[d-1] {
			row, above := &rows[d], &rows[d-1]
			row[0] = uint8(d)
			least := row[0]
			for j := 1; j <= m; j++ {
				cost := above[j-1]
				if word[j-1] != n.letter {
					cost = min(cost, above[j], row[j-1]) + 1
				}
				if d > 1 && j > 1 && word[j-1] == path[d-1] && word[j-2] == n.letter {
					cost = min(cost, rows[d-2][j-2]+1) //nolint:gosec // both are above 1 here
				}
				row[j] = cost
				least = min(least, cost)
			}
			alive[d] = least <= slips
			if row[m] <= slips {
				best[d] = min(best[d], row[m])
			}
		}
		if !alive[d] && best[d] == never {
			i = int(n.next)
			continue
		}
		if n.word >= 0 && best[d] != never {
			out = append(out, matched{n.word, best[d], alive[d] && rows[d][m] == best[d]})
		}
		i++
	}
	return out
}

// fitting is what fits any spelling of a word of a query.
func (x *Index) fitting(word string) []matched {
	var all []matched
	for i, s := range spellings(word) {
		letters := []rune(s)
		found := x.match(letters, slipsIn(letters))
		if i == 0 {
			all = found
		} else {
			all = merge(all, found)
		}
	}
	return all
}

// merge puts two lists together; of a word that is in both the better one stays.
func merge(a, b []matched) []matched {
	out := make([]matched, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].word < b[0].word:
			out, a = append(out, a[0]), a[1:]
		case a[0].word > b[0].word:
			out, b = append(out, b[0]), b[1:]
		default:
			better := a[0]
			if b[0].slips < better.slips || b[0].slips == better.slips && b[0].whole {
				better = b[0]
			}
			out, a, b = append(out, better), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
