package paper

import (
	"bytes"
	"fmt"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/receipt"
)

// Measures of the page in millimetres, and of the type in points. The type has
// Latin, Greek and Cyrillic letters, and is embedded.
const (
	face    = "go"
	margin  = 22.0
	width   = 210 - 2*margin
	figures = 38.0 // the column of amounts
	names   = 30.0 // the column of the stay's names
	body    = 10.5
	small   = 8.5
)

type ink struct{ r, g, b int }

var (
	black = ink{19, 29, 38}
	grey  = ink{84, 96, 106}
	line  = ink{205, 211, 215}
	mine  = ink{252, 213, 47}
)

// writer lays rows out on pages.
type writer struct{ *fpdf.Fpdf }

// PDF is the receipt on A4 for a reader.
func PDF(r *receipt.Receipt, read locale.Reader) ([]byte, error) {
	s, err := newSheet(r, read)
	if err != nil {
		return nil, err
	}
	f := writer{fpdf.New("P", "mm", "A4", "")}
	f.SetCreationDate(r.IssuedAt)
	f.SetModificationDate(r.IssuedAt)
	f.SetCatalogSort(true)
	f.SetProducer("Openlot", true)
	f.SetTitle(s.words.receipt+" "+s.Number, true)
	f.SetAuthor(s.Operator, true)
	f.SetLang(s.words.lang)
	f.AddUTF8FontFromBytes(face, "", goregular.TTF)
	f.AddUTF8FontFromBytes(face, "B", gobold.TTF)
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, margin)
	f.SetFooterFunc(func() {
		f.SetY(-margin + 6)
		f.text("", small, grey)
		f.CellFormat(width/2, 5, s.words.receipt+" "+s.Number, "", 0, "L", false, 0, "")
		f.CellFormat(width/2, 5, fmt.Sprintf(s.words.page, f.PageNo()), "", 0, "R", false, 0, "")
	})
	f.AddPage()
	f.head(&s)

	f.title(s.Of)
	for _, x := range s.Facts {
		f.fact(x)
	}
	for _, n := range s.Notes {
		f.prose(n)
	}
	f.title(s.words.cost)
	f.prose(s.Why)
	f.Ln(1.5)
	for _, x := range s.Lines {
		f.amount(x)
	}
	f.rule(black, 0.5)
	f.Ln(1)
	f.text("B", 14, black)
	f.CellFormat(width-figures, 8, s.words.total, "", 0, "L", false, 0, "")
	f.CellFormat(figures, 8, s.Total, "", 1, "R", false, 0, "")
	for _, t := range s.Taxes {
		f.text("", small, grey)
		f.CellFormat(width-figures, 4.5, t.What, "", 0, "L", false, 0, "")
		f.CellFormat(figures, 4.5, t.Value, "", 1, "R", false, 0, "")
	}
	f.title(s.words.paid)
	for _, x := range s.Money {
		f.amount(x)
	}
	f.Ln(4)
	f.rule(line, 0.3)
	f.Ln(2)
	f.prose(s.Check)

	var b bytes.Buffer
	if err := f.Output(&b); err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	return b.Bytes(), nil
}

func (f writer) text(style string, size float64, c ink) {
	f.SetFont(face, style, size)
	f.SetTextColor(c.r, c.g, c.b)
}

func (f writer) rule(c ink, w float64) {
	f.SetDrawColor(c.r, c.g, c.b)
	f.SetLineWidth(w)
	f.Line(margin, f.GetY(), margin+width, f.GetY())
}

// head is the mark, the number, and whose receipt it is.
func (f writer) head(s *sheet) {
	y := f.GetY()
	f.SetFillColor(black.r, black.g, black.b)
	f.Rect(margin, y, 2.2, 4.4, "F")
	f.SetFillColor(mine.r, mine.g, mine.b)
	f.SetDrawColor(143, 117, 0)
	f.SetLineWidth(0.2)
	f.Rect(margin+3.2, y, 2.2, 4.4, "FD")
	f.SetX(margin + 7.5)
	f.text("B", 13, black)
	f.CellFormat(60, 4.6, "openlot", "", 0, "L", false, 0, "")
	f.text("", body, grey)
	f.SetX(margin + 67.5)
	f.CellFormat(width-67.5, 4.6, s.words.receipt+" "+s.Number, "", 1, "R", false, 0, "")
	f.Ln(3)
	f.rule(black, 0.7)
	f.Ln(7)
	f.text("B", 20, black)
	f.MultiCell(width, 8.5, s.Place, "", "L", false)
	f.Ln(1)
	f.text("", body, grey)
	for _, l := range []string{s.Where, s.Operator, s.Issued} {
		if l != "" {
			f.MultiCell(width, 5, l, "", "L", false)
		}
	}
}

func (f writer) title(t string) {
	f.Ln(8)
	f.text("B", 12.5, black)
	f.CellFormat(width, 7, t, "", 1, "L", false, 0, "")
}

func (f writer) prose(t string) {
	f.text("", small+0.5, grey)
	f.MultiCell(width, 4.6, t, "", "L", false)
}

func (f writer) fact(x row) {
	f.text("", body, grey)
	f.CellFormat(names, 5.6, x.What, "", 0, "L", false, 0, "")
	f.text("", body, black)
	f.MultiCell(width-names, 5.6, x.Value, "", "L", false)
	if x.Note != "" {
		f.SetX(margin + names)
		f.text("", small, grey)
		f.MultiCell(width-names, 4.4, x.Note, "", "L", false)
	}
}

// amount is a row with its amount at the right. It stays on one page.
func (f writer) amount(x row) {
	if f.GetY() > 297-margin-14 {
		f.AddPage()
	}
	style := ""
	if x.Strong {
		style = "B"
	}
	f.text(style, body, black)
	y := f.GetY()
	f.SetXY(margin+width-figures, y)
	f.CellFormat(figures, 5.6, x.Value, "", 0, "R", false, 0, "")
	f.SetXY(margin, y)
	f.MultiCell(width-figures, 5.6, x.What, "", "L", false)
	if x.Note != "" {
		f.text("", small, grey)
		f.MultiCell(width-figures, 4.4, x.Note, "", "L", false)
	}
	f.Ln(0.8)
}
