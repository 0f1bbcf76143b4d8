//go:build !race

package store

// Slower is 1: everything is done.
const Slower = 1
