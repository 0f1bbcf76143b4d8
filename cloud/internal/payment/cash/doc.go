// Package cash is the payment provider of drivers who pay at the parking: its
// holds are promises. Nothing is authorised and nothing can be taken from one. At
// the exit it is given back, and what the stay costs is owed (settlement.AtExit);
// what a machine took, or takes later, pays that (fleet, X9), and the ledger and
// the cash shift have the coins, the change and what is kept for the driver.
//
// The promises are kept in a table of their own, so that a call that is made again
// is the same call.
package cash
