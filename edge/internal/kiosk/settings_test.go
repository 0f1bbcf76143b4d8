package kiosk

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// again is a start: what was not written down is forgotten.
func (b *bench) again() {
	raw, err := json.Marshal(b.m)
	if err != nil {
		b.t.Fatal(err)
	}
	b.m = Machine{}
	if err := json.Unmarshal(raw, &b.m); err != nil {
		b.t.Fatal(err)
	}
}

// Whatever people tap, whatever the owner sets and whenever the power goes: other settings
// come into force only between two visits, and within a step where nobody is there.
func TestSettingsChangeOnlyBetweenVisits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		b.looks = func(before, after *Machine) {
			if was, now := before.In(), after.In(); !before.Alone() && !now.Equal(was) {
				rt.Fatalf("%+v became %+v in a visit", was, now)
			}
		}
		taps := []string{"find", "search", "back", "cancel", "pay", "pay_by_card", "give_back", "done", "help", "lost", "validation", "more_time"}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				b.set = &Settings{
					Label: rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "label"), NoCash: rapid.Bool().Draw(rt, "no cash"), Shifts: rapid.Bool().Draw(rt, "shifts"),
				}
				b.after(time.Millisecond)
			case 1:
				b.total.Inserted += 200
				b.report()
			case 2: // the device does what it is told
				in := b.total.Inserted - b.total.Kept - b.total.Returned
				for _, o := range b.m.Wants() {
					if o.Kind == OrderKeep {
						b.total.Kept += in
					}
					if o.Kind == OrderReturn {
						b.total.Returned += in
					}
				}
				b.report()
			case 3:
				was := b.m.In()
				if b.again(); !b.m.In().Equal(was) {
					rt.Fatalf("a start makes %+v of %+v", b.m.In(), was)
				}
				b.report()
			case 4:
				b.after(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 20 * time.Minute}).Draw(rt, "time"))
			default:
				b.tap(rapid.SampledFrom(taps).Draw(rt, "tap"), func(a *Action) { a.By, a.Credit = ByPlate, true })
			}
			if b.set != nil && b.m.Alone() {
				if b.after(0); !b.m.In().Equal(*b.set) {
					rt.Fatalf("nobody is there, and %+v is not %+v", b.m.In(), *b.set)
				}
			}
		}
	})
}

// What the owner does not want here is not done, not shown as working, and does not count
// as failing.
func TestWhatIsNotWantedIsNotDone(t *testing.T) {
	b := newBench(t)
	b.set = &Settings{NoCash: true, NoLost: true, NoTickets: true, NoCodes: true, NoSlips: true, Shifts: true}
	b.after(0)
	if r := b.tap("lost"); r != NotNow {
		t.Errorf("lost: %q", r)
	}
	if r := b.tap("ticket"); r != NoTickets {
		t.Errorf("ticket: %q", r)
	}
	border := b.m.Show(Outside{}, b.env()).Border
	for _, code := range border.Codes {
		if code == "no_shift" || code == "coins_jammed" || code == "coins_out" {
			t.Errorf("the border says %s of cash that is not taken", code)
		}
	}
	if r := b.tap("find"); r != "" || b.m.Phase != Paying {
		t.Fatal(r, b.m.Phase)
	}
	if !b.m.Cashless() || b.m.TakesCash() {
		t.Error("the slot is open")
	}
	if r := b.tap("pay"); r != CashOff {
		t.Errorf("pay: %q", r)
	}
	if b.m.takesCodes(true) {
		t.Error("codes are asked for")
	}
	if r := b.tap("validation"); r != "" {
		t.Fatal(r)
	}
	for text, want := range map[string]Refusal{"0700-AQWS-GZ1S": CodesOff, "0700-AQWS": SlipsOff} {
		if b.tap("validate", func(a *Action) { a.Code = text }); b.m.Visit.Problem != want {
			t.Errorf("%s: %q", text, b.m.Visit.Problem)
		}
	}
	b.tap("back")
	b.tap("cancel")
	b.set = &Settings{NoCard: true}
	b.after(0)
	b.tap("find")
	if r := b.tap("pay_by_card"); r != CardOff {
		t.Errorf("by card: %q", r)
	}
	for _, code := range b.m.Show(Outside{}, b.env()).Border.Codes {
		if code == "card_out_of_order" {
			t.Error("the border says that the card is out of order, which is not taken")
		}
	}
}

// What is set replaces what the file says, and nothing else.
func TestASettingLiesOverTheFile(t *testing.T) {
	file := Settings{Label: "1", Languages: []wire.Language{"de", "en"}, Help: "bell", Shifts: true}
	got, ok := file.With(wire.MachineSetting{Machine: "kiosk-1", Languages: "en", Card: wire.No, Issuer: "We"}, true)
	want := Settings{Label: "1", Languages: []wire.Language{"en"}, Help: "bell", Shifts: true, NoCard: true, Issuer: "We"}
	if !ok || !got.Equal(want) {
		t.Errorf("%+v", got)
	}
	if got, ok := file.With(wire.MachineSetting{Machine: "kiosk-1", Shifts: wire.No}, false); !ok || got.Shifts {
		t.Errorf("%+v", got)
	}
	if _, ok := file.With(wire.MachineSetting{Machine: "kiosk-1"}, false); ok {
		t.Error("shifts that nobody can open")
	}
}

// The machine's file says what it likes: a beat that could not be sent would keep the edge
// from the cloud for good.
func TestWhateverTheFileSaysABeatCanBeSent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Hilfe: 030 / 5550-100 ä ", 20)
	beat := &wire.Beat{
		Journal: id.New[id.Journal](time.Now()), Boot: id.New[id.Boot](time.Now()),
		Machines: []wire.MachineStatus{{Set: Settings{Label: long, Help: long, Languages: wire.Languages()}.Wire("kiosk-1", true)}},
	}
	if _, err := wire.Marshal(beat); err != nil {
		t.Fatal(err)
	}
}
