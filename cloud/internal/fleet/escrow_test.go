package fleet

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// escrowEdge is the edge's side of the allotment, as in package admission of the
// edge: what it admits by binds at once, is adopted once no more than its units
// are in use, and goes through a journal that is on disk before anything else.
type escrowEdge struct {
	j       *journal
	revised int64 // version it admits by; 0: none, as after Distrust
	units   int
	until   time.Time
	adopted int64
	in      []id.Session // walk-ins it knows inside
	sent    int          // events of j that were acknowledged
}

// hear takes up an allotment: one of an older version is late and changes
// nothing (ApplyDelta).
func (e *escrowEdge) hear(t testing.TB, a commit.Allotment, now time.Time) {
	if a.Version < e.revised {
		return
	}
	e.revised, e.units, e.until = a.Version, int(a.Granted), a.Until.Time()
	e.adopt(t, now)
}

func (e *escrowEdge) adopt(t testing.TB, now time.Time) {
	if e.revised != 0 && e.adopted != e.revised && len(e.in) <= e.units {
		e.adopted = e.revised
		e.j.add(t, now, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(e.revised), Units: uint16(e.units)})
	}
}

func (e *escrowEdge) admit(t testing.TB, now time.Time) (id.Session, bool) {
	if e.revised == 0 || len(e.in) >= e.units || !now.Before(e.until) {
		return id.Session{}, false
	}
	s := e.j.enterAs(t, now, none, wire.AdmitWalkin)
	e.in = append(e.in, s)
	return s, true
}

// again begins a new journal with the events that were not acknowledged, and
// distrusts the cache (Store.NewJournal). What it knows of who is inside stays.
func (e *escrowEdge) again(t testing.TB) {
	next := newJournal()
	for _, x := range e.j.events[e.sent:] {
		next.add(t, x.Time(), x)
	}
	e.j, e.sent, e.revised, e.units, e.adopted = next, 0, 0, 0, 0
}

// escrow is a cloud and its edge with a network between them that loses, holds
// up, doubles and reorders.
type escrow struct {
	w      *world
	e      *escrowEdge
	down   []commit.Allotment // every grant that was ever sent
	up     []*ApplyEvents     // every batch that was ever sent
	inside map[id.Session]bool
	told   int64
}

func (x *escrow) send() {
	if a := x.w.rows.Allotments[id.Standard]; a != nil && a.Version != x.told {
		x.told = a.Version
		x.down = append(x.down, *a)
	}
}

func (x *escrow) upload() {
	if from := x.e.sent; from < len(x.e.j.events) {
		x.up = append(x.up, &ApplyEvents{
			Lot: lot, Journal: x.e.j.id, Epoch: x.e.j.epoch,
			Events: x.e.j.events[from:len(x.e.j.events):len(x.e.j.events)], Raw: x.e.j.raw[from:len(x.e.j.raw):len(x.e.j.raw)],
		})
	}
}

// receive is the cloud's end of a batch, whatever has become of it on its way.
func (x *escrow) receive(t *rapid.T, b *ApplyEvents, acked bool) {
	op := *b
	op.Inside = x.w.inside()
	_, err := x.w.Commit(t.Context(), &op)
	if err == nil && acked && op.Mark.Journal == x.e.j.id {
		x.e.sent = max(x.e.sent, int(op.Mark.Seq))
	}
	x.send()
}

func (x *escrow) fit(t testing.TB) {
	x.w.allot(t)
	x.send()
}

// held is how many walk-ins are inside by what the inventory has claimed for
// them: units of the allotment, and claims of stays on their own.
func (x *escrow) held() int {
	n := 0
	if a := x.w.rows.Allotments[id.Standard]; a != nil && a.Until > timerange.Floor(x.w.now) {
		n = int(a.Units)
	}
	for _, s := range x.w.rows.Sessions {
		if s.Reservation.IsZero() && !s.Allotted && s.ExitedAt.IsZero() && s.ClaimTo > timerange.Floor(x.w.now) {
			n++
		}
	}
	return n
}

