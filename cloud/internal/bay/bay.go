// Package bay says which numbered bay each of a space type's claims is to have.
//
// The inventory counts spaces, and counting is enough: where never more claims
// than bays overlap, each can have a bay of its own for its whole time, as long
// as bays may be exchanged until the vehicles are there (the claims are an
// interval graph, and taking them by their beginning colours it). So a bay is
// tentative until check-in, and this package is where it comes from.
package bay

import (
	"cmp"
	"slices"

	"github.com/openlot/openlot/protocol/timerange"
)

// Taken is a claim on some bay.
type Taken struct {
	Claim  timerange.Quarters
	Bay    string // that it has; empty: none
	Pinned bool   // its vehicle stands there, until the claim ends or for longer: it is never given another
	High   bool   // takes the bays from the end of the list: it is out of use, and nobody minds which
}

// Bind returns the bay in which a claim fits best among the others as they are:
// where the time that stays unused before and after it is the shortest. It
// returns an empty text when the claim fits in none.
func Bind(bays []string, taken []Taken, claim timerange.Quarters) string {
	best, slack := "", int64(-1)
	for _, b := range bays {
		before, after, free := int64(far), int64(far), true
		for _, t := range taken {
			switch {
			case t.Bay != b || t.Claim.Empty():
			case overlap(t.Claim, claim):
				free = false
			case t.Claim.To <= claim.From:
				before = min(before, int64(claim.From-t.Claim.To))
			default:
				after = min(after, int64(t.Claim.From-claim.To))
			}
		}
		if free && (slack < 0 || before+after < slack) {
			best, slack = b, before+after
		}
	}
	return best
}

// far is a gap longer than any horizon: a year of quarters.
const far = 366 * 96

// Pack gives each claim a bay, in their order, and keeps those that need not
// move: first as they are, and where somebody is left without one, all that are
// not pinned are dealt out anew from their beginning on. What lies before now
// does not count. A claim is left without a bay only when more claims than bays
// overlap somewhere, or a pinned one stands in another's.
func Pack(bays []string, taken []Taken, now timerange.Q) []string {
	ahead := make([]Taken, len(taken))
	for i, t := range taken {
		t.Claim.From = max(t.Claim.From, now)
		if t.Pinned { // whatever was reserved, it stands there now
			t.Claim.To = max(t.Claim.To, now+1)
		}
		t.Claim.To = max(t.Claim.To, t.Claim.From)
		ahead[i] = t
	}
	kept, all := keep(bays, ahead)
	if all {
		return kept
	}
	return deal(bays, ahead)
}

// keep leaves every bay where nothing forbids it, and binds the rest around
// that; it reports whether all have one.
func keep(bays []string, taken []Taken) ([]string, bool) {
	out, placed := make([]string, len(taken)), []Taken{}
	place := func(i int, b string) {
		t := taken[i]
		t.Bay, out[i] = b, b
		placed = append(placed, t)
	}
	order := byBeginning(taken)
	var rest []int
	for _, i := range order {
		t := taken[i]
		if t.Claim.Empty() { // it is over, and nobody came
			continue
		}
		if t.Bay != "" && (t.Pinned || slices.Contains(bays, t.Bay) && fits(placed, t.Bay, t.Claim)) {
			place(i, t.Bay)
		} else {
			rest = append(rest, i)
		}
	}
	all := true
	for _, i := range rest {
		var b string
		if taken[i].High {
			b = last(bays, func(b string) bool { return fits(placed, b, taken[i].Claim) })
		} else {
			b = Bind(bays, placed, taken[i].Claim)
		}
		if b == "" {
			all = false
			continue
		}
		place(i, b)
	}
	return out, all
}

// deal colours the claims from their beginning on: whichever bay is free then is
// free for as long as the claim needs it.
func deal(bays []string, taken []Taken) []string {
	out, until := make([]string, len(taken)), map[string]timerange.Q{}
	for _, i := range byBeginning(taken) {
		t := taken[i]
		free := func(b string) bool { return until[b] <= t.Claim.From }
		var b string
		switch {
		case t.Pinned && t.Bay != "":
			b = t.Bay
		case t.Claim.Empty():
			continue
		case slices.Contains(bays, t.Bay) && free(t.Bay):
			b = t.Bay
		case t.High:
			b = last(bays, free)
		default:
			// Best fit: what became free last leaves the smallest gap.
			for _, x := range bays {
				if free(x) && (b == "" || until[x] > until[b]) {
					b = x
				}
			}
		}
		out[i] = b
		if b != "" {
			until[b] = max(until[b], t.Claim.To)
		}
	}
	return out
}

// byBeginning orders places in taken: what is pinned first, the rest by its
// beginning.
func byBeginning(taken []Taken) []int {
	order := make([]int, len(taken))
	for i := range order {
		order[i] = i
	}
	first := func(t Taken) int {
		if t.Pinned {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := taken[a], taken[b]
		return cmp.Or(cmp.Compare(first(x), first(y)), cmp.Compare(x.Claim.From, y.Claim.From))
	})
	return order
}

func fits(placed []Taken, b string, claim timerange.Quarters) bool {
	return !slices.ContainsFunc(placed, func(t Taken) bool { return t.Bay == b && overlap(t.Claim, claim) })
}

func last(bays []string, ok func(string) bool) string {
	for _, b := range slices.Backward(bays) {
		if ok(b) {
			return b
		}
	}
	return ""
}

func overlap(a, b timerange.Quarters) bool {
	return !a.Empty() && !b.Empty() && a.From < b.To && b.From < a.To
}
