package fleet_test

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

var none id.Reservation

const observed = `select count(*) from observation where parking = 'altmarkt'`

func TestFromHelloToExit(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		s := newStack(t, time.Minute)
		before := s.reserve()
		e := s.edge(s.enroll())
		if w := e.greet(); w.Verdict != wire.Accepted || w.Epoch != 1 || w.AppliedSeq != 0 || w.Boot != e.boot || w.BeatSeconds == 0 {
			t.Fatalf("welcome %+v", w)
		}
		snap := e.sync()
		if snap.Kind != wire.Snapshot || len(snap.Entries) != 1 || snap.Entries[0].Reservation != before || snap.Entries[0].Plate != "DDXY123" ||
			snap.Entries[0].State != wire.EntryConfirmed || snap.Policy == nil || snap.Policy.EarlyEntry == 0 {
			t.Fatalf("snapshot %+v", snap)
		}
		if len(snap.Allotments) != 1 || snap.Allotments[0].Units != 4 {
			t.Fatalf("allotments %+v", snap.Allotments)
		}

		// A reservation is known at the edge at once.
		var r id.Reservation
		took := make([]time.Duration, 3)
		for i := range took {
			start := time.Now()
			r = s.reserve()
			d := e.sync()
			for !slices.ContainsFunc(d.Entries, func(x wire.Entry) bool { return x.Reservation == r }) { // the link's event may come first
				d = e.sync()
			}
			took[i] = time.Since(start)
			if d.Kind != wire.Delta && i == len(took)-1 { // a hello that was answered late was sent twice: each begins with a snapshot
				t.Fatalf("delta %+v", d)
			}
		}
		slices.Sort(took)
		if took[1] > time.Second { // half of what a sync waits that nothing asked for
			t.Fatalf("it took %s to reach the edge", took)
		}

		ses := e.enter(r)
		walkIn := e.enter(none)
		e.batch(0, 2)
		e.ack(s, 2)
		if n := s.count(`select count(*) from session where state = 'inside'`); n != 2 {
			t.Fatalf("%d inside", n)
		}
		told, err := postgres.NewBooking(s.db).Reservation(t.Context(), r)
		if err != nil || time.Since(told.Entered).Abs() > time.Hour {
			t.Fatalf("the driver is told %+v, %v", told, err)
		}
		e.exit(ses, r)
		e.exit(walkIn, none)
		e.batch(2, 4)
		e.ack(s, 4)
		if n := s.count(`select count(*) from session where state = 'inside'`); n != 0 {
			t.Fatalf("%d inside", n)
		}
		if n := s.count(`select count(*) from reservation r join payment p on p.reservation = r.id
			where r.id = $1 and r.state = 'completed' and p.state = 'capture_requested' and p.capture_amount = 400`, r); n != 1 {
			t.Fatal("the stay was not settled")
		}
		if n := s.count(`select count(*) from incident`); n != 0 {
			t.Fatalf("%d incidents", n)
		}
		for !slices.ContainsFunc(e.sync().Entries, func(x wire.Entry) bool { return x.Reservation == r && x.State == wire.EntryDone }) {
		}
	})
}

func TestWhateverArrivesTwiceLateOrNever(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	for range 6 {
		e.add(wire.Event{Kind: wire.TimeMark, TrustedLo: time.Now().UnixMilli()})
	}
	e.batch(0, 2)
	e.ack(s, 2)
	e.batch(0, 2) // again: the acknowledgement was lost
	e.ack(s, 2)
	e.batch(4, 6) // a gap: the answer says where to go back to
	if a := wait(t, e.acks, "the answer to a gap"); a.Seq != 2 {
		t.Fatalf("acknowledged %d", a.Seq)
	}
	e.batch(1, 5) // overlap
	e.ack(s, 5)

	// What cannot be read changes nothing and is not answered.
	e.sendRaw(topic.Events, []byte{0xff, 0x00})
	e.sendRaw(topic.Events, nil)
	other := *e
	other.journal = id.New[id.Journal](time.Now())
	other.batch(5, 6)
	e.batch(5, 6)
	if a := wait(t, e.acks, "the next acknowledgement"); a.Seq != 6 || a.Hash != e.hashAt(6) {
		t.Fatalf("acknowledged %+v", a)
	}
	if n := s.count(observed); n != 6 {
		t.Fatalf("%d of 6 events observed", n)
	}
	wait(t, e.resumes, "the request to say hello, for an unknown journal")
}

func TestCloudRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	const events = 300
	for range events / 2 {
		e.exit(e.enter(none), none)
	}
	sent := 0
	for round := 0; e.acked < events; round++ {
		if round == 3 {
			e.forgetResumes()
			s.stop()
			s.stop = s.serve()
			wait(t, e.resumes, "the new owner's request")
			if w := e.greet(); w.Verdict != wire.Accepted || w.Epoch != 1 {
				t.Fatalf("welcome %+v", w)
			}
		}
		// Two batches in flight, of which the second may be a gap.
		from := int(e.acked)
		mid, to := min(from+37, events), min(from+90, events)
		e.batch(from, mid)
		if to > mid {
			e.batch(mid, to)
		}
		sent++
		e.ack(s, uint64(to))
		if sent > 100 {
			t.Fatal("no progress")
		}
	}
	if n := s.count(observed); n != events {
		t.Fatalf("%d of %d events observed", n, events)
	}
	if n := s.count(`select count(*) from session where state = 'left'`); n != events/2 {
		t.Fatalf("%d stays", n)
	}
	if n := s.count(`select count(distinct revision) - max(revision)::int from event where parking = 'altmarkt'`); n != 0 {
		t.Fatal("the feed has gaps")
	}
}

func TestTwoInstancesShareNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	second := s.serve() // holds nothing while the first lives
	e.add(wire.Event{Kind: wire.TimeMark, TrustedLo: time.Now().UnixMilli()})
	e.batch(0, 1)
	e.ack(s, 1)
	e.forgetResumes()
	s.stop()
	wait(t, e.resumes, "the second instance's request")
	e.add(wire.Event{Kind: wire.TimeMark, TrustedLo: time.Now().UnixMilli()})
	e.batch(1, 2)
	e.ack(s, 2)
	second()
	if n := s.count(observed); n != 2 {
		t.Fatalf("%d observed", n)
	}
}

func TestJournalsThatAreTurnedAway(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	cred := s.enroll()
	e := s.edge(cred)
	e.greet()
	for range 3 {
		e.add(wire.Event{Kind: wire.TimeMark, TrustedLo: time.Now().UnixMilli()})
	}
	e.batch(0, 3)
	e.ack(s, 3)

	first := e.journal
	all := e.raw
	e.raw, e.acked, e.hash = all[:1], 0, wire.Hash{} // restored from a backup
	if w := e.greet(); w.Verdict != wire.Rewound || w.AppliedSeq != 3 || w.AppliedHash == (wire.Hash{}) {
		t.Fatalf("a backup was %+v, want rewound, and what it lacks", w)
	}
	e.journal, e.raw = id.New[id.Journal](time.Now()), nil
	if w := e.greet(); w.Verdict != wire.Accepted || w.Epoch != 2 || w.AppliedSeq != 0 {
		t.Fatalf("a new journal was %+v", w)
	}
	if n := s.count(`select count(*) from incident where class = 'X10'`); n != 1 {
		t.Fatalf("%d incidents", n)
	}
	e.add(wire.Event{Kind: wire.TimeMark, TrustedLo: time.Now().UnixMilli()})
	e.batch(0, 1)
	e.ack(s, 1)
	now := e.journal
	e.journal, e.raw = first, all
	if w := e.greet(); w.Verdict != wire.Retired {
		t.Fatalf("the first journal was %s", w.Verdict)
	}
	e.journal = now

	// Enrolled again: the old credentials are worth nothing.
	again := s.enroll()
	h := e.hello()
	e.send(topic.Hello, &h)
	for w := wait(t, e.welcomes, "an answer"); w.Verdict != wire.Foreign; w = wait(t, e.welcomes, "the answer to a replaced edge") {
	}
	if _, _, err := s.db.EdgeSecret(t.Context(), cred.Edge); fault.Code(err) != "edge_not_enrolled" {
		t.Fatalf("the old credentials are still known: %v", err)
	}
	e2 := s.edge(again)
	if w := e2.greet(); w.Verdict != wire.Accepted || w.Epoch != 3 {
		t.Fatalf("the new edge was %+v", w)
	}
	if _, err := fleet.Enroll(t.Context(), s.db, "nowhere", time.Now()); fault.Code(err) != "parking_not_found" {
		t.Fatalf("enrolled for no parking: %v", err)
	}
}

func TestLeaseBeginsLapsesAndBeginsAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, 700*time.Millisecond)
	e := s.edge(s.enroll())
	e.greet()
	const links = `select count(*) from event where kind = 'edge.link' and (body -> 'link' ->> 'live')::bool = $1`
	s.until(1, links, true)
	lapsed := s.count(links, false) // one at the takeover, before the edge came
	if lapsed > 1 {
		t.Fatalf("lapsed %d times", lapsed)
	}
	s.until(lapsed+1, links, false)
	// Beats alone bring the lease back, but the edge has to say hello for more.
	e.forgetResumes()
	asked := false
	for range 100 {
		e.send(topic.Beat, &wire.Beat{Journal: e.journal, Boot: e.boot, Wall: time.Now().UnixMilli()})
		select {
		case <-e.resumes:
			asked = true
		case <-time.After(100 * time.Millisecond): // the edge's rhythm
		}
		if asked {
			break
		}
	}
	if !asked {
		t.Fatal("an edge that was away is not asked to say hello")
	}
	s.until(2, links, true)
	s.until(lapsed+2, links, false)
}

func TestUnconfirmedSyncIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	for e.sync(); e.revision < uint64(s.count(`select revision from parking_head where parking = 'altmarkt'`)); e.sync() {
	}
	r := s.reserve()
	base := e.revision
	for n := 0; n < 2; { // the first is not confirmed
		d := wait(t, e.syncs, "a delta")
		if d.Through <= base { // from before, once more: its confirmation came late
			continue
		}
		if n++; d.Base > base || !slices.ContainsFunc(d.Entries, func(x wire.Entry) bool { return x.Reservation == r }) {
			t.Fatalf("delta %+v after %d", d, base)
		}
	}
}

func TestFarBehindGetsASnapshot(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	if _, err := s.owner.Exec(t.Context(), `select record_event('altmarkt', 'test', '{}') from generate_series(1, 2100)`); err != nil {
		t.Fatal(err)
	}
	e := s.edge(s.enroll())
	e.revision = 50
	e.greet()
	if m := e.sync(); m.Kind != wire.Snapshot || m.Through < 2100 {
		t.Fatalf("%+v", m)
	}
	// Not so far behind: deltas, through all of it.
	e.revision -= 1500
	from := e.revision
	e.greet()
	for e.revision < from+1500 {
		m := wait(t, e.syncs, "a delta")
		if m.Kind == wire.Snapshot || m.Base > e.revision && m.Base >= from+1500 { // from before this hello
			continue
		}
		if m.Kind != wire.Delta || m.Base > e.revision {
			t.Fatalf("%+v at %d", m, e.revision)
		}
		e.revision = max(e.revision, m.Through)
	}
	// The events right after its revision are gone: nothing can be made of the rest.
	if _, err := s.owner.Exec(t.Context(), `delete from event where revision < 1000`); err != nil {
		t.Fatal(err)
	}
	e.revision = 900
	for len(e.syncs) > 0 {
		<-e.syncs
	}
	e.greet()
	for m := wait(t, e.syncs, "a sync"); m.Kind != wire.Snapshot; m = wait(t, e.syncs, "a snapshot") {
		if m.Base <= 900 {
			t.Fatalf("a delta over events that are gone: %+v", m)
		}
	}
}

func TestKeeperExtendsAndRolls(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	e.enter(id.New[id.Reservation](time.Now())) // a stranger: a claim of its own
	e.batch(0, 1)
	e.ack(s, 1)
	if _, err := s.owner.Exec(t.Context(), `update session set claim_to_q = claim_to_q - 1`); err != nil {
		t.Fatal(err)
	}
	was := s.count(`select claim_to_q from session`)
	k := &fleet.Keeper{Store: s.db, Committer: s.committer, Log: quiet()}
	for range 2 { // twice does no more than once
		if err := k.Run(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if now := s.count(`select claim_to_q from session`); now != was+1 {
			t.Fatalf("claimed to %d, was %d", now, was)
		}
	}
}

func TestSecondEmbeddedBrokerIsRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	// pg_locks shows the locks of every database of the server.
	const locks = ` from pg_locks where locktype = 'advisory' and classid = $1 and granted
		and database = (select oid from pg_database where datname = current_database())`
	const brokerLock = 0x6f4c02
	first, err := s.db.HoldBroker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, first.Run)
	refused := func() bool {
		second, err := s.db.HoldBroker(t.Context())
		if err == nil {
			background(t, second.Run)()
		} else if fault.Code(err) != "broker_single_instance" {
			t.Fatal(err)
		}
		return err != nil
	}
	if !refused() {
		t.Fatal("two instances run the embedded broker")
	}
	// The connection is lost, and the hold taken again without being asked. A
	// server process gives its lock up some time after it was told to end.
	old := s.count(`select pid`+locks, brokerLock)
	if _, err := s.owner.Exec(t.Context(), `select pg_terminate_backend($1)`, old); err != nil {
		t.Fatal(err)
	}
	s.until(1, `select count(*)`+locks+` and pid <> $2`, brokerLock, old)
	if !refused() {
		t.Fatal("the hold was not taken again")
	}
	stop()
	s.until(0, `select count(*)`+locks, brokerLock)
	if refused() {
		t.Fatal("the hold was not given back")
	}
}
