// Package sandbox is the payment provider that needs nobody outside: it keeps
// its own books in its own tables, which nothing of ours refers to, so that
// what we believe about a hold can be compared with what a provider believes.
//
// The method that is paid with says what happens, the same every time:
//
//	pm_sandbox_ok             the hold stands
//	pm_sandbox_declined       declined, card_declined
//	pm_sandbox_second_factor  waits for the driver on a page of its own
//	pm_sandbox_timeout        the hold stands, and the answer never comes
//	pm_sandbox_flaky          the first two calls with a key fail and do nothing
//	pm_sandbox_server_error   every call does its work and is answered by an error,
//	                          the first time with each key
//	pm_sandbox_no_increment   holds, but is never raised
//	pm_sandbox_absent_declined  holds while the driver is there, once it is saved after
//	                          a second step; while he is away his bank asks for him
//	pm_sandbox_short_hold     holds, for ten minutes
//	pm_sandbox_disputed       holds; what is captured is disputed at once, and the
//	                          books' page decides about it
//	pm_sandbox_refund_returned  holds; what is given back comes back after a minute,
//	                          and no webhook says so
//	pm_sandbox_webhook_twice  waits for the driver; every webhook comes twice
//	pm_sandbox_webhook_late   … webhooks come half a minute late
//	pm_sandbox_webhook_reordered  … the first webhook comes after the next ones
//	pm_sandbox_webhook_never  … no webhook comes
//	pm_sandbox_webhook_forged … webhooks are signed with a wrong secret
//
// Any other method is declined with unknown_payment_method. A method that is
// saved (pm_sandbox_saved_…) goes on to do what it did before, but wants no
// second factor any more.
//
// What a caller was not told by the answer to his own call is told by webhook: a
// second factor that was answered, a hold whose answer got lost, a dispute; with
// the methods above everything is. Webhooks are rows that are written with what
// they tell of, sent until they are taken, and signed as Standard Webhooks are:
// HMAC-SHA256 over id, time and body.
package sandbox
