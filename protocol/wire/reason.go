package wire

import (
	"slices"
	"strings"
)

// Reason is the code of a verdict at a gate: a closed list, the same on the
// edge, in the cloud and in every user interface.
type Reason string

// The reason codes.
const (
	AdmitReservation  Reason = "ADMIT_RESERVATION"   // a cached reservation, its pass and window in order
	AdmitWalkin       Reason = "ADMIT_WALKIN"        // from the allotment
	AdmitPassOffline  Reason = "ADMIT_PASS_OFFLINE"  // signature and window alone: the edge is behind the pass's revision
	AdmitSoftPassback Reason = "ADMIT_SOFT_PASSBACK" // though the pass was in the other state; an incident follows
	AdmitPolicy       Reason = "ADMIT_POLICY"        // the owner's policy, such as an exit that never traps
	AdmitManual       Reason = "ADMIT_MANUAL"        // a person's command
	AdmitEmergency    Reason = "ADMIT_EMERGENCY"     // fire or evacuation

	RefuseUnknown        Reason = "REFUSE_UNKNOWN"
	RefuseBadSignature   Reason = "REFUSE_BAD_SIGNATURE"
	RefuseWrongParking   Reason = "REFUSE_WRONG_PARKING"
	RefuseTooEarly       Reason = "REFUSE_TOO_EARLY"
	RefuseTooLate        Reason = "REFUSE_TOO_LATE"
	RefuseRevoked        Reason = "REFUSE_REVOKED"
	RefuseSuperseded     Reason = "REFUSE_SUPERSEDED"
	RefusePassback       Reason = "REFUSE_PASSBACK"
	RefuseFull           Reason = "REFUSE_FULL"
	RefuseUnpaid         Reason = "REFUSE_UNPAID"
	RefuseLaneClosed     Reason = "REFUSE_LANE_CLOSED"
	RefuseClockUntrusted Reason = "REFUSE_CLOCK_UNTRUSTED"
	RefuseStaleCache     Reason = "REFUSE_STALE_CACHE"
	RefuseVehicleClass   Reason = "REFUSE_VEHICLE_CLASS"
)

// Reasons lists every code.
func Reasons() []Reason {
	return []Reason{
		AdmitReservation, AdmitWalkin, AdmitPassOffline, AdmitSoftPassback, AdmitPolicy, AdmitManual, AdmitEmergency,
		RefuseUnknown, RefuseBadSignature, RefuseWrongParking, RefuseTooEarly, RefuseTooLate, RefuseRevoked, RefuseSuperseded,
		RefusePassback, RefuseFull, RefuseUnpaid, RefuseLaneClosed, RefuseClockUntrusted, RefuseStaleCache, RefuseVehicleClass,
	}
}

// Known reports whether the code is in the list.
func (r Reason) Known() bool {
	return slices.Contains(Reasons(), r)
}

// Admits reports whether the verdict opens the gate.
func (r Reason) Admits() bool { return strings.HasPrefix(string(r), "ADMIT_") && r.Known() }

// Refuses reports whether the verdict keeps the gate shut.
func (r Reason) Refuses() bool { return strings.HasPrefix(string(r), "REFUSE_") && r.Known() }

// Sentence is what the display at the gate and every other interface tells the
// driver in English, where nothing more particular (a time, an amount, the next
// parking) is known. It is empty for an unknown code.
func (r Reason) Sentence() string {
	switch r {
	case AdmitReservation, AdmitPassOffline:
		return "Your pass is good. Please drive through."
	case AdmitWalkin:
		return "There is room for you. Please drive through."
	case AdmitSoftPassback:
		return "Please drive through. We look into this pass and write to you."
	case AdmitPolicy:
		return "Please drive through."
	case AdmitManual:
		return "Somebody has opened for you. Please drive through."
	case AdmitEmergency:
		return "Emergency. The gates are open: please leave calmly."
	case RefuseUnknown:
		return "We do not know this code. Show the pass from your mail, or type your plate."
	case RefuseBadSignature:
		return "This is not the pass as we wrote it. Show the one from your mail, or press for help."
	case RefuseWrongParking:
		return "This pass is for another parking. It is still good there."
	case RefuseTooEarly:
		return "Your time has not started. Come back when it starts."
	case RefuseTooLate:
		return "Your time has ended. Take a ticket here to park, or press for help."
	case RefuseRevoked:
		return "This booking was cancelled. Take a ticket here to park, or press for help."
	case RefuseSuperseded:
		return "You changed this booking; this is the old pass. Open the newest mail."
	case RefusePassback:
		return "This pass is already inside. If that is not you, press for help."
	case RefuseFull:
		return "No space for walk-ins now. Reserved guests still get in."
	case RefuseUnpaid:
		return "An amount is open. Pay here by card, or wait: the arm opens and a bill follows."
	case RefuseLaneClosed:
		return "This lane is closed. Take another lane, or press for help."
	case RefuseClockUntrusted:
		return "This gate does not know the time just now. Your booking is kept; press for help."
	case RefuseStaleCache:
		return "This gate has been offline for long and cannot check this. Your booking is kept; press for help."
	case RefuseVehicleClass:
		return "This booking is for another kind of vehicle. Take the lane for yours, or press for help."
	default:
		return ""
	}
}
