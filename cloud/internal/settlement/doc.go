// Package settlement decides what a stay costs and where the money comes from,
// and takes it.
//
// AtExit is the rule: pure, applied by whoever closes a session. It leaves the
// payment asking for a capture or a void. Service then talks to the payment
// provider and records the answer through an op. The provider is always asked
// with the payment's own idempotency keys, so that a lost answer, a retry and
// two processes at once all end in one call; and what the provider did is
// recorded once, because the op recognises its own result.
//
// A hold that nobody heard about is looked up, never asked for again. "Not
// found" counts only once the request that may still be on its way must have
// ended (Quiet).
package settlement
