package inventory_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const horizon = 3 // days

func sheet(capacity int16) *inventory.Sheet {
	days := map[inventory.Key]*inventory.Day{}
	for d := range int32(horizon) {
		days[inventory.Key{Type: id.Standard, Day: d}] = inventory.NewDay(capacity)
	}
	return inventory.NewSheet(days)
}

func run(t *rapid.T) timerange.Quarters {
	from := rapid.IntRange(0, horizon*96-1).Draw(t, "from")
	to := rapid.IntRange(from+1, horizon*96).Draw(t, "to")
	return timerange.Quarters{From: timerange.Q(from), To: timerange.Q(to)}
}

// Whatever is claimed, claimed by presence and released, free − over stays
// cap − claims in every quarter, nothing is sold below zero or while somebody
// stands there unsold, and a refused claim changes nothing.
func TestFreeMinusOverIsCapacityMinusClaims(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := int16(rapid.IntRange(0, 4).Draw(t, "capacity"))
		s := sheet(capacity)
		var claims [horizon * 96]int16
		var held []timerange.Quarters
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch q := run(t); rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				room := true
				for i := q.From; i < q.To; i++ {
					room = room && claims[i] < capacity
				}
				err := s.Claim(id.Standard, q, 1)
				if room != (err == nil) || err != nil && !errors.Is(err, inventory.ErrSoldOut) {
					t.Fatalf("claim %v: room %v, got %v", q, room, err)
				}
				if err == nil {
					held = append(held, q)
					add(&claims, q, 1)
				}
			case 1:
				if err := s.ClaimPresence(id.Standard, q, 1); err != nil {
					t.Fatal(err)
				}
				held = append(held, q)
				add(&claims, q, 1)
			case 2:
				if len(held) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "held")
				if err := s.Release(id.Standard, held[i], 1); err != nil {
					t.Fatal(err)
				}
				add(&claims, held[i], -1)
				held = append(held[:i], held[i+1:]...)
			case 3:
				// What is undone leaves nothing behind.
				s.Save()
				if err := errors.Join(s.ClaimPresence(id.Standard, q, 2), s.Release(id.Standard, q, 1)); err != nil {
					t.Fatal(err)
				}
				s.Restore()
			}
		}
		for k, d := range s.Changed {
			for i := range d.Free {
				c := claims[int(k.Day)*96+i]
				if d.Free[i]-d.Over[i] != capacity-c {
					t.Fatalf("day %d slot %d: free %d over %d, capacity %d claims %d", k.Day, i, d.Free[i], d.Over[i], capacity, c)
				}
				if d.Free[i] < 0 || d.Over[i] < 0 || d.Free[i] > 0 && d.Over[i] > 0 {
					t.Fatalf("day %d slot %d: free %d over %d", k.Day, i, d.Free[i], d.Over[i])
				}
			}
		}
	})
}

func add(claims *[horizon * 96]int16, q timerange.Quarters, n int16) {
	for i := q.From; i < q.To; i++ {
		claims[i] += n
	}
}

func TestReleasingTooMuchIsRefused(t *testing.T) {
	s := sheet(2)
	q := timerange.Quarters{From: 90, To: 100}
	if err := s.Claim(id.Standard, q, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(id.Standard, q, 2); !errors.Is(err, inventory.ErrOverReturn) {
		t.Fatalf("want ErrOverReturn, got %v", err)
	}
	if free, _ := s.Available(id.Standard, q); free != 1 {
		t.Fatalf("the refused release changed something: %d free", free)
	}
}

func TestOutsideTheHorizonIsNotSold(t *testing.T) {
	s := sheet(2)
	if err := s.Claim(id.Standard, timerange.Quarters{From: horizon*96 - 1, To: horizon*96 + 1}, 1); !errors.Is(err, inventory.ErrUnseeded) {
		t.Fatalf("want ErrUnseeded, got %v", err)
	}
	if free, _ := s.Available(id.Standard, timerange.Quarters{From: horizon*96 - 1, To: horizon * 96}); free != 2 {
		t.Fatalf("the refused claim took from the last day: %d free", free)
	}
	if _, err := s.Available(id.Standard, timerange.Quarters{From: 5, To: 5}); !errors.Is(err, timerange.ErrEmpty) {
		t.Fatalf("want ErrEmpty, got %v", err)
	}
}

// The deltas that go into the feed are what happened, no more and no less.
func TestDeltasTellTheWholeChange(t *testing.T) {
	s := sheet(3)
	a, b := timerange.Quarters{From: 10, To: 200}, timerange.Quarters{From: 90, To: 100}
	for _, step := range []func() error{
		func() error { return s.Claim(id.Standard, a, 2) },
		func() error { return s.ClaimPresence(id.Standard, b, 3) },
		func() error { return s.Release(id.Standard, b, 1) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Untold() {
		t.Fatal("nothing to tell")
	}
	got := s.TakeDeltas()
	want := []inventory.Delta{
		{Type: id.Standard, From: 10, To: 200, N: 2}, {Type: id.Standard, From: 90, To: 100, N: 3}, {Type: id.Standard, From: 90, To: 100, N: -1},
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("delta %d: %v, want %v", i, got[i], want[i])
		}
	}
	if s.Untold() || len(s.TakeDeltas()) != 0 {
		t.Error("the deltas were told twice")
	}
}

func TestWhatIsKeptBackIsNotSoldButStandsForWhoStays(t *testing.T) {
	k := inventory.Key{"standard", 20615}
	s := inventory.NewSheet(map[inventory.Key]*inventory.Day{k: inventory.NewDay(10)})
	s.KeepBack(25) // 2 of 10
	q := timerange.Quarters{From: timerange.DayStart(k.Day), To: timerange.DayStart(k.Day) + 4}
	if n, err := s.Available(k.Type, q); n != 8 || err != nil {
		t.Fatalf("%d available, %v", n, err)
	}
	if err := s.Claim(k.Type, q, 9); !errors.Is(err, inventory.ErrSoldOut) {
		t.Fatalf("a ninth is %v", err)
	}
	if err := s.Claim(k.Type, q, 8); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.ClaimPresence(k.Type, q, 1); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := s.Available(k.Type, q); n != 0 {
		t.Fatalf("%d available", n)
	}
	if over, err := s.Over(k.Type, q); over != 1 || err != nil {
		t.Fatalf("%d over, %v: two were kept back for three", over, err)
	}
	if _, err := s.Over(k.Type, timerange.Quarters{From: q.From - 1, To: q.To}); !errors.Is(err, inventory.ErrUnseeded) {
		t.Fatalf("a day that is not known: %v", err)
	}
	for capacity, want := range map[int16]int16{0: 0, 3: 0, 4: 1, 10: 2, 32767: 8191} {
		if got := inventory.Buffer(capacity, 25); got != want {
			t.Errorf("%d of %d are kept back, want %d", got, capacity, want)
		}
	}
}
