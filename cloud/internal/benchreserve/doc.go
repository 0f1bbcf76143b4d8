// Package benchreserve measures how fast reservations are sold, against what
// the same Postgres can do otherwise. `make bench-reserve` runs it.
//
// The op is booking.Reserve through postgres.Committer; no payment provider is
// asked. The server is a private one (devpg) with fsync and synchronous commit
// on. Each measurement alternates with its reference in the same run; a ratio
// is that of the medians, with five alternations or more.
//
// Before it is measured each load runs once, so that a committer remembers most
// days; a run of pgbench, whose connections are new each time, is measured after
// four seconds. What is compared has parkings of its own, alike in number and rows:
// sellers of the same parkings that know nothing of each other are measured by
// hot. What is compared (one UTC day for each reservation, in all of them):
//
//   - single: one client through the committer, against `pgbench -M prepared`
//     with one client that calls the committer's own statement. It reads the day
//     and works its new counts out in the same statement; the committer's client
//     does that in Go.
//   - uniform: 256 clients over 10,000 parkings, against the same script with
//     32 clients, and against plain set-based SQL that writes the same rows for
//     64 reservations in a statement, with 4 clients (the ceiling): it compares
//     no version, changes no count, parses no JSON and takes no rows from a
//     client.
//   - hot: 256 clients want the same four hours of one parking with 500 spaces,
//     and the next four once those are sold; through one committer, and through
//     four that know nothing of each other (in this process, each with its own
//     connections), against one conditional update for each request by the same
//     client over 32 connections, which writes no head and no key.
//   - soldout: 256 clients, 100 parkings with 3 spaces; every 10 ms one of them
//     puts its next four hours on sale. Everything else is refused. Answers,
//     accepted or not, are counted.
//   - fanout: uniform, while the notifier announces and a listing follows the
//     feed, against the same committer without either. Both run in this
//     process, as they do in the program.
//   - standby: uniform with a synchronous standby on this machine, against the
//     same while the standby is not waited for.
package benchreserve
