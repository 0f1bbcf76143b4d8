package escpos

import (
	"strings"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/kiosk"
)

// machine is what the machine is called on paper: by its id in the books, and as people
// call it.
func (h Head) machine(s *kiosk.Slip) string {
	if s.Kiosk == "" || s.Kiosk == h.Kiosk {
		return h.Kiosk
	}
	return h.Kiosk + ", " + s.Kiosk
}

// foot is what the owner has at the end of each receipt.
func foot(b *strings.Builder, s *kiosk.Slip) {
	if s.TaxID != "" {
		line(b, "Tax number "+s.TaxID)
	}
	if s.Help != "" {
		lines(b, "Help: "+s.Help)
	}
	if s.Footer != "" {
		line(b, "")
		lines(b, s.Footer)
	}
}

// lines is a text of the owner's on lines of its own, broken between words where it is
// longer than the paper is wide.
func lines(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	for paragraph := range strings.SplitSeq(text, "\n") {
		row := ""
		for word := range strings.FieldsSeq(paragraph) {
			if row != "" && utf8.RuneCountInString(row)+1+utf8.RuneCountInString(word) > columns {
				line(b, row)
				row = ""
			}
			row = strings.TrimSpace(row + " " + word)
		}
		line(b, row)
	}
}
