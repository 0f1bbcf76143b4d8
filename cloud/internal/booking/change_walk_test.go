package booking_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// boom is an edge that tells of entries and exits.
type boom struct {
	w       *bookingtest.World
	journal id.Journal
	boot    id.Boot
	seq     uint64
	inside  map[id.Reservation]id.Session
}

func newBoom(w *bookingtest.World, now time.Time) *boom {
	g := &boom{w: w, journal: id.New[id.Journal](now), boot: id.New[id.Boot](now), inside: map[id.Reservation]id.Session{}}
	w.PutWatermark(altmarkt, commit.Watermark{Version: 1, Journal: g.journal, Epoch: 1})
	return g
}

// event is the next of the journal as an op.
func (g *boom) event(t fatal, e wire.Event, at time.Time) commit.Op {
	t.Helper()
	e.Seq, e.Boot, e.Wall, e.SpaceType = g.seq+1, g.boot, at.UnixMilli(), id.Standard
	raw, err := wire.Marshal(&e)
	if err != nil {
		t.Fatalf("%v", err)
	}
	g.seq++
	return &fleet.ApplyEvents{
		Lot: altmarkt, Journal: g.journal, Epoch: 1, Events: []wire.Event{e}, Raw: [][]byte{raw},
		Inside: fleet.Inside{At: fleet.Mark{Epoch: 1, Seq: g.seq - 1}},
	}
}

func (g *boom) enter(t fatal, r *reservation.Reservation, at time.Time) commit.Op {
	t.Helper()
	g.inside[r.ID] = id.New[id.Session](at)
	return g.event(t, wire.Event{Kind: wire.Entered, Lane: "in", Session: g.inside[r.ID], Reservation: r.ID, Generation: r.Generation}, at)
}

func (g *boom) leave(t fatal, r id.Reservation, at time.Time) commit.Op {
	t.Helper()
	return g.event(t, wire.Event{Kind: wire.Exited, Lane: "out", Session: g.inside[r], Reservation: r}, at)
}

// pay puts money into a machine for a stay.
func (g *boom) pay(t fatal, r id.Reservation, minor int64, at time.Time) commit.Op {
	t.Helper()
	return g.event(t, wire.Event{
		Kind: wire.Paid, Lane: "kiosk", Session: g.inside[r], Reservation: r, Payment: id.New[id.Payment](at), Amount: minor, Currency: "EUR", Method: wire.Cash,
	}, at)
}

type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// modifyOp is a change of what is stored.
func modifyOp(s booking.Snapshot, key string, to timerange.Range, price int64) *booking.Modify {
	return &booking.Modify{
		Target: booking.TargetOf(s), Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)),
		PaymentID: paymentID(key), Window: to, Quote: reservation.Quote{Total: money.New(price, "EUR"), TariffVersion: 8},
	}
}

func paymentID(key string) id.Payment {
	h := sha256.Sum256([]byte(key))
	p, err := id.FromBytes[id.Payment](h[:16])
	if err != nil {
		panic(err)
	}
	return p
}

// withdrawn fails the test unless the change that was to be taken back is gone and
// the reservation as it was, or nothing has changed.
func withdrawn(t fatal, w *bookingtest.World, was booking.Snapshot, op *booking.Withdraw) {
	t.Helper()
	found, _ := w.Reservation(context.Background(), was.Reservation.ID)
	now, want := found.Reservation, was.Reservation
	if p := want.Pending; p != nil && p.Payment == op.Change {
		want.Pending, want.Version, want.UpdatedAt = nil, want.Version+1, now.UpdatedAt
		for _, p := range w.Payments() {
			if p.ID == op.Change && p.State != payment.VoidRequested {
				t.Fatalf("the payment of a change that was taken back is %s", p.State)
			}
		}
	}
	if !reflect.DeepEqual(now, want) {
		t.Fatalf("after %+v:\n%+v, want\n%+v", op, now, want)
	}
}

