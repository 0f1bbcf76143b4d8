// Package benchlisting measures GET /parkings against a bare gin handler that
// has the same bytes ready, in one run: the real API with its middleware over
// 10,000 parkings in memory that 200 events a second change, the server on one
// core and the clients on another. `make bench-listing` runs it. Linux only.
//
// Four kinds of question, each about a thousand different ones:
//
//   - near: the 50 parkings that are nearest to a point.
//   - ten: the 10 that are.
//   - window: the 50, with what is free and what it costs from one time to
//     another.
//   - text: one or two words of a city, a street or a name.
//
// Runs of both servers alternate. While one is asked the other is stopped, so
// that each has the core for itself. Ratios are of medians; absolute figures
// depend on the machine. The p99 is that of requests which come at half the rate
// that the server could do, whether or not it has answered those before, each
// from the time at which it was due.
package benchlisting
