// Package listing shows all parkings with their live numbers.
//
// It holds every parking in memory: description, capacity, claims of the days
// to come, allotments, and whether its edge is connected. It reads them from
// the database once, each parking with its revision, and from then on is moved
// only by the feed; reading never touches the database. A parking whose events
// do not follow on each other, or whose description is new, is read again.
//
// There are two numbers and they are never mixed. available_now is for somebody
// at the gate: what is free now and is not promised to anybody who comes soon,
// and what the edge may still admit by itself. available is for a window: what
// is free in all of it. Both change with time as well as with events: at every
// quarter-hour they are told anew.
//
// A parking with an enrolled edge that is not connected has no available_now:
// nobody knows what happens at its gate. One without an edge is known from its
// claims alone.
//
// A stream of a query sends a snapshot and then what changed. What a client has
// not been sent yet is folded: it gets the newest state and never a backlog.
package listing
