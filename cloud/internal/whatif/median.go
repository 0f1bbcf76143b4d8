package whatif

import (
	"maps"
	"slices"
)

// median is that of values by how often each is there; the lower of two.
func median(counts map[int64]int) int64 {
	all := 0
	for _, n := range counts {
		all += n
	}
	left := (all + 1) / 2
	for _, v := range slices.Sorted(maps.Keys(counts)) {
		if left -= counts[v]; left <= 0 {
			return v
		}
	}
	return 0
}
