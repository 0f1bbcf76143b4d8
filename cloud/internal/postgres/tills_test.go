package postgres_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// told applies events of a machine, in one batch.
func (n *numbered) told(events ...wire.Event) *fleet.ApplyEvents {
	n.t.Helper()
	op := &fleet.ApplyEvents{Lot: "north", Journal: n.journal, Epoch: n.epoch, Inside: n.inside}
	for _, e := range events {
		n.seq++
		e.Seq, e.Boot, e.Wall, e.Lane = n.seq, id.New[id.Boot](time.Now()), n.clock.now().UnixMilli(), "kiosk-1"
		if e.Kind != wire.HelpCalled {
			e.Currency = "EUR"
		}
		raw, err := wire.Marshal(&e)
		if err != nil {
			n.t.Fatal(err)
		}
		op.Events, op.Raw = append(op.Events, e), append(op.Raw, raw)
	}
	n.must(op)
	n.inside = op.After
	return op
}

// What is followed of a machine's cash outlives the process, is that of the watermark,
// and its shifts are listed with the others, once, page by page.
func TestAMachinesShiftsAreKeptAndListed(t *testing.T) {
	n := newNumbered(t, "1")
	now := time.Now()
	shift := func(float, counted, expected, stays int64) {
		s := id.New[id.Shift](time.Now())
		n.clock.forward(time.Minute)
		n.told(wire.Event{Kind: wire.ShiftOpened, Shift: s, By: "anna", Amount: float})
		n.clock.forward(time.Minute)
		n.told(
			wire.Event{Kind: wire.Paid, Session: id.New[id.Session](now), Payment: id.New[id.Payment](now), Amount: expected, Method: wire.Cash},
			wire.Event{Kind: wire.ShiftClosed, Shift: s, By: "berta", Amount: counted, Expected: expected, Stays: stays, Payments: 1, Why: "one fell down"},
		)
	}
	shift(1000, 510, 510, 1000)
	shift(1000, 290, 300, 1000)
	standing, err := n.db.Standing(t.Context(), "north", n.journal)
	if err != nil || standing.Inside.At != n.inside.At {
		t.Fatalf("%v %+v", err, standing)
	}
	if got := standing.Inside.Tills["kiosk-1"]; got.Cash != 1000 || got.Shifts != 2 || !got.Shift.IsZero() || len(got.Had) != len(n.inside.Tills["kiosk-1"].Had) {
		t.Fatalf("%+v, and %+v are known here", got, n.inside.Tills)
	}
	var operator id.Operator
	if err := n.owner.QueryRow(t.Context(), `select operator from parking where id = 'north'`).Scan(&operator); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.NewBooks(n.db).Shift(t.Context(), "north", nil, "somebody", n.clock.now().Add(time.Hour)); err == nil {
		t.Fatal("1000 are in the machine, and nobody counted them")
	}
	l := postgres.NewReports(n.db).Lookup()
	page := lookup.Page{Limit: 1}
	for i, want := range []int64{-10, 0} {
		got, err := l.Closings(t.Context(), lookup.Scope{Operators: []id.Operator{operator}, Parkings: []id.Parking{"north"}}, true, page)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d: %v %+v", i, err, got)
		}
		c := got[0]
		if c.Machine != "kiosk-1" || c.OpenedBy != "anna" || c.By != "berta" || c.Counts[0].Difference != want || c.Seq != int64(2-i) || c.Payments != 1 || c.Note != "one fell down" || c.Spans[0].From == nil {
			t.Errorf("%d: %+v", i, c)
		}
		at := lookup.SealedPlace(&c)
		page.After = &at
	}
	if got, err := l.Closings(t.Context(), lookup.Scope{Operators: []id.Operator{operator}, Parkings: []id.Parking{"south"}}, true, lookup.Page{Limit: 9}); err != nil || len(got) != 0 {
		t.Errorf("another parking's: %v %+v", err, got)
	}
	if got, err := l.Closings(t.Context(), lookup.Scope{Operators: []id.Operator{operator}, Parkings: []id.Parking{"north"}}, false, lookup.Page{Limit: 9}); err != nil || len(got) != 0 {
		t.Errorf("among the days: %v %+v", err, got)
	}
	if _, err := n.owner.Exec(t.Context(), `delete from cash_shift`); err == nil {
		t.Error("a shift can be taken back")
	}
}

// A call for help is shown until it is over.
func TestACallForHelpIsFound(t *testing.T) {
	n := newNumbered(t, "1")
	g := postgres.NewGatehouse(n.db)
	calls := func() int {
		t.Helper()
		got, err := g.Calls(t.Context(), []id.Parking{"north"}, n.clock.now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 && (got[0].Lane != "kiosk-1" || got[0].Parking != "north") {
			t.Errorf("%+v", got)
		}
		return len(got)
	}
	if calls() != 0 {
		t.Error("nobody has called")
	}
	n.told(wire.Event{Kind: wire.HelpCalled, Note: wire.HelpWanted})
	if calls() != 1 {
		t.Error("the call is not shown")
	}
	n.told(wire.Event{Kind: wire.HelpCalled, Note: wire.HelpOver})
	if calls() != 0 {
		t.Error("it is over")
	}
}
