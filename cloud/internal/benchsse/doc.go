// Package benchsse measures the live listing's streams against nchan in one run:
// the real handlers, through gin and net/http, over parkings in memory, with the
// server on one core and the clients on another. `make bench-sse` runs it.
//
// Both servers are sent the same bytes. Ratios are from runs that alternate;
// absolute figures depend on the machine.
package benchsse
