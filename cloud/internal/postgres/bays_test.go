package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

const ev id.SpaceType = "ev"

// numbered is a parking whose charging bays have numbers, with an edge.
type numbered struct {
	t       *testing.T
	clock   shown
	c       *postgres.Committer
	owner   *pgx.Conn
	db      *postgres.DB
	start   time.Time // a full hour, a day ahead
	journal id.Journal
	epoch   uint32
	seq     uint64
	inside  fleet.Inside
}

func newNumbered(t *testing.T, bays ...string) *numbered {
	t.Helper()
	db, dsn := postgrestest.New(t)
	p := postgrestest.Parking("north", 10)
	p.Policy.AllotmentShare = 0
	p.SpaceTypes = append(p.SpaceTypes, parking.SpaceType{ID: ev, Class: parking.ClassEV, Label: "Charging", Capacity: int16(len(bays)), Bays: bays})
	postgrestest.Import(t, db, time.Now(), p)
	n := &numbered{t: t, db: db, owner: postgrestest.Owner(t, dsn), start: time.Now().UTC().Truncate(time.Hour).Add(24 * time.Hour), journal: id.New[id.Journal](time.Now())}
	n.c = committerAt(t, db, n.clock.now)
	greet := &fleet.Greet{Lot: "north", Hello: wire.Hello{Journal: n.journal}}
	n.must(greet)
	n.epoch = greet.Mark.Epoch
	n.inside = fleet.Inside{At: fleet.Mark{Epoch: n.epoch}}
	return n
}

func (n *numbered) must(op commit.Op) {
	n.t.Helper()
	if _, err := n.c.Commit(n.t.Context(), op); err != nil {
		n.t.Fatalf("%T: %v", op, err)
	}
}

// forward makes it an instant after the start.
func (n *numbered) forward(after time.Duration) {
	n.clock.forward(n.start.Add(after).Sub(n.clock.now()))
}

// wish reserves hours from the start on.
func (n *numbered) wish(t id.SpaceType, from, hours int) *booking.Reserve {
	key := id.New[id.Quote](time.Now()).String()
	at := n.start.Add(time.Duration(from) * time.Hour)
	return &booking.Reserve{
		In: "north", ID: id.New[id.Reservation](time.Now()), PaymentID: id.New[id.Payment](time.Now()),
		Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)), SpaceType: t,
		Window: timerange.Range{From: at, To: at.Add(time.Duration(hours) * time.Hour)}, Provider: "test", Method: "pm", Email: "driver@example.org",
		Quote: reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1},
	}
}

// authorised is the provider's word for a reservation that is held.
func authorised(o *booking.Reserve) *booking.RecordHold {
	return &booking.RecordHold{Target: booking.TargetOf(o.After), Outcome: payment.Outcome{
		Ref: o.PaymentID.String(), State: payment.Authorized, Authorized: o.After.Payment.Amount,
	}}
}

// sell reserves and confirms hours from the start on.
func (n *numbered) sell(c *postgres.Committer, t id.SpaceType, from, hours int) (reservation.Reservation, error) {
	o := n.wish(t, from, hours)
	if _, err := c.Commit(n.t.Context(), o); err != nil {
		return reservation.Reservation{}, err
	}
	h := authorised(o)
	_, err := c.Commit(n.t.Context(), h)
	return h.After.Reservation, err
}

