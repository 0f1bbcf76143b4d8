package reader

import "strings"

// Framer makes lines of what comes over a serial port. It never holds more than
// one line of MaxText bytes and what is taken off it.
type Framer struct {
	Prefix, Suffix string // taken off where they are

	line []byte
	over bool // too long: nothing counts until it ends
}

// Feed takes bytes and passes on the lines that they end. A line that was too
// long is passed on as "", which is no credential.
func (f *Framer) Feed(data []byte, line func(string)) {
	for _, c := range data {
		switch {
		case c == '\r' || c == '\n':
			f.end(line)
		case f.over:
		case len(f.line) >= MaxText+len(f.Prefix)+len(f.Suffix):
			f.over, f.line = true, f.line[:0]
		default:
			f.line = append(f.line, c)
		}
	}
}

// Pending says that a line has begun.
func (f *Framer) Pending() bool { return f.over || len(f.line) > 0 }

// Flush ends a line at which nothing more came.
func (f *Framer) Flush(line func(string)) { f.end(line) }

func (f *Framer) end(line func(string)) {
	if !f.Pending() {
		return // the second of CR and LF
	}
	text := strings.TrimSuffix(strings.TrimPrefix(string(f.line), f.Prefix), f.Suffix)
	f.line, f.over = f.line[:0], false
	line(strings.TrimSpace(text))
}
