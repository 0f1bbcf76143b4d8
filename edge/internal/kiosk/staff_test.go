package kiosk

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// desk is a machine with anna, whose PIN is right, and what it journals.
type desk struct {
	*bench
	shifts bool
	told   []wire.Event
	boxed  []Pieces
	asked  int // PINs that were looked at
}

func newDesk(t *testing.T) *desk {
	d := &desk{bench: &bench{t: t, stay: Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-time.Hour), Lane: "entry-1"}}}
	d.device()
	return d
}

func (d *desk) with() Env {
	e := d.env()
	e.Shifts, e.Shift, e.Spare = d.shifts, id.New[id.Shift](noon), [2]id.Payment{id.New[id.Payment](noon), id.New[id.Payment](noon)}
	e.Staff = func(name, pin string) bool { d.asked++; return name == "anna" && pin == "right" }
	return e
}

func (d *desk) happens(in Input) Refusal {
	next, events, refused := Step(d.m, in, d.with())
	if refused == "" || refused.Changes() {
		d.m, d.told = next, append(d.told, events...)
	}
	return refused
}

func (d *desk) device() {
	d.happens(Input{Cash: &Cash{
		Answers: true, Seq: d.m.Seq, Totals: d.total, Box: d.boxed, Hoppers: []Hopper{{ID: 1, Value: 100, Count: 50}},
		Takes: []Pieces{{Value: 100}, {Value: 1000, Note: true}},
	}})
}

func (d *desk) does(name string, change ...func(*Action)) Refusal {
	d.taps++
	a := &Action{Screen: d.m.Screen, Key: time.Duration(d.taps).String(), Name: name}
	for _, f := range change {
		f(a)
	}
	return d.happens(Input{Do: a, Found: []Found{d.stay}})
}

func (d *desk) unlock(pin string) Refusal {
	return d.does("staff_unlock", func(a *Action) { a.By, a.Pin = "anna", pin })
}

// restarts is a power cut: what is written down is all that is known.
func (d *desk) restarts() {
	raw, err := json.Marshal(d.m)
	if err != nil {
		d.t.Fatal(err)
	}
	d.m = Machine{}
	if err := json.Unmarshal(raw, &d.m); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) notes() (out []string) {
	for _, e := range d.told {
		out = append(out, e.Note)
		if err := e.Validate(); err != nil && e.Seq > 0 {
			d.t.Error(err)
		}
	}
	return out
}

// Nothing of staff's is a visitor's, and nothing of a visitor's is staff's; whoever
// unlocks is on record, and a screen that nobody touches, or that is started anew, is
// locked.
func TestStaffAndVisitorsHaveTheirOwn(t *testing.T) {
	d := newDesk(t)
	for _, a := range []string{"staff_lock", "shift_open", "shift_close", "fill_hopper", "settle"} {
		if r := d.does(a); r != StaffOnly {
			t.Errorf("%s of a visitor: %q", a, r)
		}
	}
	if r := d.unlock("right"); r != "" || d.m.Phase != Serving {
		t.Fatal(r, d.m.Phase)
	}
	for _, a := range []string{"search", "find", "help", "lost", "pay", "cancel", "back", "staff_unlock"} {
		if r := d.does(a); r == "" {
			t.Errorf("%s on the staff's screen", a)
		}
	}
	d.mono += locksTo + endsAfter - time.Millisecond
	if d.happens(Input{}); d.m.Phase != Serving {
		t.Fatal("it locks too early")
	}
	d.mono += time.Millisecond
	if d.happens(Input{}); d.m.Phase != Idle || d.m.Staff != "" {
		t.Fatal("it does not lock")
	}
	if r := d.unlock("right"); r != "" {
		t.Fatal(r)
	}
	d.restarts()
	if d.happens(Input{}); d.m.Phase != Idle {
		t.Fatal("it is open after a start")
	}
	want := []string{"staff_unlock", "staff_lock", "staff_unlock", "staff_lock"}
	for i, n := range d.notes() {
		if n != want[i] || d.told[i].By != "anna" {
			t.Errorf("%+v", d.told[i])
		}
	}
}

