//go:build race

package store

// Slower is how much less is done of what is one program with one thread of its own after
// the other: the race detector has nothing to see there, and makes each several times as
// slow. make test does all of it without.
const Slower = 8
