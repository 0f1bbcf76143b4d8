package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind names one way in which what is stored cannot be true.
type Kind string

// The kinds of finding.
const (
	Oversold   Kind = "oversold"   // more is claimed, or for sale, than there is
	Leaked     Kind = "leaked"     // capacity that nobody claims and nobody can buy
	Drifted    Kind = "drifted"    // free and over that cannot stand beside each other, or a capacity that is not the type's
	Untold     Kind = "untold"     // claims that differ from what the feed told
	Uncoloured Kind = "uncoloured" // reservations for which there is no assignment to bays
	Holds      Kind = "holds"      // more than one live hold for a reservation, or for a pending change
	Payments   Kind = "payments"   // a payment that does not fit its reservation, or takes more than was authorised
	Ledger     Kind = "ledger"     // a sum that is not zero, or a payment that the ledger tells otherwise
	Revisions  Kind = "revisions"  // a gap or a repetition in a parking's feed
	Keys       Kind = "keys"       // an idempotency key without its one reservation
	Journals   Kind = "journals"   // an edge event that was lost or applied twice
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Oversold, Leaked, Drifted, Untold, Uncoloured, Holds, Payments, Ledger, Revisions, Keys, Journals}
}

// examples is how many findings of a kind are kept in words.
const examples = 3

// Report is what the checks found.
type Report struct {
	Counts   map[Kind]int
	Examples map[Kind][]string
	Looked   map[string]int // at how many of what, so that an empty check shows
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return len(r.Counts) == 0 }

// Add notes a finding.
func (r *Report) Add(k Kind, format string, args ...any) {
	if r.Counts == nil {
		r.Counts, r.Examples = map[Kind]int{}, map[Kind][]string{}
	}
	r.Counts[k]++
	if len(r.Examples[k]) < examples {
		r.Examples[k] = append(r.Examples[k], fmt.Sprintf(format, args...))
	}
}

// String is the counts with the first examples, one line for each kind.
func (r Report) String() string {
	if r.OK() {
		return "nothing wrong"
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "%s: %d\n", k, r.Counts[k])
		for _, e := range r.Examples[k] {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (r *Report) look(what string, n int) {
	if r.Looked == nil {
		r.Looked = map[string]int{}
	}
	r.Looked[what] += n
}
