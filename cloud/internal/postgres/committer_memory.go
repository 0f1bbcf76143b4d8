package postgres

import (
	"sync"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
)

// A shard remembers the inventory days that it read or wrote last, and its
// worker applies an op that is an Optimist to them: then a commit is one round
// trip. What is remembered wrongly costs a retry and nothing else, because the
// commit compares the version of every day that an optimist changed, and refuses
// a key that exists. A refusal changes nothing and so is compared with nothing:
// it stands only when what it is founded on was read within refusalTTL and its
// key was looked up.

const (
	// refusalTTL bounds the age of the rows that a refusal is founded on.
	refusalTTL = time.Second
	// maxRemembered bounds the days that a shard remembers (half a kilobyte
	// each).
	maxRemembered = 65536
)

// memory is what one shard remembers. The days in it are never changed.
type memory struct {
	mu   sync.RWMutex
	lots map[id.Parking]*lotMemory
	n    int                // days
	keys map[commit.Key]int // of the requests that the worker has
}

type lotMemory struct {
	config config
	days   map[inventory.Key]*remembered
}

type remembered struct {
	day   *inventory.Day // as stored
	seen  time.Time      // it was so at this time or later
	ahead *inventory.Day // as the commit that is under way leaves it; nil: it does not touch it
}

func newMemory() *memory {
	return &memory{lots: map[id.Parking]*lotMemory{}, keys: map[commit.Key]int{}}
}

func (m *memory) lot(p id.Parking) *lotMemory {
	l := m.lots[p]
	if l == nil {
		l = &lotMemory{days: map[inventory.Key]*remembered{}}
		m.lots[p] = l
	}
	return l
}

// put remembers a day as it was stored at a time or later.
func (m *memory) put(p id.Parking, k inventory.Key, d *inventory.Day, seen time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store(p, k, d, seen)
}

func (m *memory) store(p id.Parking, k inventory.Key, d *inventory.Day, seen time.Time) {
	l := m.lot(p)
	if r := l.days[k]; r != nil {
		*r = remembered{day: d, seen: seen}
		return
	}
	l.days[k] = &remembered{day: d, seen: seen}
	m.n++
	for other, x := range m.lots {
		if m.n <= maxRemembered {
			break
		}
		if other != p && !x.moving() {
			m.drop(other)
		}
	}
}

// moving reports whether a commit that is under way touches the lot.
func (l *lotMemory) moving() bool {
	for _, r := range l.days {
		if r.ahead != nil {
			return true
		}
	}
	return false
}

// lead remembers how the commit that is under way will leave a day.
func (m *memory) lead(p id.Parking, k inventory.Key, d *inventory.Day) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.lot(p).days[k]; r != nil {
		r.ahead = d
	}
}

// forget drops the days of a parking.
func (m *memory) forget(p id.Parking) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(p)
}

func (m *memory) drop(p id.Parking) {
	if l := m.lots[p]; l != nil {
		m.n -= len(l.days)
		clear(l.days)
		if l.config.parking == nil {
			delete(m.lots, p)
		}
	}
}

// configured is the description of a parking; nil when it is not known.
func (m *memory) configured(p id.Parking) config {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if l := m.lots[p]; l != nil {
		return l.config
	}
	return config{}
}

// configure remembers descriptions, or forgets one that is nil.
func (m *memory) configure(p id.Parking, c config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.lots[p]; l != nil || c.parking != nil {
		m.lot(p).config = c
	}
}

// unconfigure forgets all descriptions.
func (m *memory) unconfigure() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.lots {
		l.config = config{}
	}
}

// recall fills the work with the days that the rows name, as the commit that is
// under way leaves them, and with keys that do not exist. It reports whether it
// could.
func (m *memory) recall(p id.Parking, rows *commit.Rows, w *commit.Work) bool {
	if len(rows.Reservations)+len(rows.Payments)+len(rows.Sessions)+len(rows.Blocks)+len(rows.ShopPayments)+len(rows.ShopCodes) > 0 || rows.Watermark || rows.Allotments || rows.Tariffs {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := m.lots[p]
	if l == nil {
		return len(rows.Days) == 0
	}
	for _, k := range rows.Days {
		if l.days[k] == nil {
			return false
		}
	}
	for _, k := range rows.Days {
		r := l.days[k]
		d := r.ahead
		if d == nil {
			d = r.day
		}
		w.LoadDay(k, d)
	}
	w.AssumeNew(rows.Keys)
	return true
}

// mayRefuse reports whether everything a refusal is founded on was seen
// recently, and is stored.
func (m *memory) mayRefuse(p id.Parking, rows *commit.Rows, now time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := m.lots[p]
	if l == nil {
		return false
	}
	for _, k := range rows.Days {
		if r := l.days[k]; r == nil || r.ahead != nil || now.Sub(r.seen) > refusalTTL {
			return false
		}
	}
	return true
}

// lacks reports whether an optimist will find too little, as far as is stored
// and was seen recently, while no request with its key is with the worker. It
// returns a work to apply it to.
func (m *memory) lacks(o commit.Optimist, rows *commit.Rows, now time.Time) (*commit.Work, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := m.lots[o.Parking()]
	if l == nil || l.config.parking == nil || now.Sub(l.config.read) > configLife {
		return nil, false
	}
	t, q, n := o.Claims()
	short := false
	kept := l.config.parking.Policy.OverstayBuffer
	known := true
	q.Days(func(day int32, first, end int) bool {
		r := l.days[inventory.Key{Type: t, Day: day}]
		if r == nil || now.Sub(r.seen) > refusalTTL {
			known = false
			return false
		}
		short = short || r.day.Lacks(first, end, n, kept)
		return true
	})
	if !known || !short {
		return nil, false
	}
	for _, k := range rows.Keys {
		if m.keys[k] > 0 {
			return nil, false
		}
	}
	w := commit.NewWork(l.config.parking)
	for _, k := range rows.Days {
		w.LoadDay(k, l.days[k].day)
	}
	w.AssumeNew(rows.Keys)
	return w, true
}

// enter notes that the worker gets a request with these keys, and leave that it
// was answered.
func (m *memory) enter(keys []commit.Key) {
	if len(keys) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		m.keys[k]++
	}
}

func (m *memory) leave(keys []commit.Key) {
	if len(keys) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		if m.keys[k]--; m.keys[k] <= 0 {
			delete(m.keys, k)
		}
	}
}
