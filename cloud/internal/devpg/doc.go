// Package devpg runs a private Postgres: for `make run`, the demo and tests.
//
// A cluster lives in one directory, listens on a Unix socket only (in a
// directory that nobody else may enter) and belongs to the process that started
// it. One process uses a directory at a time; a second one is told who holds it.
//
// What happens when things end badly:
//
//   - Our process dies in any way, kill -9 included: a watcher notices that the
//     pipe it reads from has been closed and shuts Postgres down. The next Start
//     on the directory waits for that, or ends what is still running there.
//   - Postgres is killed: its own recovery runs at the next Start or Restart.
//   - initdb is interrupted: the half-made directory is thrown away, because a
//     cluster gets its final name only when it is complete.
//
// Postgres refuses to run as root. When we are root, it runs as the owner of the
// existing data, else as the user postgres, else as nobody; and when that user
// cannot reach the directory (a clone under /root, say) the data goes to
// /var/tmp/openlot-HASH instead, which the log says.
//
// The package starts no goroutine that outlives a call.
package devpg
