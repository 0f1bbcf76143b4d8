package ledger

// Account is a side of the book. Debits are positive, credits negative.
type Account string

// The accounts; Chart says what each of them holds. Holds are kept in two
// memorandum accounts of their own, so that what is merely authorised never
// mixes with what was taken.
const (
	Held         Account = "held"
	HeldContra   Account = "held_contra"
	Provider     Account = "provider"
	Disputed     Account = "disputed"
	Cash         Account = "cash"
	Terminal     Account = "terminal"
	Shops        Account = "shops"
	Bank         Account = "bank"
	Receivable   Account = "receivable"
	ChangeCredit Account = "change_credit"
	Revenue      Account = "revenue"
	TaxPayable   Account = "tax_payable"
	Fees         Account = "fees"
	Adjustments  Account = "adjustments"

	Safe           Account = "safe"
	CashDifference Account = "cash_difference"
)

// Kind says why a transaction was booked.
type Kind string

// The kinds of transaction.
const (
	Hold     Kind = "hold"          // an authorisation stands
	Release  Kind = "release"       // an authorisation, or the rest of it, was given back
	Capture  Kind = "capture"       // an authorisation was taken
	Refund   Kind = "refund"        // something that was taken was given back
	Fee      Kind = "fee"           // the provider kept something for its service
	Owed     Kind = "owed"          // a stay ended with something unpaid: a receivable
	CashIn   Kind = "cash_in"       // money was put into a machine for what is owed
	CardIn   Kind = "card_in"       // a machine's card terminal took money for a stay
	ShopIn   Kind = "shop_in"       // a code of a shop was used for a stay: the shop owes it
	Change   Kind = "change"        // a machine gave change
	Credit   Kind = "change_credit" // something that was paid at a machine is kept for the driver
	Used     Kind = "credit_used"   // something that was kept paid for what is owed
	WriteOff Kind = "write_off"     // a receivable was given up
	Payout   Kind = "payout"        // money went to the operator's bank
	Dispute  Kind = "dispute"       // a driver's bank took back what was taken, or decided about it

	Filled  Kind = "cash_filled"     // staff put money into a machine for change, or took it out
	Emptied Kind = "cash_emptied"    // staff emptied a machine's box and counted it
	Differs Kind = "cash_difference" // a machine has more or less than the books said

	ShopPaid Kind = "shop_paid" // a shop has paid of what it owes, or that was taken back
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Hold, Release, Capture, Refund, Fee, Owed, CashIn, CardIn, ShopIn, Change, Credit, Used, WriteOff, Payout, Dispute, Filled, Emptied, Differs, ShopPaid}
}

// Class is what an account belongs to.
type Class string

// The classes of account.
const (
	Memo      Class = "memo"      // outside of the balance: what is only promised
	Asset     Class = "asset"     // a debit is what there is
	Liability Class = "liability" // a credit is what is owed to others
	Income    Class = "income"    // a credit is what was earned
	Expense   Class = "expense"   // a debit is what was lost
)

// Entitled is an account with what it holds.
type Entitled struct {
	Account Account
	Class   Class
	Holds   string
}

// Chart is the chart of accounts. Over all of them the book sums to zero in
// each currency, and so do held and held_contra by themselves.
func Chart() []Entitled {
	return []Entitled{
		{Held, Memo, "authorised on drivers' cards and not yet captured or released"},
		{HeldContra, Memo, "the other side of what is held"},
		{Provider, Asset, "taken, and not yet paid out by the payment provider"},
		{Disputed, Asset, "taken back by drivers' banks, which have not decided yet"},
		{Cash, Asset, "in the machines, with the money for change since their first shift"},
		{Safe, Asset, "taken out of the machines by staff, less what it put into them for change"},
		{Terminal, Asset, "taken by the machines' card terminals, and not yet paid out"},
		{Shops, Asset, "owed by shops, for codes that their customers used"},
		{Bank, Asset, "paid out to the operator, or paid by shops"},
		{Receivable, Asset, "owed by drivers"},
		{ChangeCredit, Liability, "paid at machines beyond what was owed, or before it: the drivers'"},
		{TaxPayable, Liability, "tax contained in what was charged"},
		{Revenue, Income, "earned, without tax"},
		{Fees, Expense, "kept by the payment provider for its service"},
		{Adjustments, Expense, "given up, lost in a dispute, or corrected"},
		{CashDifference, Expense, "missing in machines when they were counted, less what was too much"},
	}
}
