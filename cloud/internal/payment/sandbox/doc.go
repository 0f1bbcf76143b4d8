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
//
// Any other method is declined with unknown_payment_method.
package sandbox
