package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// keepTill does what the database does with what is told of tills.
func (w *world) keepTill(e feed.Event) {
	switch e.Kind {
	case feed.TillChanged:
		var t Drawer
		if err := json.Unmarshal([]byte(e.Body.Till.State), &t); err != nil {
			panic(err)
		}
		if w.tills == nil {
			w.tills = Tills{}
		}
		w.tills[e.Body.Till.Machine] = t
	case feed.ShiftClosed:
		w.shifts = append(w.shifts, []byte(e.Body.Till.Document))
	default: // of something else
	}
}

// machine is a kiosk whose cash is told of.
type machine struct {
	t     testing.TB
	w     *world
	j     *journal
	shift id.Shift
	cash  int64 // in it
	box   int64 // of that
}

func (m *machine) tell(kind wire.EventKind, minor int64, f func(*wire.Event)) {
	m.t.Helper()
	e := wire.Event{Kind: kind, Lane: "kiosk-1", Shift: m.shift, Amount: minor, Currency: "EUR", By: "anna"}
	if kind == wire.CashMoved {
		e.Payment = id.New[id.Payment](noon)
	}
	if f != nil {
		f(&e)
	}
	m.j.add(m.t, noon.Add(time.Duration(len(m.j.events))*time.Second), e)
}

func (m *machine) open() {
	m.shift = id.New[id.Shift](noon)
	m.tell(wire.ShiftOpened, m.cash, nil)
}

// close counts so much more in the box than should be there; less than nothing cannot be
// in it.
func (m *machine) close(more int64) {
	more = max(more, -m.box)
	m.tell(wire.ShiftClosed, m.box+more, func(e *wire.Event) { e.Expected, e.Stays, e.Why = m.box, m.cash-m.box, "counted" })
	m.cash, m.box, m.shift = m.cash-m.box, 0, id.Shift{}
}

func (m *machine) takes(minor int64) {
	m.j.pay(m.t, noon.Add(time.Duration(len(m.j.events))*time.Second), id.New[id.Session](noon), id.New[id.Payment](noon), minor, wire.Cash)
	m.cash, m.box = m.cash+minor, m.box+minor
}

func (m *machine) moves(note string, minor int64) {
	m.tell(wire.CashMoved, minor, func(e *wire.Event) { e.Note = note })
	if note == wire.CashTaken || note == wire.CashMissing {
		minor = -minor
	}
	m.cash += minor
}

func (w *world) account(a ledger.Account) (n int64) {
	for _, e := range w.out.Entries {
		for _, p := range e.Postings {
			if p.Account == a {
				n += p.Amount.Minor
			}
		}
	}
	return n
}

func (w *world) cashIncidents() (n int) {
	for _, i := range w.out.Incidents {
		if i.Class == ClassCash {
			n++
		}
	}
	return n
}

