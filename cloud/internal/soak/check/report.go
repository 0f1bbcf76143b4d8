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
	Capacities Kind = "capacities" // a day that has another capacity than the changes told left it
	Escrow     Kind = "escrow"     // more walk-ins than units, or units lent to an edge that is retired
	Windows    Kind = "windows"    // a reservation, or a change, that claims another time than it is for
	Untold     Kind = "untold"     // claims that differ from what the feed told
	Uncoloured Kind = "uncoloured" // reservations for which there is no assignment to bays
	Shared     Kind = "shared"     // a bay that two claims which overlap both have
	Holds      Kind = "holds"      // more than one live hold for a reservation, or for a pending change
	Payments   Kind = "payments"   // a payment that does not fit its reservation, or takes more than was authorised
	Ledger     Kind = "ledger"     // a sum that is not zero, or a payment that the ledger tells otherwise
	Revisions  Kind = "revisions"  // a gap or a repetition in a parking's feed
	Keys       Kind = "keys"       // an idempotency key whose reservation is not there
	Journals   Kind = "journals"   // an edge event that was lost or applied twice
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Oversold, Leaked, Drifted, Capacities, Escrow, Windows, Untold, Uncoloured, Shared, Holds, Payments, Ledger, Revisions, Keys, Journals}
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
func (out Report) OK() bool { return len(out.Counts) == 0 }

// Add notes a finding.
func (out *Report) Add(k Kind, format string, args ...any) {
	if out.Counts == nil {
		out.Counts, out.Examples = map[Kind]int{}, map[Kind][]string{}
	}
	out.Counts[k]++
	if len(out.Examples[k]) < examples {
		out.Examples[k] = append(out.Examples[k], fmt.Sprintf(format, args...))
	}
}

// String is the counts with the first examples, one line for each kind.
func (out Report) String() string {
	if out.OK() {
		return "nothing wrong"
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(out.Counts)) {
		fmt.Fprintf(&b, "%s: %d\n", k, out.Counts[k])
		for _, e := range out.Examples[k] {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (out *Report) look(what string, n int) {
	if out.Looked == nil {
		out.Looked = map[string]int{}
	}
	out.Looked[what] += n
}
