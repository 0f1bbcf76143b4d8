package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Format is the shape of the reports that this package makes.
const Format = 1

// Class says how two books differ.
type Class string

// The classes of difference.
const (
	MissingHere  Class = "missing_with_us"
	MissingThere Class = "missing_there"
	OtherAmount  Class = "other_amount"
	OtherState   Class = "other_state"
	Twice        Class = "twice" // there, for one payment or under one key
)

// What a difference is about.
type What string

// The movements that are compared.
const (
	Hold    What = "hold"
	Capture What = "capture"
	Refund  What = "refund"
)

// Difference is one movement about which the two books do not say the same, or
// do not yet.
type Difference struct {
	Class       Class          `json:"class,omitempty"` // none: it is on its way
	What        What           `json:"what"`
	Parking     id.Parking     `json:"parking,omitempty"` // empty: not known, it was not asked for by us
	Reservation id.Reservation `json:"reservation,omitzero"`
	Payment     id.Payment     `json:"payment,omitzero"`
	Ref         string         `json:"ref,omitempty"` // the provider's name for it
	Key         string         `json:"key,omitempty"` // it was asked for with
	Ours        *Side          `json:"ours"`          // null: we have none
	Theirs      *Side          `json:"theirs"`        // null: there is none
	Says        string         `json:"says"`

	equals []string // keys of what came back there and is of that amount: which of them ours is about is not told by the books
}

// Side is what one of the two books says.
type Side struct {
	State  string       `json:"state"`
	Amount money.Amount `json:"amount"`
}

func (s *Side) String() string {
	if s == nil {
		return "nothing"
	}
	return s.State + " " + s.Amount.String()
}

// Fingerprint names a difference: the same one is found again under the same
// name, however often the books are compared.
func (d Difference) Fingerprint(provider string) string {
	text := strings.Join([]string{provider, string(d.Class), string(d.What), d.Payment.String(), d.Ref, d.Key, d.Ours.String(), d.Theirs.String()}, "\x00")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// String is the difference in one line.
func (d Difference) String() string {
	var s strings.Builder
	if d.Class != "" {
		s.WriteString(string(d.Class) + " ")
	}
	s.WriteString(string(d.What))
	for _, name := range []string{named(d.Payment), d.Ref} {
		if name != "" {
			s.WriteString(" " + name)
		}
	}
	fmt.Fprintf(&s, ": %s; with us %s, there %s", d.Says, d.Ours, d.Theirs)
	return s.String()
}

func named(p id.Payment) string {
	if p.IsZero() {
		return ""
	}
	return p.String()
}

// Report is what a comparison found.
type Report struct {
	Format      int          `json:"format"`
	Provider    string       `json:"provider"`
	From        time.Time    `json:"from"` // [From, To)
	To          time.Time    `json:"to"`
	MadeAt      time.Time    `json:"made_at"`
	Lines       int          `json:"lines"`    // of the provider's, in the time
	Payments    int          `json:"payments"` // of ours that were compared
	Differences []Difference `json:"differences"`
	OnTheWay    []Difference `json:"on_the_way"`
}

// add takes over what another report found about the time that follows.
func (r *Report) add(next Report) {
	r.To, r.Lines, r.Payments = next.To, r.Lines+next.Lines, r.Payments+next.Payments
	r.Differences = merge(r.Provider, r.Differences, next.Differences)
	r.OnTheWay = merge(r.Provider, r.OnTheWay, next.OnTheWay)
}

// merge leaves out what is there already: what is on its way is so in each time
// that is looked at.
func merge(provider string, all, more []Difference) []Difference {
	have := map[string]bool{}
	for _, d := range all {
		have[d.Fingerprint(provider)] = true
	}
	for _, d := range more {
		if !have[d.Fingerprint(provider)] {
			all = append(all, d)
		}
	}
	return all
}

// sorted puts differences in the order in which the same ones always come.
func sorted(all []Difference) []Difference {
	slices.SortFunc(all, func(a, b Difference) int {
		return cmp.Or(
			cmp.Compare(a.Parking, b.Parking), a.Payment.Compare(b.Payment), cmp.Compare(a.What, b.What),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Ours.String(), b.Ours.String()),
		)
	})
	return all
}
