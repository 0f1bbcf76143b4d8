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

// words are the parts of a search, all of which must occur: what stands between two
// of them is neither letter nor digit, such as the comma of an address.
func words(q string) []string {
	return strings.FieldsFunc(bare(q), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

func (l *lot) matches(words []string) bool {
	for _, w := range words {
		if !occurs(l.text, w) {
			return false
		}
	}
	return true
}

// occurs says whether a word is in a text. One letter alone, such as those of "P+R",
// is in nearly every text: it must begin a word there.
func occurs(text, word string) bool {
	if len(word) != 1 || !letter(word[0]) {
		return strings.Contains(text, word)
	}
	for at := 0; ; at++ {
		i := strings.IndexByte(text[at:], word[0])
		if i < 0 {
			return false
		}
		if at += i; at == 0 || !letter(text[at-1]) && text[at-1] < utf8.RuneSelf {
			return true
		}
	}
}

// letter is one of a to z, which is what is left of most letters in small and bare.
func letter(b byte) bool { return 'a' <= b && b <= 'z' }
