package fleet_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// Who follows a guest in is a stay without a ticket, and who follows one out ends the
// stay of the walk-in who has been inside for longest. What is due for that one is the
// parking's choice, less what was paid for it; other stays are what they were. The
// events are those that an edge journals: see TestATailgaterIsCounted of its package
// app.
func TestTailgatesAreCountedAndBilledAsThePolicySays(t *testing.T) {
	for name, c := range map[string]struct {
		policy          parking.Tailgates
		paid, due, owed int64
		late            bool
	}{
		"unless something is said": {"", 0, 0, 0, false},
		"counted":                  {parking.TailgatesCount, 0, 0, 0, false},
		"billed":                   {parking.TailgatesBill, 0, 360, 360, false},   // 61 minutes at 1.20 for each half hour
		"billed, some is paid":     {parking.TailgatesBill, 120, 240, 120, false}, // five minutes ago: the way to the exit costs nothing
		"billed, it is told late":  {parking.TailgatesBill, 120, 240, 120, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, time.Minute)
			if _, err := postgres.NewCapacity(s.db).ChangePolicy(t.Context(), capacity.PolicyEdit{At: altmarkt, Today: time.Now()}, func(p parking.Policy) (parking.Policy, error) {
				p.Tailgates = c.policy
				return p, p.Validate()
			}); err != nil {
				t.Fatal(err)
			}
			guest := s.reserve()
			e := s.edge(s.enroll())
			e.greet()
			e.sync()
			lane := func(kind wire.EventKind, at time.Duration, l id.Lane, ses id.Session, note string) wire.Event {
				return wire.Event{Kind: kind, Lane: l, Session: ses, SpaceType: id.Standard, Reason: wire.AdmitPolicy, Inferred: true, Note: note, Wall: time.Now().Add(at).UnixMilli()}
			}
			in := e.enter(guest)
			behind, later := id.New[id.Session](time.Now()), id.New[id.Session](time.Now())
			e.add(wire.Event{Kind: wire.LaneFault, Lane: "entry-1", Note: wire.NoteTailgate})
			e.add(lane(wire.Admitted, -61*time.Minute, "entry-1", behind, wire.NoteTailgate))
			e.add(lane(wire.Entered, -61*time.Minute, "entry-1", behind, wire.NoteTailgate))
			e.add(wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: later, SpaceType: id.Standard, Reason: wire.AdmitWalkin, Wall: time.Now().Add(-50 * time.Minute).UnixMilli()})
			e.batch(0, len(e.raw))
			e.ack(s, uint64(len(e.raw)))
			if n := s.count(`select count(*) from session where state = 'inside'`); n != 3 {
				t.Fatalf("%d are inside", n)
			}
			if n := s.count(`select count(*) from session where id = $1 and reservation is null and entry_reason = 'ADMIT_POLICY' and inferred`, behind.Bytes()); n != 1 {
				t.Fatal("who followed is no walk-in")
			}
			paid := func() {
				e.add(wire.Event{Kind: wire.Paid, Lane: "kiosk-1", Session: behind, SpaceType: id.Standard, Payment: id.New[id.Payment](time.Now()), Amount: c.paid, Currency: "EUR", Method: wire.Cash, Wall: time.Now().Add(-5 * time.Minute).UnixMilli()})
			}
			if c.paid > 0 && !c.late {
				paid()
			}
			e.exit(in, guest)
			e.add(wire.Event{Kind: wire.LaneFault, Lane: "exit-1", Note: wire.NoteTailgate})
			e.add(lane(wire.Released, 0, "exit-1", behind, wire.NoteTailgate))
			e.add(lane(wire.Exited, 0, "exit-1", behind, wire.NoteTailgate))
			if c.late { // the machine was away for longer than the gate
				paid()
			}
			before := e.acked
			for range 2 { // the second time, the acknowledgement was lost
				e.batch(int(before), len(e.raw))
				e.ack(s, uint64(len(e.raw)))
			}
			if n := s.count(`select count(*) from session where state = 'inside' and id = $1`, later.Bytes()); n != 1 || s.count(`select count(*) from session where state = 'inside'`) != 1 {
				t.Error("not the one who came later is left")
			}
			var due, owed int64
			if err := s.owner.QueryRow(t.Context(), `select due, owed from session where id = $1 and state = 'left'`, behind.Bytes()).Scan(&due, &owed); err != nil || due != c.due || owed != c.owed {
				t.Errorf("due %d, owed %d, %v; want %d, %d", due, owed, err, c.due, c.owed)
			}
			if got := s.count(`select coalesce(sum(amount), 0) from ledger_entry where account = 'receivable'`); int64(got) != c.owed {
				t.Errorf("%d are owed by the ledger, want %d", got, c.owed)
			}
			rows, err := s.owner.Query(t.Context(), `select class || ': ' || detail from incident where session = $1 and class = 'X6'`, behind.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			said, err := pgx.CollectRows(rows, pgx.RowTo[string])
			want := "X6: a vehicle followed another one out; the oldest walk-in was closed in its place, and nothing is charged"
			if owed := c.owed; c.due > 0 {
				if c.late {
					due, owed = 360, 360 // as of then
				}
				want = "X6: a vehicle followed another one out; the oldest walk-in was closed in its place, and of its price of " +
					money.New(due, "EUR").String() + ", " + money.New(owed, "EUR").String() + " is owed"
			}
			if err != nil || len(said) != 1 || said[0] != want {
				t.Errorf("on record: %q, %v", said, err)
			}
			if n := s.count(`select count(*) from incident where class = 'lane' and detail like '%: tailgate: %'`); n != 2 {
				t.Errorf("%d tailgates on record", n)
			}
			// Nobody else pays for it: whoever presses the button ends a stay that nothing is due for.
			e.add(lane(wire.Exited, 0, "exit-1", later, ""))
			e.batch(len(e.raw)-1, len(e.raw))
			e.ack(s, uint64(len(e.raw)))
			if n := s.count(`select due from session where id = $1 and state = 'left'`, later.Bytes()); n != 0 {
				t.Errorf("%d are due for a stay that was ended by the button", n)
			}
		})
	}
}
