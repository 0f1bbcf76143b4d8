package tariff

import (
	"time"

	"github.com/openlot/openlot/protocol/timerange"
)

// ChargeFrom says from when a grace that was exceeded is charged.
type ChargeFrom string

// The choices.
const (
	GraceEnd ChargeFrom = "grace_end" // from where the grace ended, in the driver's favour; the default
	Boundary ChargeFrom = "boundary"  // from where the grace began
)

// Grace are the times that are forgiven. Consideration and the walk to the
// exit are the tariff's, the others a parking's policy. None is time that may
// be used for nothing: who exceeds it is charged as ChargeFrom says.
type Grace struct {
	Consideration    time.Duration // enter and leave for nothing
	EarlyEntry       time.Duration // before the beginning of a reservation
	LateArrival      time.Duration // after it, until the reservation is a no-show
	ExitAfterPayment time.Duration // from the machine to the exit
	EndOfStay        time.Duration // after the end of a reservation
	ChargeFrom       ChargeFrom    // empty: grace_end
}

// Billable is the part of time that a stay on a reservation is charged for: the
// window, used or not, and what the stay exceeds its graces by at either end.
// It never shrinks when the stay grows.
func (g Grace) Billable(window, stay timerange.Range) timerange.Range {
	b := window
	if early := window.From.Sub(stay.From); early > g.EarlyEntry {
		b.From = stay.From
		if g.ChargeFrom != Boundary {
			b.From = stay.From.Add(g.EarlyEntry)
		}
	}
	if late := stay.To.Sub(window.To); late > g.EndOfStay {
		b.To = stay.To
		if g.ChargeFrom != Boundary {
			b.To = stay.To.Add(-g.EndOfStay)
		}
	}
	return b
}

// Check says in which way the graces break the rules of a jurisdiction, by the
// name of the policy; nothing when they keep them.
func (pr Profile) Check(g Grace) map[string]string {
	p := problems{}
	least := func(field string, have, want time.Duration) {
		p.unless(have >= want, field, "must be at least "+want.String()+" in "+pr.Name+" ("+pr.Source+")")
	}
	least("consideration", g.Consideration, pr.LeastConsider)
	least("end_of_stay", g.EndOfStay, pr.LeastEndOfStay)
	least("exit_after_payment", g.ExitAfterPayment, pr.LeastAfterPayment)
	return p
}
