// Package app wires the agent together and runs it: the lanes' loops over the
// device's events, admission over the store's state, the journal before every
// opening, the uplink beside all that.
//
//	device ──events──▶ gate (one goroutine per lane): lane.Step
//	                     │ Decide                         │ Passed, BackedOut, faults
//	                     ▼                                ▼
//	                   recorder: admission.Decide → store.Record (fsync) ──▶ uplink ──▶ cloud
//	                     │ admitted
//	                     ▼
//	                   device.Open
//
// A gate's loop never waits for the network. What it waits for is the journal's
// commit, before an opening, and the board's answer.
package app
