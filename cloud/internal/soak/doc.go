// Package soak puts the heart of the cloud under load that it must survive:
// several processes, each with a pool and a committer of its own, change the
// same few parkings at random while they are killed and started again.
//
// Time runs faster than outside (Config.Speed), so that claims run out, holds
// lapse and quarters pass. What a worker was told is done it writes to a pipe
// before it does anything else; the parent, which reads the pipe, demands in the
// end that all of it is there. Package check looks at everything stored, several
// times in between and at the end.
//
// The database is killed, too (Config.CrashEvery): what was acknowledged is there
// when it is back, and what was not answered may or may not be.
//
// A worker is this program again (Config.Command, and Work), so that a kill ends
// it as a crash does. To add an operation, add a line to operations.
package soak
