package benchreserve

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// result is one run of a load, or of pgbench.
type result struct {
	perSecond float64         // of what the part counts
	accepted  int             // reservations made
	answers   int             // accepted and refused
	took      []time.Duration // of the accepted ones
}

// client asks once, and reports whether it was accepted and how long that took.
type client func(ctx context.Context, rnd *rand.Rand) (accepted bool, took time.Duration, err error)

// drive runs n clients for a time. What is under way at the end is waited for
// and counted, as is the time that it takes.
func drive(ctx context.Context, n int, d time.Duration, ask client) (result, error) {
	var mu sync.Mutex
	var out result
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	end := began.Add(d)
	for i := range n {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(began.UnixNano()))) //nolint:gosec // a load, no secret
			var mine result
			var err error
			for time.Now().Before(end) && ctx.Err() == nil {
				var ok bool
				var took time.Duration
				if ok, took, err = ask(ctx, rnd); err != nil {
					break
				}
				mine.answers++
				if ok {
					mine.accepted++
					mine.took = append(mine.took, took)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out.accepted += mine.accepted
			out.answers += mine.answers
			out.took = append(out.took, mine.took...)
			if failed == nil {
				failed = err
			}
		})
	}
	wg.Wait()
	out.perSecond = float64(out.accepted) / time.Since(began).Seconds()
	return out, failed
}

// perSecondOfAnswers counts refusals too.
func perSecondOfAnswers(r result) result {
	if r.accepted > 0 {
		r.perSecond *= float64(r.answers) / float64(r.accepted)
	}
	return r
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// percentile of durations, in milliseconds.
func percentile(list []time.Duration, p float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	i := min(int(float64(len(list))*p), len(list)-1)
	return float64(list[i].Microseconds()) / 1000
}
