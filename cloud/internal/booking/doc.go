// Package booking sells: it prices a window, claims capacity for it, asks the
// payment provider for a hold, and confirms, expires or cancels.
//
// The rules are commit.Op values, pure functions over the rows of one parking;
// Service puts them in order around the provider's calls:
//
//	Reserve ──commit──▶ held, payment requested ──provider──▶ RecordHold ──commit──▶ confirmed
//	                          │                                   ├─ declined: expired, claim released; if it is to be
//	                          │  kept: held, until TryCard ──commit──▶ another payment requested
//	                          │                                   ├─ second step: held, its time extended once
//	                          └─ HoldUntil passes: Expire         └─ no answer: payment unknown
//
// Promises:
//   - The idempotency key is committed before the provider is asked, and every
//     call to the provider carries a key of the payment: sending a request
//     again never claims twice and never holds twice.
//   - A claim is there from the first commit to the end of the reservation, and
//     what of it lies ahead is given back in the commit that ends it.
//   - A hold that comes to stand after its reservation has ended is given back
//     (payment void_requested); nothing is resurrected.
//   - Whenever a payment moves, payment.changed is told before the event of its
//     reservation, in the same commit.
package booking
