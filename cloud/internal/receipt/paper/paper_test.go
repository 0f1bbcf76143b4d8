package paper_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/receipt/paper"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

var eight = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

// late is a stay that was too long, in a place with a name of many letters.
func late(t *testing.T, days int) *receipt.Receipt {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	lot := tariff.Tariff{
		Format: 1, Version: 3, Currency: "EUR", Rate: 150, IntervalMinutes: 20, DailyMax: 1800, Day: tariff.Calendar, TaxBasisPoints: 1900,
		Bands: []tariff.Band{{ID: "night", From: 20 * 60, To: 6 * 60, Rate: 100, IntervalMinutes: 60, Max: 500}},
	}
	stay := timerange.Range{From: eight, To: eight.Add(time.Duration(days)*24*time.Hour + 195*time.Minute)}
	priced, err := lot.Price(stay, tariff.Facts{Zone: zone, SpaceType: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	b := bill.Nothing(bill.Overstayed, "EUR")
	b.Due, b.Tax, b.Grace, b.Parts = priced.Total, priced.Tax, 900, []bill.Part{bill.Of(priced, "standard", stay)}
	doubt := uint32(240_000)
	owed := b.Due.Minor - 600
	return &receipt.Receipt{
		Format: 1, Number: "muehlstrasse-4711", IssuedAt: stay.To, Operator: "Parkhäuser Łódź & Söhne GmbH",
		Parking:     receipt.Place{ID: "muehlstrasse", Name: "Tiefgarage Mühlstraße – Süd", Address: "Große Mühlstraße 12", City: "Görlitz", Timezone: "Europe/Berlin"},
		Reservation: &receipt.Reserved{State: "completed", SpaceType: "standard", From: eight, To: eight.Add(2 * time.Hour)},
		Stay:        &receipt.Stay{EnteredAt: eight.Add(-4 * time.Minute), ExitedAt: stay.To.Add(15 * time.Minute), EntryDoubt: &doubt, SpaceType: "standard"},
		Bill:        b, Taxes: []receipt.Tax{{BasisPoints: 1900, Amount: b.Tax}},
		Sums: receipt.Sums{
			Held: eur(900), Released: eur(300), Captured: eur(600), Refunded: eur(0), Cash: eur(0), Terminal: eur(0), Credit: eur(0), Owed: eur(owed), WrittenOff: eur(0), Charged: b.Due, Overpaid: eur(0),
		},
		Tariffs: []receipt.Edition{{Version: 3, Document: lot}},
	}
}

func TestThePDFSaysItAllInEveryLetter(t *testing.T) {
	r := late(t, 0)
	first, err := paper.PDF(r, locale.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := paper.PDF(r, locale.Reader{})
	if err != nil || !bytes.Equal(first, again) {
		t.Fatalf("another document: %v", err)
	}
	text := extract(t, first)
	for _, want := range []string{
		"Tiefgarage Mühlstraße – Süd", "Große Mühlstraße 12, Görlitz", "Parkhäuser Łódź & Söhne GmbH", "muehlstrasse-4711", "11 June 2026",
		"Thu 11 June 2026, 10:00 – 12:00", "give or take 4 minutes", r.Bill.Due.Written(), "includes 19 % VAT", "€6.00", "Still to be paid", "less the 15 minutes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text:\n%s", want, text)
		}
	}
}

// extract reads what a PDF shows, line by line as it was drawn. The text is in
// deflated streams, as UTF-16 in strings whose parentheses are escaped.
func extract(t *testing.T, pdf []byte) string {
	t.Helper()
	var shown []string
	for _, raw := range regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`).FindAllSubmatch(pdf, -1) {
		z, err := zlib.NewReader(bytes.NewReader(raw[1]))
		if err != nil {
			continue // a stream that is not deflated has no text
		}
		stream, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range regexp.MustCompile(`(?s)\(((?:[^\\()]|\\.)*)\) ?Tj`).FindAllSubmatch(stream, -1) {
			plain := regexp.MustCompile(`(?s)\\(.)`).ReplaceAllFunc(s[1], func(m []byte) []byte {
				if m[1] == 'r' {
					return []byte("\r")
				}
				return m[1:]
			})
			var units []uint16
			for i := 0; i+1 < len(plain); i += 2 {
				units = append(units, uint16(plain[i])<<8|uint16(plain[i+1]))
			}
			shown = append(shown, string(utf16.Decode(units)))
		}
	}
	return strings.Join(strings.Fields(strings.Join(shown, " ")), " ")
}

// It can be read aloud and copied: the font says which letter each figure is.
func TestThePDFCanBeReadByMachines(t *testing.T) {
	pdf, err := paper.PDF(late(t, 0), locale.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/ToUnicode", "/Lang (en)", "/Title"} {
		if !bytes.Contains(pdf, []byte(want)) {
			t.Errorf("no %s", want)
		}
	}
}

// A bill of many lines goes on on another page and loses none of them.
func TestALongBillGoesOn(t *testing.T) {
	r := late(t, 0)
	for n := range int64(60) {
		r.Bill.Parts[0].Lines = append(r.Bill.Parts[0].Lines, tariff.Line{Label: fmt.Sprintf("Step %d of many", n), From: eight, To: eight, Amount: eur(1000 + n)})
	}
	pdf, err := paper.PDF(r, locale.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	text := extract(t, pdf)
	if !strings.Contains(text, "Page 2") {
		t.Fatal("all on one page")
	}
	for _, l := range r.Bill.Parts[0].Lines {
		if !strings.Contains(text, l.Label) || !strings.Contains(text, l.Amount.Written()) {
			t.Errorf("%q, %s is missing", l.Label, l.Amount.Written())
		}
	}
}

// What people wrote is text on the page, and never markup.
func TestThePageEscapesWhatPeopleWrote(t *testing.T) {
	r := late(t, 0)
	r.Parking.Name = `<img src=x onerror=alert(1)>`
	page, err := paper.HTML(r, &paper.Links{PDF: `?format=pdf&token="><script>`, JSON: "?format=json"}, locale.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<img", "<script", `token=">`} {
		if bytes.Contains(page, []byte(never)) {
			t.Errorf("%q is in the page", never)
		}
	}
	for _, want := range []string{r.Bill.Due.Written(), "includes 19 % VAT", "Görlitz", "Save as PDF"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if page, err = paper.HTML(r, nil, locale.Reader{}); err != nil || bytes.Contains(page, []byte("Save as")) {
		t.Errorf("links that lead nowhere: %v", err)
	}
}

// A German reader gets no English word, on paper and on the page, whatever was charged.
func TestAReceiptInGerman(t *testing.T) {
	read := locale.Reader{Language: locale.German}
	english := regexp.MustCompile(`(?i)\b(the|you|your|was|of|from|held|taken|given|receipt|reserved|total|paid|VAT|minutes|June|Thu|at most)\b`)
	for basis := range map[bill.Basis]bool{
		bill.Quoted: true, bill.Overstayed: true, bill.QuotedAndNew: true, bill.Shortened: true, bill.Used: true, bill.Missed: true,
		bill.Unwatched: true, bill.Cancelled: true, bill.Walked: true, bill.Voided: true, bill.NotSeen: true,
	} {
		r := late(t, 2)
		r.Bill.Basis = basis
		if basis == bill.Missed {
			r.Bill.Percent = 50
		}
		pdf, err := paper.PDF(r, read)
		if err != nil {
			t.Fatal(err)
		}
		page, err := paper.HTML(r, &paper.Links{PDF: "?format=pdf", JSON: "?format=json"}, read)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(pdf, []byte("/Lang (de)")) || !bytes.Contains(page, []byte(`<html lang="de">`)) {
			t.Errorf("%s: neither is marked as German", basis)
		}
		shown := regexp.MustCompile(`(?s)<(head|[a-z/!][^>]*)>`).ReplaceAllString(string(page), " ")
		for what, text := range map[string]string{"PDF": extract(t, pdf), "page": shown} {
			text = strings.NewReplacer("openlot receipt verify", "", "\u00a0", " ").Replace(text)
			for _, found := range english.FindAllString(text, -1) {
				if found != "was" && found != "Was" { // German has this one, too
					t.Errorf("%s: the %s says %q:\n%s", basis, what, found, text)
				}
			}
			if !strings.Contains(text, "Do 11. Juni 2026, 10:00 – 12:00") || !strings.Contains(text, strings.ReplaceAll(read.Money(r.Bill.Due), "\u00a0", " ")) || !strings.Contains(text, "19 % MwSt.") {
				t.Errorf("%s: the %s:\n%.300s", basis, what, text)
			}
		}
	}
}
