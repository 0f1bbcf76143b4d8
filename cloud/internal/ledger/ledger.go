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
	Held       Account = "held"        // authorised on drivers' cards and not yet captured or released
	HeldContra Account = "held_contra" // its counterpart
	Provider   Account = "provider"    // owed to us by the payment provider
	Cash       Account = "cash"        // in the cash boxes of machines
	Terminal   Account = "terminal"    // taken by the machines' card terminals
	Receivable Account = "receivable"  // owed by drivers
	// ChangeCredit is what drivers paid at machines beyond what they owe, or
	// before it: it is theirs.
	ChangeCredit Account = "change_credit"
	Revenue      Account = "revenue"     // earned by the parking, without tax
	TaxPayable   Account = "tax_payable" // contained in what was charged
	Adjustments  Account = "adjustments" // written off or corrected
)

// Kind says why a transaction was booked.
type Kind string

// The kinds of transaction.
const (
	Hold    Kind = "hold"          // an authorisation stands
	Release Kind = "release"       // an authorisation, or the rest of it, was given back
	Capture Kind = "capture"       // an authorisation was taken
	Owed    Kind = "owed"          // a stay ended with something unpaid
	CashIn  Kind = "cash_in"       // cash was put into a machine for a stay
	CardIn  Kind = "card_in"       // a machine's terminal took money for a stay
	Credit  Kind = "change_credit" // something that was paid is kept for the driver
	Used    Kind = "credit_used"   // something that was kept paid for what he owes
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

// CashTaken books that amount of cash was put into a machine for a stay. What of
// it is not owed is booked as kept besides, by ChangeKept.
func CashTaken(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: CashIn, Reservation: r, Session: s, Postings: []Posting{{Cash, amount}, {Receivable, amount.Neg()}}}
}

// CardTaken books that a machine's terminal took amount for a stay, as CashTaken.
func CardTaken(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: CardIn, Reservation: r, Session: s, Postings: []Posting{{Terminal, amount}, {Receivable, amount.Neg()}}}
}

// ChangeKept books that amount of what was paid is not owed, or not yet: it is
// the driver's.
func ChangeKept(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: Credit, Reservation: r, Session: s, Postings: []Posting{{Receivable, amount}, {ChangeCredit, amount.Neg()}}}
}

// CreditUsed books that amount of what was kept pays for what is owed by now.
func CreditUsed(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: Used, Reservation: r, Session: s, Postings: []Posting{{ChangeCredit, amount}, {Receivable, amount.Neg()}}}
}

func earned(from Account, amount, tax money.Amount) []Posting {
	net := money.New(amount.Minor-tax.Minor, amount.Currency)
	return []Posting{{from, amount}, {Revenue, net.Neg()}, {TaxPayable, tax.Neg()}}
}
