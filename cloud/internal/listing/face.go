package listing

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/openlot/openlot/protocol/timerange"
)

// face is a lot as it is shown without a window, up to its as_of: what most
// answers are put together from, without a look at the lot. Faces stand side by
// side in memory, because waiting for it is most of what an answer costs. A face
// is drawn anew, under Listing.mu, by whatever changes the lot (Listing.touch), over
// the bytes that it had: nothing of json may be kept beyond the lock.
type face struct {
	json    []byte      // `{`, what is fixed, `,`, what moves
	sum     uint64      // of json
	quarter timerange.Q // the numbers change with it
	at      int64       // of the newest event, in ns since 1970; when it is late, its as_of
	fixed   int32       // where what moves begins
	old     bool        // its numbers are not known for that
	waits   bool        // for the lot to be read again, since at
	late    bool        // its as_of does not go on
}

// moment is when an answer is given.
type moment struct {
	now, current time.Time
	nanos        int64 // current, since 1970
	quarter      timerange.Q
	old          bool // all numbers are
}

func newMoment(now, current time.Time) moment {
	return moment{now, current, current.UnixNano(), timerange.Floor(now), tooOld(time.Time{}, now, current)}
}

// good reports whether a face can be shown at a moment.
func (f *face) good(m *moment) bool {
	if f.waits {
		return f.quarter == m.quarter && f.old == tooOld(time.Unix(0, f.at), m.now, m.current)
	}
	return f.quarter == m.quarter && f.old == m.old
}

// never is the quarter of a face that is not good at any time.
const never timerange.Q = -1

// draw makes a lot's face over some bytes, and the numbers on it.
func (l *lot) draw(m *moment, b []byte) (face, numbers) {
	f := face{quarter: m.quarter, old: tooOld(l.behind, m.now, m.current), waits: !l.behind.IsZero()}
	lapsed := l.Link != nil && !l.Link.Live
	switch {
	case lapsed:
		f.at, f.late = l.Link.Since.UnixNano(), true
		if f.waits {
			f.quarter = never // it has no place for both times
		}
	case f.waits:
		f.at, f.late = l.behind.UnixNano(), true
	case !l.at.IsZero():
		f.at = l.at.UnixNano()
	}
	n := l.count(m.now, f.old)
	if cap(b) == 0 {
		b = make([]byte, 0, len(l.static)+256)
	}
	b = append(append(append(b, '{'), l.static...), ',')
	f.fixed = int32(len(b))
	f.json = l.appendMoving(b, &n)
	f.sum = xxhash.Sum64(f.json)
	return f, n
}

// look is the lot's face and numbers, which are drawn anew where they are not good
// any more. Listing.mu is held.
func (l *lot) look(m *moment) (*face, *numbers) {
	if l.face != nil && l.face.good(m) {
		return l.face, &l.numbers
	}
	f, n := l.draw(m, nil)
	return &f, &n
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
	if f.late || f.at > current.UnixNano() {
		return time.Unix(0, f.at), f.late
	}
	return current, false
}

// slab is how many faces are made at once.
const slab = 1024

// newFace makes room for a face. l.mu is held.
func (l *Listing) newFace() *face {
	if len(l.faces) == cap(l.faces) {
		l.faces = make([]face, 0, slab)
	}
	l.faces = append(l.faces, face{})
	return &l.faces[len(l.faces)-1]
}

// touch draws a lot that has changed and marks it for streams. l.mu is held.
func (l *Listing) touch(x *lot) {
	x.changed = l.seq
	l.dirty[x.Parking.ID] = struct{}{}
	l.redraw(x)
}

func (l *Listing) redraw(x *lot) {
	m := newMoment(l.now().UTC(), l.current())
	*x.face, x.numbers = x.draw(&m, x.face.json[:0])
}

// slack is how many bytes a face may grow by where it stands.
const slack = 32

// settle puts the faces of a new index side by side in the order of its tree, so that
// what an answer is made of is mostly one run of memory, which a processor reads ahead.
// It moves some at a time: answers meanwhile find them through the index that was, too.
// Only Run calls it, by reindex.
func (l *Listing) settle(x *index) {
	was, faces := x.ranksIn(l.index), make([]face, len(x.lots))
	for ranks := range slices.Chunk(x.tree.ranks, atOnce) {
		l.mu.Lock()
		size := 0
		for _, rank := range ranks {
			size += len(x.lots[rank].face.json) + slack
		}
		room := make([]byte, size)
		for i, rank := range ranks {
			lot, f := x.lots[rank], &faces[i]
			n := len(lot.face.json) + slack
			*f = *lot.face
			f.json, room = append(room[:0:n], f.json...), room[n:]
			lot.face, x.faces[rank] = f, f
			if r := was[rank]; r >= 0 {
				l.index.faces[r] = f
			}
		}
		l.mu.Unlock()
		faces = faces[len(ranks):]
	}
}

// ranksIn lists, for each lot, its rank in the index before; -1: it was not in it.
func (x *index) ranksIn(before *index) []int32 {
	ranks, next := make([]int32, len(x.lots)), 0
	for i, l := range x.lots { // both by id, and no lot goes away
		ranks[i] = -1
		if next < len(before.lots) && before.lots[next] == l {
			ranks[i] = int32(next)
			next++
		}
	}
	return ranks
}
