package sim_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// M7, of staff. Whatever visitors and staff do, and wherever the power goes: what is in
// box and hoppers is what the journal says, at the end and at each shift's; each coin is
// of one shift; no shift is there twice.
func TestNoCoinIsOfTwoShiftsOrOfNoneWhereverThePowerGoes(t *testing.T) {
	cuts, shifts, differ, fills := 0, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(rt)
		b.shifts = rapid.IntRange(0, 2).Draw(rt, "shifts are demanded") > 0
		before := b.cuts
		for range rapid.IntRange(10, 80).Draw(rt, "steps") {
			b.mono += time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second
			b.somebody()
			if rapid.IntRange(0, 3).Draw(rt, "reports") > 0 {
				b.report()
			}
		}
		cuts += before - b.cuts
		b.cuts = 0
		for i := 0; b.m.Phase != kiosk.Idle || b.cash.Report().Busy || i < 3; i++ {
			if i > 400 {
				rt.Fatalf("it does not come to rest: %s, %+v", b.m.Phase, b.cash.Report())
			}
			b.mono += 5 * time.Second
			for range 10 {
				_, err := b.cash.Advance()
				b.must(err)
			}
			b.report()
		}
		b.check()
		s, d, f := b.follow()
		shifts, differ, fills = shifts+s, differ+d, fills+f
	})
	t.Logf("%d power cuts, %d shifts, %d that differ, %d fills", cuts, shifts, differ, fills)
	if cuts == 0 || shifts == 0 || differ == 0 || fills == 0 {
		t.Error("nothing was tried")
	}
}

// somebody is a visitor, or staff.
func (b *bench) somebody() {
	odds := rapid.IntRange(0, 9).Draw(b.t, "who")
	switch b.m.Phase {
	case kiosk.Serving:
		b.staff(odds)
	case kiosk.Working:
		if moved, err := b.cash.Advance(); err == nil && moved {
			b.cut(moving)
		}
	case kiosk.Idle:
		if odds < 4 || b.shifts && b.m.Shift == nil && odds < 8 {
			b.tap("staff_unlock", func(a *kiosk.Action) {
				a.By, a.Pin = "anna", rapid.SampledFrom([]string{"right", "right", "right", "wrong"}).Draw(b.t, "PIN")
			})
			return
		}
		b.something()
	default:
		b.something()
	}
}

func (b *bench) staff(odds int) {
	switch {
	case b.m.Shift == nil && odds < 6:
		b.tap("shift_open", nil)
	case odds < 4:
		b.tap("staff_lock", nil)
	case odds < 6:
		b.tap("fill_hopper", func(a *kiosk.Action) {
			a.Hopper, a.Count = rapid.IntRange(1, 5).Draw(b.t, "hopper"), rapid.IntRange(-2, 8).Draw(b.t, "coins")
		})
	case odds == 6: // with the key, at the device itself
		b.must(b.cash.Change(func(m *sim.Memory) { m.Hoppers[0].Count += rapid.IntRange(1, 3).Draw(b.t, "by hand") }))
	default:
		b.tap("shift_close", func(a *kiosk.Action) {
			a.Counted = b.cash.Report().Box
			if rapid.Bool().Draw(b.t, "miscounts") {
				a.Counted = []kiosk.Pieces{{Value: 10, Count: rapid.IntRange(0, 9).Draw(b.t, "counted")}}
			}
		})
	}
}

// follow reads the journal as the cloud does.
func (b *bench) follow() (shifts, differ, fills int) {
	var cash, taken, opened int64
	var payments uint32
	var open id.Shift
	known, had := false, map[id.Shift]bool{}
	for _, e := range b.disk {
		sign := int64(0)
		switch e.Kind {
		case wire.Paid:
			if e.Method != wire.Cash {
				continue
			}
			if b.shifts && open.IsZero() {
				b.t.Fatal("cash was taken in no shift")
			}
			sign, taken = 1, taken+e.Amount
			if e.Note == "" {
				payments++
			}
		case wire.CashMoved:
			if e.Shift != open {
				b.t.Fatalf("%+v is not of the shift that is open", e)
			}
			sign = 1
			switch e.Note {
			case wire.CashTaken, wire.CashMissing:
				sign = -1
			}
			if e.Note == wire.CashFound || e.Note == wire.CashMissing {
				taken += sign * e.Amount
			} else {
				fills++
			}
		case wire.ShiftOpened:
			if had[e.Shift] || !open.IsZero() {
				b.t.Fatalf("shift %s is open twice", e.Shift)
			}
			if known && e.Amount != cash {
				b.t.Fatalf("a shift begins with %d, the journal says %d", e.Amount, cash)
			}
			had[e.Shift], open, known, cash, taken, payments, opened = true, e.Shift, true, e.Amount, 0, 0, e.Amount
			sign = 0
		case wire.ShiftClosed:
			if e.Shift != open || e.By != "anna" {
				b.t.Fatalf("%+v was not open", e)
			}
			cash -= e.Expected
			if cash != e.Stays || e.Taken-e.Given != taken || e.Payments != payments {
				b.t.Fatalf("begun with %d: %+v; the journal says that %d stay, %d were taken less change, in %d payments", opened, e, cash, taken, payments)
			}
			open = id.Shift{}
			if shifts++; e.Amount != e.Expected {
				differ++
			}
		default: // no cash
		}
		cash += sign * e.Amount
	}
	r := b.cash.Report()
	have := kiosk.Sum(r.Box)
	for _, h := range r.Hoppers {
		have += h.Value * int64(h.Count)
	}
	if known && cash != have {
		b.t.Fatalf("%d are in the machine, the journal says %d", have, cash)
	}
	if (b.m.Shift == nil) != open.IsZero() {
		b.t.Fatalf("open is %s, the machine says %+v", open, b.m.Shift)
	}
	return shifts, differ, fills
}
