// Package payout brings what a payment provider keeps for its service, and what it
// pays out, into the ledger. The provider tells both line by line: a line is about
// something that was taken, so that the fee is booked at its payment, and what of a
// payout belongs to a parking is the sum of that parking's lines.
//
//	provider ── balance, payouts ──▶ Due ──▶ whose payment is it ──▶ Fee, Paid: one op each, once
//
// What is about no payment of ours, such as a monthly fee, is in no parking's books;
// it is told.
package payout
