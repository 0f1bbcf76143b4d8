// Package reservation holds what a reservation is and which moves its state
// machine allows. It is pure: whoever moves a reservation calls Apply and
// stores the result through the committer, which checks the version.
//
// The cloud is authoritative for reservations; an edge proposes facts
// (somebody went in, somebody came out), and facts win over states: a check-in
// of a cancelled reservation does not change the reservation, it becomes a
// session with an incident.
package reservation

import (
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// State is where a reservation stands.
type State string

// The states.
const (
	Held      State = "held"      // capacity is claimed, the payment is not secured yet
	Confirmed State = "confirmed" // paid for by a hold; the pass is good
	Active    State = "active"    // the vehicle is inside
	Completed State = "completed" // the vehicle has left; final
	Expired   State = "expired"   // the payment was not secured in time; final
	Cancelled State = "cancelled" // given up by the driver or the operator; final
)

// States lists every state.
func States() []State {
	return []State{Held, Confirmed, Active, Completed, Expired, Cancelled}
}

// Event is something that happens to a reservation.
type Event string

// The events.
const (
	HoldAuthorized Event = "hold_authorized" // the provider's hold stands
	HoldDeclined   Event = "hold_declined"   // the provider said no
	HoldLapsed     Event = "hold_lapsed"     // HoldUntil passed without a hold
	Cancel         Event = "cancel"
	CheckIn        Event = "check_in"  // the edge saw the vehicle go in
	CheckOut       Event = "check_out" // the edge saw it come out
)

// Events lists every event.
func Events() []Event {
	return []Event{HoldAuthorized, HoldDeclined, HoldLapsed, Cancel, CheckIn, CheckOut}
}

// Outcome is what an event does in a state: it moves to another state, changes
// nothing because it has been done before, or is refused with a fault code.
type Outcome struct {
	To      State  // the new state; equal to the old one when nothing changes
	Refusal string // fault code; empty when the event is allowed
}

func to(s State) Outcome         { return Outcome{To: s} }
func refuse(code string) Outcome { return Outcome{Refusal: code} }

// The refusal codes of the table. They are part of the API.
const (
	CodeNotConfirmed  = "not_confirmed"   // the vehicle came before the payment was secured
	CodeAlreadyInside = "already_inside"  // the reservation is in use
	CodeFinished      = "already_ended"   // the reservation has ended
	CodeNotInside     = "not_inside"      // nobody went in on it
	CodeHoldTooLate   = "hold_too_late"   // the hold came after the reservation had ended: give it back
	CodeNoHoldPending = "no_hold_pending" // the payment was settled before
)

// table has an outcome for every pair.
var table = map[State]map[Event]Outcome{
	Held: {
		HoldAuthorized: to(Confirmed), HoldDeclined: to(Expired), HoldLapsed: to(Expired), Cancel: to(Cancelled),
		CheckIn: refuse(CodeNotConfirmed), CheckOut: refuse(CodeNotInside),
	},
	Confirmed: {
		HoldAuthorized: to(Confirmed), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Cancel: to(Cancelled), CheckIn: to(Active), CheckOut: refuse(CodeNotInside),
	},
	Active: {
		HoldAuthorized: to(Active), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Cancel: refuse(CodeAlreadyInside), CheckIn: refuse(CodeAlreadyInside), CheckOut: to(Completed),
	},
	Completed: {
		HoldAuthorized: to(Completed), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Cancel: refuse(CodeFinished), CheckIn: refuse(CodeFinished), CheckOut: to(Completed),
	},
	Expired: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Expired), HoldLapsed: to(Expired),
		Cancel: refuse(CodeFinished), CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside),
	},
	Cancelled: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Cancelled), HoldLapsed: to(Cancelled),
		Cancel: to(Cancelled), CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside),
	},
}

// Next is the outcome of an event in a state.
func Next(s State, e Event) Outcome { return table[s][e] }

var sentences = map[string]string{
	CodeNotConfirmed:  "The payment for this reservation is not secured yet.",
	CodeAlreadyInside: "The vehicle is inside. Leave through the exit; the stay is settled there.",
	CodeFinished:      "This reservation has ended.",
	CodeNotInside:     "Nobody is inside on this reservation.",
	CodeHoldTooLate:   "The payment was secured after the reservation had ended. It is given back.",
	CodeNoHoldPending: "The payment of this reservation was settled before.",
}

// Quote is the price a reservation was made at.
type Quote struct {
	Total         money.Amount  `json:"total"`
	Tax           money.Amount  `json:"tax"`
	TariffVersion uint32        `json:"tariff_version"`
	Lines         []tariff.Line `json:"lines"`
}

// Reservation is a claim on one unit of a space type for a window.
type Reservation struct {
	ID         id.Reservation
	Parking    id.Parking
	Version    int64 // of the stored row
	State      State
	Generation uint16 // of the pass that is valid
	SpaceType  id.SpaceType
	Window     timerange.Range
	Claim      timerange.Quarters // what it holds in the inventory; empty once released
	Quote      Quote
	Payment    id.Payment
	Email      string
	Phone      string
	Plate      string // normalised; empty when none was given
	HoldUntil  time.Time
	NoShowAt   time.Time
	Session    id.Session // the stay, once the vehicle went in
	CreatedAt  time.Time
	UpdatedAt  time.Time

	// ConfirmedRevision is the parking's revision of the commit that confirmed
	// it. The pass carries it, so that an edge can tell a pass it has not heard
	// of yet from one it would know. 0 until confirmed.
	ConfirmedRevision uint64
}

// Apply moves the reservation, or returns the fault of the transition table
// and changes nothing. changed is false when the event had been applied before.
func (r *Reservation) Apply(e Event, now time.Time) (changed bool, err error) {
	o := Next(r.State, e)
	if o.Refusal != "" {
		return false, fault.New(fault.Conflict, o.Refusal, sentences[o.Refusal])
	}
	if o.To == r.State {
		return false, nil
	}
	r.State = o.To
	r.UpdatedAt = now
	return true, nil
}

// Sells reports whether the reservation holds capacity.
func (s State) Sells() bool { return s == Held || s == Confirmed || s == Active }

// Final reports whether the state is an end.
func (s State) Final() bool { return s == Completed || s == Expired || s == Cancelled }
