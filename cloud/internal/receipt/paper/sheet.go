// Package paper shows receipts to people: as a page that can be printed, and as
// a PDF. What it says is decided once, in Sheet; the same receipt always gives
// the same bytes.
package paper

import (
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/money"
)

// row is a name or a step, what is said about it in small, and a value.
type row struct {
	What, Note, Value string
	Strong            bool
}

// sheet is a receipt in words.
type sheet struct {
	read                     locale.Reader
	words                    *words
	Number, Issued, Operator string
	Place                    string   // name
	Where                    string   // address and city
	Of                       string   // the stay, or the reservation
	Facts                    []row    // about it
	Notes                    []string // what is to be known about its times
	Why                      string   // by which rule it was charged
	Lines                    []row
	Total                    string
	Taxes                    []row
	Money                    []row  // what became of the money
	Check                    string // how to check it
}

func newSheet(r *receipt.Receipt, read locale.Reader) (sheet, error) {
	zone, err := time.LoadLocation(r.Parking.Timezone)
	if err != nil {
		return sheet{}, fmt.Errorf("time zone of %s: %w", r.Parking.ID, err)
	}
	w := &english
	if read.German() {
		w = &german
	}
	s := sheet{
		read: read, words: w, Number: r.Number, Issued: read.Date(r.IssuedAt.In(zone)), Operator: r.Operator, Place: r.Parking.Name,
		Where: strings.Trim(r.Parking.Address+", "+r.Parking.City, ", "), Total: read.Money(r.Bill.Due), Of: w.reservation,
	}
	if v := r.Reservation; v != nil {
		s.Facts = append(s.Facts, row{What: w.reserved, Value: s.span(v.From, v.To, zone)})
	}
	if v := r.Stay; v != nil {
		s.Of = w.stay
		s.Facts = append(s.Facts,
			row{What: w.in, Value: s.at(v.EnteredAt, zone), Note: w.sure(v.EntryDoubt, v.EntryClock)},
			row{What: w.out, Value: s.at(v.ExitedAt, zone), Note: w.sure(v.ExitDoubt, v.ExitClock)})
		if v.Inferred {
			s.Notes = append(s.Notes, w.inferred)
		}
	}
	if clockChanges(r, zone) {
		s.Notes = append(s.Notes, w.clockChanged)
	}
	s.Why = w.why[r.Bill.Basis]
	switch {
	case r.Bill.Basis == bill.Missed && r.Reservation != nil && r.Reservation.State == reservation.Cancelled:
		s.Why = fmt.Sprintf(w.givenUp, r.Bill.Percent)
	case r.Bill.Basis == bill.Missed:
		s.Why = fmt.Sprintf(s.Why, r.Bill.Percent)
	case strings.Contains(s.Why, "%s"):
		grace := ""
		if m := r.Bill.Grace / 60; m > 0 {
			grace = fmt.Sprintf(w.grace, m)
		}
		s.Why = fmt.Sprintf(s.Why, grace)
	}
	s.lines(r, zone)
	for _, t := range r.Taxes {
		s.Taxes = append(s.Taxes, row{What: fmt.Sprintf(w.vat, read.Percent(t.BasisPoints)), Value: read.Money(t.Amount)})
	}
	s.money(r)
	var editions []string
	for _, e := range r.Tariffs {
		editions = append(editions, fmt.Sprintf(w.version, e.Version))
	}
	of := ""
	if len(editions) > 0 {
		of = " (" + strings.Join(editions, ", ") + ")"
	}
	s.Check = fmt.Sprintf(w.check, of)
	return s, nil
}

func (s *sheet) lines(r *receipt.Receipt, zone *time.Location) {
	b := &r.Bill
	whole := money.New(0, b.Due.Currency)
	parts := b.Parts
	if b.Basis == bill.Shortened && len(parts) == 2 {
		parts = parts[1:] // the first is what was agreed
	}
	for _, p := range parts {
		whole.Minor += p.Total.Minor
		for _, l := range p.Lines {
			s.Lines = append(s.Lines, row{What: s.read.Line(l, zone), Note: s.span(l.From, l.To, zone), Value: s.read.Money(l.Amount)})
		}
	}
	if b.Percent != 100 {
		of := money.New(bill.Percent(whole.Minor, b.Percent)-whole.Minor, whole.Currency)
		s.Lines = append(s.Lines, row{What: fmt.Sprintf(s.words.percentOf, b.Percent), Value: s.read.Money(of)})
		whole.Minor += of.Minor
	}
	if b.Basis == bill.Shortened && b.Due != whole {
		s.Lines = append(s.Lines, row{What: s.words.atLeast, Value: s.read.Money(money.New(b.Due.Minor-whole.Minor, whole.Currency))})
	} else if b.Due != whole {
		s.Lines = append(s.Lines, row{What: s.words.noMore, Value: s.read.Money(money.New(b.Due.Minor-whole.Minor, whole.Currency))})
	}
}

// money says what was held, taken and given back, and what is still open.
func (s *sheet) money(r *receipt.Receipt) {
	add := func(what, note string, a money.Amount, strong bool) {
		if a.Minor != 0 {
			s.Money = append(s.Money, row{What: what, Note: note, Value: s.read.Money(a), Strong: strong})
		}
	}
	m, w := r.Sums, s.words
	add(w.held, "", m.Held, false)
	add(w.released, w.bankShows, m.Released, false)
	add(w.captured, "", m.Captured, true)
	add(w.cash, w.lessChange, m.Cash, true)
	add(w.terminal, "", m.Terminal, true)
	add(w.shops, "", m.Shops, true)
	add(w.credit, "", m.Credit, false)
	for _, p := range r.Payments {
		for _, x := range p.Refunds {
			reason, _, _ := strings.Cut(x.Reason, "-")
			add(w.refunded, w.refundedFor[reason], x.Amount, true)
		}
	}
	add(w.owed, w.beyondHold, m.Owed, true)
	add(w.writtenOff, "", m.WrittenOff, false)
	add(w.overpaid, w.backToYou, m.Overpaid, true)
	if len(s.Money) == 0 {
		s.Money = []row{{What: w.nothing, Value: s.read.Money(r.Sums.Charged)}}
	}
}

// clockChanges reports whether the clock was changed meanwhile.
func clockChanges(r *receipt.Receipt, zone *time.Location) bool {
	first, last := r.IssuedAt, r.IssuedAt
	if v := r.Reservation; v != nil {
		first, last = v.From, v.To
	}
	if v := r.Stay; v != nil {
		first, last = v.EnteredAt, v.ExitedAt
	}
	_, a := first.In(zone).Zone()
	_, b := last.In(zone).Zone()
	return a != b
}

func (s *sheet) at(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	return s.read.Weekday(t) + " " + s.read.Date(t) + ", " + s.read.Hour(t)
}

// span is a run of time; its end has a day when that is another.
func (s *sheet) span(from, to time.Time, zone *time.Location) string {
	f, t := from.In(zone), to.In(zone)
	if f.YearDay() == t.YearDay() && f.Year() == t.Year() {
		return s.at(f, zone) + " – " + s.read.Hour(t)
	}
	return s.at(f, zone) + " – " + s.read.Day(t) + ", " + s.read.Hour(t)
}
