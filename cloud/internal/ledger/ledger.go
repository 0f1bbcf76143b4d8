// Package ledger is the double-entry book of money that moved or is owed.
// Postings are only ever added; those of one transaction sum to zero in each
// currency, which a deferred constraint trigger in the database checks again.
package ledger

import (
	"errors"
	"fmt"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Posting is one line.
type Posting struct {
	Account Account      `json:"account"`
	Amount  money.Amount `json:"amount"`
}

// Entry is one balanced transaction.
type Entry struct {
	Kind        Kind
	Reservation id.Reservation
	Session     id.Session
	Payment     id.Payment
	Postings    []Posting
}

// ErrUnbalanced says that the postings of an entry do not sum to zero.
var ErrUnbalanced = errors.New("the postings do not sum to zero")

// Check returns ErrUnbalanced unless the entry has postings and they sum to
// zero in each currency.
func (e Entry) Check() error {
	sums := map[money.Currency]int64{}
	for _, p := range e.Postings {
		sums[p.Amount.Currency] += p.Amount.Minor
	}
	for c, s := range sums {
		if s != 0 {
			return fmt.Errorf("%w: %s %d %s", ErrUnbalanced, e.Kind, s, c)
		}
	}
	if len(e.Postings) < 2 {
		return fmt.Errorf("%w: %s has %d postings", ErrUnbalanced, e.Kind, len(e.Postings))
	}
	return nil
}
