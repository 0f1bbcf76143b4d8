package capacity

import (
	"cmp"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Candidate is a reservation that holds a claim.
type Candidate struct {
	ID        id.Reservation
	State     reservation.State
	Window    timerange.Range
	Claim     timerange.Quarters
	Total     money.Amount
	CreatedAt time.Time
}

// Deficit is how many units more than there are each quarter has claimed. A
// quarter that is not in it has none.
type Deficit map[timerange.Q]int16

// LeastHarm lists reservations whose end would take as much of the deficit away
// as the end of all that are not inside would: all of it, unless vehicles that
// are inside or walk-ins stand there. None of them could be left out. Whoever is
// inside is never listed.
//
// First comes who has the most time to find another place (the latest start),
// then who loses the least (the shortest claim, the lowest price), then who
// booked last. The same input in any order gives the same list.
func LeastHarm(missing Deficit, live []Candidate) []Candidate {
	live = slices.DeleteFunc(slices.Clone(live), func(c Candidate) bool {
		return c.State != reservation.Confirmed && c.State != reservation.Held
	})
	slices.SortFunc(live, gentler)
	left := make(map[timerange.Q]int, len(missing)) // below zero: slack
	for q, n := range missing {
		if n > 0 {
			left[q] = int(n)
		}
	}
	var chosen []Candidate
	for _, c := range live {
		if some(left, c.Claim, func(n int) bool { return n > 0 }) {
			take(left, c.Claim, 1)
			chosen = append(chosen, c)
		}
	}
	// Later ones may have made earlier ones unnecessary; whom it would hurt most
	// is let off first.
	for i := len(chosen) - 1; i >= 0; i-- {
		if some(left, chosen[i].Claim, func(n int) bool { return n >= 0 }) {
			continue
		}
		take(left, chosen[i].Claim, -1)
		chosen = slices.Delete(chosen, i, i+1)
	}
	return chosen
}

func gentler(a, b Candidate) int {
	return cmp.Or(
		b.Window.From.Compare(a.Window.From),
		cmp.Compare(a.Claim.Len(), b.Claim.Len()),
		cmp.Compare(a.Total.Minor, b.Total.Minor),
		b.CreatedAt.Compare(a.CreatedAt),
		b.ID.Compare(a.ID),
	)
}

// some reports whether any quarter of the run that had a deficit is as asked.
func some(left map[timerange.Q]int, run timerange.Quarters, is func(int) bool) bool {
	for q := run.From; q < run.To; q++ {
		if n, ok := left[q]; ok && is(n) {
			return true
		}
	}
	return false
}

func take(left map[timerange.Q]int, run timerange.Quarters, n int) {
	for q := run.From; q < run.To; q++ {
		if _, ok := left[q]; ok {
			left[q] -= n
		}
	}
}
