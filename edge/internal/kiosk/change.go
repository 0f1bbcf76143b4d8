package kiosk

import "slices"

// Plan is how an amount is paid out in coins: the largest part of it that the
// hoppers can, with as few coins as do it. What is left is missing.
func Plan(amount int64, hoppers []Hopper) (coins []Pieces, missing int64) {
	kinds := kindsOf(hoppers)
	unit := int64(0)
	for _, k := range kinds {
		unit = gcd(unit, k.Value)
	}
	if unit == 0 || amount < unit {
		return nil, amount
	}
	steps := int(min(amount, maxChange) / unit)
	const never = int32(1) << 30
	least := make([]int32, steps+1) // coins, by amount
	for a := 1; a <= steps; a++ {
		least[a] = never
	}
	used := make([][]int32, len(kinds)) // of each kind, by amount
	for k, kind := range kinds {
		used[k] = make([]int32, steps+1)
		value := int(kind.Value / unit)
		next := slices.Clone(least)
		for a := value; a <= steps; a++ {
			for n := 1; n <= kind.Count && n*value <= a; n++ {
				if c := least[a-n*value] + int32(n); c < next[a] {
					next[a], used[k][a] = c, int32(n)
				}
			}
		}
		least = next
	}
	best := steps
	for least[best] >= never {
		best--
	}
	at := best
	for k, kind := range slices.Backward(kinds) {
		if n := int(used[k][at]); n > 0 {
			coins = append(coins, Pieces{Value: kind.Value, Count: n})
			at -= n * int(kind.Value/unit)
		}
	}
	slices.SortFunc(coins, func(x, y Pieces) int { return int(y.Value - x.Value) })
	return coins, amount - int64(best)*unit
}

// maxChange is the most that is paid out at once, in minor units: beyond it the
// machine takes no money.
const maxChange = 20_000

// kindsOf are the coins that can be paid out, the smallest first.
func kindsOf(hoppers []Hopper) (kinds []Pieces) {
	for _, h := range hoppers {
		if h.Jammed || h.Count <= 0 || h.Value <= 0 {
			continue
		}
		if i := slices.IndexFunc(kinds, func(p Pieces) bool { return p.Value == h.Value }); i >= 0 {
			kinds[i].Count += h.Count
		} else {
			kinds = append(kinds, Pieces{Value: h.Value, Count: h.Count})
		}
	}
	slices.SortFunc(kinds, func(x, y Pieces) int { return int(x.Value - y.Value) })
	return kinds
}

// Complete is the smallest coin or note that makes an amount of change exact when it
// is put in on top; ok is false when there is none.
func Complete(amount int64, takes []Pieces, hoppers []Hopper) (value int64, ok bool) {
	takes = slices.Clone(takes)
	slices.SortFunc(takes, func(x, y Pieces) int { return int(x.Value - y.Value) })
	for _, t := range takes {
		if _, missing := Plan(amount+t.Value, hoppers); missing == 0 {
			return t.Value, true
		}
	}
	return 0, false
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
