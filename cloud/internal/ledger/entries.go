package ledger

import (
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// The movements. Their amounts are positive; tax is what of them is contained
// tax. Each balances whatever the amounts are.

// HoldPlaced books that amount stands authorised.
func HoldPlaced(r id.Reservation, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Hold, Reservation: r, Payment: p, Postings: move(HeldContra, Held, amount)}
}

// HoldReleased books that amount of an authorisation was given back.
func HoldReleased(r id.Reservation, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Release, Reservation: r, Payment: p, Postings: move(Held, HeldContra, amount)}
}

// Captured books that amount, of which tax is contained tax, was taken from an
// authorisation.
func Captured(r id.Reservation, s id.Session, p id.Payment, amount, tax money.Amount) Entry {
	return Entry{Kind: Capture, Reservation: r, Session: s, Payment: p, Postings: append(
		move(Held, HeldContra, amount), earned(Provider, amount, tax)...)}
}

// Collected books that amount of a debt was taken from an authorisation. It was
// booked as earned when it was owed.
func Collected(r id.Reservation, s id.Session, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Capture, Reservation: r, Session: s, Payment: p, Postings: append(
		move(Held, HeldContra, amount), move(Receivable, Provider, amount)...)}
}

// Refunded books that amount of what was captured was given back to the driver,
// with the tax in it.
func Refunded(r id.Reservation, s id.Session, p id.Payment, amount, tax money.Amount) Entry {
	return Entry{Kind: Refund, Reservation: r, Session: s, Payment: p, Postings: earned(Provider, amount.Neg(), tax.Neg())}
}

// RefundReturned books that what was given back did not reach the driver and is
// with the provider again.
func RefundReturned(r id.Reservation, s id.Session, p id.Payment, amount, tax money.Amount) Entry {
	return Entry{Kind: Refund, Reservation: r, Session: s, Payment: p, Postings: earned(Provider, amount, tax)}
}

// DisputeMoved books what a dispute has moved: waits is what a driver's bank took back
// until it decides, below zero when that is over; lost is what it gave the driver for
// good. The tax of what is lost stays payable, as that of a debt that is given up.
func DisputeMoved(r id.Reservation, s id.Session, p id.Payment, waits, lost money.Amount) Entry {
	away := money.New(waits.Minor+lost.Minor, waits.Currency)
	return Entry{Kind: Dispute, Reservation: r, Session: s, Payment: p, Postings: []Posting{{Disputed, waits}, {Adjustments, lost}, {Provider, away.Neg()}}}
}

// FeeKept books that the provider keeps amount for a payment.
func FeeKept(r id.Reservation, p id.Payment, amount money.Amount) Entry {
	return Entry{Kind: Fee, Reservation: r, Payment: p, Postings: move(Provider, Fees, amount)}
}

// StayOwed books that amount of a stay, of which tax is contained tax, is owed
// by its driver.
func StayOwed(r id.Reservation, s id.Session, amount, tax money.Amount) Entry {
	return Entry{Kind: Owed, Reservation: r, Session: s, Postings: earned(Receivable, amount, tax)}
}

// CashTaken books that amount was put into a machine for a stay. What it is
// above the debt makes the receivable negative until ChangeGiven and
// ChangeKept have booked what became of it: inserted = price + change + credit.
func CashTaken(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: CashIn, Reservation: r, Session: s, Postings: move(Receivable, Cash, amount)}
}

// CardTaken books that a machine's card terminal took amount for a stay, as
// CashTaken.
func CardTaken(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: CardIn, Reservation: r, Session: s, Postings: move(Receivable, Terminal, amount)}
}

// ShopTaken books that a code of a shop paid amount for a stay, as CashTaken: the shop
// owes it.
func ShopTaken(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: ShopIn, Reservation: r, Session: s, Postings: move(Receivable, Shops, amount)}
}

// ShopSettled books that a shop has paid amount of what it owes; below zero that this
// was written down wrongly and is taken back.
func ShopSettled(amount money.Amount) Entry {
	return Entry{Kind: ShopPaid, Postings: move(Shops, Bank, amount)}
}

// ChangeGiven books that a machine gave amount back.
func ChangeGiven(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: Change, Reservation: r, Session: s, Postings: move(Cash, Receivable, amount)}
}

// ChangeKept books that amount of what was paid at a machine is not owed, or not
// yet, and was not given back: it is the driver's.
func ChangeKept(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: Credit, Reservation: r, Session: s, Postings: move(ChangeCredit, Receivable, amount)}
}

// CreditUsed books that amount of what was kept pays for what is owed by now.
func CreditUsed(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: Used, Reservation: r, Session: s, Postings: move(Receivable, ChangeCredit, amount)}
}

// WrittenOff books that amount of what a driver owes is given up. The tax stays
// payable: whether a lost debt takes it back is for an accountant to say.
func WrittenOff(r id.Reservation, s id.Session, amount money.Amount) Entry {
	return Entry{Kind: WriteOff, Reservation: r, Session: s, Postings: move(Receivable, Adjustments, amount)}
}

// PaidOut books that amount went from the provider, a terminal or a cash box to
// the operator's bank.
func PaidOut(from Account, amount money.Amount) Entry {
	return Entry{Kind: Payout, Postings: move(from, Bank, amount)}
}

// CashFilled books that staff has put amount of the operator's own money into a machine;
// below zero it has taken it out.
func CashFilled(amount money.Amount) Entry {
	return Entry{Kind: Filled, Postings: move(Safe, Cash, amount)}
}

// BoxEmptied books that staff has taken what was in a machine's box, and counted it.
// What was counted less what should have been there is a difference of its own.
func BoxEmptied(counted, expected money.Amount) Entry {
	return Entry{Kind: Emptied, Postings: []Posting{
		{Safe, counted}, {Cash, expected.Neg()}, {CashDifference, money.New(expected.Minor-counted.Minor, counted.Currency)},
	}}
}

// CashDiffers books that amount more is in a machine than the books said; below zero
// less.
func CashDiffers(amount money.Amount) Entry {
	return Entry{Kind: Differs, Postings: move(CashDifference, Cash, amount)}
}

// move takes amount out of one account and puts it into another.
func move(from, to Account, amount money.Amount) []Posting {
	return []Posting{{to, amount}, {from, amount.Neg()}}
}

func earned(from Account, amount, tax money.Amount) []Posting {
	net := money.New(amount.Minor-tax.Minor, amount.Currency)
	return []Posting{{from, amount}, {Revenue, net.Neg()}, {TaxPayable, tax.Neg()}}
}
