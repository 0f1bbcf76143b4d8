package admission

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What the display says: what happened, what it means, what to do.
const (
	goodbye      = "Good bye. Drive safely."
	pressToLeave = "We cannot read this code. Press the button: the arm opens, and what is owed is settled later."
	elsewhere    = "This ticket is being used at another lane right now. Wait a moment, or press for help."
)

const clockTime = "15:04"

func say(code wire.Reason, args ...any) string {
	at := func(i int) string {
		if i < len(args) {
			if t, ok := args[i].(time.Time); ok {
				return t.Format(clockTime)
			}
		}
		return "your time"
	}
	switch code {
	case wire.AdmitReservation, wire.AdmitPassOffline:
		return "Welcome. Your space is waiting."
	case wire.AdmitWalkin:
		return "Welcome. Keep your ticket: you need it to leave."
	case wire.RefuseTooEarly:
		if len(args) == 1 { // it is no more than a little early
			return fmt.Sprintf("Your time starts at %s. No space can be given to you before then.", at(0))
		}
		return fmt.Sprintf("Your time starts at %s. Come back from %s.", at(0), at(1))
	case wire.RefuseTooLate:
		return fmt.Sprintf("Your time ended at %s. Take a ticket here to park, or press for help.", at(0))
	case wire.RefuseWrongParking:
		if len(args) > 0 {
			if p, ok := args[0].(id.Parking); ok {
				return fmt.Sprintf("This pass is for %s. It is still good there.", p)
			}
		}
	case wire.RefusePassback:
		return fmt.Sprintf("This pass was used at %s. If that was not you, press for help.", at(0))
	case wire.RefuseStaleCache:
		return "This gate has not reached its office yet and cannot check passes. Press for help."
	case wire.RefuseClockUntrusted:
		return "This gate does not know the time and cannot sell tickets now. Reserved guests still get in."
	default:
	}
	return code.Sentence()
}

// sendTo adds the bay to what the driver is told; none: he takes any.
func sendTo(bay, sentence string) string {
	if bay == "" {
		return sentence
	}
	return sentence + " Bay " + bay + "."
}

// Closed is the verdict of a lane whose journal cannot be written: nobody comes
// in, because nothing could be proved later.
func Closed(l id.Lane) Verdict {
	return Verdict{
		Reason: wire.RefuseLaneClosed, Sentence: say(wire.RefuseLaneClosed),
		Fact: Fact{Event: wire.Event{Kind: wire.Refused, Reason: wire.RefuseLaneClosed, Lane: l}},
	}
}
