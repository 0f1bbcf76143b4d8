// Package session holds the actual stay of a vehicle: opened when the edge saw
// it go in, closed when the edge saw it come out.
package session

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// State tells a running stay from an ended one.
type State string

// The states of a session.
const (
	Inside State = "inside"
	Left   State = "left"
)

// Session is one stay.
type Session struct {
	ID          id.Session
	Version     int64
	Reservation id.Reservation // none for a walk-in
	SpaceType   id.SpaceType
	State       State
	Allotted    bool        // stands on a unit of the edge's allotment; otherwise on a claim of its own
	ClaimTo     timerange.Q // end of the claim that keeps its place; 0 when allotted
	EnteredAt   time.Time
	ExitedAt    time.Time // zero while inside
	EntryLane   id.Lane
	ExitLane    id.Lane
	EntryReason wire.Reason
	ExitReason  wire.Reason
	Inferred    bool          // an end was concluded, not seen
	Due         *money.Amount // what the stay cost, once it has ended
	Owed        *money.Amount // the part of it that is not covered by a hold
}
