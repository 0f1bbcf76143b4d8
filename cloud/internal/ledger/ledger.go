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

// Account is a side of the book. Debits are positive, credits negative.
type Account string

// The accounts. Holds are kept in two memorandum accounts of their own, so
// that what is merely authorised never mixes with what was taken.
const (
	Held        Account = "held"        // authorised on drivers' cards and not yet captured or released
	HeldContra  Account = "held_contra" // its counterpart
	Provider    Account = "provider"    // owed to us by the payment provider
	Receivable  Account = "receivable"  // owed by drivers
	Revenue     Account = "revenue"     // earned by the parking, without tax
	TaxPayable  Account = "tax_payable" // contained in what was charged
	Adjustments Account = "adjustments" // written off or corrected
)

// Kind says why a transaction was booked.
type Kind string

// The kinds of transaction.
const (
	Hold    Kind = "hold"    // an authorisation stands
	Release Kind = "release" // an authorisation, or the rest of it, was given back
	Capture Kind = "capture" // an authorisation was taken
	Owed    Kind = "owed"    // a stay ended with something unpaid
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

// HoldPlaced books that amount stands authorised.
func HoldPlaced(r id.Reservation, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Hold, Reservation: r, Payment: p, Postings: []Posting{{Held, amount}, {HeldContra, amount.Neg()}}}
}

// HoldReleased books that amount of an authorisation was given back.
func HoldReleased(r id.Reservation, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Release, Reservation: r, Payment: p, Postings: []Posting{{HeldContra, amount}, {Held, amount.Neg()}}}
}

// Captured books that amount, of which tax is contained tax, was taken from an
// authorisation.
func Captured(r id.Reservation, s id.Session, p id.Payment, amount, tax money.Amount) Entry {
	return Entry{Kind: Capture, Reservation: r, Session: s, Payment: p, Postings: append(
		[]Posting{{HeldContra, amount}, {Held, amount.Neg()}}, earned(Provider, amount, tax)...)}
}

// StayOwed books that amount of a stay, of which tax is contained tax, is owed
// by its driver.
func StayOwed(r id.Reservation, s id.Session, amount, tax money.Amount) Entry {
	return Entry{Kind: Owed, Reservation: r, Session: s, Postings: earned(Receivable, amount, tax)}
}

func earned(from Account, amount, tax money.Amount) []Posting {
	net := money.New(amount.Minor-tax.Minor, amount.Currency)
	return []Posting{{from, amount}, {Revenue, net.Neg()}, {TaxPayable, tax.Neg()}}
}
