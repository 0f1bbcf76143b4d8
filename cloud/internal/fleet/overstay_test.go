package fleet

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// adopt is the edge taking up the allotment as it is granted now.
func (w *world) adopt(t testing.TB, j *journal) {
	t.Helper()
	al := w.rows.Allotments[id.Standard]
	j.add(t, w.now, wire.Event{Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: uint64(al.Version), Units: uint16(al.Granted)})
	j.applyAll(t, w)
	w.balance(t)
}

// Who stays too long takes what is not sold, then what is kept back for that,
// then walk-ins stop, and only then is more claimed than there is. The guest who
// finds no space then is let in all the same, and staff are told once.
func TestOverstayTakesUnsoldThenBufferThenWalkInsThenOver(t *testing.T) {
	w, j := start(t, 10)
	p := *w.parking
	p.Policy.OverstayBuffer = 20
	w.parking = &p
	var stays []id.Session
	for range 6 {
		r := w.reserve(t, noon.Add(-2*time.Hour), noon)
		stays = append(stays, j.enter(t, noon.Add(-2*time.Hour), r.ID))
	}
	j.applyAll(t, w)
	w.allot(t)
	var next []id.Reservation
	for range 5 {
		next = append(next, w.reserve(t, noon, noon.Add(2*time.Hour)).ID)
	}
	al := func() (units, granted int) {
		a := w.rows.Allotments[id.Standard]
		return int(a.Units), int(a.Granted)
	}
	if u, _ := al(); u != 2 || w.claimed(noon) != 7 {
		t.Fatalf("%d lent, %d claimed", u, w.claimed(noon))
	}
	stay := func(n int) {
		t.Helper()
		w.must(t, &Extend{Lot: lot, Sessions: stays[n : n+1]})
		w.balance(t)
	}
	stay(0)
	if w.trySell(t, noon, noon.Add(15*time.Minute)) || w.over(noon) != 0 {
		t.Fatal("what was left is his; what is kept back is not sold")
	}
	stay(1)
	stay(2)
	w.allot(t)
	if u, g := al(); u != 2 || g != 2 || w.claimed(noon) != 10 || w.over(noon) != 0 {
		t.Fatalf("%d lent, %d granted, %d claimed, %d over: the buffer bears two", u, g, w.claimed(noon), w.over(noon))
	}
	for n := 3; n < 5; n++ {
		stay(n)
		for range 2 { // the clock ticks on before the edge has answered
			w.allot(t)
		}
		if u, g := al(); u != 5-n || g != 4-n || w.over(noon) != 1 {
			t.Fatalf("%d lent, %d granted, %d over: the edge is to give one back", u, g, w.over(noon))
		}
		w.adopt(t, j)
		if u, _ := al(); u != 4-n || w.over(noon) != 0 || w.claimed(noon) != 10 {
			t.Fatalf("%d lent, %d over, %d claimed", u, w.over(noon), w.claimed(noon))
		}
	}
	w.raised(t)
	stay(5)
	w.allot(t)
	if u, g := al(); u != 0 || g != 0 || w.over(noon) != 1 || w.claimed(noon) != 11 {
		t.Fatalf("%d lent, %d granted, %d over", u, g, w.over(noon))
	}

	// The last resort.
	in := j.enter(t, noon, next[0])
	j.applyAll(t, w)
	w.balance(t)
	w.raised(t, "overfull")
	if r := w.rows.Reservations[next[0]]; r.State != reservation.Active || r.Session != in || w.claimed(noon) != 11 || w.over(noon) != 1 {
		t.Fatalf("%s, %d claimed, %d over: he is inside on the place that is kept for him in the books", r.State, w.claimed(noon), w.over(noon))
	}
	w.must(t, j.batch(w, len(j.events)-1, len(j.events))) // told again
	w.raised(t, "overfull")

	// One leaves: nothing is over, and nothing is sold or lent out of the buffer.
	j.exit(t, noon, stays[0], none)
	j.applyAll(t, w)
	w.allot(t)
	w.balance(t)
	if u, _ := al(); u != 0 || w.over(noon) != 0 || w.trySell(t, noon, noon.Add(15*time.Minute)) {
		t.Fatalf("%d lent, %d over", u, w.over(noon))
	}
	// All of them leave: walk-ins are let in again.
	for _, s := range stays[1:] {
		j.exit(t, noon, s, none)
	}
	j.applyAll(t, w)
	w.allot(t)
	w.balance(t)
	if u, g := al(); u != 2 || g != 2 || w.claimed(noon) != 7 || w.over(noon) != 0 {
		t.Fatalf("%d lent, %d granted, %d claimed", u, g, w.claimed(noon))
	}
}

// A reservation that was extended while its vehicle is inside keeps the place;
// the stay claims nothing beside it, and all of it is given back at the exit.
func TestExtendedReservationIsNotClaimedTwice(t *testing.T) {
	w, j := start(t, 2)
	r := w.reserve(t, noon.Add(-2*time.Hour), noon)
	s := j.enter(t, noon.Add(-2*time.Hour), r.ID)
	j.applyAll(t, w)
	w.modify(t, r.ID, noon.Add(-2*time.Hour), noon.Add(2*time.Hour))
	w.must(t, &Extend{Lot: lot, Sessions: []id.Session{s}})
	if w.claimed(noon) != 1 || w.claimed(noon.Add(time.Hour)) != 1 {
		t.Fatalf("%d claimed now, %d in an hour", w.claimed(noon), w.claimed(noon.Add(time.Hour)))
	}
	w.balance(t)
	j.exit(t, noon, s, r.ID)
	j.applyAll(t, w)
	w.balance(t)
	if w.claimed(noon) != 0 || w.claimed(noon.Add(time.Hour)) != 0 {
		t.Fatal("something is still claimed")
	}
}
