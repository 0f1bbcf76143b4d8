// Package escpos puts receipts into the language of receipt printers: ESC/POS, with
// text in code page 858, which has the euro.
package escpos

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/protocol/money"
)

// columns is how many characters of font A fit on 80 mm of paper.
const columns = 42

// The commands that are used.
const (
	initialise = "\x1b@"
	codePage   = "\x1bt\x13" // 858
	centre     = "\x1ba\x01"
	left       = "\x1ba\x00"
	strong     = "\x1bE\x01"
	normal     = "\x1bE\x00"
	large      = "\x1d!\x11"
	small      = "\x1d!\x00"
	cut        = "\x1dVB\x03"
)

// Head is what stands on every receipt.
type Head struct {
	Parking string
	Kiosk   string
	Zone    *time.Location
}

// Receipt is a slip as a printer takes it.
func Receipt(h Head, s *kiosk.Slip) []byte {
	if s.Ticket != "" {
		return ticket(h, s)
	}
	var b strings.Builder
	b.WriteString(initialise + codePage + centre + strong)
	line(&b, h.Parking)
	b.WriteString(normal)
	lines(&b, s.Issuer)
	line(&b, "Parking receipt "+h.machine(s))
	line(&b, s.At.In(h.Zone).Format("2006-01-02 15:04:05 -07:00"))
	b.WriteString(left)
	line(&b, "")
	pair(&b, "In", s.EnteredAt.In(h.Zone).Format("2006-01-02 15:04"))
	pair(&b, "Paid until", s.Until.In(h.Zone).Format("2006-01-02 15:04"))
	line(&b, strings.Repeat("-", columns))
	for _, l := range s.Lines {
		pair(&b, l.Label, amount(l.Amount.Minor, s.Currency))
	}
	pair(&b, "Total", amount(s.Total, s.Currency))
	if s.Before != 0 {
		pair(&b, "Paid or held before", amount(-s.Before, s.Currency))
	}
	if s.Shops != 0 {
		pair(&b, "Taken off by shops", amount(-s.Shops, s.Currency))
	}
	if s.Redeemed != 0 {
		pair(&b, "Paid by a credit slip", amount(-s.Redeemed, s.Currency))
	}
	b.WriteString(strong)
	pair(&b, "Paid now, "+s.Method, amount(s.Paid, s.Currency))
	b.WriteString(normal)
	pair(&b, fmt.Sprintf("Tax in the total, %d.%02d %%", s.TaxPoints/100, s.TaxPoints%100), amount(s.Tax, s.Currency))
	if s.Inserted > 0 {
		pair(&b, "You put in", amount(s.Inserted, s.Currency))
		pair(&b, "Change", amount(s.Change, s.Currency))
	}
	if s.Credit > 0 {
		b.WriteString(strong)
		pair(&b, "Credit", amount(s.Credit, s.Currency))
		b.WriteString(centre + large)
		line(&b, s.CreditBy)
		b.WriteString(small + normal + left)
		line(&b, "Good until "+s.GoodUntil.In(h.Zone).Format(time.DateOnly))
	}
	if !s.ExitBy.IsZero() {
		line(&b, "")
		b.WriteString(strong)
		by, at := s.ExitBy.In(h.Zone), s.At.In(h.Zone)
		switch {
		case !by.After(at.Add(time.Minute)):
			line(&b, "Please leave now: the time from here on is added at the exit")
		case by.YearDay() == at.YearDay():
			line(&b, "Please leave by "+by.Format("15:04"))
		default:
			line(&b, "Please leave by "+by.Format("2006-01-02 15:04"))
		}
		b.WriteString(normal)
	}
	if s.Leave != "" {
		line(&b, "")
		b.WriteString(centre + strong)
		line(&b, "No ticket in hand? Leave by this")
		b.WriteString(normal)
		code(&b, s.Leave)
		b.WriteString(left)
	}
	line(&b, "")
	line(&b, "Receipt "+s.Code)
	foot(&b, s)
	b.WriteString(cut)
	return []byte(b.String())
}

func amount(minor int64, currency string) string {
	return money.New(minor, money.Currency(currency)).String() // with as many decimals as the currency has
}

// pair is a text at the left and one at the right, on two lines when they do not fit
// beside each other.
func pair(b *strings.Builder, l, r string) {
	if n := utf8.RuneCountInString(l) + utf8.RuneCountInString(r); n < columns {
		line(b, l+strings.Repeat(" ", columns-n)+r)
		return
	}
	line(b, l)
	line(b, strings.Repeat(" ", max(columns-utf8.RuneCountInString(r), 0))+r)
}

// line is a line of text. What is no character of the code page, or would command
// the printer, is a question mark.
func line(b *strings.Builder, text string) {
	for _, r := range text {
		switch c, known := page858[r]; {
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case known:
			b.WriteByte(c)
		default:
			b.WriteByte('?')
		}
	}
	b.WriteByte('\n')
}

// page858 is what of the code page is used beyond ASCII.
var page858 = map[rune]byte{
	'ä': 0x84, 'ö': 0x94, 'ü': 0x81, 'Ä': 0x8e, 'Ö': 0x99, 'Ü': 0x9a, 'ß': 0xe1, 'é': 0x82, 'è': 0x8a, 'à': 0x85, 'ç': 0x87, 'ñ': 0xa4, '€': 0xd5, '×': 0x9e, '°': 0xf8,
}

// Text is what of a receipt a person reads, for tests and for who looks into a file:
// the commands are left out. ok is false when there is one that this package does not
// write.
func Text(raw []byte) (text string, ok bool) {
	back := map[byte]rune{}
	for r, c := range page858 {
		back[c] = r
	}
	var b strings.Builder
	ok = true
	for i := 0; i < len(raw); i++ {
		rest := string(raw[i:])
		if n := command(rest); n > 0 {
			i += n - 1
			continue
		}
		switch c := raw[i]; {
		case c == '\n' || c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		case back[c] != 0:
			b.WriteRune(back[c])
		default:
			ok = false
		}
	}
	return b.String(), ok
}

// command is the length of the command that a text begins with, 0 for none.
func command(s string) int {
	for _, c := range []string{initialise, codePage, centre, left, strong, normal, large, small, cut} {
		if strings.HasPrefix(s, c) {
			return len(c)
		}
	}
	return symbol(s)
}