// keep is the minute clock.
func (x *escrow) keep(t testing.TB) {
	var stays []id.Session
	for i := range x.w.rows.Sessions {
		stays = append(stays, i)
	}
	x.w.must(t, &Extend{Lot: lot, Sessions: stays})
	x.fit(t)
}

// Whatever the network loses, doubles, holds up or reorders, whether the edge
// restarts, begins a new journal or is replaced by one that knows nothing: the
// walk-ins inside never outnumber what is claimed for them, nothing is claimed
// beyond the capacity by it, and once all is told nothing is left over.
//
// A third of the parkings are small; in the others much is lent, vehicles come and go
// by the dozen, and the owner's share changes, so that large allotments grow,
// shrink, are full, and change hands.
func TestEscrowHoldsThroughAnything(t *testing.T) {
	var lent, full, shrunk, moved int // in how many runs 20 units were lent, taken, given back, left to a new journal
	rapid.Check(t, func(rt *rapid.T) {
		capacity, several := int16(rapid.IntRange(1, 12).Draw(rt, "capacity")), 1
		if rapid.IntRange(0, 2).Draw(rt, "large") > 0 {
			capacity, several = int16(rapid.IntRange(40, 120).Draw(rt, "spaces")), 60
		}
		w, j := start(t, capacity)
		share := func() {
			p := *w.parking
			p.Policy.AllotmentShare = rapid.SampledFrom([]int{5, 20, 60, 100}).Draw(rt, "share")
			w.parking = &p
		}
		if several > 1 {
			share()
		}
		most, was := map[string]bool{}, int16(0)
		defer func() {
			for k, n := range map[string]*int{"lent": &lent, "full": &full, "shrunk": &shrunk, "moved": &moved} {
				if most[k] {
					*n++
				}
			}
		}()
		x := &escrow{w: w, e: &escrowEdge{j: j}, inside: map[id.Session]bool{}}
		sold := 0
		for range rapid.IntRange(several/3, 80).Draw(rt, "steps") {
			switch rapid.IntRange(0, 16).Draw(rt, "what") {
			case 0, 1, 2:
				for range rapid.SampledFrom([]int{1, several}).Draw(rt, "come") {
					if s, ok := x.e.admit(t, w.now); ok {
						x.inside[s] = true
					}
				}
			case 3: // some that the edge knows leave
				for range min(len(x.e.in), rapid.IntRange(1, several).Draw(rt, "go")) {
					s := x.e.in[0]
					x.e.in = x.e.in[1:]
					x.e.j.exit(t, w.now, s, none)
					x.e.adopt(t, w.now)
					delete(x.inside, s)
				}
			case 4:
				x.upload()
			case 5: // any batch that was ever sent arrives, perhaps again
				if len(x.up) > 0 {
					x.receive(rt, x.up[rapid.IntRange(0, len(x.up)-1).Draw(rt, "batch")], rapid.Bool().Draw(rt, "answered"))
				}
			case 6: // any grant that was ever sent to this edge arrives, perhaps again
				if x.e.j.epoch > 0 && len(x.down) > 0 {
					x.e.hear(t, x.down[rapid.IntRange(0, len(x.down)-1).Draw(rt, "grant")], w.now)
				}
			case 7:
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute)
				x.keep(t)
			case 8:
				x.fit(t)
			case 9:
				from := w.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "from")) * time.Minute)
				if w.trySell(t, from, from.Add(time.Hour)) {
					sold++
				}
			case 10: // restarts, and finds that its journal does not fit
				x.e.again(t)
				x.hello(t)
			case 11: // is replaced; all it had told is known, and nothing else
				if x.e.sent == len(x.e.j.events) {
					x.e = &escrowEdge{j: newJournal()}
					x.hello(t)
				}
			case 12: // dies, is retired, and is replaced; all it had told is known
				if x.e.sent == len(x.e.j.events) {
					if _, err := w.retire(t, "dead"); err != nil {
						rt.Fatal(err)
					}
					x.fit(t)
					w.balance(t)
					if al := w.rows.Allotments[id.Standard]; al != nil && al.Units != 0 {
						rt.Fatalf("%d units are lent to nobody", al.Units)
					}
					x.e = &escrowEdge{j: newJournal()}
					x.hello(t)
				}
			case 13:
				if several > 1 {
					share()
				}
			default: // the network works for a moment
				if x.e.j.epoch > 0 {
					x.calm(t, rt)
				}
			}
			if al := w.rows.Allotments[id.Standard]; al != nil {
				most["lent"] = most["lent"] || al.Units >= 20
				most["full"] = most["full"] || w.inside().Allotted[id.Standard] >= 20
				most["shrunk"] = most["shrunk"] || was-al.Units >= 20
				was = al.Units
			}
			own := 0
			for _, s := range w.rows.Sessions {
				if s.Reservation.IsZero() && !s.Allotted && s.ExitedAt.IsZero() {
					own++
				}
			}
			most["moved"] = most["moved"] || own >= 20
			w.balance(t)
			if n := len(x.inside); n > x.held() {
				rt.Fatalf("%d walk-ins inside, %d claimed for them", n, x.held())
			}
			if x.e.units > 0 && x.e.revised != 0 {
				if al := w.rows.Allotments[id.Standard]; al.Until.Time().Before(x.e.until) {
					rt.Fatalf("the edge admits until %s, claimed until %s", x.e.until, al.Until.Time())
				}
			}
		}
		for _, i := range w.out.Incidents {
			if i.Class != "X10" && i.Class != "X6" && i.Class != "overfull" && i.Class != ClassRetired {
				rt.Fatalf("an honest edge caused %+v", i)
			}
		}
		x.settle(t, rt)
	})
	t.Logf("%d runs lent 20 units, %d had as many taken, %d took as many back, %d left as many to a new journal", lent, full, shrunk, moved)
	if min(lent, full, shrunk, moved) == 0 {
		t.Error("no large allotment was reached")
	}
}

