// Package benchgate measures a gate: how long a driver waits for the open command
// after his pass was read, against what two syncs cost on the same disk, and what
// the agent takes of a small machine.
//
// Waiting is measured on the agent itself (package app) with the real store on the
// real disk, and a board in memory that answers at once, because the twin's cars
// take seconds. Memory, start and size are measured on the built program with the
// twin on a pty. Everything has the same cached reservations loaded, and no link.
package benchgate
