// Package stripe is the payment provider Stripe (https://stripe.com).
//
// A hold is a PaymentIntent that is captured by hand and confirmed by the call
// that makes it. A saved method is a PaymentMethod that a SetupIntent attached
// to a customer.
//
// # How a key is found again
//
// Stripe's search is late by a minute or more, its lists are not. So every payment
// of ours has a customer at Stripe, made before anything else, whose e-mail address
// is the payment's name below a domain that receives no mail. Customers can be
// listed by address, and PaymentIntents and SetupIntents by customer; each has our
// key in its metadata. A method that was saved with another payment belongs to that
// one's customer, and so must what is paid with it: then our customer's metadata
// name the owner. "Not found" is definite, because without its customer nothing can
// have been placed, and each customer's list is read to its end.
//
// # The same key is the same call
//
// Every call that changes something carries our key as its Idempotency-Key.
// Stripe may forget keys after a day: a key that may be older is looked up before
// anything is placed under it, what was taken or raised carries the key in the
// metadata, and refunds are always looked up. A repeated answer tells of the past,
// so the object is read again.
//
// Tokens of cards come from Stripe's own form in the driver's browser; card numbers
// never reach us. Errors name Stripe's codes and its name for the request; neither
// the key of the account nor Stripe's texts, which may quote what was sent.
package stripe
