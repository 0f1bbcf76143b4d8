package postgres_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/soak/check"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// gate is an edge as the store sees it: events that are applied at once.
type gate struct {
	t     *testing.T
	db    *postgres.DB
	c     *postgres.Committer
	clock *shown
	in    id.Parking
	id    id.Journal
	boot  id.Boot
	epoch uint32
	seq   uint64
}

func (g *gate) must(op commit.Op) {
	g.t.Helper()
	if _, err := g.c.Commit(g.t.Context(), op); err != nil {
		g.t.Fatalf("%T: %v", op, err)
	}
}

func newGate(t *testing.T, db *postgres.DB, c *postgres.Committer, clock *shown, p id.Parking) *gate {
	t.Helper()
	g := &gate{t: t, db: db, c: c, clock: clock, in: p, id: id.New[id.Journal](clock.now()), boot: id.New[id.Boot](clock.now())}
	greet := &fleet.Greet{Lot: p, Hello: wire.Hello{Journal: g.id}}
	g.must(greet)
	g.epoch = greet.Mark.Epoch
	return g
}

func (g *gate) inside() fleet.Inside {
	g.t.Helper()
	s, err := g.db.Standing(g.t.Context(), g.in, g.id)
	if err != nil {
		g.t.Fatal(err)
	}
	return s.Inside
}

func (g *gate) tell(at time.Time, e wire.Event) {
	g.t.Helper()
	g.seq++
	e.Seq, e.Boot, e.Wall, e.TrustedLo, e.Lane = g.seq, g.boot, at.UnixMilli(), at.UnixMilli(), "lane-1"
	raw, err := wire.Marshal(&e)
	if err != nil {
		g.t.Fatal(err)
	}
	g.must(&fleet.ApplyEvents{Lot: g.in, Journal: g.id, Epoch: g.epoch, Events: []wire.Event{e}, Raw: [][]byte{raw}, Inside: g.inside()})
}

func (g *gate) enters(at time.Time) id.Session {
	s := id.New[id.Session](at)
	g.tell(at, wire.Event{Kind: wire.Entered, Session: s, SpaceType: id.Standard, Reason: wire.AdmitWalkin})
	return s
}

