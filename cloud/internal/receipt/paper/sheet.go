// Package paper shows receipts to people: as a page that can be printed, and as
// a PDF. What it says is decided once, in Sheet; the same receipt always gives
// the same bytes.
package paper

import (
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

// row is a name or a step, what is said about it in small, and a value.
type row struct {
	What, Note, Value string
	Strong            bool
}

// refunded says why something was given back.
var refunded = map[string]string{
	payment.ReasonWalked:  "the parking had no space for you",
	payment.ReasonVoided:  "the operator took the reservation back",
	payment.ReasonLessDue: "less was due than had been taken",
	"operator":            "the operator decided so",
}

// sheet is a receipt in words.
type sheet struct {
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

// why is what each basis means, for the driver.
var why = map[bill.Basis]string{
	bill.Quoted:       "The price that was agreed when you reserved. It stands whether or not all of the time was used.",
	bill.Overstayed:   "You left after the end of your time, so the tariff counts from its beginning until you left%s.",
	bill.QuotedAndNew: "You left after the end of your time: what was agreed stands, and the time beyond it%s costs what it costs now.",
	bill.Shortened:    "You left before the end of your time, and what you did not use is not charged: the tariff counts from its beginning until you left.",
	bill.Used:         "The tariff for the time between your entry and your exit.",
	bill.Missed:       "Nobody came, and the space was kept for you. %d %% of the price that was agreed is charged.",
	bill.Unwatched:    "The price that was agreed when you reserved.",
	bill.Cancelled:    "You gave the reservation up in time. It costs nothing.",
	bill.Walked:       "The parking had no space for you after all. You pay nothing, and we are sorry.",
	bill.Voided:       "The operator took the reservation back. You pay nothing.",
	bill.NotSeen:      "The gate did not see enough of this stay to price it. You pay nothing.",
}

func newSheet(r *receipt.Receipt) (sheet, error) {
	zone, err := time.LoadLocation(r.Parking.Timezone)
	if err != nil {
		return sheet{}, fmt.Errorf("time zone of %s: %w", r.Parking.ID, err)
	}
	s := sheet{
		Number: r.Number, Issued: r.IssuedAt.In(zone).Format("2 January 2006"), Operator: r.Operator, Place: r.Parking.Name,
		Where: strings.Trim(r.Parking.Address+", "+r.Parking.City, ", "), Total: r.Bill.Due.Written(), Of: "The reservation",
	}
	if v := r.Reservation; v != nil {
		s.Facts = append(s.Facts, row{What: "Reserved", Value: span(v.From, v.To, zone)})
	}
	if v := r.Stay; v != nil {
		s.Of = "The stay"
		s.Facts = append(s.Facts,
			row{What: "In", Value: at(v.EnteredAt, zone), Note: sure(v.EntryDoubt, v.EntryClock)},
			row{What: "Out", Value: at(v.ExitedAt, zone), Note: sure(v.ExitDoubt, v.ExitClock)})
		if v.Inferred {
			s.Notes = append(s.Notes, "Not every passage of this stay was seen. What was not seen is not charged.")
		}
	}
	s.Notes = append(s.Notes, zones(r, zone)...)
	s.Why = why[r.Bill.Basis]
	switch {
	case r.Bill.Basis == bill.Missed && r.Reservation != nil && r.Reservation.State == reservation.Cancelled:
		s.Why = fmt.Sprintf("You gave the reservation up when its space was not kept any longer. %d %% of the price that was agreed is charged.", r.Bill.Percent)
	case r.Bill.Basis == bill.Missed:
		s.Why = fmt.Sprintf(s.Why, r.Bill.Percent)
	case strings.Contains(s.Why, "%s"):
		grace := ""
		if m := r.Bill.Grace / 60; m > 0 {
			grace = fmt.Sprintf(", less the %d minutes that are forgiven", m)
		}
		s.Why = fmt.Sprintf(s.Why, grace)
	}
	s.lines(r, zone)
	for _, t := range r.Taxes {
		s.Taxes = append(s.Taxes, row{What: "includes " + tariff.Percent(t.BasisPoints) + " VAT", Value: t.Amount.Written()})
	}
	s.money(r)
	var editions []string
	for _, e := range r.Tariffs {
		editions = append(editions, fmt.Sprintf("version %d", e.Version))
	}
	s.Check = "This receipt is signed, and it can be recomputed without us: from the published tariff"
	if len(editions) > 0 {
		s.Check += " (" + strings.Join(editions, ", ") + ")"
	}
	s.Check += " and what the gate recorded. Save it as JSON and run openlot receipt verify --keys with the keys that the cloud publishes at /keys."
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
			s.Lines = append(s.Lines, row{What: l.Label, Note: span(l.From, l.To, zone), Value: l.Amount.Written()})
		}
	}
	if b.Percent != 100 {
		of := money.New(bill.Percent(whole.Minor, b.Percent)-whole.Minor, whole.Currency)
		s.Lines = append(s.Lines, row{What: fmt.Sprintf("%d %% of it", b.Percent), Value: of.Written()})
		whole.Minor += of.Minor
	}
	if b.Basis == bill.Shortened && b.Due != whole {
		s.Lines = append(s.Lines, row{What: "At least this is due, and no more than was agreed", Value: money.New(b.Due.Minor-whole.Minor, whole.Currency).Written()})
	} else if b.Due != whole {
		s.Lines = append(s.Lines, row{What: "No more than was held on your card", Value: money.New(b.Due.Minor-whole.Minor, whole.Currency).Written()})
	}
}