// calm lets everything through that is to be told, both ways.
func (x *escrow) calm(t testing.TB, rt *rapid.T) {
	for range 2 {
		x.fit(t)
		if n := len(x.down); n > 0 {
			x.e.hear(t, x.down[n-1], x.w.now)
		}
		x.e.adopt(t, x.w.now)
		x.upload()
		if n := len(x.up); n > 0 {
			x.receive(rt, x.up[n-1], true)
		}
	}
}

// hello brings the edge's journal into use. What it hears is what is granted
// from now on: a grant to the journal before is not for it.
func (x *escrow) hello(t testing.TB) {
	x.e.j.greet(t, x.w)
	x.down, x.told = nil, 0
	x.fit(t)
}

// settle lets everybody leave and everything be told, and looks for what is
// left over.
func (x *escrow) settle(t *testing.T, rt *rapid.T) {
	for s := range x.inside {
		x.e.j.exit(t, x.w.now, s, none)
	}
	x.e.in, x.inside = nil, map[id.Session]bool{}
	x.w.now = x.w.now.Add(7 * time.Hour) // all that was sold is over
	for range 4 {
		x.keep(t)
		x.calm(t, rt)
	}
	x.w.balance(t)
	al := x.w.rows.Allotments[id.Standard]
	if al == nil {
		rt.Fatal("there is no allotment")
	}
	wanted := Headroom(x.w.parking.SpaceTypes[0].Capacity, x.w.parking.Policy.AllotmentShare)
	if al.Units != al.Granted || int(al.Units) != x.w.claimed(x.w.now) || 2*al.Units < wanted || 2*al.Units > 3*wanted {
		rt.Fatalf("units %d, granted %d, claimed %d, wanted %d", al.Units, al.Granted, x.w.claimed(x.w.now), wanted)
	}
}
