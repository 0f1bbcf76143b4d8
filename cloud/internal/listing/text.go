package listing

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/openlot/openlot/cloud/internal/parking"
)

// spelled are the letters that people also write as two.
func spelled() *strings.Replacer {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "ø", "oe", "æ", "ae", "å", "aa", "œ", "oe")
}

// plain are the letters that do not come apart into a letter and a mark.
func plain() *strings.Replacer {
	return strings.NewReplacer("ß", "ss", "ø", "o", "æ", "ae", "œ", "oe", "ł", "l", "đ", "d")
}

// bare is a text in small letters without accents.
func bare(s string) string {
	s = plain().Replace(strings.ToLower(norm.NFC.String(s)))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// haystack is what a search looks through: a parking's name, place and id without
// accents, and as it is written where a keyboard has no umlauts.
func haystack(p *parking.Parking) string {
	text := strings.Join([]string{p.Name, p.Address, p.City, string(p.ID)}, "\n")
	return bare(text) + "\n" + bare(spelled().Replace(strings.ToLower(norm.NFC.String(text))))
}

// words are the parts of a search, all of which must occur.
func words(q string) []string { return strings.Fields(bare(q)) }

func (l *lot) matches(words []string) bool {
	for _, w := range words {
		if !strings.Contains(l.text, w) {
			return false
		}
	}
	return true
}
