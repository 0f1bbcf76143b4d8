package places

import (
	"sync"
	"sync/atomic"
)

// Described is whatever knows the parkings and what they say of themselves.
type Described interface {
	// Edition changes with what Parkings would return.
	Edition() uint64
	Parkings() []Parking
}

// Directory finds places among those of the parkings, as they are now, and those of a
// gazetteer.
type Directory struct {
	from      Described
	gazetteer *Index // nil: none

	making sync.Mutex
	own    atomic.Pointer[edition]
}

type edition struct {
	of    uint64
	index *Index
}

// NewDirectory makes a directory. The gazetteer may be nil.
func NewDirectory(from Described, gazetteer *Index) *Directory {
	return &Directory{from: from, gazetteer: gazetteer}
}

// Gazetteer reports whether places of a gazetteer may be among the answers.
func (d *Directory) Gazetteer() bool { return d.gazetteer != nil && d.gazetteer.Len() > 0 }

// Find lists the places that fit best, each once.
func (d *Directory) Find(q Query) []Found {
	own := d.current().Find(q)
	if d.gazetteer == nil {
		return together(own, nil, q.Limit)
	}
	return together(own, d.gazetteer.Find(q), q.Limit)
}

// current is the index of the parkings. It is made anew by whoever first asks after a
// change; who asks meanwhile gets the one before.
func (d *Directory) current() *Index {
	now := d.from.Edition()
	have := d.own.Load()
	if have != nil && have.of == now {
		return have.index
	}
	if have == nil {
		d.making.Lock()
	} else if !d.making.TryLock() {
		return have.index
	}
	defer d.making.Unlock()
	now = d.from.Edition()
	if have = d.own.Load(); have != nil && have.of == now {
		return have.index
	}
	fresh := &edition{now, New(FromParkings(d.from.Parkings()))} // what changes meanwhile has another edition
	d.own.Store(fresh)
	return fresh.index
}
