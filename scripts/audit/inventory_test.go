package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/timerange"
)

func fullDay(k key, capacity int16) day {
	d := day{key: k, day: 0, cap: capacity, free: make([]int16, timerange.QuartersPerDay), over: make([]int16, timerange.QuartersPerDay)}
	for i := range d.free {
		d.free[i] = capacity
	}
	return d
}

func TestCompareFindsEveryDifference(t *testing.T) {
	k := key{"p", "standard"}
	claims := []claim{{k, timerange.Quarters{From: 10, To: 12}, 1}, {k, timerange.Quarters{From: 11, To: 14}, 3}, {key{"p", "ev"}, timerange.Quarters{From: 0, To: 96}, 9}}
	good := fullDay(k, 2)
	for q, claimed := range map[int]int16{10: 1, 11: 4, 12: 3, 13: 3} {
		good.free[q], good.over[q] = max(2-claimed, 0), max(claimed-2, 0)
	}
	if n, err := compare([]day{good}, claims, 0); err != nil || n != 96 {
		t.Fatalf("%d quarters: %v", n, err)
	}
	for q := range good.free {
		bad := good
		bad.free = slices.Clone(good.free)
		bad.free[q]++
		_, err := compare([]day{bad}, claims, 0)
		if err == nil || !strings.Contains(err.Error(), timerange.Q(q).Time().Format("15:04")) {
			t.Fatalf("one space too many at quarter %d: %v", q, err)
		}
		if n, err := compare([]day{bad}, claims, timerange.Q(q+1)); err != nil || n != 95-q {
			t.Fatalf("what is past counts: %d quarters, %v", n, err)
		}
	}
}

func TestAStayClaimsWhatItsReservationDoesNot(t *testing.T) {
	k := key{"p", "standard"}
	for name, c := range map[string]struct {
		r    timerange.Quarters
		want []timerange.Q
	}{
		"none":        {timerange.Quarters{}, []timerange.Q{5, 6, 7, 8}},
		"all":         {timerange.Quarters{From: 5, To: 9}, nil},
		"early":       {timerange.Quarters{From: 7, To: 9}, []timerange.Q{5, 6}},
		"overstayed":  {timerange.Quarters{From: 4, To: 7}, []timerange.Q{7, 8}},
		"both":        {timerange.Quarters{From: 6, To: 7}, []timerange.Q{5, 7, 8}},
		"long before": {timerange.Quarters{From: 1, To: 3}, []timerange.Q{5, 6, 7, 8}},
	} {
		counted := count{}
		for _, x := range own(k, 5, 9, c.r) {
			counted.add(x)
		}
		for q := range timerange.Q(12) {
			want := 0
			if slices.Contains(c.want, q) {
				want = 1
			}
			if counted[k][q] != want {
				t.Errorf("%s: quarter %d is claimed %d times, want %d", name, q, counted[k][q], want)
			}
		}
	}
}
