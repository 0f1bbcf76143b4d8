package kiosk

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
)

// print is what the printer reports; it prints whatever it is told, if it has paper.
func (b *bench) print(paper bool, printed *uint64) {
	b.step(Input{Printer: &Printer{Answers: true, Paper: paper, Printed: *printed}})
	for _, o := range b.m.Wants() {
		if o.Kind == OrderPrint && paper && o.Seq > *printed {
			*printed = o.Seq
		}
	}
}

// paying is 600 put in for 510, with nothing in the hoppers to give change from.
func (b *bench) paying() {
	b.t.Helper()
	if r := b.tap("find"); r != "" || b.m.Phase != Paying {
		b.t.Fatal(r, b.m.Phase)
	}
	b.total.Inserted += 600
	b.report()
}

func (b *bench) kept() {
	b.total.Kept = b.total.Inserted
	b.report()
}

// Nobody is given credit that is on no paper: without any, where the owner takes no slips, and
// where as many as can be remembered are good, it is refused and not offered.
func TestNoCreditWithoutASlip(t *testing.T) {
	full := make([]Slipped, maxSlips)
	for i := range full {
		full[i] = Slipped{Payment: id.New[id.Payment](noon), Amount: 10, Until: noon.AddDate(1, 0, 0)}
	}
	for name, x := range map[string]struct {
		paper bool
		set   *Settings
		slips []Slipped
		want  Refusal
	}{
		"no paper":           {false, nil, nil, NoPrinter},
		"no slips are taken": {true, &Settings{NoSlips: true}, nil, SlipsOff},
		"all are good":       {true, nil, full, SlipsFull},
		"it can be":          {true, nil, full[1:], ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, printed := newBench(t), uint64(0)
			b.set, b.m.Slips = x.set, x.slips
			b.print(x.paper, &printed)
			b.paying()
			if can := b.m.Show(Outside{}, b.env()).Can.Slips; can != (x.want == "") {
				t.Errorf("offered: %t", can)
			}
			if r := b.tap("pay", func(a *Action) { a.Credit = true }); r != x.want || (b.m.Phase == Paying) != (x.want != "") {
				t.Errorf("%q, %s", r, b.m.Phase)
			}
		})
	}
}

// A slip that is good is never forgotten, and one that is over or used goes before it.
func TestASlipThatIsGoodIsNeverForgotten(t *testing.T) {
	b := newBench(t)
	for i := range maxSlips {
		c := Slipped{Payment: id.New[id.Payment](noon), Amount: int64(i), Until: noon.AddDate(1, 0, 0)}
		c.Used = i == 7
		if i == 9 {
			c.Until = noon
		}
		b.m.Slips = append(b.m.Slips, c)
	}
	good := b.m.live(noon)
	for i := range 3 {
		s := step{m: &b.m, env: b.env()}
		s.owes(Slipped{Payment: id.New[id.Payment](noon), Amount: 1000, Until: noon.AddDate(1, 0, 0)})
		if n := b.m.live(noon); n != good+i+1 {
			t.Fatalf("after %d more: %d are good, want %d", i+1, n, good+i+1)
		}
	}
	if len(b.m.Slips) != maxSlips+1 { // the third took nobody's place
		t.Errorf("%d are remembered", len(b.m.Slips))
	}
}

// The paper ends while change becomes a credit. It stays on the screen until somebody says
// that he has it, or for a long time and with a question; its slip comes out when there is
// paper again, once, over a start, before any other, and staff sees until then that it is owed.
func TestACreditWhosePaperEndedIsNotLost(t *testing.T) {
	for _, ends := range []string{"done", "time"} {
		b, printed := newBench(t), uint64(0)
		b.print(true, &printed)
		b.paying()
		if r := b.tap("pay", func(a *Action) { a.Credit = true }); r != "" {
			t.Fatal(r)
		}
		b.print(false, &printed)
		b.kept()
		screen := func() object { return b.m.Show(Outside{}, b.env()).Screen.(object) }
		owed := screen()["credit"].(object)
		if b.m.Phase != Paid || owed["printed"] != false || owed["amount"] != (Money{90, "EUR"}) {
			t.Fatalf("%s, %v", b.m.Phase, owed)
		}
		if ends == "done" {
			if r := b.tap("done"); r != "" {
				t.Fatal(r)
			}
		} else {
			b.after(onlyShown + endsAfter - time.Millisecond)
			if d := b.m.Show(Outside{}, b.env()).Deadline; b.m.Phase != Paid || d == nil || d.AsksInMS != 0 || d.EndsInMS != 1 {
				t.Fatalf("%s, %+v", b.m.Phase, d)
			}
			b.after(time.Millisecond)
		}
		if b.m.Phase != Idle || len(b.m.Unprinted) != 1 {
			t.Fatalf("%s, %+v", b.m.Phase, b.m.Unprinted)
		}
		b.blind(Input{})
		if owed := (shower{m: &b.m, env: b.env()}).serving()["unprinted"].([]object); len(owed) != 1 || owed[0]["amount"] != (Money{90, "EUR"}) {
			t.Errorf("staff sees %v", owed)
		}
		var slips []string
		for range 4 {
			for _, o := range b.m.Wants() {
				if o.Kind == OrderPrint && o.Seq > printed {
					slips = append(slips, o.Slip.CreditBy)
				}
			}
			b.print(true, &printed)
		}
		if len(slips) != 1 || slips[0] != till.CreditCode(b.m.Slips[0].Payment) || len(b.m.Unprinted) != 0 {
			t.Errorf("printed %q, waiting are %+v", slips, b.m.Unprinted)
		}
	}
}

// With two papers waiting each comes out; one whose code was used meanwhile does not.
func TestPapersComeOutOneAfterTheOther(t *testing.T) {
	b, printed := newBench(t), uint64(0)
	b.print(true, &printed)
	for range 2 {
		b.paying()
		if r := b.tap("pay", func(a *Action) { a.Credit = true }); r != "" {
			t.Fatal(r)
		}
		b.step(Input{Printer: &Printer{Answers: true, Printed: printed}})
		b.kept()
		b.tap("done")
		b.step(Input{Printer: &Printer{Answers: true, Paper: true, Printed: printed}}) // somebody puts paper in, and the printer is slow
	}
	if len(b.m.Unprinted) != 2 {
		t.Fatalf("%+v", b.m.Unprinted)
	}
	// Another printer, which has printed more than this state knows of.
	b.step(Input{Printer: &Printer{Answers: true, Paper: true, Printed: b.m.Seq + 40}})
	printed = b.m.Printer.Printed
	if len(b.m.Unprinted) != 2 {
		t.Fatalf("taken for printed by another printer: %+v", b.m.Unprinted)
	}
	m, s := b.m.clone(), step{}
	s.m, s.env = &m, b.env()
	m.Phase, m.Visit = Validating, Visit{Stay: &b.stay, Ask: till.Ask{Total: money.New(510, "EUR"), Pay: 510}}
	if r := s.redeem(m.Unprinted[0].Slip.CreditBy); r != "" || len(m.Unprinted) != 1 {
		t.Errorf("%q, %+v", r, m.Unprinted)
	}
	for i := 2; i > 0; i-- {
		if len(b.m.Unprinted) != i {
			t.Fatalf("%d wait, want %d", len(b.m.Unprinted), i)
		}
		b.print(true, &printed)
		b.step(Input{Printer: &Printer{Answers: true, Printed: printed}})
	}
}
