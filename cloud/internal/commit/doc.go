// Package commit is the unit of work on one parking.
//
// Whatever changes claims, reservations, payments, sessions, watermarks or
// allotments is an Op: a pure function over the rows of one parking. The
// committer (package postgres) folds the ops that arrive while it is busy into
// one batch, loads the rows they name, applies them one after the other to the
// same Work, and writes everything they changed in one statement that checks
// the version of every row. A parking whose rows were changed by somebody else
// in between is applied again on fresh rows; the other parkings of the batch
// are committed.
//
// Promises to an op's author:
//   - Apply sees what the ops before it in the batch did, and the stored rows
//     otherwise. If it returns an error, nothing it did remains.
//   - Apply may run several times, on rows that already hold its own result
//     when the answer to the commit was lost. It must recognise that, and must
//     have no effect outside the Work and its own fields.
//   - A row that Apply asks for and that is not loaded makes it return
//     ErrMissing; the committer loads the row and calls it again. Prefetch
//     saves that round trip.
//   - Commit returns after the commit is durable, with the revision of the
//     op's last event.
//   - An op that is an Optimist may see days as they were a moment ago, and keys
//     that exist as new. What it then writes is compared and applied again on
//     fresh rows; a refusal of it is at most a second old, and its key was
//     looked up.
package commit

import (
	"context"
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Op is one operation on one parking.
type Op interface {
	// Parking names the parking whose rows it works on.
	Parking() id.Parking
	// Prefetch names rows that Apply will want.
	Prefetch(*Rows)
	// Apply does the work. now is the time of the batch.
	Apply(w *Work, now time.Time) error
}

// Optimist is an op that may be applied to what the committer remembers. It
// changes every day that it reads, and puts every key that it asks for and does
// not find, or else it fails: so the versions tell whenever it was misled.
type Optimist interface {
	Op
	// Optimistic says whether the promise holds for the op as it is.
	Optimistic() bool
	// Claims says what it will claim if its key is new. It fails with
	// inventory.ErrSoldOut where that cannot be sold.
	Claims() (id.SpaceType, timerange.Quarters, int16)
}

// Receipt is the answer to a committed op.
type Receipt struct {
	Revision uint64 // of the op's last event, or the parking's when it emitted none
}

// Committer applies ops.
type Committer interface {
	// Commit returns the error of Apply, or a fault of kind Unavailable when the
	// database is away or the rows were contended too often. After Unavailable
	// the op may or may not be committed; doing it again is safe.
	Commit(ctx context.Context, op Op) (Receipt, error)
}

// ErrMissing makes the committer load what was asked for and apply the op
// again. An op passes it on.
var ErrMissing = errors.New("a row is not loaded yet")

// ErrUntold says that an op changed claims and emitted no event after it: a
// mistake in the op.
var ErrUntold = errors.New("claims changed without an event")
