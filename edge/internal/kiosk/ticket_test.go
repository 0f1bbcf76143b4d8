package kiosk

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// entry is a machine at a lane, with what outlasts a power cut: its state, the lane's
// journal, and the printer's count.
type entry struct {
	t       *rapid.T
	m       Machine
	saved   []byte
	journal map[id.Session]bool
	raised  map[id.Session]int
	printed uint64
	slips   []string
	asked   id.Session // in this run
	tapped  map[id.Session]bool
	mono    time.Duration
	cuts    int
	taps    int
	took    int // taps that were taken
	full    bool
	paper   bool
}

func (e *entry) env() Env {
	now := noon.Add(e.mono)
	return Env{
		Now: now, Mono: e.mono, Money: "EUR", Lane: "kiosk-1", Zone: time.UTC, Fresh: [2]id.Payment{id.New[id.Payment](now), id.New[id.Payment](now)},
		Entrance: Entrance{
			Here: true, Fresh: id.New[id.Session](now), Text: func(s id.Session) string { return s.String() },
			In: func(s id.Session) bool { return e.journal[s] },
		},
	}
}

func (e *entry) cut(where string) bool {
	if e.cuts == 0 || rapid.IntRange(1, 6).Draw(e.t, "cut "+where) > 1 {
		return false
	}
	e.cuts--
	e.m, e.asked, e.tapped = Machine{}, id.Session{}, map[id.Session]bool{}
	if err := json.Unmarshal(e.saved, &e.m); err != nil {
		e.t.Fatal(err)
	}
	return true
}

func (e *entry) happens(in Input) Refusal {
	next, events, refused := Step(e.m, in, e.env())
	if refused != "" {
		return refused
	}
	for _, x := range events {
		if x.Kind != wire.HelpCalled {
			e.t.Fatalf("a ticket is the lane's to journal: %+v", x)
		}
	}
	raw, err := json.Marshal(next)
	if err != nil {
		e.t.Fatal(err)
	}
	if !bytes.Equal(raw, e.saved) {
		if e.cut("before it is written down") {
			return ""
		}
		e.saved = raw
		if e.cut("after it is written down") {
			return ""
		}
	}
	e.m = next
	if in.Do != nil && in.Do.Name == "ticket" {
		e.took++
		e.tapped[e.m.Visit.Ticket.Session] = true
	}
	for _, o := range e.m.Wants() {
		switch o.Kind {
		case OrderTicket:
			if e.asked != o.Session {
				e.asked = o.Session
				e.lane(o.Session)
				return ""
			}
		case OrderPrint:
			if o.Seq > e.printed && e.paper {
				e.printed = o.Seq
				e.slips = append(e.slips, o.Slip.Ticket)
				if e.cut("after it is printed") {
					return ""
				}
			}
		default:
		}
	}
	return ""
}

// lane is the lane being asked, as app's gate answers.
func (e *entry) lane(s id.Session) {
	if !e.tapped[s] {
		e.t.Fatal("an arm is asked up for what was tapped before the power went")
	}
	why := Refusal("")
	if e.full {
		why = NoTickets
	} else {
		if e.journal[s] {
			e.t.Fatal("it is asked again for one that came in")
		}
		e.journal[s] = true
		if e.cut("after it is journalled") {
			return
		}
		e.raised[s]++
		if e.cut("after the arm is raised") {
			return
		}
	}
	e.happens(Input{Issued: &Issued{Session: s, Why: why}})
}

func (e *entry) look() {
	e.happens(Input{Printer: &Printer{Answers: true, Paper: e.paper, Printed: e.printed}})
}

