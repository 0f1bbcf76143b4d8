package check

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// quartersPerDay is the number of counters of a day.
const quartersPerDay = 96

// Check runs every check.
func Check(r Rows) Report {
	var out Report
	out.capacity(&r)
	out.told(&r)
	out.capacities(&r)
	out.lent(&r)
	out.windows(&r)
	out.colours(&r)
	out.shared(&r)
	out.payments(&r)
	out.ledger(&r)
	out.feeds(&r)
	return out
}

// units is a number of units that are claimed over a run.
type units struct {
	Run
	n int
}

// claims lists who holds what, by lot: reservations with their pending changes,
// stays beside their reservation, and what is lent to edges.
func (r *Rows) claims() map[Lot][]units {
	out := map[Lot][]units{}
	add := func(l Lot, run Run, n int) {
		if run.From < run.To && n != 0 {
			out[l] = append(out[l], units{run, n})
		}
	}
	type held struct {
		lot  Lot
		runs [2]Run
	}
	under := map[ID]held{} // what the reservation and its change hold, by the stay that stands in it
	for i := range r.Reservations {
		x := &r.Reservations[i]
		add(x.Lot, x.Claim, 1)
		if p := x.Pending; p != nil {
			if p.Type == x.Type { // each quarter is held once
				for _, rest := range p.Claim.minus(x.Claim) {
					add(x.Lot, rest, 1)
				}
			} else {
				add(Lot{x.Parking, p.Type}, p.Claim, 1)
			}
		}
		if x.Session != (ID{}) {
			h := held{x.Lot, [2]Run{x.Claim}}
			if p := x.Pending; p != nil && p.Type == x.Type {
				h.runs[1] = p.Claim
			}
			under[x.Session] = h
		}
	}
	for _, s := range r.Stays {
		rest := []Run{s.Claim}
		if u, ok := under[s.ID]; ok && u.lot == s.Lot {
			rest = nil
			for _, r := range s.Claim.minus(u.runs[0]) {
				rest = append(rest, r.minus(u.runs[1])...)
			}
		}
		for _, run := range rest {
			add(s.Lot, run, 1)
		}
	}
	for _, a := range r.Allotments {
		add(a.Lot, Run{r.Current, a.Until}, a.Units)
	}
	for _, b := range r.Blocks {
		add(b.Lot, b.Run, b.Units)
	}
	return out
}

// minus is the run without another.
func (r Run) minus(o Run) []Run {
	if o.From >= o.To || o.To <= r.From || o.From >= r.To {
		return []Run{r}
	}
	var out []Run
	if r.From < o.From {
		out = append(out, Run{r.From, o.From})
	}
	if o.To < r.To {
		out = append(out, Run{o.To, r.To})
	}
	return out
}

// edge is where the number of claims changes.
type edge struct {
	at int64
	by int64
}

// depth is the number of claims as a sweep sees it: sorted edges, ends first.
type depth struct {
	edges []edge
	next  int
	now   int64
}

func sweep(edges []edge) *depth {
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	return &depth{edges: edges}
}

// upTo moves on to a quarter and returns the number of claims in it.
func (d *depth) upTo(q int64) int64 {
	for d.next < len(d.edges) && d.edges[d.next].at <= q {
		d.now += d.edges[d.next].by
		d.next++
	}
	return d.now
}

// days are the counters of each lot, in order.
func (r *Rows) days() map[Lot][]*Day {
	out := map[Lot][]*Day{}
	for i := range r.Days {
		d := &r.Days[i]
		out[d.Lot] = append(out[d.Lot], d)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b *Day) int { return cmp.Compare(a.Day, b.Day) })
	}
	return out
}

// capacity sweeps over all claims and recomputes free and over of every quarter
// from the current one on: what was claimed in earlier ones by stays and
// allotments is not on record any more; told sees them.
func (out *Report) capacity(r *Rows) {
	claims, days := r.claims(), r.days()
	for _, list := range claims {
		for _, c := range list {
			if c.From < c.To {
				out.look("claims", 1)
			}
		}
	}
	for lot, list := range days {
		var edges []edge
		for _, c := range claims[lot] {
			edges = append(edges, edge{c.From, int64(c.n)}, edge{c.To, -int64(c.n)})
		}
		d := sweep(edges)
		for _, day := range list {
			out.day(r, day, d)
		}
		// Earlier days may have another capacity, which a change gave them.
		if newest := list[len(list)-1]; newest.Cap != r.Capacity[lot] {
			out.Add(Drifted, "%s %s: its newest day has %d spaces, the type %d", lot.Parking, lot.Type, newest.Cap, r.Capacity[lot])
		}
	}
	for lot, list := range claims {
		for _, c := range list {
			out.seeded(r, lot, c.Run, days[lot])
		}
	}
	for i := range r.Reservations {
		x := &r.Reservations[i]
		if ended(x.State) && x.Claim.From < x.Claim.To && x.Claim.To > r.Current {
			out.Add(Leaked, "%s %s: reservation %x is %s and claims up to %s", x.Parking, x.Type, x.ID, x.State, clock(x.Claim.To))
		}
	}
	for _, s := range r.Stays {
		if s.Left && s.Claim.From < s.Claim.To && s.Claim.To > r.Current {
			out.Add(Leaked, "%s %s: stay %x has left and claims up to %s", s.Parking, s.Type, s.ID, clock(s.Claim.To))
		}
	}
}

// seeded notes a claim in days that there are no counters for.
func (out *Report) seeded(r *Rows, lot Lot, run Run, days []*Day) {
	first, last := max(run.From, r.Current)/quartersPerDay, (run.To-1)/quartersPerDay
	for day := first; day <= last; day++ {
		if _, found := slices.BinarySearchFunc(days, day, func(d *Day, day int64) int { return cmp.Compare(d.Day, day) }); !found {
			out.Add(Drifted, "%s %s: a claim up to %s, and no counters for its day", lot.Parking, lot.Type, clock(run.To))
			return
		}
	}
}

