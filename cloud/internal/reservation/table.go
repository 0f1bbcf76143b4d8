package reservation

import (
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/fault"
)

// State is where a reservation stands.
type State string

// The states. From Completed on they are ends; NoShow is one that a late arrival
// leaves again.
const (
	Held      State = "held"      // capacity is claimed, the payment is not secured yet
	Confirmed State = "confirmed" // paid for by a hold; the pass is good
	Active    State = "active"    // the vehicle is inside
	Completed State = "completed" // the vehicle has left, or the window ended where no gate could see one
	Expired   State = "expired"   // the payment was not secured in time
	Cancelled State = "cancelled" // given up by the driver
	NoShow    State = "no_show"   // nobody came before the deadline
	Walked    State = "walked"    // the parking could not honour it; nothing is paid
	Voided    State = "voided"    // taken back by the operator as if it had never been; nothing is paid
)

// States lists every state.
func States() []State {
	return []State{Held, Confirmed, Active, Completed, Expired, Cancelled, NoShow, Walked, Voided}
}

// Event is something that happens to a reservation.
type Event string

// The events.
const (
	HoldAuthorized Event = "hold_authorized" // the provider's hold stands
	HoldDeclined   Event = "hold_declined"   // the provider said no
	HoldLapsed     Event = "hold_lapsed"     // HoldUntil passed without a hold
	Modify         Event = "modify"          // the driver wants another window
	Cancel         Event = "cancel"          // the driver gives it up
	CheckIn        Event = "check_in"        // the edge saw the vehicle go in
	CheckOut       Event = "check_out"       // the edge saw it come out
	Presume        Event = "presume"         // nobody saw it come out, for so long that it counts as gone
	Miss           Event = "miss"            // the deadline passed, and the edge's watermark is behind it
	Elapse         Event = "elapse"          // the window ended in a parking whose gates nobody watches
	Walk           Event = "walk"            // the operator has no space for it
	Void           Event = "void"            // the operator takes it back
)

// Events lists every event.
func Events() []Event {
	return []Event{HoldAuthorized, HoldDeclined, HoldLapsed, Modify, Cancel, CheckIn, CheckOut, Presume, Miss, Elapse, Walk, Void}
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
	CodeNotConfirmed  = "not_confirmed"   // the payment is not secured yet
	CodeAlreadyInside = "already_inside"  // the reservation is in use
	CodeFinished      = "already_ended"   // the reservation has ended
	CodeNotInside     = "not_inside"      // nobody went in on it
	CodeHoldTooLate   = "hold_too_late"   // the hold came after the reservation had ended: give it back
	CodeNoHoldPending = "no_hold_pending" // the payment was settled before
)

// table has an outcome for every pair.
var table = map[State]map[Event]Outcome{
	Held: {
		HoldAuthorized: to(Confirmed), HoldDeclined: to(Expired), HoldLapsed: to(Expired),
		Modify: refuse(CodeNotConfirmed), Cancel: to(Cancelled),
		CheckIn: refuse(CodeNotConfirmed), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: refuse(CodeNotConfirmed), Elapse: refuse(CodeNotConfirmed), Walk: to(Walked), Void: to(Voided),
	},
	Confirmed: {
		HoldAuthorized: to(Confirmed), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Modify: to(Confirmed), Cancel: to(Cancelled),
		CheckIn: to(Active), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: to(NoShow), Elapse: to(Completed), Walk: to(Walked), Void: to(Voided),
	},
	Active: {
		HoldAuthorized: to(Active), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Modify: to(Active), Cancel: refuse(CodeAlreadyInside),
		CheckIn: refuse(CodeAlreadyInside), CheckOut: to(Completed), Presume: to(Completed),
		Miss: refuse(CodeAlreadyInside), Elapse: refuse(CodeAlreadyInside), Walk: refuse(CodeAlreadyInside), Void: refuse(CodeAlreadyInside),
	},
	Completed: {
		HoldAuthorized: to(Completed), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Modify: refuse(CodeFinished), Cancel: refuse(CodeFinished),
		CheckIn: refuse(CodeFinished), CheckOut: to(Completed), Presume: to(Completed),
		Miss: refuse(CodeFinished), Elapse: to(Completed), Walk: refuse(CodeFinished), Void: refuse(CodeFinished),
	},
	Expired: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Expired), HoldLapsed: to(Expired),
		Modify: refuse(CodeFinished), Cancel: refuse(CodeFinished),
		CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: refuse(CodeFinished), Elapse: refuse(CodeFinished), Walk: refuse(CodeFinished), Void: refuse(CodeFinished),
	},
	Cancelled: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Cancelled), HoldLapsed: to(Cancelled),
		Modify: refuse(CodeFinished), Cancel: to(Cancelled),
		CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: refuse(CodeFinished), Elapse: refuse(CodeFinished), Walk: refuse(CodeFinished), Void: refuse(CodeFinished),
	},
	NoShow: {
		HoldAuthorized: to(NoShow), HoldDeclined: refuse(CodeNoHoldPending), HoldLapsed: refuse(CodeNoHoldPending),
		Modify: refuse(CodeFinished), Cancel: refuse(CodeFinished),
		CheckIn: to(Active), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside), // came late, or the edge was late to tell
		Miss: to(NoShow), Elapse: refuse(CodeFinished), Walk: refuse(CodeFinished), Void: refuse(CodeFinished),
	},
	Walked: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Walked), HoldLapsed: to(Walked),
		Modify: refuse(CodeFinished), Cancel: refuse(CodeFinished),
		CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: refuse(CodeFinished), Elapse: refuse(CodeFinished), Walk: to(Walked), Void: refuse(CodeFinished),
	},
	Voided: {
		HoldAuthorized: refuse(CodeHoldTooLate), HoldDeclined: to(Voided), HoldLapsed: to(Voided),
		Modify: refuse(CodeFinished), Cancel: refuse(CodeFinished),
		CheckIn: refuse(CodeFinished), CheckOut: refuse(CodeNotInside), Presume: refuse(CodeNotInside),
		Miss: refuse(CodeFinished), Elapse: refuse(CodeFinished), Walk: refuse(CodeFinished), Void: to(Voided),
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
func (s State) Final() bool {
	switch s {
	case Completed, Expired, Cancelled, NoShow, Walked, Voided:
		return true
	default:
		return false
	}
}

// Diagram is the table as a Mermaid state diagram: every move, and nothing of
// what is refused or changes nothing.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> held: reserve\n")
	for _, s := range States() {
		for _, e := range Events() {
			if o := Next(s, e); o.Refusal == "" && o.To != s {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", s, o.To, e)
			}
		}
	}
	for _, s := range States() {
		if s.Final() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String()
}