// A shift of a machine is one of the books: what the ledger has in cash is what is in the
// machine, what was taken out is with the staff, and a difference is on an account of its
// own, with an incident; without one there is none.
func TestAShiftAtAMachineIsOneOfTheBooks(t *testing.T) {
	for _, differs := range []int64{0, -110} {
		t.Run(fmt.Sprint(differs), func(t *testing.T) {
			w, j := start(t, 2)
			m := &machine{t: t, w: w, j: j, cash: 19_000}
			m.open()
			m.takes(510)
			m.takes(620)
			m.moves(wire.CashFilled, 1000)
			m.close(differs)
			m.open()
			m.takes(300)
			j.applyAll(t, w)
			if got := w.account(ledger.Cash); got != m.cash || w.tills["kiosk-1"].Cash != m.cash {
				t.Errorf("%d in the machine, %d in the books, %+v", m.cash, got, w.tills)
			}
			if safe, diff := w.account(ledger.Safe), w.account(ledger.CashDifference); safe != 1130+differs-20_000 || diff != -differs {
				t.Errorf("%d with the staff, %d differ", safe, diff)
			}
			want := 0
			if differs != 0 {
				want = 1
			}
			if n := w.cashIncidents(); n != want {
				t.Errorf("%d incidents: %+v", n, w.out.Incidents)
			}
			var c books.Closing
			if len(w.shifts) != 1 || json.Unmarshal(w.shifts[0], &c) != nil {
				t.Fatalf("%s", w.shifts)
			}
			if n := c.Counts[0]; n.Expected != 1130 || n.Counted != 1130+differs || n.Difference != differs || c.By != "anna" || c.Machine != "kiosk-1" || c.Spans[0].From == nil || c.Seq != 1 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// What a machine has by its own count and the books have not is booked as a difference,
// and somebody is told.
func TestAMachineThatHasAnotherSumThanTheBooks(t *testing.T) {
	w, j := start(t, 2)
	m := &machine{t: t, w: w, j: j, cash: 1000}
	m.open()
	m.takes(500)
	m.close(0)
	m.cash -= 200 // nobody told
	m.open()
	m.cash, m.box = m.cash+50, m.box+50 // nor this
	m.close(0)
	j.applyAll(t, w)
	if got := w.account(ledger.Cash); got != m.cash || w.account(ledger.CashDifference) != 150 || w.cashIncidents() != 2 {
		t.Errorf("%d in the machine, %d in the books, %d differ, %d incidents", m.cash, got, w.account(ledger.CashDifference), w.cashIncidents())
	}
}

// However the journal of a machine is cut into batches, sent again, or told anew in
// another journal, each movement and each shift counts once, and the books are the same.
func TestAMachinesCashCountsOnceHoweverItIsTold(t *testing.T) {
	tries := 0
	rapid.Check(t, func(rt *rapid.T) {
		w, j := start(t, 2)
		m := &machine{t: t, w: w, j: j, cash: rapid.Int64Range(0, 9).Draw(rt, "float") * 100}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch n := rapid.Int64Range(1, 9).Draw(rt, "amount") * 10; rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				if m.shift.IsZero() {
					m.open()
				} else {
					m.close(rapid.SampledFrom([]int64{0, 0, -10, 20}).Draw(rt, "differs"))
				}
			case 1:
				m.moves(rapid.SampledFrom([]string{wire.CashFilled, wire.CashFound}).Draw(rt, "comes"), n)
			case 2:
				if m.cash-m.box >= n {
					m.moves(rapid.SampledFrom([]string{wire.CashTaken, wire.CashMissing}).Draw(rt, "goes"), n)
				}
			default:
				m.takes(n)
			}
		}
		if len(j.events) == 0 {
			return
		}
		plain := w.copy()
		j.applyAll(t, plain)
		for at := 0; at < len(j.events); {
			from := rapid.IntRange(max(0, at-6), at).Draw(rt, "again from")
			to := rapid.IntRange(at+1, len(j.events)).Draw(rt, "to")
			op := j.batch(w, from, to)
			w.must(t, op)
			at = to
			if rapid.IntRange(0, 4).Draw(rt, "a new journal") > 0 {
				continue
			}
			// The edge was not told how far it was heard, and begins anew with what it has.
			lost := rapid.IntRange(0, at).Draw(rt, "acknowledged")
			next := newJournal()
			for _, e := range j.events[lost:] {
				next.add(t, e.Time(), e)
			}
			next.greet(t, w)
			j, at = next, 0
			tries++
			if len(j.events) == 0 {
				break
			}
		}
		for _, a := range []ledger.Account{ledger.Cash, ledger.Safe, ledger.CashDifference, ledger.ChangeCredit} {
			if x, y := plain.account(a), w.account(a); x != y {
				rt.Fatalf("%s is %d, told once, and %d", a, x, y)
			}
		}
		if len(plain.shifts) != len(w.shifts) || plain.cashIncidents() != w.cashIncidents() {
			rt.Fatalf("%d shifts and %d incidents, told once; %d and %d", len(plain.shifts), plain.cashIncidents(), len(w.shifts), w.cashIncidents())
		}
		if x, y := plain.tills["kiosk-1"], w.tills["kiosk-1"]; x.Cash != y.Cash || x.Shift != y.Shift || x.Shifts != y.Shifts || !slices.Equal(x.Had, y.Had) {
			rt.Fatalf("%+v, told once, and %+v", x, y)
		}
	})
	if tries == 0 {
		t.Error("no journal was told anew")
	}
}
