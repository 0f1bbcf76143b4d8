package booking_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// gate is a parking's edge: what happened there, and how much of it the cloud
// has been told.
type gate struct {
	journal id.Journal
	boot    id.Boot
	facts   []wire.Event // in the order in which they happened
	sure    time.Duration
	written []wire.Event
	raw     [][]byte
	inside  fleet.Inside
}

func newGate(t *rapid.T, w *bookingtest.World) *gate {
	g := &gate{journal: id.New[id.Journal](w.Now()), boot: id.New[id.Boot](w.Now())}
	greet := &fleet.Greet{Lot: altmarkt, Hello: wire.Hello{Edge: id.New[id.Edge](w.Now()), Journal: g.journal, Boot: g.boot, Software: "test"}}
	if _, err := w.Commit(context.Background(), greet); err != nil || greet.Verdict != wire.Accepted {
		t.Fatal(greet.Verdict, err)
	}
	g.inside.At = fleet.Mark{Epoch: 1}
	return g
}

func (g *gate) happens(at time.Time, e wire.Event) {
	e.Wall, e.Boot = at.UnixMilli(), g.boot
	g.facts = append(g.facts, e)
}

// write journals what has happened until now.
func (g *gate) write(t *rapid.T, now time.Time) {
	for len(g.facts) > 0 && g.facts[0].Wall <= now.UnixMilli() {
		e := g.facts[0]
		g.facts = g.facts[1:]
		e.Seq, e.TrustedLo = uint64(len(g.written)+1), e.Wall-g.sure.Milliseconds()
		raw, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		g.written, g.raw = append(g.written, e), append(g.raw, raw)
	}
}

// tell has the cloud apply up to n further events.
func (g *gate) tell(t *rapid.T, w *bookingtest.World, n int) {
	from := int(w.Watermark(altmarkt).Seq)
	to := min(from+n, len(g.written))
	if from == to {
		return
	}
	op := &fleet.ApplyEvents{Lot: altmarkt, Journal: g.journal, Epoch: 1, Events: g.written[from:to], Raw: g.raw[from:to], Inside: g.inside}
	if _, err := w.Commit(context.Background(), op); err != nil {
		t.Fatal(err)
	}
	g.inside = op.After
}

// guest is a driver and when she really came and went.
type guest struct {
	r        id.Reservation
	stay     id.Session
	deadline time.Time
	in, out  time.Time // zero: she never came
}

// Whatever the order of the clock's ticks, the cars, the edge's messages and the
// provider's answers: who came before the deadline is never declared absent, who
// came later is reinstated, and every stay is paid once, never beyond its hold.
func TestWhoCameIsNeverANoShowAndNobodyPaysTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		lot := bookingtest.Parking(altmarkt, 4)
		lot.Policy.NoShowCharge = rapid.SampledFrom([]int{100, 100, 0, 40}).Draw(t, "charge")
		w := bookingtest.NewWorld(c.now, lot)
		g := newGate(t, w)
		g.sure = time.Duration(rapid.IntRange(0, 90).Draw(t, "unsure")) * time.Second
		guests := invite(t, c, w, g)
		declared := map[id.Reservation]bool{}
		do := func(op commit.Op) {
			if _, err := w.Commit(context.Background(), op); err != nil {
				t.Fatalf("%T: %v", op, err)
			}
			if err := w.Check(); err != nil {
				t.Fatalf("%T: %v", op, err)
			}
		}
		tick := func() {
			for _, x := range guests {
				at := booking.Target{In: altmarkt, ID: x.r}
				if rapid.Bool().Draw(t, "known") {
					at.Known, _ = w.Reservation(context.Background(), x.r)
				}
				do(&booking.Miss{Target: at})
				do(&booking.Elapse{Target: at})
				do(&booking.Remind{Target: at})
				s, _ := w.Reservation(context.Background(), x.r)
				declared[x.r] = declared[x.r] || s.Reservation.State == reservation.NoShow
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 40*60).Draw(t, "seconds")) * time.Second)
			g.write(t, c.at)
			switch rapid.SampledFrom([]string{"tick", "tick", "tell", "tell", "money", "extend"}).Draw(t, "step") {
			case "tick":
				tick()
			case "tell":
				g.tell(t, w, rapid.IntRange(1, 10).Draw(t, "events"))
			case "money":
				for _, x := range guests {
					settleOne(t, w, x.r, do)
				}
			case "extend":
				x := fleet.Extend{Lot: altmarkt}
				for _, s := range guests {
					x.Sessions = append(x.Sessions, s.stay)
				}
				do(&x)
			}
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
		}
		// In the end everything is known.
		c.at = c.at.Add(48 * time.Hour)
		g.happens(c.at, wire.Event{Kind: wire.TimeMark})
		g.write(t, c.at)
		for range 2 {
			g.tell(t, w, len(g.written))
			tick()
		}
		for _, x := range guests {
			settleOne(t, w, x.r, do)
			x.judge(t, w, declared[x.r], lot.Policy.NoShowCharge)
		}
	})
}

