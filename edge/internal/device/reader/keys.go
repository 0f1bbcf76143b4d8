package reader

import (
	"strings"
	"time"
	"unicode"
)

// Codes of keys and kinds of events, of Linux's input-event-codes.
const (
	eventSync, eventKey = 0, 1
	syncDropped         = 3

	keyEnter, keyKeypadEnter      = 28, 96
	keyLeftShift, keyRightShift   = 42, 54
	keyLeftCtrl, keyRightCtrl     = 29, 97
	keyLeftAlt, keyAltGr, keyCaps = 56, 100, 58
)

// typingPause is after how long without a key a line that was begun is dropped.
const typingPause = 10 * time.Second

// layout is what keys mean, without, with Shift and with AltGr.
type layout struct{ plain, shift, altGr map[uint16]rune }

// row gives the keys from a code on their characters. A blank is no character.
func row(m map[uint16]rune, code uint16, characters string) {
	for _, c := range characters {
		if c != ' ' {
			m[code] = c
		}
		code++
	}
}

// newLayout is the layout us or de.
func newLayout(name string) layout {
	l := layout{map[uint16]rune{57: ' '}, map[uint16]rune{57: ' '}, map[uint16]rune{}}
	if name == "de" {
		row(l.plain, 2, "1234567890ß´")
		row(l.plain, 16, "qwertzuiopü+")
		row(l.plain, 30, "asdfghjklöä^")
		row(l.plain, 43, "#yxcvbnm,.-")
		row(l.plain, 86, "<")
		row(l.shift, 2, "!\"§$%&/()=?`")
		row(l.shift, 16, "QWERTZUIOPÜ*")
		row(l.shift, 30, "ASDFGHJKLÖÄ°")
		row(l.shift, 43, "'YXCVBNM;:_")
		row(l.shift, 86, ">")
		row(l.altGr, 8, "{[]}\\")
		row(l.altGr, 16, "@ €")
		row(l.altGr, 27, "~")
		row(l.altGr, 86, "|")
	} else {
		row(l.plain, 2, "1234567890-=")
		row(l.plain, 16, "qwertyuiop[]")
		row(l.plain, 30, "asdfghjkl;'`")
		row(l.plain, 43, "\\zxcvbnm,./")
		row(l.plain, 86, "\\")
		row(l.shift, 2, "!@#$%^&*()_+")
		row(l.shift, 16, "QWERTYUIOP{}")
		row(l.shift, 30, "ASDFGHJKL:\"~")
		row(l.shift, 43, "|ZXCVBNM<>?")
		row(l.shift, 86, "|")
	}
	for _, m := range []map[uint16]rune{l.plain, l.shift} { // the keypad
		row(m, 55, "*")
		row(m, 71, "789-456+1230.")
		row(m, 98, "/")
	}
	return l
}

// Keys makes lines of what is typed. It is pure: events bring their own time.
type Keys struct {
	layout layout
	held   map[uint16]bool
	caps   bool
	line   strings.Builder
	over   bool
	last   time.Time
}

// NewKeys knows the layout us or de.
func NewKeys(layout string) *Keys {
	return &Keys{layout: newLayout(layout), held: map[uint16]bool{}}
}

// Event takes one event of a keyboard. ok says that it ended a line.
func (k *Keys) Event(kind, code uint16, value int32, at time.Time) (line string, ok bool) {
	if kind == eventSync && code == syncDropped { // keys are missing
		k.reset()
		clear(k.held)
	}
	if kind != eventKey {
		return "", false
	}
	switch code {
	case keyLeftShift, keyRightShift, keyLeftCtrl, keyRightCtrl, keyLeftAlt, keyAltGr:
		k.held[code] = value != 0
		return "", false
	}
	if value != 1 { // only the press counts: neither its end nor what it repeats
		return "", false
	}
	if at.Sub(k.last) > typingPause {
		k.reset()
	}
	k.last = at
	switch code {
	case keyCaps:
		k.caps = !k.caps
	case keyEnter, keyKeypadEnter:
		line, over := strings.TrimSpace(k.line.String()), k.over
		k.reset()
		if over {
			return "", true // no credential
		}
		return line, line != ""
	default:
		k.press(code)
	}
	return "", false
}

func (k *Keys) press(code uint16) {
	if k.held[keyLeftCtrl] || k.held[keyRightCtrl] || k.held[keyLeftAlt] {
		return
	}
	c, known := k.layout.plain[code]
	shift := k.held[keyLeftShift] || k.held[keyRightShift]
	switch {
	case k.held[keyAltGr]:
		c, known = k.layout.altGr[code]
	case shift != (k.caps && unicode.IsLetter(c)):
		c, known = k.layout.shift[code]
	}
	switch {
	case !known || k.over:
	case k.line.Len() >= MaxText:
		k.over = true
	default:
		k.line.WriteRune(c)
	}
}

func (k *Keys) reset() {
	k.line.Reset()
	k.over = false
}
