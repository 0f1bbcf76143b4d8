package wire

import (
	"errors"

	"github.com/openlot/openlot/protocol/id"
)

// OrderSince is the minor version from which on an edge takes orders, and says of its
// lanes what dashboards show.
const OrderSince = 4

// Limits of an order.
const (
	MaxOrderText = 128 // bytes of who and why
	MaxCommand   = 32  // bytes of a command or a refusal's code
	MaxCount     = 100_000
	// OrderLife is the longest time, in milliseconds, that an order may still be good
	// for when it arrives: an edge remembers the orders it has had for that long.
	OrderLife = 60_000
)

// Order has a lane do something, as if somebody of the staff had said so at the machine
// (since 1.4). The edge carries out an order once, before NotAfter or not at all, and
// tells in its journal what became of it: nothing answers the message itself.
type Order struct {
	ID       id.Order   `cbor:"1,keyasint"`
	Journal  id.Journal `cbor:"2,keyasint"` // of the edge that it is for: another one knows nothing of the orders before
	Lane     id.Lane    `cbor:"3,keyasint"`
	Command  string     `cbor:"4,keyasint"`
	By       string     `cbor:"5,keyasint"`
	Why      string     `cbor:"6,keyasint"`
	NotAfter int64      `cbor:"7,keyasint"` // Unix milliseconds
	Count    uint32     `cbor:"8,keyasint,omitempty"`
}

// Validate implements the check of every message.
func (o *Order) Validate() error {
	return errors.Join(
		check(!o.ID.IsZero() && !o.Journal.IsZero(), "an order names itself and the journal"),
		lane(o.Lane),
		check(o.Command != "" && o.By != "" && o.Why != "", "an order says what, who and why"),
		short("command", o.Command, MaxCommand),
		short("by", o.By, MaxOrderText),
		short("why", o.Why, MaxOrderText),
		serverTime(o.NotAfter),
		check(o.Count == 0 || o.Command == "count", "a count goes with the command count"),
		check(o.Count <= MaxCount, "a count is at most %d", MaxCount),
	)
}

// LoopState is what is known of a loop that a lane may not have.
type LoopState uint8

// The states of a loop.
const (
	NoLoop       LoopState = 0
	LoopClear    LoopState = 1
	LoopOccupied LoopState = 2
	LoopUnknown  LoopState = 3
)

// Direction is where a lane leads at present.
type Direction uint8

// The directions.
const (
	Inward  Direction = 1
	Outward Direction = 2
)

// MaxFaults bounds the faults that a lane tells of at a time.
const MaxFaults = 16

// more checks what a lane's status has since 1.4.
func (l *LaneStatus) more() error {
	err := errors.Join(
		check(l.Far <= LoopUnknown, "unknown state of a loop"),
		check(l.Direction <= Outward, "unknown direction"),
		short("mode", l.Mode, MaxCommand),
		text("display", l.Display), short("label", l.Label, MaxLabel),
		check(l.Waiting >= 0 && l.Waiting < 1<<43, "waiting since out of range"),
		check(len(l.Faults) <= MaxFaults, "at most %d faults", MaxFaults),
		check(!l.SafetyUnknown || l.Safety, "a safety loop that is not known to be free counts as occupied"),
	)
	for _, f := range l.Faults {
		err = errors.Join(err, check(f != "", "a fault has a name"), short("fault", f, MaxCommand))
	}
	return err
}

// Plain is the status as an edge of a minor before OrderSince tells it.
func (l LaneStatus) Plain() LaneStatus {
	return LaneStatus{Lane: l.Lane, Arm: l.Arm, Arming: l.Arming, Safety: l.Safety, Linked: l.Linked}
}

// For is the status as an edge tells it in a minor version of the protocol.
func (l LaneStatus) For(minor uint8) LaneStatus {
	switch {
	case minor < OrderSince:
		return l.Plain()
	case minor < SettingsSince:
		l.Label, l.Closed = "", false
	}
	return l
}
