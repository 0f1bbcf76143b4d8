package listing

import (
	"errors"
	"math"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Snapshot is one parking as it is stored at a revision.
type Snapshot struct {
	Parking    parking.Parking
	Revision   uint64
	Days       map[inventory.Key]*inventory.Day // only those that differ from the type's capacity, all free
	Allotments map[id.SpaceType]int16           // units claimed for walk-ins
	Allotted   map[id.Session]id.SpaceType      // sessions inside that stand on an allotment
	Link       *feed.Link                       // of the enrolled edge; nil without one
}

// lot is a parking under the feed's events. It is guarded by Listing.mu.
type lot struct {
	face    *face   // of its own from the beginning
	numbers numbers // on it
	Snapshot
	plan    *tariff.Plan // nil when the tariff cannot price in the parking's zone
	at      time.Time    // of the newest event
	changed uint64       // Listing.seq at the last change
	static  []byte       // the part of its JSON that only a new description changes
	full    []byte       // the further part that only the full form has
	text    string       // what a search looks through
	vec     vec          // where it is

	loose  bool      // the index does not know it, or not as it is
	moves  []move    // not so long ago
	behind time.Time // since when its events wait for it to be read again; zero: they do not
}

// become takes over what another reading of the same parking says.
func (l *lot) become(o *lot) {
	l.Snapshot, l.plan, l.static, l.full, l.text, l.vec = o.Snapshot, o.plan, o.static, o.full, o.text, o.vec
	l.behind = time.Time{}
}

var errOutOfStep = errors.New("the event does not fit what is known")

// apply moves the lot by the event that follows its revision. An error says
// that the lot must be read again; it is not usable then.
func (l *lot) apply(e feed.Event) error {
	if e.Revision != l.Revision+1 || e.Kind.Describes() {
		return errOutOfStep
	}
	for _, c := range e.Body.Claims {
		if err := l.claim(c); err != nil {
			return errors.Join(errOutOfStep, err)
		}
	}
	if s := e.Body.Session; s != nil {
		if s.Inside && s.Allotted {
			l.Allotted[s.ID] = s.SpaceType
		} else {
			delete(l.Allotted, s.ID)
		}
	}
	if a := e.Body.Allotment; a != nil {
		l.Allotments[a.SpaceType] = a.Units
	}
	if e.Body.Link != nil {
		l.Link = e.Body.Link
	}
	l.Revision, l.at = e.Revision, e.At
	return nil
}

// claim does what the committer did to the stored days: taking units that are
// free is the same as taking them by presence.
func (l *lot) claim(c inventory.Delta) error {
	run := timerange.Quarters{From: c.From, To: c.To}
	t, ok := l.Parking.SpaceType(c.Type)
	if !ok {
		return inventory.ErrUnseeded
	}
	for _, k := range inventory.Keys(c.Type, run) {
		if l.Days[k] == nil {
			l.Days[k] = inventory.NewDay(t.Capacity)
		}
	}
	s := inventory.NewSheet(l.Days)
	if c.N > 0 {
		return s.ClaimPresence(c.Type, run, c.N)
	}
	if err := s.Release(c.Type, run, -c.N); err != nil {
		return err
	}
	for _, k := range inventory.Keys(c.Type, run) {
		if d := l.Days[k]; d.Cap == t.Capacity && d.Unclaimed() {
			delete(l.Days, k)
		}
	}
	return nil
}

// forget drops the days before the one that holds now.
func (l *lot) forget(now time.Time) {
	today := timerange.Floor(now).Day()
	for k := range l.Days {
		if k.Day < today {
			delete(l.Days, k)
		}
	}
}

// free is what is free of a type in all of a run.
func (l *lot) free(t *parking.SpaceType, run timerange.Quarters) int {
	kept := inventory.Buffer(t.Capacity, l.Parking.Policy.OverstayBuffer)
	least := math.MaxInt16
	run.Days(func(day int32, first, end int) bool {
		d := l.Days[inventory.Key{Type: t.ID, Day: day}]
		if d == nil {
			least = min(least, int(t.Capacity-kept))
			return true
		}
		for i := first; i < end; i++ {
			if d.Over[i] > 0 {
				least = 0
			}
			least = min(least, int(d.Free[i]-kept))
		}
		return least > 0
	})
	return max(least, 0)
}

// now is what somebody at the gate would find of a type: for the time that the
// policy protects, as seen from any moment of the present quarter, so that the
// number changes only when a quarter does.
func (l *lot) now(t parking.SpaceType, now time.Time) int {
	soon := timerange.Quarters{From: timerange.Floor(now)}
	protected := (l.Parking.Policy.WalkinProtects + timerange.Quarter - 1) / timerange.Quarter
	soon.To = soon.From + timerange.Q(protected) + 1
	spare := int(l.Allotments[t.ID])
	for _, of := range l.Allotted {
		if of == t.ID {
			spare--
		}
	}
	return l.free(&t, soon) + max(spare, 0)
}

func (l *lot) tooLong(w timerange.Range) bool {
	return l.Parking.Policy.MaxStay > 0 && w.Duration() > l.Parking.Policy.MaxStay
}

// Status is what a parking is to somebody who comes now.
type Status string

// The values of Status.
const (
	Open    Status = "open"
	Full    Status = "full"
	Closed  Status = "closed"
	Unknown Status = "unknown"
)

// numbers are the lot's numbers for somebody who comes now.
type numbers struct {
	status Status
	known  bool // whether now is known
	now    int
	types  []int // now, of each
	old    bool  // too old to be known
}

// count works the numbers out. Those that are too old are not known any more.
func (l *lot) count(now time.Time, old bool) numbers {
	n := numbers{types: make([]int, len(l.Parking.SpaceTypes)), old: old}
	n.known = len(l.Parking.SpaceTypes) > 0 && (l.Link == nil || l.Link.Live) && !old
	for i, t := range l.Parking.SpaceTypes {
		n.types[i] = l.now(t, now)
		n.now += n.types[i]
	}
	switch {
	case !n.known:
		n.status = Unknown
	case n.now == 0:
		n.status = Full
	default:
		n.status = Open
	}
	return n
}

// price is what the window costs who asks now, as a quote would say: on a space
// of the type that is asked for, else on a standard one or the first that there
// is. ok is false when it cannot be priced.
func (l *lot) price(w *Window, now time.Time) (money.Amount, bool) {
	if len(l.Parking.SpaceTypes) == 0 || l.plan == nil || l.tooLong(w.Range) {
		return money.Amount{}, false
	}
	t := l.Parking.SpaceTypes[0]
	for _, name := range []id.SpaceType{id.Standard, w.Type} {
		if found, ok := l.Parking.SpaceType(name); ok {
			t = found
		}
	}
	total, err := l.plan.Total(w.Range, tariff.Facts{SpaceType: string(t.ID)})
	if d := l.Parking.Policy.Dynamic; d != nil && err == nil {
		percent := d.Percent(inventory.Occupancy(l.Days, t.ID, t.Capacity, w.Claim()), parking.Lead(w.From, now))
		total = tariff.Bill{Total: total}.Demand(percent, w.Range).Total
	}
	return total, err == nil
}