// Money that somebody puts in on the staff's screen comes back to that screen, and after a
// start in between to the visitors'.
func TestMoneyThatComesBackOpensNoScreen(t *testing.T) {
	for _, cut := range []bool{false, true} {
		d := newDesk(t)
		d.unlock("right")
		d.total.Inserted = 100
		if d.device(); d.m.Phase != Returning {
			t.Fatal(d.m.Phase)
		}
		want := Serving
		if cut {
			d.restarts()
			want = Idle
		}
		d.total.Returned = 100
		d.device()
		if d.m.Phase != want || cut && d.m.Staff != "" {
			t.Errorf("after a start: %t, %q, %q", cut, d.m.Phase, d.m.Staff)
		}
	}
}

// A visit, or money that is inside, is not ended by somebody who has a PIN.
func TestUnlockingEndsNobodysVisit(t *testing.T) {
	d := newDesk(t)
	if r := d.does("find"); r != "" || d.m.Phase != Paying {
		t.Fatal(r, d.m.Phase)
	}
	if r := d.unlock("right"); r != NotNow || d.m.Phase != Paying {
		t.Errorf("%q %s", r, d.m.Phase)
	}
	d.total.Inserted = 100
	if d.device(); d.m.Cash.escrow() != 100 {
		t.Fatal(d.m.Cash)
	}
	if r := d.unlock("right"); r != NotNow || d.m.Cash.escrow() != 100 || d.asked > 0 {
		t.Errorf("%q, %d inside, %d PINs looked at", r, d.m.Cash.escrow(), d.asked)
	}
}

// After three wrong PINs each further one has to wait, twice as long each time, up to a
// quarter of an hour; a start is no way around it, nor is the right PIN; and what was
// typed is nowhere.
func TestGuessingAPINIsSlowAlsoOverStarts(t *testing.T) {
	d := newDesk(t)
	for range pinTries {
		if r := d.unlock("wrong"); r != PinWrong {
			t.Fatal(r)
		}
	}
	wait := pinSlow
	for i := range 8 {
		if i%2 == 1 {
			d.mono += wait - time.Millisecond
			d.restarts() // the waiting begins anew
			d.happens(Input{})
		}
		d.mono += wait - time.Millisecond
		asked := d.asked
		if r := d.unlock("right"); r != PinSlow || d.asked != asked {
			t.Fatalf("%d: %q after %s", i, r, wait)
		}
		d.mono += time.Millisecond
		if r := d.unlock("wrong"); r != PinWrong {
			t.Fatalf("%d: %q", i, r)
		}
		wait = min(2*wait, pinMost)
	}
	d.mono += wait
	if r := d.unlock("right"); r != "" || d.m.Wrong != 0 {
		t.Fatal(r)
	}
	for _, e := range d.told[:len(d.told)-1] {
		if e.Note != "staff_unlock_refused" || e.By != nobody {
			t.Errorf("%+v", e)
		}
	}
}

// Cash is gated by a shift where the owner demands it, and only there; the border says so.
func TestCashWaitsForAShiftWhereItIsDemanded(t *testing.T) {
	d := newDesk(t)
	codes := func() []string { return d.m.Show(Outside{}, d.with()).Border.Codes }
	if d.m.Cashless() {
		t.Fatal("shifts are not demanded")
	}
	d.shifts = true
	if d.happens(Input{}); !d.m.Cashless() || len(codes()) == 0 {
		t.Fatal("cash is taken without a shift")
	}
	if r := d.does("find"); r != "" {
		t.Fatal(r)
	}
	for _, o := range d.m.Wants() {
		if o.Kind == OrderAccept {
			t.Fatal("the slots are open without a shift")
		}
	}
	d.does("cancel")
	if r := d.unlock("right"); r != "" {
		t.Fatal(r)
	}
	if r := d.does("fill_hopper", func(a *Action) { a.Hopper, a.Count = 1, 5 }); r != NoShift {
		t.Errorf("filled without a shift: %q", r)
	}
	if r := d.does("shift_open"); r != "" || d.m.Cashless() {
		t.Fatal(r)
	}
	if r := d.does("shift_open"); r != ShiftThere {
		t.Error(r)
	}
}

