package places

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxWordLength = 40 // letters of a word that are looked at
	maxNameWords  = 12 // words of a name that are
	maxQueryWords = 6
)

// split parts a text into words of small letters: what stands between two of them is
// neither letter nor figure. Accents are still on them.
func split(text string, most int) []string {
	// Composed, so that an accent that stands by itself does not part a word.
	words := strings.FieldsFunc(norm.NFC.String(strings.ToLower(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	return words[:min(len(words), most)]
}

// bare is a word without accents, in one of three spellings: as it is read (ä is a, ß is
// ss), as it is typed where a keyboard has no umlauts (ä is ae), or the shortest (ß is s).
func bare(word string, ss, ae, aa, oe, ue, th string) []rune {
	out := make([]rune, 0, len(word)+2)
	for _, r := range word {
		text := ""
		switch r {
		case 'ß':
			text = ss
		case 'ä', 'æ':
			text = ae
		case 'ö', 'ø', 'œ':
			text = oe
		case 'ü':
			text = ue
		case 'å':
			text = aa
		case 'þ':
			text = th
		case 'ł':
			text = "l"
		case 'đ', 'ð':
			text = "d"
		case 'ı':
			text = "i"
		}
		if text != "" {
			out = append(out, []rune(text)...)
			continue
		}
		if r < 0x80 {
			out = append(out, r)
			continue
		}
		for _, part := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, part) {
				out = append(out, part)
			}
		}
	}
	return out[:min(len(out), maxWordLength)]
}

func read(word string) string    { return string(bare(word, "ss", "a", "a", "o", "u", "th")) }
func typed(word string) string   { return string(bare(word, "ss", "ae", "aa", "oe", "ue", "th")) }
func shorter(word string) string { return string(bare(word, "s", "a", "a", "o", "u", "t")) }

// collapsed takes the e out of ae, oe and ue: who reads "Muenster" may look for "Munster".
func collapsed(plain string) string {
	return strings.NewReplacer("ae", "a", "oe", "o", "ue", "u", "aa", "a").Replace(plain)
}

// spellings are the ways in which a word of a query may be meant, the first as it is read.
func spellings(word string) []string { return unique(read(word), typed(word)) }

// forms are the ways in which a word of a name may be typed; the first is the word as it
// is read. What is abbreviated is written out as well.
func forms(word string) []string {
	plain := read(word)
	all := []string{plain, typed(word), shorter(word), collapsed(plain), writtenOut(plain)}
	switch plain {
	case "hauptbahnhof":
		all = append(all, "hbf")
	case "bahnhof":
		all = append(all, "bhf")
	case "st":
		all = append(all, "sankt", "saint")
	case "sankt", "saint":
		all = append(all, "st")
	}
	return unique(all...)
}

// writtenOut is a word without an abbreviation at its end.
func writtenOut(plain string) string {
	for _, a := range [...][2]string{{"str", "strasse"}, {"hbf", "hauptbahnhof"}, {"bhf", "bahnhof"}} {
		if stem, cut := strings.CutSuffix(plain, a[0]); cut {
			return stem + a[1]
		}
	}
	return plain
}

// joins reports whether a word is often written together with the one before it, as
// "Pragerstrasse" for "Prager Straße".
func joins(plain string) bool {
	switch plain {
	case "strasse", "str", "platz", "weg", "gasse", "allee", "ring", "ufer", "damm", "markt", "bahnhof", "bhf", "hauptbahnhof", "hbf", "park":
		return true
	}
	return false
}

func unique(words ...string) []string {
	out := make([]string, 0, len(words))
next:
	for _, w := range words {
		for _, o := range out {
			if o == w {
				continue next
			}
		}
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
