// Package books closes what the ledger has booked and gives it to accountants.
//
// # Closings
//
// A day's closing is an operator's: for each parking the day in its own time
// zone, and over all of them what moved on each account in each currency, and
// how it stands since the beginning. Days are closed one after the other, a
// while after they are over everywhere. What is booked later on a day that is
// closed, by a clock that is behind, is booked on the day that is open.
//
// A shift's closing is a parking's cash: what should be in the boxes by the
// ledger, and what somebody has counted. It takes in whatever was booked since
// the one before.
//
// A closing is a JSON document that is never changed. Its hash is the SHA-256 of
// the hash before it and the document, so that a closing that was changed, taken
// out or put in shows in all that follow it. The first follows 32 zero bytes.
//
// # Export
//
// WriteCSV writes the ledger as RFC 4180 says, with one line for each posting,
// in the order of the books: by time, and one entry after the other. The columns
// are
//
//	at           when it was booked, RFC 3339, UTC
//	parking      the parking's id
//	operator     the operator's name
//	transaction  the entry's id; its lines sum to zero
//	line         counts the entry's lines from 0
//	kind         why it was booked (ledger.Kinds)
//	account      ledger.Chart
//	currency     ISO 4217
//	minor        the amount in minor units; debits are positive
//	amount       the same in major units
//	reservation, session, payment  what it is about; empty: nothing
//
// New columns are added at the end only. Text that a spreadsheet would take for a
// formula begins with an apostrophe.
package books
