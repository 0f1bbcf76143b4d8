package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// unlisted is a listing that has not read anything yet.
type unlisted struct{}

func (unlisted) Show(id.Parking) (json.RawMessage, bool) { return nil, false }

// dashboard is an instance of the API: it shares nothing with the one that serves the
// edge but the database.
func (s *stack) dashboard() *gatehouse.Service {
	return &gatehouse.Service{Store: postgres.NewGatehouse(s.db), Listed: unlisted{}, Hub: &gatehouse.Hub{}, Now: time.Now}
}

var anna = gatehouse.Who{Account: id.New[id.Account](time.Now()), Email: "anna@posteo.example"}

// tells says what its lanes look like, and waits until that is known.
func (e *edge) tells(s *stack, lanes ...wire.LaneStatus) {
	e.t.Helper()
	before := s.count(`select coalesce(sum((extract(epoch from lanes_at) * 1000000)::bigint), 0) from edge_now`)
	e.send(topic.Beat, &wire.Beat{Journal: e.journal, Boot: e.boot, LastSeq: uint64(len(e.raw)), Wall: time.Now().UnixMilli(), Uncertainty: 20, Lanes: lanes})
	for end := time.Now().Add(limit); s.count(`select coalesce(sum((extract(epoch from lanes_at) * 1000000)::bigint), 0) from edge_now`) == before; {
		if time.Now().After(end) {
			e.t.Fatal("what the lanes look like was not written down")
		}
		time.Sleep(5 * time.Millisecond) // polls the database
	}
}

var exit1 = wire.LaneStatus{Lane: "exit-1", Arm: wire.ArmDown, Linked: true, Mode: "open", Direction: wire.Outward}

// commanded is an edge that knows orders, and has told of its lane.
func (s *stack) commanded() *edge {
	s.t.Helper()
	e := s.edge(s.enroll())
	e.minor = wire.Minor
	e.greet()
	e.tells(s, exit1)
	s.until(1, `select count(*) from event where kind = 'edge.link' and body #>> '{link,live}' = 'true'`)
	return e
}

func (s *stack) order(command, key string) (gatehouse.Order, error) {
	return s.dashboard().Command(s.t.Context(), altmarkt, "exit-1", gatehouse.Wish{Command: command, Why: "ticket lost"}, anna, key)
}

