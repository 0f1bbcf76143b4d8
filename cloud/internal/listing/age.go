package listing

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/timerange"
)

// lookEvery is how often it is looked whether numbers have become too old.
const lookEvery = time.Second

// age tells streams what time alone changes: all numbers at every quarter-hour,
// and those that are too old, or are current again. Answers see it by themselves.
func (l *Listing) age(ctx context.Context) {
	quarter, look := time.NewTimer(l.untilQuarter()), time.NewTicker(lookEvery)
	defer quarter.Stop()
	defer look.Stop()
	were := oldness{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-quarter.C:
			l.passQuarter()
			quarter.Reset(l.untilQuarter())
		case <-look.C:
			were = l.tellOld(were)
		}
	}
}

func (l *Listing) untilQuarter() time.Duration {
	now := l.now()
	return (timerange.Floor(now) + 1).Time().Sub(now)
}

// passQuarter tells all numbers anew: they depend on the time.
func (l *Listing) passQuarter() {
	l.touchAll()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetMoves()
}

// atOnce is how many lots are drawn while readers wait.
const atOnce = 256

// touchAll draws all lots anew and tells streams.
func (l *Listing) touchAll() {
	l.mu.RLock()
	all := slices.Collect(maps.Values(l.lots))
	l.mu.RUnlock()
	for some := range slices.Chunk(all, atOnce) {
		l.mu.Lock()
		l.seq++
		for _, x := range some {
			x.forget(l.now())
			l.touch(x)
		}
		l.mu.Unlock()
	}
	poke(l.poke)
}

// oldness is what was told to be too old.
type oldness struct {
	all  bool
	some map[*lot]struct{} // of those that wait to be read
}

// tellOld tells what has become too old since it was looked last, or is not any
// more. What was read again has been told by that.
func (l *Listing) tellOld(were oldness) oldness {
	is := l.tellWaiting(were)
	if is.all != were.all {
		l.log.Warn("the numbers are too old to be shown, or not any more", "too_old", is.all, "as_of", l.current())
		l.touchAll()
	}
	return is
}

func (l *Listing) tellWaiting(were oldness) oldness {
	now, current := l.now(), l.current()
	l.mu.Lock()
	defer l.mu.Unlock()
	is := oldness{all: tooOld(time.Time{}, now, current), some: map[*lot]struct{}{}}
	for p := range l.waiting {
		x := l.lots[p]
		if x == nil || !tooOld(x.behind, now, current) {
			continue
		}
		is.some[x] = struct{}{}
		if _, known := were.some[x]; !known {
			l.seq++
			l.touch(x)
			poke(l.poke)
		}
	}
	return is
}