func (out *Report) day(r *Rows, day *Day, d *depth) {
	if len(day.Free) != quartersPerDay || len(day.Over) != quartersPerDay {
		out.Add(Drifted, "%s %s: day %d has %d and %d counters", day.Parking, day.Type, day.Day, len(day.Free), len(day.Over))
		return
	}
	for i := range day.Free {
		q := day.Day*quartersPerDay + int64(i)
		if q < r.Current {
			continue
		}
		out.look("quarters", 1)
		claimed, free, over, spaces := d.upTo(q), int64(day.Free[i]), int64(day.Over[i]), int64(day.Cap)
		what := []any{day.Parking, day.Type, clock(q), claimed, spaces, free, over}
		const said = "%s %s at %s: %d claimed of %d, the counters say %d free, %d over"
		switch {
		case claimed > spaces && claimed-spaces != over, free-over > spaces-claimed:
			out.Add(Oversold, said, what...)
		case free-over < spaces-claimed:
			out.Add(Leaked, said, what...)
		case free > 0 && over > 0, free < 0, over < 0:
			out.Add(Drifted, said, what...)
		}
	}
}

// told compares the counters of every quarter, also of the past, with the
// changes that the feed told.
func (out *Report) told(r *Rows) {
	edges := map[Lot][]edge{}
	for _, t := range r.Told {
		edges[t.Lot] = append(edges[t.Lot], edge{t.From, t.N}, edge{t.To, -t.N})
		out.look("changes told", 1)
	}
	for lot, list := range r.days() {
		d := sweep(edges[lot])
		for _, day := range list {
			for i := range min(len(day.Free), len(day.Over)) {
				q := day.Day*quartersPerDay + int64(i)
				if n := d.upTo(q); int64(day.Free[i])-int64(day.Over[i]) != int64(day.Cap)-n {
					out.Add(Untold, "%s %s at %s: the feed told %d claims of %d, the counters say %d free, %d over",
						day.Parking, day.Type, clock(q), n, day.Cap, day.Free[i], day.Over[i])
				}
			}
		}
	}
}

// colours assigns the reservations of each lot to bays, the earliest first, each
// to the lowest bay that is free. Because they are intervals this needs no more
// bays than are claimed at the same time; one that would need a bay which is
// not there, beyond what over admits to, shows a reservation too many.
func (out *Report) colours(r *Rows) {
	runs := map[Lot][]Run{}
	for i := range r.Reservations {
		if x := &r.Reservations[i]; x.Claim.From < x.Claim.To {
			runs[x.Lot] = append(runs[x.Lot], x.Claim)
			out.look("reservations assigned", 1)
		}
	}
	for lot, days := range r.days() {
		list := runs[lot]
		slices.SortFunc(list, func(a, b Run) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
		spaces := map[int64]int{} // by quarter: how many there are, with what over admits to
		for _, d := range days {
			for i := range d.Over {
				spaces[d.Day*quartersPerDay+int64(i)] = d.Cap + int(d.Over[i])
			}
		}
		var taken, free bays
		bought := 0
		for _, run := range list {
			for len(taken) > 0 && taken[0].until <= run.From {
				b := heap.Pop(&taken).(bay)
				heap.Push(&free, bay{until: int64(b.number), number: b.number})
			}
			b := bay{until: run.To, number: bought}
			if len(free) > 0 {
				b.number = heap.Pop(&free).(bay).number
			} else {
				bought++
			}
			heap.Push(&taken, b)
			if n, ok := spaces[run.From]; ok && b.number >= n {
				out.Add(Uncoloured, "%s %s: the reservation from %s needs bay %d of %d", lot.Parking, lot.Type, clock(run.From), b.number+1, n)
			}
		}
	}
}

// shared looks for bays that two reservations have at the same time: by what
// they claim, and whatever they claim when the vehicles of both are inside.
func (out *Report) shared(r *Rows) {
	in := map[Lot]map[string][]*Reservation{}
	for i := range r.Reservations {
		x := &r.Reservations[i]
		if x.Bay == "" || x.State != "confirmed" && x.State != "active" {
			continue
		}
		out.look("bays held", 1)
		if in[x.Lot] == nil {
			in[x.Lot] = map[string][]*Reservation{}
		}
		for _, y := range in[x.Lot][x.Bay] {
			inside := x.State == "active" && y.State == "active"
			if inside || x.Claim.From < x.Claim.To && y.Claim.From < y.Claim.To && x.Claim.From < y.Claim.To && y.Claim.From < x.Claim.To {
				out.Add(Shared, "%s %s: bay %s is that of two reservations from %s", x.Parking, x.Type, x.Bay, clock(max(x.Claim.From, y.Claim.From)))
			}
		}
		in[x.Lot][x.Bay] = append(in[x.Lot][x.Bay], x)
	}
}

// bay is a bay and until when it is taken; free ones are ordered by number.
type bay struct {
	until  int64
	number int
}

type bays []bay

func (b bays) Len() int           { return len(b) }
func (b bays) Less(i, j int) bool { return b[i].until < b[j].until }
func (b bays) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *bays) Push(x any)        { *b = append(*b, x.(bay)) }
func (b *bays) Pop() any {
	old := *b
	last := old[len(old)-1]
	*b = old[:len(old)-1]
	return last
}

// clock is a quarter as a time.
func clock(q int64) string { return time.Unix(q*quarterSeconds, 0).UTC().Format("2006-01-02 15:04") }
