package listing

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/openlot/openlot/cloud/internal/parking"
)

// spelled are the letters that people also write as two.
func spelled() *strings.Replacer {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "ø", "oe", "æ", "ae", "å", "aa", "œ", "oe")
}

// plain writes a letter that does not come apart into a letter and a mark, or
// returns an empty text.
func plain(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'ø':
		return "o"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ł':
		return "l"
	case 'đ':
		return "d"
	}
	return ""
}

// bare is a text in small letters without accents.
func bare(s string) string {
	s = strings.ToLower(s)
	if isASCII(s) {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for _, r := range norm.NFD.String(s) {
		if p := plain(r); p != "" {
			b = append(b, p...)
		} else if !unicode.Is(unicode.Mn, r) {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
