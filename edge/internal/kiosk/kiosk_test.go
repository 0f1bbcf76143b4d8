package kiosk

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// The change that is planned is the most that the hoppers can give, in the fewest
// coins, and no coin that is not there.
func TestTheChangeIsTheMostThatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var hoppers []Hopper
		have := map[int64]int{}
		for i, v := range []int64{10, 20, 50, 100} {
			h := Hopper{ID: i, Value: v, Count: rapid.IntRange(0, 3).Draw(t, "coins"), Jammed: rapid.IntRange(0, 4).Draw(t, "jammed") == 0}
			hoppers = append(hoppers, h)
			if !h.Jammed {
				have[v] = h.Count
			}
		}
		amount := rapid.Int64Range(0, 70).Draw(t, "amount") * 10
		coins, missing := Plan(amount, hoppers)
		best, fewest := int64(0), 0
		for a := range have[10] + 1 {
			for b := range have[20] + 1 {
				for c := range have[50] + 1 {
					for d := range have[100] + 1 {
						sum, n := int64(10*a+20*b+50*c+100*d), a+b+c+d
						if sum <= amount && (sum > best || sum == best && n < fewest) {
							best, fewest = sum, n
						}
					}
				}
			}
		}
		n := 0
		for _, p := range coins {
			n += p.Count
			if p.Count > have[p.Value] || p.Count <= 0 {
				t.Fatalf("%d of %d, and %d are there", p.Count, p.Value, have[p.Value])
			}
		}
		if Sum(coins) != best || missing != amount-best || n != fewest {
			t.Fatalf("%d: %+v, %d missing; %d in %d coins can be given", amount, coins, missing, best, fewest)
		}
		if value, ok := Complete(amount, []Pieces{{Value: 10}, {Value: 50}}, hoppers); ok {
			if _, missing := Plan(amount+value, hoppers); missing > 0 {
				t.Fatalf("with %d on top %d are missing", value, missing)
			}
		}
	})
}

// bench is a machine with a stay of 510 to pay.
type bench struct {
	t     *testing.T
	m     Machine
	mono  time.Duration
	stay  Found
	taps  int
	total Totals
	set   *Settings // that the owner wants
	looks func(before, after *Machine)
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, stay: Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-time.Hour), Lane: "entry-1"}}
	b.report()
	b.step(Input{Printer: &Printer{Answers: true, Paper: true}})
	return b
}

func (b *bench) env() Env {
	return Env{
		Now: noon.Add(b.mono), Mono: b.mono, Money: "EUR", Lane: "kiosk-1", Walk: time.Minute, Zone: time.UTC,
		Fresh: [2]id.Payment{id.New[id.Payment](noon), id.New[id.Payment](noon)},
		Price: func(id.Session) (till.Ask, error) {
			return till.Ask{Total: money.New(510, "EUR"), Pay: 510, Until: noon}, nil
		},
		Set: b.set,
	}
}

func (b *bench) step(in Input) Refusal {
	next, _, refused := Step(b.m, in, b.env())
	before := b.m
	if refused == "" {
		b.m = next
	}
	if b.looks != nil {
		b.looks(&before, &b.m)
	}
	return refused
}

func (b *bench) report() {
	b.step(Input{Cash: &Cash{Answers: true, Seq: b.m.Seq, Totals: b.total}})
	b.step(Input{Card: &Card{Answers: true}})
}

func (b *bench) tap(name string, change ...func(*Action)) Refusal {
	b.taps++
	a := &Action{Screen: b.m.Screen, Key: time.Duration(b.taps).String(), Name: name}
	for _, f := range change {
		f(a)
	}
	return b.step(Input{Do: a, Found: []Found{b.stay}})
}

func (b *bench) after(d time.Duration) {
	b.mono += d
	b.step(Input{})
}

// Who does not answer for 45 and 30 seconds, or twice that on request, gets all his
// money back.
func TestNobodyIsHurriedAndMoneyComesBack(t *testing.T) {
	for _, slow := range []bool{false, true} {
		b := newBench(t)
		if r := b.tap("find"); r != "" || b.m.Phase != Paying {
			t.Fatal(r, b.m.Phase)
		}
		b.total.Inserted = 200
		b.report()
		limit := 75 * time.Second
		if slow {
			b.tap("more_time")
			limit *= 2
		}
		shown := b.m.Show(Outside{}, b.env())
		if d := shown.Deadline; d == nil || d.EndsInMS != limit.Milliseconds() || d.AsksInMS != (limit*3/5).Milliseconds() || d.MayDouble == slow {
			t.Fatalf("%+v", d)
		}
		b.after(limit - time.Millisecond)
		if b.m.Phase != Paying {
			t.Fatalf("hurried: %s", b.m.Phase)
		}
		b.after(time.Millisecond)
		if b.m.Phase != Returning {
			t.Fatalf("his money does not come back: %s", b.m.Phase)
		}
		b.total.Returned = 200
		b.report()
		if b.m.Phase != Idle || b.m.Last != TimedOut {
			t.Fatalf("%s %s", b.m.Phase, b.m.Last)
		}
	}
}

