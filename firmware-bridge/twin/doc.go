// Package twin is the digital twin of a board and the gates on it: the board's
// firmware, barriers, loops and vehicles, behind a serial port that a program
// cannot tell from a real one.
//
//	       HTTP: vehicles, state, page
//	                  │ functions
//	pty ── packets ─ loop ─ firmware.Board ─ model.Lane (one per gate)
//
// One goroutine, the loop, owns everything. It sleeps until a packet, an HTTP
// request or the next thing that moves; a twin in which nothing moves does
// nothing. The firmware and the lanes are pure and take the time.
//
// The port outlives the programs that open it: one may be killed and another
// started, as with a board that keeps its power.
//
// Stamps are microseconds on the twin's monotonic clock. Credential-to-open is
// from the moment at which the board puts the credential's event on the line to
// the moment at which it accepts the first open command after it.
package twin
