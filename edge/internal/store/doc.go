// Package store keeps the edge's journal and its cache in one bbolt file, what
// that file does not have yet in a write-ahead log beside it, and a second copy of
// what only this edge knows. It is the only package that knows bbolt.
//
// # What is kept
//
//   - The journal: every event, in the bytes that were hashed, from its append
//     until the cloud's acknowledgement. Seq counts from 1 without gaps; the
//     running hash (wire.Hash) chains all events of the journal, deleted ones
//     included.
//   - The state (admission.State): the cloud's cache, who is inside, which pass
//     was used. It is the fold of the journal's facts and the cloud's syncs, is
//     held in memory and written in the same commit as the event that changed
//     it.
//   - The head: journal id, epoch, positions, hashes, the trusted lower bound of
//     time.
//
// # Promises
//
//   - Record decides on the state, changes it and journals the facts as one
//     step; two callers never decide on the same state. It returns after the
//     events are synced to disk: to the log, with one sync. bbolt follows within
//     a second.
//   - Ack deletes nothing whose hash the cloud did not name. The deletion waits
//     for bbolt's next commit: a crash in between brings events back that the
//     cloud has, and its welcome says so.
//   - A snapshot replaces the cache in one commit, when all its parts have come.
//   - One goroutine writes (Run). What arrives while it commits goes into the
//     next commit together.
//   - Every record carries a CRC32C over its bucket, key and value. A record
//     that does not match is never used.
//   - Whatever was answered is in two files that share no page: bbolt's, and the
//     log with the second copy. A start that cannot believe the one rebuilds it
//     from the other, and keeps it (Rebuilt).
//   - When the log cannot be written, the emergency journal takes over; when bbolt
//     cannot, the logs go on without it. When nothing can be written, callers are
//     told so (ErrFailed) until it can; what they were told has not happened.
//   - Near its limit the store leaves out telemetry, at the limit admissions and
//     refusals, never money or somebody who goes out (Level).
//   - One process at a time opens a file (ErrInUse).
package store
