package display

import (
	"strings"
	"unicode"
)

// inCP437 are the letters of European sentences in that code page.
var inCP437 = map[rune]byte{
	'Ç': 0x80, 'ü': 0x81, 'é': 0x82, 'â': 0x83, 'ä': 0x84, 'à': 0x85, 'å': 0x86, 'ç': 0x87, 'ê': 0x88, 'ë': 0x89, 'è': 0x8a, 'ï': 0x8b,
	'î': 0x8c, 'ì': 0x8d, 'Ä': 0x8e, 'Å': 0x8f, 'É': 0x90, 'æ': 0x91, 'Æ': 0x92, 'ô': 0x93, 'ö': 0x94, 'ò': 0x95, 'û': 0x96, 'ù': 0x97,
	'ÿ': 0x98, 'Ö': 0x99, 'Ü': 0x9a, '£': 0x9c, 'á': 0xa0, 'í': 0xa1, 'ó': 0xa2, 'ú': 0xa3, 'ñ': 0xa4, 'Ñ': 0xa5, 'ß': 0xe1, '°': 0xf8,
}

// plain is how letters are written where they do not exist.
var plain = map[rune]string{
	'ä': "ae", 'ö': "oe", 'ü': "ue", 'Ä': "Ae", 'Ö': "Oe", 'Ü': "Ue", 'ß': "ss", '€': "EUR", '–': "-", '—': "-", '…': "...", '’': "'",
	'‘': "'", '“': "\"", '”': "\"", '„': "\"", '\u00a0': " ", '\u202f': " ", 'é': "e", 'è': "e", 'à': "a", 'ç': "c", 'ê': "e", 'ñ': "n",
}

// Page is a sentence as a display's bytes: whole words on rows of full width, so
// that no command is needed for a new row; what does not fit is left out. It never
// holds a control byte.
func Page(text string, columns, rows int, charset string) []byte {
	var out []byte
	line := make([]byte, 0, columns)
	row := 0
	end := func() {
		if row++; row <= rows {
			out = append(out, line...)
			out = append(out, strings.Repeat(" ", columns-len(line))...)
		}
		line = line[:0]
	}
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
		w := encode(word, charset)
		if len(line) > 0 && len(line)+1+len(w) > columns {
			end()
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for len(w) > columns-len(line) { // a word that is wider than the display
			n := columns - len(line)
			line = append(line, w[:n]...)
			w = w[n:]
			end()
		}
		line = append(line, w...)
	}
	for row < rows {
		end()
	}
	return out
}

func encode(word, charset string) []byte {
	var out []byte
	for _, c := range word {
		b, special := inCP437[c]
		switch {
		case c >= 0x20 && c < 0x7f:
			out = append(out, byte(c))
		case charset == "cp437" && special:
			out = append(out, b)
		case charset == "latin1" && c >= 0xa1 && c <= 0xff:
			out = append(out, byte(c))
		case plain[c] != "":
			out = append(out, plain[c]...)
		default:
			out = append(out, '?')
		}
	}
	return out
}