func (n *numbered) sold(from, hours int) reservation.Reservation {
	n.t.Helper()
	r, err := n.sell(n.c, ev, from, hours)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// seen applies one event of the edge, now.
func (n *numbered) seen(kind wire.EventKind, s id.Session, r id.Reservation, bay string) {
	n.t.Helper()
	n.seq++
	e := wire.Event{
		Seq: n.seq, Boot: id.New[id.Boot](time.Now()), Wall: n.clock.now().UnixMilli(), Kind: kind, Lane: "gate-1",
		Session: s, Reservation: r, SpaceType: ev, Bay: bay,
	}
	raw, err := wire.Marshal(&e)
	if err != nil {
		n.t.Fatal(err)
	}
	op := &fleet.ApplyEvents{Lot: "north", Journal: n.journal, Epoch: n.epoch, Events: []wire.Event{e}, Raw: [][]byte{raw}, Inside: n.inside}
	n.must(op)
	n.inside = op.After
}

func (n *numbered) bay(r reservation.Reservation) string {
	n.t.Helper()
	var b string
	if err := n.owner.QueryRow(n.t.Context(), `select coalesce(space, '') from reservation where id = $1`, r.ID.UUID()).Scan(&b); err != nil {
		n.t.Fatal(err)
	}
	return b
}

func (n *numbered) has(r reservation.Reservation, bay string) {
	n.t.Helper()
	if got := n.bay(r); got != bay {
		n.t.Errorf("the reservation from %s is in bay %q, not %q", r.Window.From.Format("15:04"), got, bay)
	}
}

func (n *numbered) incidents(class string) int {
	return count(n.t, n.owner, `select count(*) from incident where class = $1`, class)
}

// Whoever has reserved has a bay from the confirmation on, which is told; for
// the sake of a later one who fits in none as they are, the tentative ones are
// dealt out anew. Types without bays bind nothing.
func TestABayIsBoundWithTheConfirmation(t *testing.T) {
	n := newNumbered(t, "E1", "E2")
	a, b := n.sold(0, 2), n.sold(4, 2)
	n.has(a, "E1")
	if b.Space == "" {
		t.Error("no bay was bound")
	}
	exec(t, n.owner, `update reservation set space = 'E1' where id = $1`, a.ID.UUID())
	exec(t, n.owner, `update reservation set space = 'E2' where id = $1`, b.ID.UUID())
	// In the middle both are needed: one over all, and one beside it.
	c := n.sold(1, 4)
	if c.Space == "" || n.bay(a) == c.Space || n.bay(b) == c.Space {
		t.Errorf("%s; before %s, after %s", c.Space, n.bay(a), n.bay(b))
	}
	if k := count(t, n.owner, `select count(*) from event where kind = 'reservation.bound'`); k == 0 {
		t.Error("nobody was told of another bay")
	}
	snap, err := n.db.Snapshot(t.Context(), "north", n.clock.now(), true)
	if err != nil || len(snap.Bays) != 1 || len(snap.Bays[0].Bays) != 2 || len(snap.Reservations) != 3 || snap.Reservations[0].Space == "" {
		t.Errorf("the edge is told %+v, %v", snap, err)
	}
	if r, err := n.sell(n.c, id.Standard, 0, 2); err != nil || r.Space != "" {
		t.Errorf("%q, %v", r.Space, err)
	}
	o := &booking.Cancel{Target: booking.Target{In: "north", ID: c.ID}}
	n.must(o)
	n.has(c, "")
}

// Whatever is sold by several instances at once, each has a bay and no two that
// overlap have the same.
func TestBaysUnderLoad(t *testing.T) {
	n := newNumbered(t, "E1", "E2", "E3")
	other := committerAt(t, postgrestest.Open(t, n.owner.Config().ConnString()), n.clock.now)
	var g errgroup.Group
	for w, c := range []*postgres.Committer{n.c, other, n.c, other} {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			for range 40 {
				r, err := n.sell(c, ev, rnd.IntN(40), 1+rnd.IntN(6))
				if err != nil {
					if fault.Code(err) == "sold_out" {
						continue
					}
					return err
				}
				if rnd.IntN(4) == 0 {
					if _, err := c.Commit(t.Context(), &booking.Cancel{Target: booking.Target{In: "north", ID: r.ID}}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if k := count(t, n.owner, `select count(*) from reservation where state = 'confirmed'`); k < 10 {
		t.Errorf("only %d were sold", k)
	}
	if k := count(t, n.owner, `select count(*) from reservation where state = 'confirmed' and space is null`); k != 0 {
		t.Errorf("%d have no bay", k)
	}
	if k := count(t, n.owner, `select count(*) from reservation a join reservation b on a.space = b.space and a.id < b.id
		and a.claim_from_q < b.claim_to_q and b.claim_from_q < a.claim_to_q where a.state = 'confirmed' and b.state = 'confirmed'`); k != 0 {
		t.Errorf("%d pairs overlap in one bay", k)
	}
}

// Two instances have read the same bay as free before either commits: whoever
// comes second is bound to another one, and nobody is told of that.
func TestABayThatWasTakenMeanwhileIsGoneRound(t *testing.T) {
	n := newNumbered(t, "E1", "E2")
	other := committerAt(t, postgrestest.Open(t, n.owner.Config().ConnString()), n.clock.now)
	lock, err := postgrestest.Owner(t, n.owner.Config().ConnString()).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var holds [2]*booking.RecordHold
	for i := range holds {
		o := n.wish(ev, 0, 2)
		n.must(o)
		holds[i] = authorised(o)
	}
	if _, err := lock.Exec(t.Context(), `select from parking_head for update`); err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for i, c := range []*postgres.Committer{n.c, other} {
		g.Go(func() error {
			_, err := c.Commit(t.Context(), holds[i])
			return err
		})
	}
	for blocked := 0; blocked < len(holds); {
		if err := n.owner.QueryRow(t.Context(), `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(lock.Rollback(t.Context()), g.Wait()); err != nil {
		t.Fatal(err)
	}
	if a, b := n.bay(holds[0].After.Reservation), n.bay(holds[1].After.Reservation); a == "" || b == "" || a == b {
		t.Errorf("they are in %q and %q", a, b)
	}
}

// The gate fixes the bay, whatever was bound: who counted on it gets another.
// Who stays too long keeps his, and who comes after him is bound round him.
func TestTheGateFixesTheBay(t *testing.T) {
	n := newNumbered(t, "E1", "E2", "E3")
	a, b := n.sold(0, 2), n.sold(0, 2)
	n.has(a, "E1")
	n.has(b, "E2")
	n.forward(time.Minute)
	stay := id.New[id.Session](n.clock.now())
	n.seen(wire.Entered, stay, a.ID, "E2")
	n.has(a, "E2")
	if got := n.bay(b); got != "E1" && got != "E3" {
		t.Errorf("the other is in %q", got)
	}
	next := n.sold(2, 2)
	exec(t, n.owner, `update reservation set space = 'E2' where id = $1`, next.ID.UUID())
	n.forward(2*time.Hour - time.Minute) // it does not leave
	n.must(&fleet.Extend{Lot: "north", Sessions: []id.Session{stay}})
	n.has(a, "E2")
	if got := n.bay(next); got == "E2" || got == "" {
		t.Errorf("the next is in %q, where the overstayer stands", got)
	}
	n.seen(wire.Exited, stay, a.ID, "")
	n.has(a, "E2") // on record
}

// Blocks take the highest bays that are free, and whoever was bound to one that
// is gone gets another. There cannot be more spaces than bays.
func TestBlockedBaysAreGoneRound(t *testing.T) {
	n := newNumbered(t, "E1", "E2")
	a := n.sold(0, 2)
	exec(t, n.owner, `update reservation set space = 'E2' where id = $1`, a.ID.UUID())
	s := &capacity.Service{Store: postgres.NewCapacity(n.db), Commits: n.c, Now: n.clock.now}
	op := &capacity.Block{In: "north", ID: id.New[id.Block](n.clock.now()), SpaceType: ev, N: 1, Claim: a.Claim, Reason: "resurfacing"}
	if _, err := s.Block(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if got := n.bay(a); got == "" {
		t.Error("it has no bay, though one is left")
	}
	if _, err := s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: ev, Capacity: 3}); fault.Code(err) != capacity.CodeBaysMissing {
		t.Errorf("more spaces than bays: %v", err)
	}
}

// A type of one bay is that very bay: sold once at a time, promised, and never
// exchanged. Who finds it occupied is let in all the same, without a bay, and
// staff are told.
func TestThisExactBay(t *testing.T) {
	n := newNumbered(t, "E7")
	a, b := n.sold(0, 2), n.sold(2, 2)
	n.has(a, "E7")
	n.has(b, "E7")
	if _, err := n.sell(n.c, ev, 1, 2); fault.Code(err) != "sold_out" {
		t.Fatalf("sold twice: %v", err)
	}
	n.forward(time.Minute)
	stay := id.New[id.Session](n.clock.now())
	n.seen(wire.Entered, stay, a.ID, "E7")
	n.has(b, "E7")
	n.forward(2*time.Hour - time.Minute)
	n.must(&fleet.Extend{Lot: "north", Sessions: []id.Session{stay}})
	n.has(a, "E7")
	n.forward(2*time.Hour + time.Minute)
	n.seen(wire.Entered, id.New[id.Session](n.clock.now()), b.ID, "")
	n.has(a, "E7")
	n.has(b, "")
	if n.incidents("overfull") != 1 || n.incidents("bay") != 1 {
		t.Errorf("%d and %d incidents", n.incidents("overfull"), n.incidents("bay"))
	}
	n.seen(wire.Exited, stay, a.ID, "")
}

// An exact bay that its overstayer leaves in time is the next guest's again.
func TestAnExactBayComesBack(t *testing.T) {
	n := newNumbered(t, "E7")
	a, b := n.sold(0, 2), n.sold(2, 2)
	n.forward(time.Minute)
	stay := id.New[id.Session](n.clock.now())
	n.seen(wire.Entered, stay, a.ID, "E7")
	n.forward(2*time.Hour + time.Minute)
	n.must(&fleet.Extend{Lot: "north", Sessions: []id.Session{stay}})
	n.has(b, "")
	n.seen(wire.Exited, stay, a.ID, "")
	n.has(b, "E7")
	n.seen(wire.Entered, id.New[id.Session](n.clock.now()), b.ID, "E7")
	n.has(b, "E7")
	if n.incidents("bay") != 0 {
		t.Error("an incident, though all went well")
	}
}

// The last line: what would put two into one bay is not committed.
func TestTwoInOneBayAreRefused(t *testing.T) {
	n := newNumbered(t, "E1", "E2")
	a, b := n.sold(0, 2), n.sold(1, 2)
	_, err := n.owner.Exec(t.Context(), fmt.Sprintf(`update reservation set space = '%s' where id = $1`, a.Space), b.ID.UUID())
	if got := code(err); got != "PX011" {
		t.Errorf("%v", err)
	}
}
