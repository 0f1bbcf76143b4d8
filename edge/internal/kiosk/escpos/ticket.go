package escpos

import (
	"strings"

	"github.com/openlot/openlot/edge/internal/kiosk"
)

// How a QR code is printed: model 2, eight dots for a module, a quarter of it may be
// unreadable; then what it says, and the order to print it.
const (
	qrBegin = "\x1d(k\x04\x001A2\x00" + "\x1d(k\x03\x001C\x08" + "\x1d(k\x03\x001E2"
	qrPrint = "\x1d(k\x03\x001Q0"
)

// ticket is a walk-in's ticket as a printer takes it.
func ticket(h Head, s *kiosk.Slip) []byte {
	var b strings.Builder
	b.WriteString(initialise + codePage + centre + strong)
	line(&b, h.Parking)
	b.WriteString(normal)
	line(&b, "Parking ticket "+h.machine(s))
	line(&b, s.At.In(h.Zone).Format("2006-01-02 15:04:05 -07:00"))
	line(&b, "")
	code(&b, s.Ticket)
	line(&b, "")
	line(&b, "Keep it with you: you pay and leave by it.")
	b.WriteString(left + cut)
	return []byte(b.String())
}

// code is a text as a QR code.
func code(b *strings.Builder, text string) {
	n := len(text) + 3
	b.WriteString(qrBegin + "\x1d(k" + string([]byte{byte(n), byte(n >> 8)}) + "1P0" + text + qrPrint)
}

// Codes are what the QR codes say that a printer was sent, for tests and for who looks
// into a file.
func Codes(raw []byte) (out []string) {
	rest := string(raw)
	for {
		_, after, found := strings.Cut(rest, "\x1d(k")
		if !found || len(after) < 2 {
			return out
		}
		n := int(after[0]) | int(after[1])<<8
		if len(after) < 2+n {
			return out
		}
		if text, is := strings.CutPrefix(after[2:2+n], "1P0"); is {
			out = append(out, text)
		}
		rest = after[2+n:]
	}
}

// symbol is the length of a command for a code that a text begins with, 0 for none.
func symbol(s string) int {
	const head = "\x1d(k"
	if !strings.HasPrefix(s, head) || len(s) < len(head)+2 {
		return 0
	}
	if n := len(head) + 2 + (int(s[3]) | int(s[4])<<8); n <= len(s) {
		return n
	}
	return 0
}
