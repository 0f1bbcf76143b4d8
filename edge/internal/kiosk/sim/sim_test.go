package sim_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/sim"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// bench is a machine with its devices, what was written down, and a power switch.
type bench struct {
	t     *rapid.T
	m     kiosk.Machine
	saved []byte       // the state on disk
	disk  []wire.Event // the journal on disk
	cash  *sim.Cash
	card  *sim.Terminal
	print uint64
	mono  time.Duration
	stays []kiosk.Found
	price map[id.Session]int64
	cuts  int // how many may still come
	taps  int

	shifts              bool // are demanded
	redeemed, validated int
	set                 *kiosk.Settings // that the owner wants
}

func (b *bench) must(err error) {
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) env() kiosk.Env {
	now := noon.Add(b.mono)
	return kiosk.Env{
		Now: now, Mono: b.mono, Money: "EUR", Lane: "kiosk-1", Walk: 15 * time.Minute, Zone: time.UTC,
		Fresh: [2]id.Payment{id.New[id.Payment](now), id.New[id.Payment](now)}, Spare: [2]id.Payment{id.New[id.Payment](now), id.New[id.Payment](now)},
		Staff: func(name, pin string) bool { return name == "anna" && pin == "right" }, Shift: id.New[id.Shift](now), Shifts: b.shifts, Set: b.set,
		Price: func(s id.Session) (till.Ask, error) {
			a := till.Ask{Total: money.New(b.price[s], "EUR"), Tax: money.New(0, "EUR"), Until: now}
			for _, e := range b.disk {
				if e.Kind == wire.Paid && e.Session == s && e.Note != wire.NoteSlip {
					a.Paid += e.Amount
				}
			}
			a.Pay = max(a.Total.Minor-a.Paid, 0)
			return a, nil
		},
		Shops: kiosk.Shops{
			Read: func(text string) (kiosk.Code, kiosk.Refusal) {
				n, err := strconv.Atoi(text)
				if err != nil || n > 8 {
					return kiosk.Code{}, kiosk.CodeUnknown
				}
				return kiosk.Code{Shop: wire.Shop{Number: uint16(1 + n%2), Name: "Kino", Value: 200}, Serial: uint32(n)}, ""
			},
			Discount: func(_ id.Session, a till.Ask, shop wire.Shop) (int64, error) {
				return min(int64(shop.Value), a.Pay), nil
			},
		},
	}
}

// moving is where a power cut leaves an order half done.
const moving = "while money moves"

// cut may end everything between two steps.
func (b *bench) cut(where string) bool {
	odds := 25
	if where == moving {
		odds = 4
	}
	if b.cuts == 0 || rapid.IntRange(1, odds).Draw(b.t, "cut "+where) > 1 {
		return false
	}
	b.cuts--
	b.must(b.cash.PowerCut(rapid.Bool().Draw(b.t, "escrow springs open")))
	b.must(b.card.PowerCut())
	b.m = kiosk.Machine{}
	b.must(json.Unmarshal(b.saved, &b.m))
	return true
}

// happens is one step as app drives it.
func (b *bench) happens(in kiosk.Input) kiosk.Refusal {
	next, events, refused := kiosk.Step(b.m, in, b.env())
	if refused != "" && !refused.Changes() {
		return refused
	}
	raw, err := json.Marshal(next)
	b.must(err)
	if !bytes.Equal(raw, b.saved) || len(events) > 0 {
		if b.cut("before it is written down") {
			return ""
		}
		b.saved, b.disk = raw, append(b.disk, events...)
		if b.cut("after it is written down") {
			return ""
		}
	}
	b.m = next
	for _, o := range b.m.Wants() {
		switch o.Kind {
		case kiosk.OrderCharge, kiosk.OrderCancel:
			b.must(b.card.Order(o))
		case kiosk.OrderPrint:
			b.print = max(b.print, o.Seq)
		default:
			b.must(b.cash.Order(o))
		}
		if b.cut("after an order") {
			return ""
		}
	}
	return ""
}

func (b *bench) report() {
	cash, card := b.cash.Report(), b.card.Report()
	b.happens(kiosk.Input{Cash: &cash})
	b.happens(kiosk.Input{Card: &card})
	b.happens(kiosk.Input{Printer: &kiosk.Printer{Answers: true, Paper: true, Printed: b.print}})
}

func (b *bench) tap(name string, f func(*kiosk.Action)) {
	b.taps++
	a := &kiosk.Action{Screen: b.m.Screen, Key: string(rune('a'+b.taps%26)) + time.Duration(b.taps).String(), Name: name}
	in := kiosk.Input{Do: a}
	if f != nil {
		f(a)
	}
	if name == "find" {
		in.Found = []kiosk.Found{b.stays[rapid.IntRange(0, len(b.stays)-1).Draw(b.t, "stay")]}
	}
	b.happens(in)
}

