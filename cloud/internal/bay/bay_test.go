package bay_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/protocol/timerange"
)

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i + 1)
	}
	return out
}

func q(from, to int) timerange.Quarters {
	return timerange.Quarters{From: timerange.Q(from), To: timerange.Q(to)}
}

func overlap(a, b timerange.Quarters) bool {
	return !a.Empty() && !b.Empty() && a.From < b.To && b.From < a.To
}

// Whatever counting accepts can be bound, however it was bound before: each claim
// has a bay, no two that overlap have the same, and a vehicle that stands in its
// bay is never sent to another.
func TestWhateverIsCountedCanBeBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bays := labels(rapid.IntRange(1, 6).Draw(t, "bays"))
		now := rapid.IntRange(0, 30).Draw(t, "now")
		used := [130]int{}
		var taken []bay.Taken
		free := slices.Clone(bays)
		for range rapid.IntRange(0, 40).Draw(t, "claims") {
			from := rapid.IntRange(0, 100).Draw(t, "from")
			to := from + rapid.IntRange(1, 25).Draw(t, "length")
			x := bay.Taken{Claim: q(from, to), High: rapid.IntRange(0, 9).Draw(t, "high") == 0}
			inside := from <= now && len(free) > 0 && rapid.Bool().Draw(t, "inside")
			if inside {
				// It may have overstayed: then it counts in the quarter that runs.
				x.Pinned, x.High = true, false
				to = max(to, now+1)
			}
			full := false
			for i := from; i < to; i++ {
				full = full || used[i] == len(bays)
			}
			if full {
				continue
			}
			for i := from; i < to; i++ {
				used[i]++
			}
			switch {
			case inside:
				at := rapid.IntRange(0, len(free)-1).Draw(t, "stands")
				x.Bay = free[at]
				free = slices.Delete(free, at, at+1)
			case rapid.Bool().Draw(t, "bound"):
				x.Bay = rapid.SampledFrom(append(bays, "gone")).Draw(t, "bay")
			}
			taken = append(taken, x)
		}
		got := bay.Pack(bays, taken, timerange.Q(now))
		for i, x := range taken {
			ahead := x.Claim
			ahead.From = max(ahead.From, timerange.Q(now))
			if x.Pinned {
				ahead.To = max(ahead.To, timerange.Q(now+1))
				if got[i] != x.Bay {
					t.Fatalf("the vehicle in %s was sent to %q", x.Bay, got[i])
				}
			}
			if ahead.From < ahead.To && !slices.Contains(bays, got[i]) {
				t.Fatalf("claim %d %v has %q of %v", i, ahead, got[i], bays)
			}
			for j := range i {
				other := taken[j].Claim
				other.From = max(other.From, timerange.Q(now))
				if taken[j].Pinned {
					other.To = max(other.To, timerange.Q(now+1))
				}
				if got[i] == got[j] && overlap(ahead, other) {
					t.Fatalf("%v and %v are both in %s", ahead, other, got[i])
				}
			}
		}
		// Nobody who is bound well is moved.
		again := slices.Clone(taken)
		for i := range again {
			again[i].Bay = got[i]
		}
		if twice := bay.Pack(bays, again, timerange.Q(now)); !slices.Equal(twice, got) {
			t.Fatalf("bound anew without need: %v, then %v", got, twice)
		}
	})
}

// A claim goes where it leaves the least unused.
func TestBestFit(t *testing.T) {
	taken := []bay.Taken{{Claim: q(0, 4), Bay: "1"}, {Claim: q(0, 7), Bay: "2"}, {Claim: q(0, 9), Bay: "3"}}
	if got := bay.Bind(labels(4), taken, q(8, 12)); got != "2" {
		t.Errorf("bound to %q, not where one quarter stays unused", got)
	}
	if got := bay.Bind(labels(3), taken, q(2, 3)); got != "" {
		t.Errorf("bound to %q, which is taken", got)
	}
}

// An overstayer stands in a bay that is promised: the guest gets another, or
// none when there is no other.
func TestAnOverstayerIsGoneRound(t *testing.T) {
	stands := bay.Taken{Claim: q(0, 4), Bay: "1", Pinned: true}
	next := bay.Taken{Claim: q(4, 8), Bay: "1"}
	if got := bay.Pack(labels(2), []bay.Taken{stands, next}, 4); got[0] != "1" || got[1] != "2" {
		t.Errorf("bound to %v", got)
	}
	if got := bay.Pack(labels(1), []bay.Taken{stands, next}, 4); got[0] != "1" || got[1] != "" {
		t.Errorf("bound to %v", got)
	}
}

// What is out of use takes the bays from the end of the list.
func TestBlocksTakeTheHighest(t *testing.T) {
	got := bay.Pack(labels(3), []bay.Taken{{Claim: q(0, 9), High: true}, {Claim: q(0, 9), Bay: "1"}, {Claim: q(0, 9)}}, 0)
	if !slices.Equal(got, []string{"3", "1", "2"}) {
		t.Errorf("bound to %v", got)
	}
}
