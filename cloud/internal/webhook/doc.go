// Package webhook takes what payment providers tell, and heeds it.
//
//	Take ── verified ──▶ stored once, with a job ──▶ 2xx
//	                              │
//	                            Heed ──▶ the payment is looked up, the provider asked, the answer booked
//
// A webhook is a hint and never the truth: what it says of a hold is asked of the
// provider and booked as settlement books it, so that one that is late, repeated,
// overtaken or wrong changes nothing that is not so. What needs a person (money
// that somebody moved at the provider, a dispute) becomes an incident, once.
package webhook