// A tap that was meant for another screen, one that comes twice, and one while money
// moves do nothing.
func TestATapIsDoneOnceAndOnItsOwnScreen(t *testing.T) {
	b := newBench(t)
	if r := b.tap("find"); r != "" {
		t.Fatal(r)
	}
	b.total.Inserted = 1000
	b.report()
	if r := b.tap("give_back", func(a *Action) { a.Screen-- }); r != ScreenChanged {
		t.Errorf("%q for a tap on an older screen", r)
	}
	screen := b.m.Screen
	again := func(a *Action) { a.Key, a.Screen = "once", screen }
	if r := b.tap("give_back", again); r != "" || b.m.Phase != Returning {
		t.Fatal(r, b.m.Phase)
	}
	seq := b.m.Seq
	if r := b.tap("give_back", again); r != "" || b.m.Seq != seq {
		t.Errorf("%q, and order %d after %d", r, b.m.Seq, seq)
	}
	if r := b.tap("cancel"); r != Busy {
		t.Errorf("%q while money moves", r)
	}
}

// Money that the device counts though nothing was asked of it is for staff to look at.
func TestWhatNobodyAskedForIsUnsettled(t *testing.T) {
	b := newBench(t)
	b.total.Inserted, b.total.Kept = 200, 200
	b.report()
	if len(b.m.Unsettled) != 1 || b.m.Unsettled[0].Amount != 200 {
		t.Fatalf("%+v", b.m.Unsettled)
	}
	b.report()
	if len(b.m.Unsettled) != 1 {
		t.Fatalf("it is noted again: %+v", b.m.Unsettled)
	}
	if border := b.m.Show(Outside{}, b.env()).Border; border.Look != "stopped" || len(border.Codes) == 0 {
		t.Errorf("%+v", border)
	}
}

// Whoever has lost the ticket is asked about when he came in, on a screen of its own, from
// the start or from another search; what is found then is shown there.
func TestALostTicketHasItsScreen(t *testing.T) {
	b := newBench(t)
	screen := func() object { return b.m.Show(Outside{}, b.env()).Screen.(object) }
	if r := b.tap("search", func(a *Action) { a.By = ByPlate }); r != "" {
		t.Fatal(r)
	}
	before := b.m.Screen
	if r := b.tap("lost"); r != "" || screen()["name"] != "lost" || b.m.Screen == before {
		t.Fatalf("%q, %v, screen %d after %d", r, screen(), b.m.Screen, before)
	}
	if r := b.step(Input{Do: &Action{Name: "find_lost", Key: "then", Screen: b.m.Screen}}); r != "" || screen()["problem"] != NotFound || screen()["name"] != "lost" {
		t.Fatalf("nobody came in then: %q, %v", r, screen())
	}
	if r := b.step(Input{Do: &Action{Name: "find_lost", Key: "now", Screen: b.m.Screen}, Found: []Found{b.stay}}); r != "" || screen()["name"] != "lost" || b.m.Phase != Searching {
		t.Fatalf("one that fits is asked about, since others might mean it: %q, %v", r, screen())
	}
	if r := b.tap("choose", func(a *Action) { a.Stay = b.stay.Session.String() }); r != "" || b.m.Phase != Paying {
		t.Fatal(r, b.m.Phase)
	}
}

// Staff is told since when there is no line, where that is known; and nothing of it while
// there is one.
func TestTheBorderSaysSinceWhenThereIsNoLine(t *testing.T) {
	b := newBench(t)
	for _, tt := range []struct {
		o    Outside
		want string
	}{
		{Outside{Heard: noon.Add(-time.Hour)}, "2026-06-01T11:00:00Z"},
		{Outside{}, ""},
		{Outside{Linked: true, Heard: noon}, ""},
	} {
		if got := b.m.Show(tt.o, b.env()).Border; got.Since != tt.want {
			t.Errorf("%+v: %+v", tt.o, got)
		}
	}
}
