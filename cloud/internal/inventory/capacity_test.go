package inventory_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// ledger recomputes everything from scratch: the capacity of each day and the
// claims and blocks that stand.
type ledger struct {
	capacity [horizon]int
	claims   [horizon * 96]int
}

func (l *ledger) add(q timerange.Quarters, n int) {
	for i := q.From; i < q.To; i++ {
		l.claims[i] += n
	}
}

// check demands free − over = capacity − Σ claims − Σ blocks, 0 ≤ free ≤
// capacity, over ≥ 0, and that nothing is free where anything is over, in every
// quarter.
func (l *ledger) check(t *rapid.T, s *inventory.Sheet) {
	for q := range timerange.Q(horizon * 96) {
		day, slot := q.Day(), q.Slot()
		var d *inventory.Day
		for k, x := range s.Changed {
			if k.Day == day {
				d = x
			}
		}
		if d == nil {
			if l.claims[q] != 0 {
				t.Fatalf("quarter %d: %d claims in a day that is not changed", q, l.claims[q])
			}
			continue
		}
		free, over, capacity := int(d.Free[slot]), int(d.Over[slot]), l.capacity[day]
		if int(d.Cap) != capacity || free-over != capacity-l.claims[q] || free < 0 || free > capacity || over < 0 || free > 0 && over > 0 {
			t.Fatalf("quarter %d: cap %d free %d over %d, capacity %d claims %d", q, d.Cap, free, over, capacity, l.claims[q])
		}
	}
}

// Capacity changes and blocks among all other changes: the equation holds after
// each, selling stops exactly where more is claimed than there is, and when all
// is given back, everything is free again.
func TestCapacityChangesUnderWhatIsClaimed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(0, 5).Draw(t, "capacity")
		s := sheet(int16(capacity))
		var l ledger
		for d := range l.capacity {
			l.capacity[d] = capacity
		}
		type held struct {
			q timerange.Quarters
			n int16
		}
		var claims, blocks []held
		remove := func(from *[]held, name string, back func(id.SpaceType, timerange.Quarters, int16) error) {
			if len(*from) == 0 {
				return
			}
			i := rapid.IntRange(0, len(*from)-1).Draw(t, name)
			h := (*from)[i]
			if err := back(id.Standard, h.q, h.n); err != nil {
				t.Fatal(err)
			}
			l.add(h.q, -int(h.n))
			*from = append((*from)[:i], (*from)[i+1:]...)
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			q := run(t)
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				room := true
				for i := q.From; i < q.To; i++ {
					room = room && l.claims[i] < l.capacity[i.Day()]
				}
				err := s.Claim(id.Standard, q, 1)
				if room != (err == nil) {
					t.Fatalf("claim %v: room %v, got %v", q, room, err)
				}
				if err == nil {
					claims = append(claims, held{q, 1})
					l.add(q, 1)
				}
			case 1:
				if err := s.ClaimPresence(id.Standard, q, 1); err != nil {
					t.Fatal(err)
				}
				claims = append(claims, held{q, 1})
				l.add(q, 1)
			case 2:
				remove(&claims, "claim", s.Release)
			case 3:
				n := int16(rapid.IntRange(1, 6).Draw(t, "n"))
				fits := true
				for i := q.From; i < q.To; i++ {
					fits = fits && int(n) <= l.capacity[i.Day()]
				}
				err := s.Block(id.Standard, q, n)
				if fits != (err == nil) || err != nil && !errors.Is(err, inventory.ErrTooMany) {
					t.Fatalf("block %d in %v: fits %v, got %v", n, q, fits, err)
				}
				if err == nil {
					blocks = append(blocks, held{q, n})
					l.add(q, int(n))
				}
			case 4:
				remove(&blocks, "block", s.Unblock)
			case 5:
				from := rapid.IntRange(0, horizon-1).Draw(t, "day")
				to := rapid.IntRange(from, horizon+2).Draw(t, "end")
				c := rapid.IntRange(0, 6).Draw(t, "new capacity")
				want := 0
				for d := from; d < min(to, horizon); d++ {
					if l.capacity[d] != c {
						want++
					}
					l.capacity[d] = c
				}
				got, err := s.SetCapacity(id.Standard, int32(from), int32(to), int16(c))
				if err != nil || got != want {
					t.Fatalf("%d days changed, want %d: %v", got, want, err)
				}
				if want > 0 && !s.Untold() {
					t.Fatal("another capacity need not be told")
				}
			case 6:
				s.Save()
				if _, err := s.SetCapacity(id.Standard, 0, horizon, int16(rapid.IntRange(0, 6).Draw(t, "undone"))); err != nil {
					t.Fatal(err)
				}
				s.Restore()
			}
			l.check(t, s)
		}
		for len(claims) > 0 {
			remove(&claims, "claim", s.Release)
		}
		for len(blocks) > 0 {
			remove(&blocks, "block", s.Unblock)
		}
		l.check(t, s)
		for k, d := range s.Changed {
			if !d.Unclaimed() {
				t.Fatalf("day %d is not free: %v over %v", k.Day, d.Free, d.Over)
			}
		}
	})
}

// What cannot be counted is refused as a whole.
func TestNothingIsChangedBeyondWhatCanBeCounted(t *testing.T) {
	s := sheet(20000)
	all := timerange.Quarters{From: 0, To: horizon * 96}
	for _, do := range []func() error{
		func() error { return s.ClaimPresence(id.Standard, all, 20000) },
		func() error { return s.ClaimPresence(id.Standard, timerange.Quarters{From: 100, To: 101}, 20000) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ClaimPresence(id.Standard, all, 20000); !errors.Is(err, inventory.ErrTooMany) {
		t.Errorf("a claim of more than %d beyond the capacity: %v", math.MaxInt16, err)
	}
	if n, err := s.SetCapacity(id.Standard, 0, horizon, 0); !errors.Is(err, inventory.ErrTooMany) || n != 0 {
		t.Errorf("%d days, %v", n, err)
	}
	if c, ok := s.Capacity(id.Standard, 0); c != 20000 || !ok {
		t.Errorf("the refused change left a capacity of %d", c)
	}
	for k, d := range s.Changed {
		for i := range d.Free {
			if want := int16(20000 * b2i(int(k.Day)*96+i == 100)); d.Over[i] != want || d.Free[i] != 0 {
				t.Fatalf("day %d quarter %d: free %d over %d", k.Day, i, d.Free[i], d.Over[i])
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