// money says what was held, taken and given back, and what is still open.
func (s *sheet) money(r *receipt.Receipt) {
	add := func(what, note string, a money.Amount, strong bool) {
		if a.Minor != 0 {
			s.Money = append(s.Money, row{What: what, Note: note, Value: a.Written(), Strong: strong})
		}
	}
	m := r.Sums
	add("Held on your card", "", m.Held, false)
	add("Given back untouched", "your bank may show it for a few days more", m.Released, false)
	add("Taken from your card", "", m.Captured, true)
	add("Paid in cash", "less the change", m.Cash, true)
	add("Paid by card at a machine", "", m.Terminal, true)
	add("Kept for you", "", m.Credit, false)
	for _, p := range r.Payments {
		for _, x := range p.Refunds {
			reason, _, _ := strings.Cut(x.Reason, "-")
			add("Refunded to your card", refunded[reason], x.Amount, true)
		}
	}
	add("Still to be paid", "it could not be taken from the hold", m.Owed, true)
	add("Not asked for any more", "", m.WrittenOff, false)
	add("Charged too much", "it is given back to you", m.Overpaid, true)
	if len(s.Money) == 0 {
		s.Money = []row{{What: "Nothing was held or taken", Value: r.Sums.Charged.Written()}}
	}
}

// sure says how well a time is known, when that matters.
func sure(ms *uint32, c receipt.Clock) string {
	switch {
	case c == receipt.Untrusted:
		return "the gate's clock was not to be trusted: nothing is charged for the doubt"
	case ms != nil && *ms >= 60_000:
		return fmt.Sprintf("give or take %d minutes, counted in your favour", (*ms+59_999)/60_000)
	default:
		return ""
	}
}

// zones says when the times may surprise.
func zones(r *receipt.Receipt, zone *time.Location) []string {
	first, last := r.IssuedAt, r.IssuedAt
	if v := r.Reservation; v != nil {
		first, last = v.From, v.To
	}
	if v := r.Stay; v != nil {
		first, last = v.EnteredAt, v.ExitedAt
	}
	_, a := first.In(zone).Zone()
	_, b := last.In(zone).Zone()
	if a != b {
		return []string{"The clock was changed during this stay; time is counted as it passed."}
	}
	return nil
}

func at(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Mon 2 January 2006, 15:04")
}

// span is a run of time; its end has a day when that is another.
func span(from, to time.Time, zone *time.Location) string {
	f, t := from.In(zone), to.In(zone)
	if f.YearDay() == t.YearDay() && f.Year() == t.Year() {
		return f.Format("Mon 2 January 2006, 15:04") + " – " + t.Format("15:04")
	}
	return f.Format("Mon 2 January 2006, 15:04") + " – " + t.Format("Mon 2 January, 15:04")
}
