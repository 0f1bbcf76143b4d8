// Package fleet is the cloud's side of the edges: it takes in their journals,
// tells them what to know, and lends them capacity for walk-ins.
//
// # Taking in
//
// An edge sends its journal in batches. ApplyEvents is the op that applies one:
// it compares the batch with the edge's watermark (journal, epoch, seq), skips
// what was applied before, does the effect of each further event and moves the
// watermark, all in one commit. Whatever is sent twice, late or by two
// instances at once is therefore applied once, in the edge's order. The edge is
// acknowledged after the commit and never before, with the running hash, so
// that one restored from an old backup is noticed.
//
// What the edge saw is a fact. Where it contradicts what the cloud had decided,
// the fact stands, the difference is settled in the driver's favour, and an
// incident says so; an event that cannot be applied becomes an incident too and
// holds up nothing.
//
// # Time
//
// An edge asks what time it is and is answered at once, signed. What it saw before
// it knew the time is put where a later time mark says that it was (wire.Place)
// before it is applied; the observation keeps the bytes as they were journalled.
// What nothing places counts as of now, and an incident (X7) says so.
//
// # Telling
//
// The cache of an edge is brought forward by deltas from one revision of its
// parking to another, or by a snapshot. What was sent and is not acknowledged
// in time is sent again from the acknowledged revision.
//
// # Lending
//
// What an edge may admit by itself is claimed in the inventory before the edge
// is told. It is given back in two steps: the edge is told of the smaller
// number, and what it gives up is released when its journal says that it admits
// by that version. So free − over = cap − claims always holds, and an edge's
// right to admit never exceeds what is claimed for it, however long it is away.
//
// # Who does it
//
// The fleet is divided into topic.Shards. An instance of the cloud that holds a
// shard's lock does all this for the shard's edges, each in a worker of its own.
// Ownership is an optimisation: two owners at once would waste work, and change
// nothing twice.
package fleet
