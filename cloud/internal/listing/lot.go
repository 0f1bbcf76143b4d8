package listing

import (
	"errors"
	"math"
	"slices"
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
	zone    *time.Location // nil when it is not known
	plan    *tariff.Plan   // nil when the tariff cannot price in the parking's zone
	at      time.Time      // of the newest event
	changed uint64         // Listing.seq at the last change
	static  []byte         // the part of its JSON that only a new description changes
	full    []byte         // the further part that only the full form has
	text    string         // what a search looks through
	vec     vec            // where it is

	loose  bool      // the index does not know it, or not as it is
	moves  []move    // not so long ago
	behind time.Time // since when its events wait for it to be read again; zero: they do not
}

// become takes over what another reading of the same parking says.
func (l *lot) become(o *lot) {
	l.Snapshot, l.zone, l.plan, l.static, l.full, l.text, l.vec = o.Snapshot, o.zone, o.plan, o.static, o.full, o.text, o.vec
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

// day is what differs from the capacity on a day; nil: nothing.
func (t *typeNumbers) day(day int32) *inventory.Day {
	if i := int(day - t.first); i >= 0 && i < len(t.days) {
		return t.days[i]
	}
	return nil
}

// free is what can be sold of a type in all of a run, as inventory.Sheet has it.
func (t *typeNumbers) free(run timerange.Quarters) int {
	least := math.MaxInt16
	if i, end := int(run.From-t.from), int(run.To-t.from); i >= 0 && end <= len(t.left) {
		for _, n := range t.left[i:end] {
			least = min(least, int(n))
		}
		return least
	}
	run.Days(func(day int32, first, end int) bool {
		d := t.day(day)
		if d == nil {
			least = min(least, int(t.capacity-inventory.Buffer(t.capacity, t.buffer)))
			return true
		}
		kept := inventory.Buffer(d.Cap, t.buffer)
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
	old    bool // too old to be known
	now    int
	opens  time.Time     // when it opens, while it is closed; zero: it is open, or closed for good
	types  []typeNumbers // in the parking's order
}

// typeNumbers are those of one space type, and what those for a window are made of.
type typeNumbers struct {
	id       id.SpaceType
	now      int
	capacity int16
	buffer   int              // percent that is not sold
	first    int32            // the day of the first of days
	days     []*inventory.Day // nil: of the capacity, all free
	end      int32            // where its object ends in the face

	from timerange.Q // the first quarter of left
	left []int16     // what can be sold in each of the next quarters
}

// nextQuarters is for how long what is left is worked out when something changes,
// rather than when somebody asks: most ask for these.
const nextQuarters = 3 * timerange.QuartersPerDay

// ahead works out what is left, from the first day on.
func (t *typeNumbers) ahead(left []int16) {
	for i := range left {
		day, slot := t.first+int32(i/timerange.QuartersPerDay), i%timerange.QuartersPerDay
		d := t.day(day)
		switch {
		case d == nil:
			left[i] = max(t.capacity-inventory.Buffer(t.capacity, t.buffer), 0)
		case d.Over[slot] > 0:
			left[i] = 0
		default:
			left[i] = max(d.Free[slot]-inventory.Buffer(d.Cap, t.buffer), 0)
		}
	}
	t.from, t.left = timerange.DayStart(t.first), left
}

// count works the numbers out. Those that are too old are not known any more.
func (l *lot) count(now time.Time, old bool) numbers {
	n := numbers{types: make([]typeNumbers, len(l.Parking.SpaceTypes)), old: old}
	n.known = len(l.Parking.SpaceTypes) > 0 && (l.Link == nil || l.Link.Live) && !old
	today := timerange.Floor(now).Day()
	for i, t := range l.Parking.SpaceTypes {
		n.types[i] = typeNumbers{id: t.ID, capacity: t.Capacity, buffer: l.Parking.Policy.OverstayBuffer, first: today}
	}
	for k, d := range l.Days {
		i := slices.IndexFunc(n.types, func(t typeNumbers) bool { return t.id == k.Type })
		if i < 0 || k.Day < today {
			continue
		}
		t := &n.types[i]
		if missing := int(k.Day-today) + 1 - len(t.days); missing > 0 {
			t.days = append(t.days, make([]*inventory.Day, missing)...)
		}
		t.days[k.Day-today] = d
	}
	soon, left := l.soon(now), make([]int16, len(n.types)*nextQuarters)
	for i := range n.types {
		t := &n.types[i]
		t.ahead(left[:nextQuarters:nextQuarters])
		left = left[nextQuarters:]
		t.now = t.free(soon) + max(l.spare(t.id), 0)
		n.now += t.now
	}
	if l.shut(&n, now) {
		return n
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

// shut notes that the parking is closed for somebody who comes now, and when it opens:
// that is known whether or not its edge is there. Hours begin and end with quarters, as the
// numbers do.
func (l *lot) shut(n *numbers, now time.Time) bool {
	h := l.Parking.Policy.Hours
	if h == nil || l.zone == nil {
		return false
	}
	at := timerange.Floor(now).Time()
	if h.Open(at, l.zone) {
		return false
	}
	n.status, n.now = Closed, 0
	n.opens, _ = h.Opens(at, l.zone)
	for i := range n.types {
		n.types[i].now = 0
	}
	return true
}

// soon is the time for which somebody at the gate must find a space: what the
// policy protects, as seen from any moment of the present quarter, so that the
// number changes only when a quarter does.
func (l *lot) soon(now time.Time) timerange.Quarters {
	protected := (l.Parking.Policy.WalkinProtects + timerange.Quarter - 1) / timerange.Quarter
	from := timerange.Floor(now)
	return timerange.Quarters{From: from, To: from + timerange.Q(protected) + 1}
}

// spare is what is left of what the edge may admit by itself.
func (l *lot) spare(t id.SpaceType) int {
	n := int(l.Allotments[t])
	for _, of := range l.Allotted {
		if of == t {
			n--
		}
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