// What was counted is held against what the device had in its box; pieces that it has no
// slot for are no count; and a device that does nothing has done nothing.
func TestAShiftIsCounted(t *testing.T) {
	d := newDesk(t)
	d.unlock("right")
	if r := d.does("shift_close"); r != NoShift {
		t.Fatal(r)
	}
	d.does("shift_open")
	if e := d.told[len(d.told)-1]; e.Kind != wire.ShiftOpened || e.Amount != 5000 || e.By != "anna" {
		t.Fatalf("%+v", e)
	}
	d.boxed = []Pieces{{Value: 1000, Count: 2, Note: true}}
	d.total.Filled = 2000
	d.device()
	for _, wrong := range [][]Pieces{{{Value: 1000, Count: 2}}, {{Value: 700, Count: 1}}, {{Value: 100, Count: -1}}, {{Value: 100, Count: 1}, {Value: 100, Count: 2}}} {
		if r := d.does("shift_close", func(a *Action) { a.Counted = wrong }); r != CountWrong {
			t.Errorf("%+v: %q", wrong, r)
		}
	}
	for range maxRetries + 1 { // the device does nothing
		if d.m.Phase != Working {
			if r := d.does("shift_close", func(a *Action) { a.Counted = []Pieces{{Value: 1000, Count: 1, Note: true}} }); r != "" {
				t.Fatal(r)
			}
		}
		d.device()
	}
	if d.m.Phase != Serving || d.m.Shift == nil || d.m.Visit.Problem != CashOff {
		t.Fatalf("%s %+v %q", d.m.Phase, d.m.Shift, d.m.Visit.Problem)
	}
	d.does("shift_close", func(a *Action) { a.Counted, a.Note = []Pieces{{Value: 1000, Count: 1, Note: true}}, "one is gone" })
	if r := d.does("staff_lock"); r != Busy {
		t.Errorf("%q while the box is emptied", r)
	}
	d.boxed, d.total.Filled = nil, 0
	d.device()
	e := d.told[len(d.told)-1]
	if c := d.m.Closed; e.Kind != wire.ShiftClosed || e.Expected != 2000 || e.Amount != 1000 || e.Stays != 5000 || e.Why != "one is gone" || c == nil || c.Counted-c.Expected != -1000 {
		t.Fatalf("%+v %+v", e, c)
	}
}

// Money that nobody asked for is told to the cloud at once, and looked at by staff once.
func TestUnsettledMoneyIsSettledOnce(t *testing.T) {
	d := newDesk(t)
	d.total.Inserted, d.total.Kept = 200, 200
	d.device()
	if e := d.told[0]; e.Kind != wire.CashMoved || e.Note != wire.CashFound || e.Amount != 200 {
		t.Fatalf("%+v", e)
	}
	d.unlock("right")
	code := d.m.Unsettled[0].Code
	settle := func(note string) Refusal { return d.does("settle", func(a *Action) { a.Code, a.Note = code, note }) }
	if r := settle(""); r != InvalidAction {
		t.Errorf("without a note: %q", r)
	}
	if r := settle("a coin from before"); r != "" || len(d.m.Unsettled) != 0 {
		t.Error(r)
	}
	if r := settle("again"); r != NotFound {
		t.Error(r)
	}
}

// A call is told, stands until somebody has seen it or it is over, and says what is so:
// also that nobody can hear it.
func TestACallSaysWhatBecameOfIt(t *testing.T) {
	d := newDesk(t)
	state := func(linked bool) any { return d.m.Show(Outside{Linked: linked}, d.with()).Screen.(object)["state"] }
	order := wire.Order{ID: id.New[id.Order](noon), Command: wire.CommandNotice, By: "a@example.org", Why: "I am coming"}
	d.happens(Input{Notice: &Notice{order}})
	if e := d.told[0]; e.Note != "notice_refused" || e.Code != "order_not_now" || e.Order != order.ID {
		t.Fatalf("%+v", e)
	}
	if r := d.does("help"); r != "" || state(true) != Calling || state(false) != NoLine {
		t.Fatal(r, state(true), state(false))
	}
	d.mono += answerWithin
	if d.happens(Input{}); state(true) != NoAnswer {
		t.Fatal(state(true))
	}
	d.happens(Input{Notice: &Notice{order}})
	if state(true) != Noticed || state(false) != Noticed {
		t.Fatal(state(true), state(false))
	}
	d.mono += callStands + endsAfter
	if d.happens(Input{}); d.m.Call != nil {
		t.Fatal("it stands for ever")
	}
	d.does("help")
	d.restarts()
	d.happens(Input{})
	want := []string{"notice_refused", "called", "no_answer", "notice", "over", "called", "over"}
	for i, n := range d.notes() {
		if n != want[i] {
			t.Fatalf("%v", d.notes())
		}
	}
	if len(d.told) != len(want) {
		t.Fatalf("%v", d.notes())
	}
}
