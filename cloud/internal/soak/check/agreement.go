package check

import (
	"cmp"
	"slices"
)

// capacities checks that each day has the capacity that the last change which
// reaches it gave it, and that no other has been given to it.
func (out *Report) capacities(r *Rows) {
	changes := map[Lot][]Change{}
	for _, c := range r.Changes {
		changes[c.Lot] = append(changes[c.Lot], c)
	}
	out.look("changes of capacity", len(r.Changes))
	for _, list := range changes {
		slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.Revision, b.Revision) })
	}
	for i := range r.Days {
		d := &r.Days[i]
		want := r.Capacity[d.Lot]
		if list := changes[d.Lot]; len(list) > 0 {
			want = list[0].Was // what there was in the beginning
			for _, c := range list {
				if c.From <= d.Day {
					want = c.Cap
				}
			}
		}
		if d.Cap != want {
			out.Add(Capacities, "%s %s: %s has %d spaces, the changes told leave it %d", d.Parking, d.Type, clock(d.Day*quartersPerDay), d.Cap, want)
		}
	}
}

// lent checks that no more walk-ins stand on an allotment than it has units, and
// that an edge that was retired has none.
func (out *Report) lent(r *Rows) {
	for _, l := range r.Lent {
		out.look("allotments", 1)
		if l.Inside > l.Units || !l.InUse && l.Units > 0 {
			out.Add(Escrow, "%s %s: %d units are lent and %d walk-ins stand on them (an edge in use: %t)", l.Parking, l.Type, l.Units, l.Inside, l.InUse)
		}
	}
}

// windows checks that what is sold is claimed: the whole window of a reservation
// that waits for its vehicle, and up to its end where one stands on it; and the
// same of its change.
func (out *Report) windows(r *Rows) {
	for i := range r.Reservations {
		x := &r.Reservations[i]
		waits := x.State == "held" || x.State == "confirmed"
		// Who came after the end, or on a unit that was lent, stands elsewhere.
		inside := x.State == "active" && x.Claim.From < x.Claim.To && x.Claim.To > r.Current
		if waits && x.Claim != x.Window || inside && x.Claim.To != x.Window.To {
			out.Add(Windows, "%s %s: reservation %x is %s for %s to %s and claims %s to %s", x.Parking, x.Type, x.ID, x.State,
				clock(x.Window.From), clock(x.Window.To), clock(x.Claim.From), clock(x.Claim.To))
		}
		if p := x.Pending; p != nil && (p.Claim.To != p.Window.To || waits && p.Claim.From != p.Window.From) {
			out.Add(Windows, "%s %s: the change of %x is for %s to %s and claims %s to %s", x.Parking, p.Type, x.ID,
				clock(p.Window.From), clock(p.Window.To), clock(p.Claim.From), clock(p.Claim.To))
		}
	}
}