// A stay from its entry to its end, on the real store: the edition of its entry,
// a payment at a machine, and an end that nobody saw; what is counted is what the
// rows say.
func TestStaysOnTheRealStore(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	clock := &shown{}
	began := clock.now().UTC().Truncate(time.Second)
	north, south := postgrestest.Parking("north", 5), postgrestest.Parking("south", 5)
	postgrestest.Import(t, db, began, north, south)
	c := committerAt(t, db, clock.now)
	g := newGate(t, db, c, clock, "north")
	far := newGate(t, db, c, clock, "south")
	g.must(&fleet.Allot{Lot: "north", Inside: g.inside()})
	lent := g.enters(began)
	paid := g.enters(began)
	beyond := g.enters(began) // both units are taken
	silent := far.enters(began)

	next := north.Tariff
	next.Version, next.Rate, next.DailyMax = 2, 99_00, 0
	if _, err := postgres.NewTariffs(db).Adopt(t.Context(), "north", next, parking.Author{}); err != nil {
		t.Fatal(err)
	}
	clock.forward(50 * time.Minute)
	one := id.New[id.Payment](began)
	for range 2 {
		g.tell(began.Add(30*time.Minute), wire.Event{Kind: wire.Paid, Session: paid, Payment: one, Amount: 500, Currency: "EUR", Method: wire.Cash})
	}
	out := began.Add(45 * time.Minute)
	g.tell(out, wire.Event{Kind: wire.Exited, Session: paid, Reason: wire.AdmitWalkin})
	want, err := north.Tariff.Price(timerange.Range{From: began, To: out}, tariff.Facts{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	money := func(s id.Session) (out [3]int) {
		for i, column := range []string{"due", "owed", "credit"} {
			out[i] = count(t, owner, `select `+column+`::int from session where id = $1`, s.UUID())
		}
		return out
	}
	if got := money(paid); got != [3]int{int(want.Total.Minor), 0, 500 - int(want.Total.Minor)} {
		t.Fatalf("due, owed, kept: %v; %s by the edition of the entry", got, want.Total)
	}
	if n := count(t, owner, `select count(*) from incident where class = 'X9'`); n != 1 {
		t.Fatalf("%d incidents", n)
	}

	// Nobody sees the others leave.
	presumer := &fleet.Presumer{Store: postgres.NewUnseen(db), Committer: c, Log: slog.New(slog.DiscardHandler)}
	over := began.Add(7 * 24 * time.Hour)
	clock.forward(7*24*time.Hour - 50*time.Minute + time.Minute)
	now := clock.now()
	unseen := func(at time.Time) (n int) {
		t.Helper()
		all, err := postgres.NewUnseen(db).Unseen(t.Context(), at, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range all {
			n += len(u.Sessions)
		}
		return n
	}
	if unseen(now) != 0 {
		t.Fatal("the edge has not told anything for a week")
	}
	g.tell(over.Add(-time.Millisecond), wire.Event{Kind: wire.TimeMark})
	if unseen(now) != 0 {
		t.Fatal("it may still tell an exit in time")
	}
	g.tell(over, wire.Event{Kind: wire.TimeMark})
	if unseen(over.Add(-time.Microsecond)) != 0 || unseen(now) != 2 {
		t.Fatalf("%d before their time, %d now", unseen(over.Add(-time.Microsecond)), unseen(now))
	}
	if all, err := postgres.NewUnseen(db).Unseen(t.Context(), now, 1); err != nil || len(all) != 1 || len(all[0].Sessions) != 1 {
		t.Fatalf("not limited: %v, %v", all, err)
	}
	before, err := db.Snapshot(t.Context(), "north", now, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := presumer.Run(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, owner, `select count(*) from session where state = 'presumed'`); n != 2 || unseen(now) != 0 {
		t.Fatalf("%d are presumed gone", n)
	}
	if n := count(t, owner, `select count(*) from session where id = $1 and state = 'inside'`, silent.UUID()); n != 1 {
		t.Fatal("the gate of the other parking has told nothing, and its guest is gone")
	}
	if got := money(beyond); got != [3]int{} {
		t.Fatalf("due, owed, kept without evidence: %v", got)
	}
	if n := g.inside().Allotted[id.Standard]; n != 1 {
		t.Fatalf("%d units are taken: the edge still counts one", n)
	}

	// The edge is told of the one that it counts, by deltas and by a snapshot.
	changes, err := db.Changes(t.Context(), "north", before.Revision, 1000, 100, true)
	if err != nil || !slices.Contains(changes.Gone, lent) || len(changes.Gone) != 2 {
		t.Fatalf("%v, %v", changes.Gone, err)
	}
	after, err := db.Snapshot(t.Context(), "north", now, true)
	if err != nil || len(before.Gone) != 0 || !slices.Equal(after.Gone, []id.Session{lent}) {
		t.Fatalf("%v, then %v, %v", before.Gone, after.Gone, err)
	}
	g.tell(now, wire.Event{Kind: wire.Dismissed, Session: lent, SpaceType: id.Standard})
	if after, err = db.Snapshot(t.Context(), "north", now, true); err != nil || len(after.Gone) != 0 || g.inside().Allotted[id.Standard] != 0 {
		t.Fatalf("%v, %v", after.Gone, err)
	}

	// One drives out after all.
	g.tell(now, wire.Event{Kind: wire.Exited, Session: beyond, Reason: wire.AdmitWalkin})
	if got := money(beyond); got[0] == 0 || got[0] != got[1] {
		t.Fatalf("due, owed, kept: %v", got)
	}
	rows, err := check.Read(t.Context(), owner, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	if r := check.Check(rows); !r.OK() {
		t.Fatalf("%v", r.Examples)
	}
}

// An operator's word that an edge is dead leaves the walk-ins who are inside on
// claims of their own: nobody stands on what is sold again.
func TestRetiringAnEdgeKeepsThePlacesOfThoseInside(t *testing.T) {
	db, dsn := postgrestest.New(t)
	clock := &shown{}
	began := clock.now().UTC().Truncate(time.Second)
	postgrestest.Import(t, db, began, postgrestest.Parking("north", 10))
	c := committerAt(t, db, clock.now)
	g := newGate(t, db, c, clock, "north")
	g.must(&fleet.Allot{Lot: "north", Inside: g.inside()})
	g.enters(began)
	clock.forward(20 * time.Minute)
	done, err := (&fleet.Retirement{Store: db, Committer: c}).Retire(t.Context(), "north", "burnt down")
	if err != nil || done.Moved != 1 || done.Released != 1 {
		t.Fatalf("%d moved, %d released, %v; one of two units was in use", done.Moved, done.Released, err)
	}
	var lent int
	if err := postgrestest.Owner(t, dsn).QueryRow(t.Context(), `select count(*) from session where state = 'inside' and allotted`).Scan(&lent); err != nil || lent != 0 {
		t.Errorf("%d walk-ins stand on units that are sold again, %v", lent, err)
	}
	rows, err := check.Read(t.Context(), postgrestest.Owner(t, dsn), clock.now)
	if err != nil {
		t.Fatal(err)
	}
	if found := check.Check(rows); found.Counts[check.Oversold]+found.Counts[check.Leaked]+found.Counts[check.Drifted] > 0 {
		t.Error(found)
	}
}
