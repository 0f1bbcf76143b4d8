// Package kiosk is the machine that takes money: a pure state machine over what
// somebody asks for, what the cash device, the card terminal and the printer report,
// and the time.
//
// Step makes the next state from the one before. Whoever drives it (app) writes the
// state and its events down, in one commit of the store, and only then has devices
// do what the new state wants (Wants). Nothing is told to a device but by Wants, and
// each order has a number, below which a device does nothing: so a power cut at any
// point is a start with the state as it was written down, the same orders, and what
// the devices report.
//
// # How no cent is lost
//
// What decides is what the device counts, never what it was told: over its life it
// counts what was put in, what it kept, gave back and paid out, in memory that
// outlasts the power. A payment begins with these totals. Money in escrow is the
// driver's. To take it is an intent, written down first; it is paid when the device
// has counted it as kept, and only what it has counted. Change is an intent, too:
// what it has not paid out when it stops is tried once more with other coins, and is
// then a credit: a payment of its own, with a code, on the receipt and in the
// journal. So at every moment
//
//	put in = in escrow + given back + price + change + credit + still owed as change
//
// and at the end of a visit the first and the last are nothing.
package kiosk