// Wherever the power goes: a tap makes at most one stay; its ticket is printed once, the
// same after a cut, and never one for a stay that the lane has not journalled; and no arm
// is raised in a run for what was tapped in another.
func TestATicketIsOneStayAndOnePaperWhereverThePowerGoes(t *testing.T) {
	cuts, stays, refused := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		e := &entry{
			t: rt, journal: map[id.Session]bool{}, raised: map[id.Session]int{}, tapped: map[id.Session]bool{}, saved: []byte("{}"), paper: true,
			cuts: rapid.IntRange(0, 4).Draw(rt, "cuts"),
		}
		before := e.cuts
		for range rapid.IntRange(3, 30).Draw(rt, "steps") {
			e.mono += time.Duration(rapid.IntRange(0, 30).Draw(rt, "seconds")) * time.Second
			e.look()
			e.full = rapid.IntRange(0, 3).Draw(rt, "full") == 0
			e.taps++
			name := rapid.SampledFrom([]string{"ticket", "ticket", "ticket", "done", "back", "cancel", "help", "find"}).Draw(rt, "tap")
			e.happens(Input{Do: &Action{Screen: e.m.Screen, Key: time.Duration(e.taps).String(), Name: name, By: ByTicket}, Miss: NotFound})
			e.look()
		}
		cuts += before - e.cuts
		e.cuts = 0
		for range 200 { // beyond a call for help that nobody touches
			e.look()
			e.mono += 5 * time.Second
		}
		if e.m.Phase != Idle {
			rt.Fatalf("it does not come to rest: %s, %+v", e.m.Phase, e.m.Visit.Ticket)
		}
		if len(e.journal) > e.taps {
			rt.Fatalf("%d stays of %d taps", len(e.journal), e.taps)
		}
		seen := map[string]bool{}
		for _, s := range e.slips {
			if seen[s] {
				rt.Fatalf("ticket %s is printed twice", s)
			}
			seen[s] = true
		}
		for s := range e.journal {
			if !seen[s.String()] || e.raised[s] > 1 {
				rt.Fatalf("a stay with ticket printed: %v, arm raised %d times", seen[s.String()], e.raised[s])
			}
			delete(seen, s.String())
			stays++
		}
		if len(seen) > 0 {
			rt.Fatalf("tickets without a stay: %v", seen)
		}
		refused += e.took - len(e.journal)
	})
	t.Logf("%d power cuts, %d stays, %d without", cuts, stays, refused)
	if cuts == 0 || stays == 0 || refused == 0 {
		t.Error("nothing was tried")
	}
}

// Without paper, or a lane, nobody is let in; and while the lane is asked nothing can be
// tapped.
func TestATicketNeedsALaneAndPaper(t *testing.T) {
	b := newBench(t)
	b.step(Input{Printer: &Printer{Answers: true, Paper: true}})
	if r := b.tap("ticket"); r != NoTickets || b.m.Show(Outside{}, b.env()).Can.Tickets {
		t.Errorf("a machine without a lane says %q", r)
	}
	env := b.env()
	env.Entrance = Entrance{Here: true, Fresh: id.New[id.Session](noon), Text: id.Session.String}
	b.step(Input{Printer: &Printer{Answers: true}})
	tap := func(name string) (refused Refusal) {
		var next Machine
		b.taps++
		next, _, refused = Step(b.m, Input{Do: &Action{Screen: b.m.Screen, Key: time.Duration(b.taps).String(), Name: name}}, env)
		if refused == "" {
			b.m = next
		}
		return refused
	}
	if r := tap("ticket"); r != NoPrinter {
		t.Errorf("%q without paper", r)
	}
	b.step(Input{Printer: &Printer{Answers: true, Paper: true}})
	if r := tap("ticket"); r != "" || b.m.Phase != Ticketing {
		t.Fatal(r, b.m.Phase)
	}
	for _, name := range []string{"cancel", "done", "back", "ticket"} {
		if r := tap(name); r != Busy {
			t.Errorf("%s while the lane is asked: %q", name, r)
		}
	}
	env.Mono += time.Hour
	if next, _, _ := Step(b.m, Input{}, env); next.Phase != Ticketing {
		t.Errorf("it does not wait for the lane: %s", next.Phase)
	}
	b.step(Input{Issued: &Issued{Session: env.Entrance.Fresh, Why: DriveUp}})
	if s := b.m.Show(Outside{}, env).Screen.(object); s["problem"] != DriveUp {
		t.Errorf("%v", s)
	}
	if r := tap("back"); r != "" || b.m.Phase != Idle {
		t.Error(r, b.m.Phase)
	}
}
