package sms

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/openlot/openlot/cloud/internal/notify"
)

// Limit is how long a message may be, in characters of the GSM alphabet: a
// longer one is sent, and paid for, as several.
const Limit = 160

// Text is what a message says. Every time it is asked for the same reservation
// and the same end it is the same, and it names the reservation, so that a peer
// can tell a message that is sent again from another one. Kinds that are told by
// mail alone wrap notify.ErrPermanent.
func Text(k notify.Kind, m notify.Mail) (string, error) {
	if k != notify.EndsSoon {
		return "", fmt.Errorf("%w: there is no SMS of kind %q", notify.ErrPermanent, k)
	}
	end := m.EndsAt()
	at, ends := "Your time at ", " ends at "+end+"."
	short := "Your time ends at " + end + "."
	if m.Wishes.German() {
		at, ends = "Ihre Zeit in ", " endet um "+end+"."
		short = "Ihre Zeit endet um " + end + "."
	}
	link := ""
	// A link that is cut off, or whose characters are replaced, leads nowhere.
	if text, whole := plain(m.ManageURL); whole && text == m.ManageURL && text != "" && Length(short)+1+Length(text) <= Limit {
		link = " " + text
	}
	name, whole := plain(m.Name)
	if !whole {
		name = ""
	}
	if name = fit(name, Limit-Length(at+ends+link)); name == "" {
		return short + link, nil
	}
	return at + name + ends + link, nil
}

// The GSM 03.38 alphabet. Characters of the extension count twice.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// Length is how many characters of the GSM alphabet a text takes; -1 when the
// alphabet does not have them all.
func Length(s string) int {
	n := 0
	for _, c := range s {
		switch {
		case strings.ContainsRune(basic, c):
			n++
		case strings.ContainsRune(extension, c):
			n += 2
		default:
			return -1
		}
	}
	return n
}

// similar are characters that are written as others.
var similar = map[rune]string{
	'‘': "'", '’': "'", '‚': "'", '“': "\"", '”': "\"", '„': "\"", '«': "\"", '»': "\"", '–': "-", '—': "-", '‐': "-", '−': "-",
	'·': "-", '…': "...", 'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ı': "i", 'œ': "oe", 'Œ': "OE", 'ẞ': "SS",
}

// plain is a text in the GSM alphabet, on one line. whole is false when letters
// had to be left out, so that what is left says something else.
func plain(s string) (text string, whole bool) {
	var b strings.Builder
	whole = true
	for _, c := range norm.NFC.String(s) {
		switch other, known := similar[c]; {
		case unicode.IsSpace(c) || unicode.IsControl(c):
			b.WriteByte(' ')
		case Length(string(c)) > 0:
			b.WriteRune(c)
		case known:
			b.WriteString(other)
		default:
			// Its first part is the letter without what stands above or below it.
			bare := []rune(norm.NFD.String(string(c)))[0]
			if Length(string(bare)) > 0 {
				b.WriteRune(bare)
			} else if unicode.IsLetter(c) || unicode.IsDigit(c) {
				whole = false
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " "), whole
}

// least is the length of a name below which it is better left out.
const least = 8

// fit is a name that takes no more than n characters, cut off if need be; empty
// when too little of it would be left.
func fit(name string, n int) string {
	if Length(name) <= n {
		return name
	}
	if n < least {
		return ""
	}
	cut := []rune(name)
	for len(cut) > 0 && Length(string(cut))+3 > n {
		cut = cut[:len(cut)-1]
	}
	return strings.TrimSpace(string(cut)) + "..."
}
