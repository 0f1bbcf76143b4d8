// Package bench measures the times that matter to a driver, at the 99th
// percentile and under load, with the real programs: from the credential to the
// open command, from a reservation to the edge's cache, from a passage to the
// cloud, and from a commit to the onlookers' screens. All the while the edge of
// another parking is killed and started again.
package bench