func (s *stack) mustOrder(command, key string) (gatehouse.Order, id.Order) {
	s.t.Helper()
	o, err := s.order(command, key)
	if err != nil {
		s.t.Fatal(err)
	}
	i, err := id.Parse[id.Order](o.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return o, i
}

// state waits until an order stands where it should.
func (s *stack) state(o id.Order, want gatehouse.State, code string) {
	s.t.Helper()
	s.until(1, `select count(*) from gate_order where id = $1 and state = $2 and code = $3`, o.UUID(), string(want), code)
}

func (e *edge) answer(s *stack, o id.Order, note, code string) {
	e.t.Helper()
	e.add(wire.Event{Kind: wire.Commanded, Lane: "exit-1", Note: note, By: anna.Email, Why: "ticket lost", Order: o, Code: code})
	e.batch(len(e.raw)-1, len(e.raw))
	e.ack(s, uint64(len(e.raw)))
}

func (e *edge) noOrder() {
	e.t.Helper()
	select {
	case o := <-e.orders:
		e.t.Fatalf("sent: %+v", o)
	default:
	}
}

// An order that one instance takes is sent by the one that serves the edge, once for
// its key, and its journal says what became of it: a refusal is the last word.
func TestAnOrderGoesToTheEdgeAndItsAnswerComesBack(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	o, i := s.mustOrder("open", "a-key-that-is-long-1")
	sent := wait(t, e.orders, "the order")
	if sent.ID != i || sent.Journal != e.journal || sent.Lane != "exit-1" || sent.Command != "open" || sent.By != anna.Email || sent.Why != "ticket lost" || sent.NotAfter != o.Expires.UnixMilli() {
		t.Fatalf("%+v for %+v", sent, o)
	}
	if again, _ := s.mustOrder("open", "a-key-that-is-long-1"); again.ID != o.ID {
		t.Errorf("another order of the same key: %+v", again)
	}
	if _, err := s.order("hold_open", "a-key-that-is-long-1"); fault.Code(err) != gatehouse.CodeKeyReused {
		t.Errorf("the key of another command: %v", err)
	}
	e.answer(s, i, "open", "")
	s.state(i, gatehouse.Done, "")
	e.answer(s, i, "open"+wire.NoteRefused, "order_not_now")
	s.state(i, gatehouse.Refused, "order_not_now")
	e.noOrder()
	if n := s.count(`select count(*) from gate_order`); n != 1 {
		t.Errorf("%d orders", n)
	}
	all, err := s.dashboard().Commands(t.Context(), []id.Parking{altmarkt}, gatehouse.Page{Limit: 10})
	if err != nil || len(all) != 1 || all[0].ID != o.ID || all[0].State != gatehouse.Refused || all[0].Source != gatehouse.Dashboard {
		t.Errorf("the audit: %+v, %v", all, err)
	}
}

// Twice the same key at once is one order.
func TestTwoRequestsAtOnceAreOneOrder(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	type got struct {
		o   gatehouse.Order
		err error
	}
	all := make(chan got, 8)
	for range cap(all) {
		go func() {
			o, err := s.order("open", "a-key-that-is-long-2")
			all <- got{o, err}
		}()
	}
	first := wait(t, all, "an answer")
	for range cap(all) - 1 {
		if g := wait(t, all, "an answer"); g.err != nil || g.o.ID != first.o.ID {
			t.Errorf("%+v beside %+v", g, first)
		}
	}
	wait(t, e.orders, "the order")
	_, i := s.mustOrder("halt", "a-key-that-is-long-3") // a marker
	if m := wait(t, e.orders, "the next"); m.ID != i {
		t.Errorf("sent twice: %+v", m)
	}
}

// Whose announcement is lost, or whose owner dies, goes out all the same, and to the
// owner that comes next only while it is good.
func TestAnOrderSurvivesALostHintAndADeadOwner(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	hidden := func(expires time.Duration) id.Order { // as if the announcement were lost
		t.Helper()
		i, now := id.New[id.Order](time.Now()), time.Now()
		if _, err := s.owner.Exec(t.Context(), `insert into gate_order (parking, id, lane, command, by_account, by_email, why, at, expires_at, state, key, request)
			values ($1, $2, 'exit-1', 'open', $3, $4, 'ticket lost', $5, $6, 'sent', $7, '')`, altmarkt, i.UUID(), anna.Account.UUID(), anna.Email, now, now.Add(expires), i.Bytes()); err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := hidden(10 * time.Second)
	if sent := wait(t, e.orders, "the order, by the sweep"); sent.ID != i {
		t.Fatalf("%+v", sent)
	}
	s.stop()
	over, good := hidden(-time.Second), hidden(30*time.Second)
	s.stop = s.serve()
	e.forgetResumes()
	e.greet()
	// The first is sent again, to a connection that may have lost it; what is over is not.
	seen := map[id.Order]bool{}
	for !seen[good] {
		seen[wait(t, e.orders, "the orders").ID] = true
	}
	if seen[over] {
		t.Error("an order was sent after its end")
	}
}

// An order names the journal at which it was given, also when the edge has begun another
// one since: it may have carried out what it has forgotten, and drops it by that.
func TestAnOrderIsOfTheJournalAtWhichItWasGiven(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	s.stop() // nobody sends it yet
	_, i := s.mustOrder("open", "a-key-that-is-long-6")
	was := e.journal
	e.journal, e.raw, e.acked, e.hash = id.New[id.Journal](time.Now()), nil, 0, wire.Hash{}
	s.stop = s.serve()
	e.forgetResumes()
	e.greet()
	if sent := wait(t, e.orders, "the order"); sent.ID != i || sent.Journal != was || e.journal == was {
		t.Errorf("%+v, given at %s, the edge's is %s now", sent, was, e.journal)
	}
}

// Nothing is sent to an edge that is away, or that knows no orders, and nothing is kept
// for when that is over.
func TestNothingIsSentToAnEdgeThatIsAway(t *testing.T) {
	s := newStack(t, 500*time.Millisecond)
	if _, err := s.order("open", "a-key-that-is-long-4"); fault.Code(err) != gatehouse.CodeEdgeAway {
		t.Fatalf("none is enrolled: %v", err)
	}
	e := s.commanded()
	s.until(1, `select count(*) from (select body from event where kind = 'edge.link' order by revision desc limit 1) l where body #>> '{link,live}' = 'false'`)
	if _, err := s.order("open", "a-key-that-is-long-4"); fault.Code(err) != gatehouse.CodeEdgeAway {
		t.Fatalf("away: %v", err)
	}
	one, err := s.dashboard().One(t.Context(), altmarkt)
	if err != nil || len(one.Lanes) != 1 || one.Lanes[0].Commands[0].Why != "edge_away" || one.Parking.Edge.State != gatehouse.Away {
		t.Errorf("shown as %+v, %v", one, err)
	}
	e.minor = wire.OrderSince - 1
	e.greet()
	e.tells(s, wire.LaneStatus{Lane: "exit-1", Arm: wire.ArmUp, Linked: true})
	if _, err := s.order("open", "a-key-that-is-long-4"); fault.Code(err) != gatehouse.CodeEdgeTooOld {
		t.Fatalf("old: %v", err)
	}
	e.minor = wire.Minor
	e.greet()
	e.tells(s, exit1)
	if _, err := s.dashboard().Command(t.Context(), altmarkt, "cellar", gatehouse.Wish{Command: "open", Why: "x"}, anna, "a-key-that-is-long-4"); fault.Code(err) != gatehouse.CodeLaneUnknown {
		t.Fatalf("another lane: %v", err)
	}
	e.noOrder()
	if n := s.count(`select count(*) from gate_order`); n != 0 {
		t.Errorf("%d orders are kept", n)
	}
}

// What nobody answers expires; a late answer is the truth, also one that the process
// had no time to note.
func TestALateAnswerWinsOverNone(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	_, i := s.mustOrder("open", "a-key-that-is-long-5")
	wait(t, e.orders, "the order")
	past := func(of id.Order) {
		if _, err := s.owner.Exec(t.Context(), `update gate_order set state = 'sent', settled_at = null, expires_at = now() - interval '1 minute' where id = $1`, of.UUID()); err != nil {
			t.Fatal(err)
		}
	}
	past(i)
	s.state(i, gatehouse.Expired, "")
	e.answer(s, i, "open", "")
	s.state(i, gatehouse.Done, "")
	past(i) // as if the process had died between the commit and the note
	s.state(i, gatehouse.Done, "")
}

// Whoever looks is woken when a lane looks otherwise, through another instance.
func TestALaneThatChangesWakesWhoLooks(t *testing.T) {
	s := newStack(t, time.Minute)
	api := s.dashboard()
	desk := postgres.NewDesk(s.db, quiet())
	desk.Changed = api.Hub.Poke
	background(t, desk.Run)
	e := s.commanded()
	changed, end := api.Watch([]id.Parking{altmarkt})
	defer end()
	look := func(what string, ok func(gatehouse.One) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for {
			o, err := api.One(ctx, altmarkt)
			if err == nil && ok(o) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				t.Fatal(errors.Join(err, errors.New("waited in vain for "+what)))
			}
		}
	}
	up := exit1
	up.Arm, up.HeldOpen, up.Safety, up.SafetyUnknown = wire.ArmUp, true, true, true
	e.tells(s, up)
	look("an arm that is up", func(o gatehouse.One) bool {
		return len(o.Lanes) == 1 && o.Lanes[0].Arm == "up" && o.Lanes[0].Safety == "unknown" && o.Lanes[0].Commands[2] == gatehouse.CommandNow{Command: "let_go", Why: "loop_unknown"}
	})
	e.add(wire.Event{Kind: wire.Refused, Lane: "entry-1", Reason: wire.RefuseUnknown})
	e.batch(0, 1)
	look("a decision", func(o gatehouse.One) bool { return len(o.Decisions) == 1 && o.Decisions[0].Reason == "REFUSE_UNKNOWN" })
}

// How a machine that takes money is set is shown as its edge says, again when it changes, and
// no more when the edge tells of none.
func TestWhatAMachineIsSetToIsShown(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.commanded()
	beat := func(all ...wire.MachineStatus) {
		e.send(topic.Beat, &wire.Beat{Journal: e.journal, Boot: e.boot, LastSeq: uint64(len(e.raw)), Wall: time.Now().UnixMilli(), Lanes: []wire.LaneStatus{exit1}, Machines: all})
	}
	shown := func(what string, is func([]gatehouse.Kiosk) bool) {
		t.Helper()
		for end := time.Now().Add(limit); ; {
			now, err := s.dashboard().One(t.Context(), altmarkt)
			if err != nil {
				t.Fatal(err)
			}
			if is(now.Kiosks) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, now.Kiosks)
			}
			time.Sleep(5 * time.Millisecond) // polls the database
		}
	}
	set := wire.MachineSetting{Machine: "kiosk-1", Label: "Kasse", Languages: "de en", Cash: wire.No}
	beat(wire.MachineStatus{Set: set, Held: wire.HeldVisit})
	shown("a visit goes on", func(k []gatehouse.Kiosk) bool {
		return len(k) == 1 && k[0].Held == "visit" && k[0].InForce.Label == "Kasse" && k[0].InForce.Cash != nil && !*k[0].InForce.Cash && len(k[0].InForce.Languages) == 2
	})
	beat(wire.MachineStatus{Set: set})
	shown("it is over", func(k []gatehouse.Kiosk) bool { return len(k) == 1 && k[0].Held == "" })
	beat()
	shown("none", func(k []gatehouse.Kiosk) bool { return len(k) == 0 })
}
