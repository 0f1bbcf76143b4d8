// Package audit compares what the cloud has stored with itself: every event of
// every journal applied once, money that sums to zero, and free spaces that
// follow from the claims. It reads the database and changes nothing.
package audit
