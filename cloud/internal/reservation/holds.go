package reservation

import (
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Run is quarters of a space type of which one unit is held.
type Run struct {
	Type     id.SpaceType
	Quarters timerange.Quarters
}

// Holds is what the reservation holds in the inventory: its claim, and what a
// pending change has claimed beside it. No quarter is in it twice.
func (r *Reservation) Holds() []Run {
	var held []Run
	if !r.Claim.Empty() {
		held = append(held, Run{r.SpaceType, r.Claim})
	}
	return append(held, r.Extra()...)
}

// Extra is what the pending change holds beyond the reservation's own claim.
func (r *Reservation) Extra() []Run {
	if r.Pending == nil || r.Pending.Renews {
		return nil
	}
	return Beyond(Run{r.Pending.SpaceType, r.Pending.Claim}, Run{r.SpaceType, r.Claim})
}

// Beyond is what of a run lies outside of another: nothing, one run or two.
func Beyond(a, b Run) []Run {
	if a.Quarters.Empty() {
		return nil
	}
	if a.Type != b.Type || b.Quarters.Empty() || b.Quarters.To <= a.Quarters.From || a.Quarters.To <= b.Quarters.From {
		return []Run{a}
	}
	var out []Run
	if a.Quarters.From < b.Quarters.From {
		out = append(out, Run{a.Type, timerange.Quarters{From: a.Quarters.From, To: b.Quarters.From}})
	}
	if b.Quarters.To < a.Quarters.To {
		out = append(out, Run{a.Type, timerange.Quarters{From: b.Quarters.To, To: a.Quarters.To}})
	}
	return out
}

// OnlyTheEnd reports whether the change leaves the beginning and the space type
// as they are: all that can change once the vehicle is inside.
func (c *Change) OnlyTheEnd(r *Reservation) bool {
	return c.SpaceType == r.SpaceType && c.Window.From.Equal(r.Window.From)
}

// HeldTo is the end of what is held for a vehicle that stands on the
// reservation's claim: that of a pending change, when it is later.
func (r *Reservation) HeldTo() timerange.Q {
	if c := r.Pending; c != nil && !c.Renews && c.OnlyTheEnd(r) {
		return max(r.Claim.To, c.Claim.To)
	}
	return r.Claim.To
}
