package reservation_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// What is held is every quarter of the claim and of the pending change, once.
func TestHoldsIsTheUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := func(name string) timerange.Quarters {
			from := rapid.Int64Range(-5, 20).Draw(t, name)
			return timerange.Quarters{From: timerange.Q(from), To: timerange.Q(from + rapid.Int64Range(-1, 12).Draw(t, name+" long"))}
		}
		r := reservation.Reservation{SpaceType: id.Standard, Claim: run("claim")}
		if rapid.Bool().Draw(t, "changes") {
			r.Pending = &reservation.Change{SpaceType: rapid.SampledFrom([]id.SpaceType{id.Standard, "ev"}).Draw(t, "type"), Claim: run("pending")}
		}
		type slot struct {
			t id.SpaceType
			q timerange.Q
		}
		got := map[slot]int{}
		for _, h := range r.Holds() {
			if h.Quarters.Empty() {
				t.Fatalf("an empty run in %v", r.Holds())
			}
			for q := h.Quarters.From; q < h.Quarters.To; q++ {
				got[slot{h.Type, q}]++
			}
		}
		want := map[slot]int{}
		for q := r.Claim.From; q < r.Claim.To; q++ {
			want[slot{r.SpaceType, q}] = 1
		}
		if c := r.Pending; c != nil {
			for q := c.Claim.From; q < c.Claim.To; q++ {
				want[slot{c.SpaceType, q}] = 1
			}
		}
		if len(got) != len(want) {
			t.Fatalf("holds %v of %v and %+v", got, r.Claim, r.Pending)
		}
		for s, n := range got {
			if n != 1 || want[s] != 1 {
				t.Fatalf("%v is held %d times", s, n)
			}
		}
	})
}
