package parking

import (
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// Passback is what happens at a gate when a pass is where it would have to come
// from. At an exit the button opens in each mode.
type Passback string

// The modes.
const (
	PassbackHard  Passback = "hard"  // refused
	PassbackSoft  Passback = "soft"  // let through, and an incident follows
	PassbackTimed Passback = "timed" // refused for a while, then as soft
	PassbackOff   Passback = "off"   // let through
)

// Tailgates is what becomes of a stay that a vehicle ended by following another one
// out: the walk-in's that had been inside for longest.
type Tailgates string

// The choices.
const (
	TailgatesCount Tailgates = "count" // nothing is due: whose vehicle it was is not sure
	TailgatesBill  Tailgates = "bill"  // what a walk-in pays for that time is owed
)

// Permission is something that a gate may do without the cloud.
type Permission string

// The permissions. A cached reservation enters on its pass without any, and exits
// always open.
const (
	AllowWalkins   Permission = "walkins"    // walk-ins, and guests who need a unit of the allotment
	AllowUnknown   Permission = "unknown"    // passes that the gate's cache does not know, on their signature
	AllowUnsigned  Permission = "unsigned"   // plates, cards and PINs
	AllowCloudUses Permission = "cloud_uses" // believe the cloud's last word that a pass is inside or has left
)

// Offline is what a gate may do by how long it has not heard from the cloud.
type Offline struct {
	Stages []OfflineStage `json:"stages"`
}

// OfflineStage counts from an age on, up to the next stage.
type OfflineStage struct {
	After int64        `json:"after_minutes"`
	Allow []Permission `json:"allow"`
}

// checkGate names what is wrong about the gate, by its place in the policy.
func (p *Policy) checkGate(wrong map[string]string) {
	modes := []Passback{"", PassbackHard, PassbackSoft, PassbackTimed, PassbackOff}
	for name, m := range map[string]Passback{"entry_passback": p.EntryPassback, "exit_passback": p.ExitPassback} {
		if !slices.Contains(modes, m) {
			wrong[name] = "is not hard, soft, timed or off"
		}
	}
	if !slices.Contains([]Tailgates{"", TailgatesCount, TailgatesBill}, p.Tailgates) {
		wrong["tailgates"] = "is not count or bill"
	}
	if p.PassbackAfter%time.Minute != 0 {
		wrong["passback_after"] = "is not in whole minutes"
	}
	if p.Offline == nil {
		return
	}
	if n := len(p.Offline.Stages); n == 0 || n > wire.MaxStages {
		wrong["offline.stages"] = fmt.Sprintf("are not 1 to %d", wire.MaxStages)
		return
	}
	known := []Permission{AllowWalkins, AllowUnknown, AllowUnsigned, AllowCloudUses}
	for i, s := range p.Offline.Stages {
		place := fmt.Sprintf("offline.stages[%d]", i)
		switch {
		case i == 0 && s.After != 0:
			wrong[place] = "does not begin at once: after_minutes is not 0"
		case i > 0 && s.After <= p.Offline.Stages[i-1].After || s.After > MaxHorizonDays*24*60:
			wrong[place] = fmt.Sprintf("does not come after the one before, within %d days", MaxHorizonDays)
		}
		for _, a := range s.Allow {
			if !slices.Contains(known, a) {
				wrong[place] = fmt.Sprintf("%q is not walkins, unknown, unsigned or cloud_uses", a)
			}
		}
	}
}