// Whatever comes in whatever order: what is claimed is what reservations, their
// pending changes and their stays hold, each quarter once; a change that takes
// place gives a pass of the next generation and nothing else does; and when all
// is settled, who has a pass has one hold and nobody else has any.
func TestAnyOrderOfChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		lot := bookingtest.Parking(altmarkt, 2)
		lot.SpaceTypes = append(lot.SpaceTypes, lot.SpaceTypes[0])
		lot.SpaceTypes[1].ID = "ev"
		w := bookingtest.NewWorld(c.now, lot)
		w.Twice = rapid.Bool().Draw(t, "twice")
		g := newBoom(w, c.at)
		var known []id.Reservation
		seen := map[id.Reservation]reservation.Reservation{}
		do := func(op commit.Op) {
			events := len(w.Events(altmarkt))
			if _, err := w.Commit(context.Background(), op); err != nil {
				if f := fault.From(err); f.Kind == fault.Internal {
					t.Fatalf("%T: %v", op, err)
				}
				if len(w.Events(altmarkt)) != events {
					t.Fatalf("%T was refused (%v) and left events", op, err)
				}
			}
			if err := w.Check(); err != nil {
				t.Fatalf("after %T: %v", op, err)
			}
			if slices.Contains(w.Incidents(), "unapplied") {
				t.Fatalf("after %T: an event could not be applied", op)
			}
			for _, s := range w.All() {
				r, was := s.Reservation, seen[s.Reservation.ID]
				changed := was.Version > 0 && (r.SpaceType != was.SpaceType || !r.Window.From.Equal(was.Window.From) || !r.Window.To.Equal(was.Window.To))
				if was.Version > 0 && (changed != (r.Generation == was.Generation+1) || !changed && r.Generation != was.Generation ||
					changed && (r.ConfirmedRevision <= was.ConfirmedRevision || !r.RemindedAt.IsZero() || r.NoShowAt.After(r.Window.To))) {
					t.Fatalf("after %T: %+v\nwas %+v", op, r, was)
				}
				seen[r.ID] = r
			}
		}
		answer := func(p payment.Payment, state payment.State) {
			op := &booking.RecordHold{Target: booking.Target{In: altmarkt, ID: p.Reservation}, Payment: p.ID, Outcome: payment.Outcome{Ref: "h-" + p.ID.String(), State: state}}
			if state == payment.Authorized {
				op.Outcome.Authorized = p.Amount
			}
			if state == payment.Unknown {
				op.NoAnswer = true
			}
			do(op)
		}
		draw := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		for n := range rapid.IntRange(5, 40).Draw(t, "steps") {
			c.at = c.at.Add(time.Duration(draw("seconds", 900)) * time.Second)
			step := "reserve"
			if len(known) > 0 {
				step = rapid.SampledFrom([]string{
					"reserve", "pay", "modify", "modify", "extend", "extend", "answer", "answer", "answer",
					"enter", "leave", "keep", "cancel", "expire", "withdraw", "withdraw",
				}).Draw(t, "step")
			}
			var s booking.Snapshot
			if len(known) > 0 {
				found, _ := w.Reservation(context.Background(), known[draw("which", len(known)-1)])
				s = *found
			}
			switch step {
			case "reserve":
				from := timerange.Floor(c.at).Time().Add(time.Duration(draw("from", 12)) * 5 * time.Minute)
				op := reserveOp(fmt.Sprint("r", n), timerange.Range{From: from, To: from.Add(time.Duration(1+draw("long", 20)) * 7 * time.Minute)})
				do(op)
				if op.After.Reservation.Version > 0 {
					known = append(known, op.ID)
				}
			case "pay":
				answer(s.Payment, payment.Authorized)
			case "modify", "extend":
				from := s.Reservation.Window.From
				if step == "modify" && rapid.Bool().Draw(t, "moved") {
					from = timerange.Floor(c.at).Time().Add(time.Duration(draw("from", 12)) * 5 * time.Minute)
				}
				to := timerange.Range{From: from, To: c.at.Truncate(time.Minute).Add(time.Duration(draw("to", 30)) * 5 * time.Minute)}
				if !to.From.Before(to.To) {
					continue
				}
				op := modifyOp(s, fmt.Sprint("m", n), to, rapid.SampledFrom([]int64{0, 300, 400, 700, 900}).Draw(t, "price"))
				op.Extend = step == "extend"
				if !op.Extend {
					op.SpaceType = rapid.SampledFrom([]id.SpaceType{"", id.Standard, "ev"}).Draw(t, "type")
				}
				do(op)
			case "answer":
				all := w.Payments()
				answer(all[draw("payment", len(all)-1)], rapid.SampledFrom([]payment.State{
					payment.Authorized, payment.Authorized,
					payment.RequiresAction, payment.Declined, payment.Voided, payment.Unknown,
				}).Draw(t, "says"))
			case "enter":
				if s.Reservation.State == reservation.Confirmed {
					do(g.enter(t, &s.Reservation, c.at))
				}
			case "leave":
				if s.Reservation.State == reservation.Active {
					do(g.leave(t, s.Reservation.ID, c.at))
				}
			case "keep":
				op := &fleet.Extend{Lot: altmarkt}
				for _, i := range g.inside {
					op.Sessions = append(op.Sessions, i)
				}
				do(op)
			case "withdraw":
				op := &booking.Withdraw{Target: booking.TargetOf(s)}
				if p := s.Reservation.Pending; p != nil && draw("other", 4) > 0 {
					op.Change = p.Payment
				} else { // of any change and reservation, whatever became of it
					all := w.Payments()
					op.Change = all[draw("payment", len(all)-1)].ID
				}
				do(op)
				withdrawn(t, w, s, op)
			case "cancel":
				do(&booking.Cancel{Target: booking.TargetOf(s)})
			case "expire":
				do(&booking.Expire{Target: booking.Target{In: altmarkt, ID: s.Reservation.ID}})
			}
		}
		for range 3 { // until nothing is left to be done
			for _, p := range w.Payments() {
				switch p.State {
				case payment.Requested, payment.Unknown, payment.RequiresAction:
					answer(p, rapid.SampledFrom([]payment.State{payment.Authorized, payment.Declined}).Draw(t, "found"))
				case payment.VoidRequested:
					do(settlement.RecordVoid{At: altmarkt, Payment: p.ID, Ref: p.Ref})
				case payment.CaptureRequested:
					do(settlement.RecordCapture{At: altmarkt, Payment: p.ID, Outcome: payment.Outcome{State: payment.Captured, Captured: money.New(p.CaptureAmount, "EUR")}})
				case payment.Authorized, payment.Declined, payment.Captured, payment.Voided, payment.Lapsed, payment.MethodKept:
				}
			}
		}
		standing := map[id.Reservation]int{}
		for _, p := range w.Payments() {
			if p.State == payment.Authorized {
				standing[p.Reservation]++
			} else if !p.State.Final() {
				t.Fatalf("%s is still %s", p.ID, p.State)
			}
		}
		for _, s := range w.All() {
			want := 0
			if s.Reservation.State == reservation.Confirmed || s.Reservation.State == reservation.Active {
				want = 1
			}
			if standing[s.Reservation.ID] != want || s.Reservation.Pending != nil {
				t.Fatalf("%s is %s with %d holds, changes %+v", s.Reservation.ID, s.Reservation.State, standing[s.Reservation.ID], s.Reservation.Pending)
			}
		}
	})
}
