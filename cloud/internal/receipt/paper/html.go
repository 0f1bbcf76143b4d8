package paper

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/receipt"
)

//go:embed page.html
var page string

// Links are where the receipt's other forms are. They may hold a token.
type Links struct{ PDF, JSON string }

// Policy lets the page load its looks from this server and nothing else.
const Policy = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// HTML is the receipt as a page for a reader, with links to its other forms unless they
// are nil.
func HTML(r *receipt.Receipt, links *Links, read locale.Reader) ([]byte, error) {
	s, err := newSheet(r, read)
	if err != nil {
		return nil, err
	}
	t, err := template.New("receipt").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("the page of receipts: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		sheet
		Links *Links
		Text  map[string]string
	}{s, links, map[string]string{
		"lang": s.words.lang, "receipt": s.words.receipt, "cost": s.words.cost, "total": s.words.total, "paid": s.words.paid,
		"pdf": s.words.asPDF, "json": s.words.asJSON,
	}})
	if err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	return b.Bytes(), nil
}
