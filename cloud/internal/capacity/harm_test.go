package capacity_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

var start = time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC)

func candidate(state reservation.State, from, to int, created int) capacity.Candidate {
	w := timerange.Range{From: start.Add(time.Duration(from) * timerange.Quarter), To: start.Add(time.Duration(to) * timerange.Quarter)}
	at := start.Add(-time.Duration(created) * time.Minute)
	return capacity.Candidate{ID: id.New[id.Reservation](at), State: state, Window: w, Claim: w.Claim(), Total: money.New(100, "EUR"), CreatedAt: at}
}

func covering(list []capacity.Candidate, q timerange.Q) int {
	n := 0
	for _, c := range list {
		if c.Claim.From <= q && q < c.Claim.To {
			n++
		}
	}
	return n
}

// Ending what is listed takes as much away as ending everybody who is not
// inside would, nobody could be left off the list, nobody inside is on it, it is
// in its order, and it does not depend on the order of what was read.
func TestTheListOfLeastHarm(t *testing.T) {
	states := []reservation.State{reservation.Confirmed, reservation.Confirmed, reservation.Held, reservation.Active}
	rapid.Check(t, func(t *rapid.T) {
		const quarters = 24
		var live []capacity.Candidate
		for range rapid.IntRange(0, 14).Draw(t, "reservations") {
			from := rapid.IntRange(0, quarters-1).Draw(t, "from")
			to := rapid.IntRange(from+1, quarters).Draw(t, "to")
			live = append(live, candidate(rapid.SampledFrom(states).Draw(t, "state"), from, to, rapid.IntRange(0, 5).Draw(t, "age")))
		}
		base := timerange.Floor(start)
		missing := capacity.Deficit{}
		for i := range quarters {
			if n := rapid.IntRange(-3, 5).Draw(t, "over"); n >= 0 {
				missing[base+timerange.Q(i)] = int16(n)
			}
		}
		var free []capacity.Candidate
		for _, c := range live {
			if c.State != reservation.Active {
				free = append(free, c)
			}
		}
		list := capacity.LeastHarm(missing, live)
		need := func(q timerange.Q) int { return min(int(missing[q]), covering(free, q)) }
		for q := range missing {
			if got := covering(list, q); got < need(q) {
				t.Fatalf("quarter %d: %d too many, %d could go, the list takes %d", q-base, missing[q], covering(free, q), got)
			}
		}
		for i, c := range list {
			if c.State == reservation.Active {
				t.Fatal("somebody inside is listed")
			}
			without := slices.Delete(slices.Clone(list), i, i+1)
			spare := true
			for q := range missing {
				spare = spare && covering(without, q) >= need(q)
			}
			if spare {
				t.Fatalf("%s is listed in vain", c.ID)
			}
			if i > 0 && list[i-1].Window.From.Before(c.Window.From) {
				t.Fatal("an earlier start is listed first")
			}
		}
		shuffled := slices.Clone(live)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := capacity.LeastHarm(missing, shuffled); !slices.EqualFunc(list, again, func(a, b capacity.Candidate) bool { return a.ID == b.ID }) {
			t.Fatalf("another order gives another list: %v, %v", list, again)
		}
	})
}

func TestWhoIsHarmedLeast(t *testing.T) {
	q := timerange.Floor(start)
	early, late := candidate(reservation.Confirmed, 0, 12, 1), candidate(reservation.Confirmed, 8, 12, 1)
	long, old := candidate(reservation.Confirmed, 8, 20, 1), candidate(reservation.Confirmed, 8, 12, 9)
	inside := candidate(reservation.Active, 9, 10, 1)
	all := []capacity.Candidate{early, inside, long, old, late}
	for n, want := range [][]capacity.Candidate{{}, {late}, {late, old}, {late, old, long}, {late, old, long, early}, {late, old, long, early}} {
		got := capacity.LeastHarm(capacity.Deficit{q + 9: int16(n)}, all)
		if !slices.EqualFunc(got, want, func(a, b capacity.Candidate) bool { return a.ID == b.ID }) {
			t.Errorf("%d too many: %v, want %v", n, got, want)
		}
	}
	// One long stay fits what two short ones would: those that the long one makes
	// unnecessary are let off.
	got := capacity.LeastHarm(capacity.Deficit{q + 1: 1, q + 9: 1}, []capacity.Candidate{early, late})
	if len(got) != 1 || got[0].ID != early.ID {
		t.Errorf("%v, want only the one that has to go anyway", got)
	}
	if got := capacity.LeastHarm(nil, all); len(got) != 0 {
		t.Errorf("nothing is missing, and %v are listed", got)
	}
}
