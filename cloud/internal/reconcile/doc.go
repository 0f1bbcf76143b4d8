// Package reconcile compares a payment provider's own books with ours: every
// hold, capture and refund that was placed there, or booked here, in a
// time. It finds what is missing with us, missing there, of another amount or
// in another state, or there twice. It changes no money but one: what was
// given back and came back is booked back, by the clock alone.
//
// # How the two are brought together
//
// A line of the provider's is about the payment whose id begins the key that it
// was asked for with, or else about the one whose hold it names. What is booked
// is what the ledger says, not what the payment's row does; the row says in
// which state the payment is.
//
// The provider's books are read first and ours after them, each a while beyond
// both ends of the time, so that what was placed a moment before the end and
// booked a moment after it is not missing. A hold that is not among the lines,
// because it was placed long before it was taken, is asked for by its key: only
// a definite "there is none" makes it missing.
//
// # What is on its way
//
// A payment for which an answer, a capture or a void is waited for is on its way,
// for up to a day; after that it is a difference, since nothing seems to move
// it. So is one that has moved a moment ago: the two books were not read at the
// same instant.
package reconcile
