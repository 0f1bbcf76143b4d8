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
	Inside   State = "inside"
	Left     State = "left"      // it was seen leaving, or the edge concluded it
	Presumed State = "presumed"  // nobody saw it leave, for so long that it counts as gone
	OnlyPaid State = "only_paid" // it was paid for at a machine; nobody saw it go in
)

// Paid is one payment at a machine of the parking.
type Paid struct {
	ID     id.Payment   `json:"id"` // minted by the machine
	Amount money.Amount `json:"amount"`
	Method wire.Method  `json:"method"`
	Kiosk  id.Lane      `json:"kiosk"`
	At     time.Time    `json:"at"`
	Until  time.Time    `json:"until,omitzero"` // up to when the machine priced the stay; zero: At

	Shop   uint16 `json:"shop,omitempty"`   // that pays it, and of its codes the one that was used
	Serial uint32 `json:"serial,omitempty"` //
	Again  bool   `json:"again,omitempty"`  // the code had paid before: the shop does not owe this
	Slip   bool   `json:"slip,omitempty"`   // a slip was given for it: it pays nothing of this stay
	Used   int64  `json:"used,omitempty"`   // of a slip: what has paid for stays since
}

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
	Owed        *money.Amount // the part of it that neither a hold nor a payment covers

	TariffVersion uint32 // the edition in force when it went in; 0: not known
	Payments      []Paid // at machines, each once
	Credit        int64  // minor units of them, in the parking's money, that are not used for the stay

	Paying id.Payment // that is to pay what was owed and is not in Owed any more; zero: none is under way
}

// Seen is the last time at which there is evidence that the vehicle was inside:
// its entry, or a payment since.
func (s *Session) Seen() time.Time {
	last := s.EnteredAt
	for _, p := range s.Payments {
		if p.At.After(last) {
			last = p.At
		}
	}
	return last
}
