package postgres

import (
	"errors"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
)

// A worker remembers the inventory days that it read or wrote last, and applies
// an op that is an Optimist to them: then a commit is one round trip. What is
// remembered wrongly costs a retry and nothing else, because commit_batch
// compares the version of every day that an optimist changed, and refuses a key
// that exists. A refusal changes nothing and so is compared with nothing: it
// stands only when what it is founded on was read within refusalTTL and its key
// was looked up.

const (
	// refusalTTL bounds the age of the rows that a refusal is founded on.
	refusalTTL = time.Second
	// maxRemembered bounds the days that a worker remembers (half a kilobyte
	// each).
	maxRemembered = 65536
)

// memory is what one worker remembers.
type memory struct {
	days map[id.Parking]map[inventory.Key]remembered
	n    int
}

type remembered struct {
	day  inventory.Day
	seen time.Time // it was so at this time or later
}

func newMemory() *memory { return &memory{days: map[id.Parking]map[inventory.Key]remembered{}} }

func (m *memory) put(p id.Parking, k inventory.Key, d *inventory.Day, seen time.Time) {
	days := m.days[p]
	if days == nil {
		days = map[inventory.Key]remembered{}
		m.days[p] = days
	}
	if _, known := days[k]; !known {
		m.n++
	}
	days[k] = remembered{*d, seen}
	for other := range m.days {
		if m.n <= maxRemembered {
			break
		}
		if other != p {
			m.forget(other)
		}
	}
}

func (m *memory) forget(p id.Parking) {
	m.n -= len(m.days[p])
	delete(m.days, p)
}

// recall fills the work with what the rows name, if all of it is remembered or
// assumed not to exist.
func (m *memory) recall(p id.Parking, rows commit.Rows, w *commit.Work) bool {
	if len(rows.Reservations)+len(rows.Payments)+len(rows.Sessions) > 0 || rows.Watermark || rows.Allotments {
		return false
	}
	known := m.days[p]
	l := commit.Loaded{Days: make(map[inventory.Key]*inventory.Day, 2)}
	for _, k := range rows.Days {
		if l.Days[k] != nil {
			continue
		}
		r, ok := known[k]
		if !ok {
			return false
		}
		l.Days[k] = &r.day
	}
	w.Load(rows, l)
	return true
}

// mayRefuse reports whether everything a refusal is founded on was seen
// recently.
func (m *memory) mayRefuse(p id.Parking, rows commit.Rows, now time.Time) bool {
	for _, k := range rows.Days {
		if now.Sub(m.days[p][k].seen) > refusalTTL {
			return false
		}
	}
	return true
}

// guessable reports whether the op may be applied to what is remembered.
func (r *request) guessable() bool {
	o, ok := r.op.(commit.Optimist)
	return ok && r.tries == 0 && !r.fresh && o.Optimistic()
}

// doubt deals with an error of an op that was applied to remembered rows. It
// returns true when the op is to be asked again once its keys, which are added
// to asked, are looked up; otherwise the op waits for the next batch, which
// reads everything.
func (w *worker) doubt(u *unit, r *request, err error, now time.Time, asked *commit.Rows) bool {
	if !errors.Is(err, inventory.ErrSoldOut) || !w.memory.mayRefuse(r.op.Parking(), r.rows, now) {
		r.fresh = true
		return false
	}
	r.refusal, r.checked = err, true
	for _, k := range r.rows.Keys {
		if u.work.ForgetKey(k) {
			asked.Keys = append(asked.Keys, k)
		}
	}
	return true
}

// standing reports whether a refusal stands: the keys of its op, which have
// just been looked up, do not exist. Otherwise the op goes on to find what they
// were used for.
func (r *request) standing(l commit.Loaded) bool {
	for _, k := range r.rows.Keys {
		if l.Keys[k] != nil {
			r.refusal = nil
			return false
		}
	}
	return true
}
