package timerange_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/timerange"
)

func unix(s, ns int64) time.Time { return time.Unix(s, ns).UTC() }

func drawTime(t *rapid.T, name string) time.Time {
	s := rapid.OneOf(rapid.Int64Range(-100_000, 100_000), rapid.Int64Range(-1<<34, 1<<34)).Draw(t, name)
	return unix(s, rapid.SampledFrom([]int64{0, 0, 1, 999_999_999}).Draw(t, name+" ns"))
}

func TestNew(t *testing.T) {
	berlin := time.FixedZone("CEST", 7200)
	r, err := timerange.New(unix(0, 0).In(berlin), unix(60, 0).In(berlin))
	if err != nil || r != (timerange.Range{From: unix(0, 0), To: unix(60, 0)}) || r.Duration() != time.Minute {
		t.Errorf("%v %v", r, err)
	}
	if r.String() != "[1970-01-01T00:00:00Z, 1970-01-01T00:01:00Z)" {
		t.Error(r)
	}
	for _, to := range []int64{0, -1} {
		if _, err := timerange.New(unix(0, 0), unix(to, 0)); !errors.Is(err, timerange.ErrEmpty) {
			t.Errorf("to %d: %v", to, err)
		}
	}
}

func TestHalfOpen(t *testing.T) {
	r := timerange.Range{From: unix(100, 0), To: unix(200, 0)}
	for at, in := range map[int64]bool{99: false, 100: true, 199: true, 200: false} {
		if r.Contains(unix(at, 0)) != in {
			t.Errorf("%d", at)
		}
	}
	next := timerange.Range{From: unix(200, 0), To: unix(300, 0)}
	if r.Overlaps(next) || next.Overlaps(r) {
		t.Error("neighbours overlap")
	}
	inner := timerange.Range{From: unix(199, 999_999_999), To: unix(201, 0)}
	if !r.Overlaps(inner) || !inner.Overlaps(r) || !inner.Overlaps(next) || !r.Overlaps(r) {
		t.Error("an overlap is missed")
	}
}

// Floor and Ceil bracket the instant by less than a quarter, on both sides of
// the epoch.
func TestQuarters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := drawTime(t, "at")
		floor, ceil := timerange.Floor(at), timerange.Ceil(at)
		if floor.Time().After(at) || at.Sub(floor.Time()) >= timerange.Quarter {
			t.Fatalf("floor of %v is %v", at, floor.Time())
		}
		if ceil.Time().Before(at) || ceil.Time().Sub(at) >= timerange.Quarter {
			t.Fatalf("ceil of %v is %v", at, ceil.Time())
		}
		if floor.Slot() < 0 || floor.Slot() >= timerange.QuartersPerDay || timerange.DayStart(floor.Day())+timerange.Q(floor.Slot()) != floor {
			t.Fatalf("%d is slot %d of day %d", floor, floor.Slot(), floor.Day())
		}
		midnight := timerange.DayStart(floor.Day()).Time()
		if !midnight.Equal(at.Truncate(24 * time.Hour)) {
			// Truncate counts from year 1, which is a whole number of days before the epoch.
			t.Fatalf("the day of %v starts at %v", at, midnight)
		}
	})
}

func TestQuartersByHand(t *testing.T) {
	for _, c := range []struct {
		at          time.Time
		floor, ceil timerange.Q
		day         int32
		slot        int
	}{
		{unix(0, 0), 0, 0, 0, 0},
		{unix(0, 1), 0, 1, 0, 0},
		{unix(899, 999_999_999), 0, 1, 0, 0},
		{unix(900, 0), 1, 1, 0, 1},
		{unix(86400, 0), 96, 96, 1, 0},
		{unix(-1, 0), -1, 0, -1, 95},
		{unix(-900, 0), -1, -1, -1, 95},
		{unix(-901, 0), -2, -1, -1, 94},
		{unix(-86400, 0), -96, -96, -1, 0},
		{unix(-86401, 0), -97, -96, -2, 95},
	} {
		q := timerange.Floor(c.at)
		if q != c.floor || timerange.Ceil(c.at) != c.ceil || q.Day() != c.day || q.Slot() != c.slot {
			t.Errorf("%v: %d %d day %d slot %d", c.at, q, timerange.Ceil(c.at), q.Day(), q.Slot())
		}
	}
}