func newBench(t *rapid.T) *bench {
	b := &bench{t: t, price: map[id.Session]int64{}, cuts: rapid.IntRange(0, 4).Draw(t, "cuts")}
	m := sim.Memory{}
	for i, v := range []int64{10, 20, 50, 100, 200} {
		m.Hoppers = append(m.Hoppers, kiosk.Hopper{ID: i + 1, Value: v, Count: rapid.IntRange(0, 4).Draw(t, "coins"), Jammed: rapid.IntRange(0, 9).Draw(t, "jammed") == 0})
	}
	takes := []kiosk.Pieces{{Value: 10}, {Value: 20}, {Value: 50}, {Value: 100}, {Value: 200}, {Value: 500, Note: true}, {Value: 1000, Note: true}, {Value: 2000, Note: true}}
	b.cash = sim.NewCash(m, takes, func(sim.Memory) error { return nil })
	b.card = sim.NewTerminal(nil, func([]sim.Charge) error { return nil })
	for range 2 {
		s := kiosk.Found{Session: id.New[id.Session](noon), EnteredAt: noon.Add(-2 * time.Hour), Lane: "entry-1"}
		b.stays, b.price[s.Session] = append(b.stays, s), 10*rapid.Int64Range(1, 150).Draw(t, "price")
	}
	var err error
	b.saved, err = json.Marshal(b.m)
	b.must(err)
	return b
}

// M7. Whatever somebody does, and wherever the power goes: what was put in is price,
// change, credit, or came back; the terminal took what the journal says; each payment
// is there once; and nobody paid more than the price.
func TestNoCentIsLostWhereverThePowerGoes(t *testing.T) {
	cuts, paid, credits, redeemed, validated := 0, 0, 0, 0, 0
	one := func(rt *rapid.T) {
		b := newBench(rt)
		before := b.cuts
		sets := rapid.IntRange(0, 4).Draw(rt, "an owner who sets things") == 0
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			b.mono += time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second
			b.something()
			if sets && rapid.IntRange(0, 9).Draw(rt, "the owner sets something") == 0 {
				draw := func(what string) bool { return rapid.IntRange(0, 3).Draw(rt, what) == 0 }
				b.set = &kiosk.Settings{NoCash: draw("no cash"), NoCard: draw("no card"), NoCodes: draw("no codes"), NoSlips: draw("no slips")}
			}
			if rapid.Bool().Draw(rt, "reports") {
				b.report()
			}
		}
		cuts += before - b.cuts
		b.cuts = 0
		for i := 0; b.m.Phase != kiosk.Idle || b.cash.Report().Busy || kiosk.Sum(b.cash.Report().Escrow) > 0 || i < 3; i++ {
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
		p, c := b.check()
		paid, credits, redeemed, validated = paid+p, credits+c, redeemed+b.redeemed, validated+b.validated
	}
	tried := func() bool { return cuts > 0 && paid > 0 && credits > 0 && redeemed > 0 && validated > 0 }
	for range 10 { // a slip that comes and is used is rare in a hundred
		if rapid.Check(t, one); t.Failed() || tried() {
			break
		}
	}
	t.Logf("%d power cuts, %d payments, %d credits, %d times a slip, %d codes", cuts, paid, credits, redeemed, validated)
	if !tried() {
		t.Error("nothing was tried")
	}
}

// something is what may happen next: mostly what leads somewhere.
func (b *bench) something() {
	what := rapid.IntRange(0, 9).Draw(b.t, "what")
	if what == 0 {
		b.tap(rapid.SampledFrom([]string{"give_back", "cancel", "done", "back", "receipt", "more_time", "pay", "pay_by_card"}).Draw(b.t, "tap"), nil)
		return
	}
	switch b.m.Phase {
	case kiosk.Idle, kiosk.Searching:
		b.tap("find", func(a *kiosk.Action) { a.By = kiosk.ByTicket })
	case kiosk.Validating:
		code := strconv.Itoa(rapid.IntRange(1, 10).Draw(b.t, "code"))
		if n := len(b.m.Slips); n > 0 && what < 7 {
			code = till.CreditCode(b.m.Slips[rapid.IntRange(0, n-1).Draw(b.t, "slip")].Payment)
		}
		b.tap(rapid.SampledFrom([]string{"validate", "redeem"}).Draw(b.t, "how"), func(a *kiosk.Action) { a.Code = code })
	case kiosk.Paying:
		switch {
		case rapid.IntRange(0, 4).Draw(b.t, "codes") == 0:
			b.tap("validation", nil)
		case what < 5:
			_ = b.cash.Insert(rapid.SampledFrom([]int64{10, 50, 200, 500, 1000, 2000}).Draw(b.t, "puts in")) // it may come back at once
		case what < 9:
			b.tap("pay", func(a *kiosk.Action) { a.Credit = rapid.IntRange(0, 3).Draw(b.t, "credit") > 0 })
		default:
			b.tap("pay_by_card", nil)
		}
	case kiosk.Charging:
		b.must(b.card.Show(rapid.Bool().Draw(b.t, "approved")))
		if rapid.IntRange(0, 2).Draw(b.t, "cancels") == 0 { // before the machine has heard of it
			b.tap("cancel", nil)
		}
	case kiosk.Paid:
		b.tap("done", nil)
	case kiosk.Serving, kiosk.Working: // see somebody
	case kiosk.Ticketing: // it stands at no entry
	case kiosk.Keeping, kiosk.Giving, kiosk.Returning:
		if what == 1 { // a hopper jams, and nobody has told the machine yet
			b.must(b.cash.Change(func(m *sim.Memory) { m.Hoppers[rapid.IntRange(0, 4).Draw(b.t, "hopper")].Jammed = true }))
		}
		for range what {
			moved, err := b.cash.Advance()
			b.must(err)
			if moved && b.cut(moving) {
				return
			}
		}
	}
}

