package bench

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSummaryIsByNearestRank(t *testing.T) {
	for n, want := range map[int]summary{
		0:     {},
		1:     {1, 1, 1, 1, 1},
		2:     {2, 1, 2, 2, 2},
		10:    {10, 5, 10, 10, 10},
		100:   {100, 50, 95, 99, 100},
		101:   {101, 51, 96, 100, 101},
		10000: {10000, 5000, 9500, 9900, 10000},
	} {
		var s samples
		for _, i := range rand.Perm(n) {
			s.add(time.Duration(i + 1))
		}
		if got := s.summary(); got != want {
			t.Errorf("of 1 to %d: %+v, want %+v", n, got, want)
		}
	}
}

func TestFramesMatchCommits(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	seen := sightings{{5, at(100)}, {9, at(200)}, {9, at(210)}, {12, at(300)}}
	for revision, want := range map[uint64]int{1: 100, 5: 100, 6: 200, 9: 200, 10: 300, 12: 300} {
		if got, ok := seen.first(revision); !ok || !got.Equal(at(want)) {
			t.Errorf("revision %d was seen at %v, want %d ms", revision, got, want)
		}
	}
	if _, ok := seen.first(13); ok {
		t.Error("a revision that nobody was told of counts as seen")
	}
}
