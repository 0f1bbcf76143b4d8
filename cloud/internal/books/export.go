package books

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Row is one posting in the books.
type Row struct {
	At          time.Time
	Parking     id.Parking
	Operator    string
	Transaction id.Transaction
	Line        int
	Kind        ledger.Kind
	Account     ledger.Account
	Amount      money.Amount
	Reservation id.Reservation
	Session     id.Session
	Payment     id.Payment
}

// Columns are the names of an export's columns.
func Columns() []string {
	return []string{"at", "parking", "operator", "transaction", "line", "kind", "account", "currency", "minor", "amount", "reservation", "session", "payment"}
}

// WriteCSV writes rows with a header, and returns how many and their sums.
func WriteCSV(out io.Writer, rows iter.Seq2[Row, error]) (n int, moved []Balance, err error) {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(Columns()); err != nil {
		return 0, nil, fmt.Errorf("write the ledger: %w", err)
	}
	for r, err := range rows {
		if err != nil {
			return n, moved, err
		}
		err := w.Write([]string{
			r.At.UTC().Format(time.RFC3339Nano), text(string(r.Parking)), text(r.Operator), named(r.Transaction), strconv.Itoa(r.Line),
			text(string(r.Kind)), text(string(r.Account)), text(string(r.Amount.Currency)), strconv.FormatInt(r.Amount.Minor, 10), r.Amount.Decimal(),
			named(r.Reservation), named(r.Session), named(r.Payment),
		})
		if err != nil {
			return n, moved, fmt.Errorf("write the ledger: %w", err)
		}
		moved = tally(moved, r.Account, r.Amount)
		n++
	}
	w.Flush()
	return n, moved, w.Error()
}

// Text is a text that no spreadsheet takes for a formula.
func Text(s string) string { return text(s) }

// text is a text that no spreadsheet takes for a formula.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func named(i interface {
	IsZero() bool
	String() string
},
) string {
	if i.IsZero() {
		return ""
	}
	return i.String()
}

func tally(all []Balance, a ledger.Account, m money.Amount) []Balance {
	at := slices.IndexFunc(all, func(b Balance) bool { return b.Account == a && b.Currency == m.Currency })
	if at < 0 {
		all = append(all, Balance{Account: a, Currency: m.Currency})
		at = len(all) - 1
	}
	b := &all[at]
	b.Debit += max(m.Minor, 0)
	b.Credit += max(-m.Minor, 0)
	b.Moved += m.Minor
	return all
}

func sorted(set map[money.Currency]bool) []money.Currency { return slices.Sorted(maps.Keys(set)) }
