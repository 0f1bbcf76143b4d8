package bench

import (
	"slices"
	"sync"
	"time"

	"github.com/openlot/openlot/scripts/audit"
	"github.com/openlot/openlot/scripts/client"
)

// sighting is when a stream told of a revision.
type sighting struct {
	revision uint64
	at       time.Time
}

// sightings are in order.
type sightings []sighting

// first is when a revision, or one that includes it, was told of.
func (s sightings) first(revision uint64) (time.Time, bool) {
	i, _ := slices.BinarySearchFunc(s, revision, func(x sighting, r uint64) int {
		if x.revision < r {
			return -1
		}
		return 1
	})
	if i == len(s) {
		return time.Time{}, false
	}
	return s[i].at, true
}

// onlooker is a stream of counts.
type onlooker struct {
	mu      sync.Mutex
	of      map[string]sightings
	backs   int // versions that went back
	ended   error
	started chan struct{} // closed by the first frame
}

func newOnlooker() *onlooker {
	return &onlooker{of: map[string]sightings{}, started: make(chan struct{})}
}

func (o *onlooker) tell(s client.Seen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.of) == 0 {
		close(o.started)
	}
	was := o.of[s.Parking]
	if n := len(was); n > 0 && s.Version < was[n-1].revision {
		o.backs++
		return
	}
	o.of[s.Parking] = append(was, sighting{s.Version, s.At})
}

// toldOf reports whether each commit of a watched parking was told of.
func (o *onlooker) toldOf(commits []audit.Commit) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range commits {
		if of := o.of[c.Parking]; len(of) > 0 && of[len(of)-1].revision < c.Revision {
			return false
		}
	}
	return true
}

// match adds, for each commit that was told of, how long that took, and returns
// how many it was not told of.
func (o *onlooker) match(commits []audit.Commit, into *samples) (missed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range commits {
		of, watched := o.of[c.Parking]
		if !watched || c.Revision <= of[0].revision {
			continue // not its stream, or before it was opened
		}
		if at, ok := of.first(c.Revision); ok {
			into.add(at.Sub(c.At))
		} else {
			missed++
		}
	}
	return missed
}