// invite makes reservations and decides who comes when.
func invite(t *rapid.T, c *clock, w *bookingtest.World, g *gate) []guest {
	type fact struct {
		at time.Time
		e  wire.Event
	}
	var guests []guest
	var facts []fact
	for i := range rapid.IntRange(1, 3).Draw(t, "guests") {
		op := reserveOp(string(rune('a'+i)), c.window(0, time.Duration(rapid.IntRange(1, 10).Draw(t, "hours"))*time.Hour))
		hold := &booking.RecordHold{Target: booking.Target{In: altmarkt, ID: op.ID}, Outcome: authorized("h" + op.ID.String())}
		for _, op := range []commit.Op{op, hold} {
			if _, err := w.Commit(context.Background(), op); err != nil {
				t.Fatal(err)
			}
		}
		x := guest{r: op.ID, deadline: op.After.Reservation.NoShowAt, stay: id.New[id.Session](c.at)}
		switch rapid.SampledFrom([]string{"never", "in time", "at the deadline", "late"}).Draw(t, "comes") {
		case "in time":
			x.in = c.at.Add(time.Duration(rapid.Int64Range(0, int64(x.deadline.Sub(c.at)/time.Millisecond)-1).Draw(t, "in")) * time.Millisecond)
		case "at the deadline":
			x.in = x.deadline
		case "late":
			x.in = x.deadline.Add(time.Duration(rapid.IntRange(1, 4*3600).Draw(t, "late")) * time.Second)
		}
		if !x.in.IsZero() {
			x.out = x.in.Add(time.Duration(rapid.IntRange(0, 14*3600).Draw(t, "stays")) * time.Second)
			facts = append(facts,
				fact{x.in, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: x.stay, Reservation: x.r, SpaceType: id.Standard, Generation: 1}},
				fact{x.out, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: x.stay, Reservation: x.r, SpaceType: id.Standard}})
		}
		guests = append(guests, x)
		for range 3 {
			idle := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 3 * time.Hour}).Draw(t, "idle")
			facts = append(facts, fact{x.deadline.Add(idle), wire.Event{Kind: wire.TimeMark}})
		}
	}
	slices.SortStableFunc(facts, func(a, b fact) int { return a.at.Compare(b.at) })
	for _, f := range facts {
		g.happens(f.at, f.e)
	}
	return guests
}

// settleOne answers what a payment asks the provider for.
func settleOne(t *rapid.T, w *bookingtest.World, r id.Reservation, do func(commit.Op)) {
	s, err := w.Reservation(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Payment
	switch {
	case p.State == payment.VoidRequested:
		do(settlement.RecordVoid{At: altmarkt, Payment: p.ID, Ref: p.Ref})
	case p.State == payment.CaptureRequested && rapid.Bool().Draw(t, "gone"):
		do(settlement.RecordLost{At: altmarkt, Payment: p.ID, Incident: id.New[id.Incident](w.Now())})
	case p.State == payment.CaptureRequested:
		do(settlement.RecordCapture{At: altmarkt, Payment: p.ID, Outcome: payment.Outcome{State: payment.Captured, Captured: money.New(p.CaptureAmount, "EUR")}})
	}
}

// judge looks at what became of a guest when everything is settled.
func (x guest) judge(t *rapid.T, w *bookingtest.World, declared bool, charge int) {
	s, err := w.Reservation(context.Background(), x.r)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[ledger.Account]int64{}
	for _, e := range w.Entries() {
		if e.Reservation != x.r {
			continue
		}
		for _, p := range e.Postings {
			sums[p.Account] += p.Amount.Minor
		}
	}
	paid, owed := sums[ledger.Provider], sums[ledger.Receivable]
	if paid > s.Payment.Authorized || sums[ledger.Held] != 0 {
		t.Fatalf("%d taken of %d, %d still held", paid, s.Payment.Authorized, sums[ledger.Held])
	}
	if -sums[ledger.TaxPayable] < 0 || -sums[ledger.TaxPayable] > paid+owed {
		t.Fatalf("tax %d of %d", -sums[ledger.TaxPayable], paid+owed)
	}
	if x.in.IsZero() {
		if s.Reservation.State != reservation.NoShow || paid+owed != 400*int64(charge)/100 {
			t.Fatalf("who never came is %s and pays %d", s.Reservation.State, paid+owed)
		}
		return
	}
	if declared && x.in.Before(x.deadline) {
		t.Fatalf("came %s before the deadline and was declared absent", x.deadline.Sub(x.in))
	}
	stay := w.Session(x.stay)
	if s.Reservation.State != reservation.Completed || stay == nil || stay.Due == nil || stay.Reservation != x.r {
		t.Fatalf("who came and went is %s, stay %+v", s.Reservation.State, stay)
	}
	if paid+owed != stay.Due.Minor || owed != stay.Owed.Minor || stay.Due.Minor < 400 {
		t.Fatalf("a stay for %s: %d taken and %d owed (%s by the stay)", stay.Due, paid, owed, stay.Owed)
	}
}