// A claim covers its window and wastes less than a quarter at each end.
func TestClaim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawTime(t, "from")
		r := timerange.Range{From: from, To: from.Add(time.Duration(rapid.Int64Range(1, int64(100*time.Hour)).Draw(t, "long")))}
		claim := r.Claim()
		w := claim.Range()
		if w.From.After(r.From) || w.To.Before(r.To) || r.From.Sub(w.From) >= timerange.Quarter || w.To.Sub(r.To) >= timerange.Quarter {
			t.Fatalf("%v claims %v", r, w)
		}
		if claim.Empty() || time.Duration(claim.Len())*timerange.Quarter != w.Duration() {
			t.Fatalf("%v has %d quarters", w, claim.Len())
		}
	})
	none := timerange.Quarters{From: 5, To: 5}
	reversed := timerange.Quarters{From: 5, To: 3}
	if !none.Empty() || !reversed.Empty() || none.Len() != 0 || reversed.Len() != 0 {
		t.Error("an empty run")
	}
}

// What is claimed is the time that really passes, whatever the clocks on the wall
// do meanwhile: the same two hours on the wall are four, eight or twelve quarters.
func TestClaimsAcrossClockChanges(t *testing.T) {
	for _, c := range []struct {
		from, to string
		quarters int
	}{
		{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", 4},  // Berlin
		{"2026-10-25T01:30:00+02:00", "2026-10-25T03:30:00+01:00", 12}, // Berlin
		{"2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", 4},  // New York
		{"2026-11-01T00:30:00-04:00", "2026-11-01T02:30:00-05:00", 12}, // New York
		{"2026-10-04T01:00:00+10:30", "2026-10-04T03:00:00+11:00", 6},  // Lord Howe
		{"2026-03-29T01:30:00+05:30", "2026-03-29T03:30:00+05:30", 8},  // Kolkata
	} {
		var ends [2]time.Time
		for i, text := range []string{c.from, c.to} {
			var err error
			if ends[i], err = time.Parse(time.RFC3339, text); err != nil {
				t.Fatal(err)
			}
		}
		r, err := timerange.New(ends[0], ends[1])
		if err != nil {
			t.Fatal(err)
		}
		if claim := r.Claim(); claim.Len() != c.quarters || !claim.From.Time().Equal(ends[0]) || !claim.To.Time().Equal(ends[1]) {
			t.Errorf("[%s, %s) claims %v, %d quarters", c.from, c.to, claim, claim.Len())
		}
	}
}

// Days visits every quarter once, in order, day by day.
func TestDaysMatchesNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := timerange.Q(rapid.Int64Range(-1000, 1000).Draw(t, "from"))
		run := timerange.Quarters{From: from, To: from + timerange.Q(rapid.Int64Range(-3, 500).Draw(t, "n"))}
		next, lastDay := run.From, int32(-1<<31)
		for day, first := range seq(run) {
			if day <= lastDay || first[0] >= first[1] || first[0] < 0 || first[1] > timerange.QuartersPerDay {
				t.Fatalf("%v: day %d slots %v after day %d", run, day, first, lastDay)
			}
			lastDay = day
			for slot := first[0]; slot < first[1]; slot++ {
				if next.Day() != day || next.Slot() != slot {
					t.Fatalf("%v: day %d slot %d instead of day %d slot %d", run, day, slot, next.Day(), next.Slot())
				}
				next++
			}
		}
		if want := max(run.To, run.From); next != want {
			t.Fatalf("%v ended at %d", run, next)
		}
	})
	visits := 0
	timerange.Quarters{From: 0, To: 500}.Days(func(int32, int, int) bool { visits++; return visits < 2 })
	if visits != 2 {
		t.Errorf("%d visits after stopping at the second", visits)
	}
}

// seq turns Days into a sequence of pairs.
func seq(run timerange.Quarters) func(func(int32, [2]int) bool) {
	return func(yield func(int32, [2]int) bool) {
		run.Days(func(day int32, first, end int) bool { return yield(day, [2]int{first, end}) })
	}
}
