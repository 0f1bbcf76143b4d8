package listing

import (
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/openlot/openlot/protocol/timerange"
)

// face is a lot as it is shown without a window, up to its as_of: what most
// answers are put together from, without a look at the lot. It is never changed;
// whatever changes the lot drops it (Listing.touch).
type face struct {
	quarter timerange.Q // the numbers change with it
	old     bool
	behind  time.Time // the lot's
	at      time.Time // of its newest event
	lapsed  time.Time // since when its edge is away; zero: it is not, or there is none

	json  []byte // `{`, what is fixed, `,`, what moves
	fixed int    // where what moves begins
	sum   uint64 // of json

	numbers
}

// faces is the newest face of a lot. Readers of the lot replace it.
type faces struct{ newest atomic.Pointer[face] }

// moment is when an answer is given.
type moment struct {
	now, current time.Time
	quarter      timerange.Q
	old          bool // all numbers are
}

func newMoment(now, current time.Time) moment {
	return moment{now, current, timerange.Floor(now), tooOld(time.Time{}, now, current)}
}

// good reports whether a face can be shown.
func (f *face) good(m *moment) bool {
	return f != nil && f.quarter == m.quarter && (f.old == m.old && f.behind.IsZero() || f.old == tooOld(f.behind, m.now, m.current))
}

// face is the lot's face. Listing.mu is held.
func (l *lot) face(m *moment) *face {
	f := l.faces.newest.Load()
	if f.good(m) {
		return f
	}
	now := m.now
	f = &face{quarter: m.quarter, old: tooOld(l.behind, now, m.current), behind: l.behind, at: l.at}
	if l.Link != nil && !l.Link.Live {
		f.lapsed = l.Link.Since
	}
	f.numbers = l.count(now, f.old)
	b := make([]byte, 0, len(l.static)+256)
	b = append(append(append(b, '{'), l.static...), ',')
	f.fixed = len(b)
	f.json = l.appendMoving(b, f, nil, now)
	f.sum = xxhash.Sum64(f.json)
	l.faces.newest.Store(f)
	return f
}

func (f *face) moving() []byte { return f.json[f.fixed:len(f.json):len(f.json)] }

// MaxAge bounds how old numbers are shown. Beyond it they are not known.
const MaxAge = time.Minute

// tooOld reports whether what is known of a parking itself, whatever its edge
// knows, is older than numbers may be.
func tooOld(behind, now, current time.Time) bool {
	if !behind.IsZero() && behind.Before(current) {
		current = behind
	}
	return now.Sub(current) > MaxAge
}

// asOf is the time at which the numbers were known to be right; frozen says
// that it does not go on with the listing's own.
func (f *face) asOf(current time.Time) (asOf time.Time, frozen bool) {
	switch {
	case !f.lapsed.IsZero():
		return f.lapsed, true
	case !f.behind.IsZero():
		return f.behind, true
	case f.at.After(current):
		return f.at, false
	}
	return current, false
}
