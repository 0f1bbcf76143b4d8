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
