// Package stripetest stands in for Stripe in tests: an http.Handler with the calls
// that package stripe makes, which keeps what it was told in memory. It replays
// answers to an Idempotency-Key, refuses a key that is used for something else or
// while its first call runs, and breaks on demand. Whether a call is one that
// Stripe knows at all is not decided here: Mock checks requests against Stripe's
// published description of its API.
package stripetest
