package shop

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// MaxListed is how many payments a statement lists.
const MaxListed = 500

// Statement is what a shop's codes took off in some days, and what it has paid.
type Statement struct {
	Shop
	Currency money.Currency
	Opening  int64 // owed before the first day
	Uses     int
	Taken    int64
	Paid     int64                // without what was reversed
	Payments []commit.ShopPayment // the newest first, what was reversed included
}

// Balance is what is owed at the end.
func (s *Statement) Balance() int64 { return s.Opening + s.Taken - s.Paid }

// Days are those of a statement, both included; empty: without an end.
type Days struct{ From, To books.Day }

// Line is one movement of a statement: the use of a code, or a payment.
type Line struct {
	Day     books.Day // of the parking
	At      time.Time // of the use, or when the payment was written down
	Code    uint32    // the serial of the code; 0: it is a payment
	Minor   int64     // what is owed more by it; a payment is below zero
	Payment commit.ShopPayment
}

// Statement sums up what a shop owes.
func (s *Service) Statement(ctx context.Context, at id.Parking, number int, d Days) (Statement, error) {
	return s.Store.Statement(ctx, at, number, d)
}

// Lines are the movements of a statement, the oldest first, beside it.
func (s *Service) Lines(ctx context.Context, at id.Parking, number int, d Days) (Statement, []Line, error) {
	return s.Store.Lines(ctx, at, number, d)
}

// WriteCSV writes a statement as RFC 4180 says: what was owed before, each movement, and
// what is owed after it. A payment that was reversed is a line of nothing.
func WriteCSV(out io.Writer, s *Statement, lines []Line) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	rows := [][]string{{"day", "at", "what", "code", "currency", "minor", "owed_minor", "owed", "way", "note", "reversed"}}
	owed := money.New(s.Opening, s.Currency)
	add := func(day, at, what, code string, minor int64, way, note, reversed string) {
		owed.Minor += minor
		rows = append(rows, []string{
			day, at, what, code, string(s.Currency), strconv.FormatInt(minor, 10), strconv.FormatInt(owed.Minor, 10), owed.Decimal(), way, books.Text(note), books.Text(reversed),
		})
	}
	add("", "", "opening", "", 0, "", "", "")
	for i := range lines {
		l := &lines[i]
		at := l.At.UTC().Format(time.RFC3339)
		switch {
		case l.Code > 0:
			add(string(l.Day), at, "code", strconv.FormatUint(uint64(l.Code), 10), l.Minor, "", "", "")
		case l.Payment.ReversedAt.IsZero():
			add(string(l.Day), at, "payment", "", l.Minor, l.Payment.Way, l.Payment.Note, "")
		default:
			add(string(l.Day), at, "reversed payment", "", 0, l.Payment.Way, l.Payment.Note, l.Payment.Why)
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write a statement: %w", err)
	}
	return nil
}
