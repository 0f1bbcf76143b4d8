// Package reader reads credentials beside a board's own readers: over a serial
// port, from a reader that types like a keyboard, and over HTTP.
//
// What a reader sends passes a Screen: junk, repetitions and floods end there, so
// that a lane gets few and plausible texts whatever is at the other end. No text
// is ever logged.
package reader