func (b *bench) check() (paid, credits int) {
	var cash, price int64
	seen, bySession := map[id.Payment]bool{}, map[id.Session]int64{}
	card := map[id.Payment]int64{}
	slips := map[id.Payment]wire.Event{} // that were not used
	left := map[id.Payment]int64{}       // of one that was used, by the events that name it
	codes := map[[2]uint32]bool{}
	for _, e := range b.disk {
		if e.Kind != wire.Paid {
			continue
		}
		if seen[e.Payment] {
			b.t.Fatalf("payment %s is there twice", e.Payment)
		}
		seen[e.Payment] = true
		paid++
		if e.Method == wire.CreditPays {
			of, there := slips[e.Credit]
			if there {
				left[e.Credit] = of.Amount
				delete(slips, e.Credit)
			} else if e.Note == "" {
				b.t.Fatalf("a slip that is none, or was used, pays %d", e.Amount)
			}
			if left[e.Credit] -= e.Amount; left[e.Credit] < 0 || there && of.Session != e.CreditOf {
				b.t.Fatalf("%d more is taken out of a slip than is in it", -left[e.Credit])
			}
			b.redeemed++
		}
		if e.Note == wire.NoteSlip {
			slips[e.Payment] = e
		}
		if code := [2]uint32{uint32(e.Shop), e.Serial}; e.Method == wire.ShopPays {
			if codes[code] {
				b.t.Fatalf("code %v is used twice", code)
			}
			codes[code] = true
			b.validated++
		}
		switch {
		case e.Method == wire.ShopPays, e.Method == wire.CreditPays && e.Note == "":
			bySession[e.Session] += e.Amount
		case e.Method == wire.CreditPays:
		case e.Method == wire.Card:
			card[e.Payment] = e.Amount
			bySession[e.Session] += e.Amount
		case e.Note == kiosk.NoteCredit:
			credits++
			cash += e.Amount
		default:
			cash += e.Amount
			price += e.Amount
			bySession[e.Session] += e.Amount
		}
	}
	for p, n := range left {
		if n != 0 {
			b.t.Fatalf("%d of slip %s are lost", n, p)
		}
	}
	var owed int64
	for _, s := range b.m.Slips {
		e, open := slips[s.Payment]
		if open == s.Used || open && (e.Amount != s.Amount || e.Session != s.Session) {
			b.t.Fatalf("the machine remembers %+v, the journal has %+v", s, e)
		}
		if open {
			owed += s.Amount
		}
	}
	for _, e := range slips {
		owed -= e.Amount
	}
	if owed != 0 {
		b.t.Fatalf("%d are owed by slips that the journal does not have", owed)
	}
	r := b.cash.Report()
	if got := cash + r.Totals.Given + r.Totals.Returned; got != r.Totals.Inserted {
		b.t.Fatalf("%d were put in; %d are price (%d) and credit, %d change, %d came back", r.Totals.Inserted, cash, price, r.Totals.Given, r.Totals.Returned)
	}
	if len(b.m.Unsettled) > 0 {
		b.t.Fatalf("unsettled: %+v", b.m.Unsettled)
	}
	taken := b.card.Taken()
	for p, amount := range taken {
		if card[p] != amount {
			b.t.Fatalf("the terminal took %d, the journal says %d", amount, card[p])
		}
	}
	if len(taken) != len(card) {
		b.t.Fatalf("%d charges, %d in the journal", len(taken), len(card))
	}
	for s, n := range bySession {
		if n > b.price[s] {
			b.t.Fatalf("%d were paid for %d", n, b.price[s])
		}
	}
	return paid, credits
}
