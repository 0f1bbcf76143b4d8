package uplink_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/edge/internal/uplink"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	parking id.Parking = "dresden-altmarkt"
	secret  string     = "not-a-real-secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// edge is a store with an uplink to a cloud, over a network that can be cut.
type edge struct {
	t       *testing.T
	id      id.Edge
	trace   *trace.Tracer
	boot    id.Boot
	store   *store.Store
	cloud   *cloudtest.Cloud
	net     *cloudtest.Network
	broker  string // its address, past the network
	timing  uplink.Timing
	uplink  *uplink.Uplink
	journal journal
	log     slog.Handler
	clock   uplink.Clock
}

// journal makes the store an uplink.Journal.
type journal struct {
	*store.Store
	told chan struct{} // after an acknowledgement or a welcome was taken
}

func (j journal) tell(err error) error {
	select {
	case j.told <- struct{}{}:
	default:
	}
	return err
}

func (j journal) Ack(seq uint64, h wire.Hash) error { return j.tell(j.Store.Ack(seq, h)) }

func (j journal) Welcomed(epoch uint32, seq uint64, h wire.Hash) error {
	return j.tell(j.Store.Welcomed(epoch, seq, h))
}

func (j journal) Sync(m *wire.Sync) (bool, error) {
	return j.Store.Sync(m, func(*admission.State) []admission.Fact { return nil })
}

// heard is a clock that nobody asks.
type heard struct{}

func (heard) Answered(*wire.Time, time.Duration) error { return nil }
func (heard) Mono() time.Duration                      { return 0 }
func (heard) Known() bool                              { return true }

func quick() uplink.Timing {
	return uplink.Timing{
		Connect: time.Second, Welcome: 300 * time.Millisecond, Resend: 300 * time.Millisecond, Silence: 2 * time.Second,
		Backoff: 200 * time.Millisecond, Foreign: 300 * time.Millisecond, FastBeat: 100 * time.Millisecond,
	}
}

func start(t *testing.T, password string, before ...func(*edge)) *edge {
	t.Helper()
	now := time.Now()
	e := &edge{t: t, id: id.New[id.Edge](now), boot: id.New[id.Boot](now), log: slog.DiscardHandler, clock: heard{}, timing: quick()}
	b := cloudtest.StartBroker(t, parking, e.id, secret)
	e.cloud, e.net, e.broker = cloudtest.StartCloud(t, b, parking), cloudtest.StartNetwork(t, b.Addr), b.Addr
	s, err := store.Open(filepath.Join(t.TempDir(), "edge.db"), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e.store, e.journal = s, journal{s, make(chan struct{}, 1)}
	run := func(f func(context.Context) error) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	run(s.Run)
	for _, f := range before {
		f(e)
	}
	e.uplink = uplink.New(uplink.Config{
		Broker: "tcp://" + e.net.Addr, Parking: parking, Edge: e.id, Boot: e.boot, Secret: password, Software: "test", Timing: e.timing, Trace: e.trace,
	}, e.journal, e.clock, func() wire.Beat { return wire.Beat{} }, slog.New(e.log))
	run(e.uplink.Run)
	return e
}

// record journals n refusals.
func (e *edge) record(n int) {
	e.t.Helper()
	for range n {
		_, err := e.store.Record(func(*admission.State) []admission.Fact {
			f := admission.Fact{Event: wire.Event{Boot: e.boot, Kind: wire.Refused, Reason: wire.RefuseFull, Lane: "entry-1"}}
			e.trace.Begin(&f.Event)
			return []admission.Fact{f}
		})
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

// settled waits until the cloud has applied n events, each once and in order,
// and the store has been told.
func (e *edge) settled(n int) {
	e.t.Helper()
	e.cloud.Wait("the events", func(c *cloudtest.Cloud) bool { return len(c.Applied) >= n })
	e.acked()
	e.cloud.Look(func(c *cloudtest.Cloud) {
		if len(c.Applied) != n {
			e.t.Errorf("%d events applied, want %d", len(c.Applied), n)
		}
	})
}

// attempt waits for an attempt to connect.
func (e *edge) attempt() {
	e.t.Helper()
	select {
	case <-e.net.Attempts:
	case <-time.After(10 * time.Second):
		e.t.Fatal("no attempt to connect within 10 s")
	}
}

// acked waits until the store holds nothing that is not acknowledged.
func (e *edge) acked() {
	e.t.Helper()
	late := time.After(20 * time.Second)
	for {
		p := e.store.Position()
		if p.LastSeq == p.AckedSeq && p.Epoch > 0 {
			return
		}
		select {
		case <-e.journal.told:
		case <-late:
			e.t.Fatalf("acknowledged through %d of %d", p.AckedSeq, p.LastSeq)
		}
	}
}

func TestEventsArriveOnceAndInOrder(t *testing.T) {
	t.Parallel()
	e := start(t, secret, func(e *edge) {
		e.timing.Resend = time.Minute // a slow machine is no bad link
		e.record(600)                 // more than two batches
	})
	e.settled(600)
	e.record(20)
	e.settled(620)
	e.cloud.Look(func(c *cloudtest.Cloud) {
		for i, ev := range c.Applied {
			if ev.Seq != uint64(i)+1 {
				t.Fatalf("event %d has seq %d", i, ev.Seq)
			}
		}
		if c.Seen != 620 {
			t.Errorf("%d events were sent for 620 on a good link", c.Seen)
		}
	})
	e.cloud.Wait("beats", func(c *cloudtest.Cloud) bool { return len(c.Beats) > 2 && c.Beats[len(c.Beats)-1].LastSeq == 620 })
	if !e.uplink.Online() {
		t.Error("not online")
	}
}

func TestLostAcksAndBatchesAreMadeUpFor(t *testing.T) {
	t.Parallel()
	e := start(t, secret)
	e.cloud.Wait("hello", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > 0 })
	e.cloud.Set(cloudtest.Faults{LoseAcks: 2, LoseIn: 3})
	e.record(50)
	e.settled(50)
	e.cloud.Set(cloudtest.Faults{Mute: true}) // applies, says nothing
	e.record(10)
	e.cloud.Wait("the events", func(c *cloudtest.Cloud) bool { return len(c.Applied) == 60 })
	e.cloud.Wait("a new hello of an edge that hears nothing", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > 1 })
	e.cloud.Set(cloudtest.Faults{})
	e.settled(60)
}

func TestACutLinkLosesNothing(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*cloudtest.Network){"cut": (*cloudtest.Network).Cut, "black hole": (*cloudtest.Network).Swallow} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, secret)
			e.record(10)
			e.settled(10)
			<-e.net.Attempts // the first
			cut(e.net)
			e.record(300)
			e.attempt() // the link was given up and is tried again
			e.net.Heal()
			e.settled(310)
		})
	}
}

func TestJournalsThatDoNotFitAreBegunAnew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*edge){
		"rewound":               func(e *edge) { e.cloud.Set(cloudtest.Faults{Verdict: wire.Rewound}) },
		"retired":               func(e *edge) { e.cloud.Set(cloudtest.Faults{Verdict: wire.Retired}) },
		"the cloud lost events": func(e *edge) { e.cloud.Forget(1, wire.Hash{1}) },
		"another hash":          func(e *edge) { e.cloud.Forget(10, wire.Hash{1}) },
		"the edge lost events":  func(e *edge) { e.cloud.Forget(400, wire.Hash{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, secret)
			e.record(10)
			e.settled(10)
			old := e.store.Position().Journal
			e.net.Cut()
			e.record(5) // not acknowledged: they go into the new journal
			spoil(e)
			e.net.Heal()
			e.settled(15)
			if e.store.Position().Journal == old {
				t.Error("the journal that does not fit is still used")
			}
		})
	}
	t.Run("an acknowledgement with another hash", func(t *testing.T) {
		e := start(t, secret)
		e.settled(0)
		e.cloud.Set(cloudtest.Faults{BadHash: true})
		_, err := e.store.Record(func(*admission.State) []admission.Fact {
			refused := admission.Fact{Event: wire.Event{Boot: e.boot, Kind: wire.Refused, Reason: wire.RefuseFull, Lane: "entry-1"}}
			return []admission.Fact{refused, refused, refused}
		})
		if err != nil {
			t.Fatal(err)
		}
		// The cloud has applied them under the old journal; whether it took the same
		// bytes is what is in doubt, so they come again under the new one.
		e.settled(6)
	})
}

// A broker may deliver a hello again long after others that came later were answered, and
// what was applied meanwhile goes beyond it. The verdict on it is no reason to begin anew,
// which would have the gates distrust what they know.
func TestAVerdictOnAnOldHelloBeginsNoJournal(t *testing.T) {
	t.Parallel()
	e := start(t, secret)
	e.record(10)
	e.settled(10)
	p, hellos := e.store.Position(), 0
	e.cloud.Look(func(c *cloudtest.Cloud) { hellos = len(c.Hellos) })
	old := wire.Welcome{Journal: p.Journal, Boot: e.boot, Verdict: wire.Rewound, AppliedSeq: 10, AppliedHash: p.AckedHash, ServerTime: time.Now().UnixMilli()}
	e.cloud.SendRaw(topic.Welcome, encode(t, &old))
	e.cloud.Wait("another hello", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > hellos })
	e.record(5)
	e.settled(15)
	if e.store.Position().Journal != p.Journal {
		t.Fatal("a journal that fits was left")
	}
	for name, w := range map[string]func(*wire.Welcome){
		"the cloud lost what it had acknowledged": func(w *wire.Welcome) { w.AppliedSeq = 7 },
		"it holds others in their place":          func(w *wire.Welcome) { w.AppliedSeq, w.AppliedHash = 15, wire.Hash{1} },
		"it holds more":                           func(w *wire.Welcome) { w.AppliedSeq = 90 },
		"it does not say":                         func(w *wire.Welcome) { w.AppliedSeq, w.AppliedHash = 0, wire.Hash{} },
	} {
		before, bad := e.store.Position(), old
		bad.Journal = before.Journal
		w(&bad)
		e.cloud.SendRaw(topic.Welcome, encode(t, &bad))
		e.cloud.Wait(name, func(c *cloudtest.Cloud) bool { return c.Hellos[len(c.Hellos)-1].Journal != before.Journal })
		e.record(15)
		e.acked()
	}
}

func TestAForeignEdgeFallsSilentUntilItIsEnrolled(t *testing.T) {
	t.Parallel()
	e := start(t, secret, func(e *edge) {
		e.cloud.Set(cloudtest.Faults{Verdict: wire.Foreign})
		e.record(3)
	})
	e.cloud.Wait("two hellos", func(c *cloudtest.Cloud) bool { return len(c.Hellos) >= 2 })
	e.cloud.Look(func(c *cloudtest.Cloud) {
		if c.Seen != 0 || len(c.Beats) != 0 {
			t.Errorf("a foreign edge sent %d events and %d beats", c.Seen, len(c.Beats))
		}
	})
	if e.uplink.Link() != uplink.Foreign {
		t.Errorf("link %s", e.uplink.Link())
	}
	e.cloud.Set(cloudtest.Faults{})
	e.settled(3)
}

func TestSyncsAreAcknowledgedAfterTheyAreApplied(t *testing.T) {
	t.Parallel()
	part := func(n uint16) *wire.Sync {
		var policy *wire.Policy
		if n == 0 {
			policy = &wire.Policy{Zone: "UTC"}
		}
		return &wire.Sync{Policy: policy, Kind: wire.Snapshot, Through: 7, Part: n, Parts: 2, GateKey: bytes.Repeat([]byte{7}, 32), Entries: []wire.Entry{{
			Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, From: 1, To: 2, State: wire.EntryConfirmed,
		}}}
	}
	e := start(t, secret, func(e *edge) { e.cloud.Snapshot(part(0), part(1)) })
	through := func(rev uint64) {
		t.Helper()
		e.cloud.Wait("the acknowledgement of a sync", func(c *cloudtest.Cloud) bool {
			return len(c.Syncs) > 0 && c.Syncs[len(c.Syncs)-1].Revision == rev
		})
		if got := e.store.Position().Revision; got != rev {
			t.Fatalf("acknowledged %d, on disk is %d", rev, got)
		}
	}
	through(7)
	delta := func(base, to uint64) *wire.Sync {
		return &wire.Sync{Kind: wire.Delta, Base: base, Through: to, Parts: 1}
	}
	e.cloud.Send(delta(7, 8))
	e.cloud.Send(delta(7, 8)) // a duplicate is acknowledged again
	through(8)
	e.cloud.SendRaw(topic.Sync, []byte("\xff\xff not a message"))
	e.cloud.SendRaw(topic.Ack, nil)
	hellos := 0
	e.cloud.Look(func(c *cloudtest.Cloud) { hellos = len(c.Hellos) })
	e.cloud.Send(delta(9, 10)) // 8 to 9 was lost
	e.cloud.Wait("a hello after the gap", func(c *cloudtest.Cloud) bool {
		return len(c.Hellos) == hellos+1 && c.Hellos[hellos].Revision == 8
	})
	e.cloud.Send(delta(8, 10))
	through(10)
	e.cloud.Look(func(c *cloudtest.Cloud) { hellos = len(c.Hellos) })
	e.cloud.Resume()
	e.cloud.Wait("a hello after resume", func(c *cloudtest.Cloud) bool { return len(c.Hellos) > hellos })
	e.record(1)
	e.settled(1)
}

func TestAWrongSecretIsTriedAgainAndSaysWhy(t *testing.T) {
	t.Parallel()
	e := start(t, "wrong")
	e.record(1)
	for range 3 {
		e.attempt()
	}
	e.cloud.Look(func(c *cloudtest.Cloud) {
		if len(c.Hellos) != 0 {
			t.Error("the broker let a wrong secret in")
		}
	})
	if e.uplink.Link() != uplink.Down {
		t.Errorf("link %s", e.uplink.Link())
	}
}

// A broker drops the older of two connections with one client id. Whoever has a
// login of his own and knows all that is told about an edge cannot have its
// connection dropped.
func TestNobodyElseCanCutTheEdgeOff(t *testing.T) {
	t.Parallel()
	e := start(t, secret)
	e.record(1)
	e.settled(1)
	<-e.net.Attempts // the first and only one
	for _, known := range []string{e.id.String(), string(parking), e.boot.String(), topic.ClientID(cloudtest.Stranger), topic.ClientID(e.id.String())} {
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + e.broker).SetClientID(known).
			SetUsername(cloudtest.Stranger).SetPassword(cloudtest.Stranger).SetAutoReconnect(false))
		if tok := c.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			t.Fatalf("the stranger cannot connect as %s: %v", known, tok.Error())
		}
		t.Cleanup(func() { c.Disconnect(0) })
	}
	e.record(1)
	e.settled(2)
	select {
	case <-e.net.Attempts:
		t.Error("the edge had to connect again")
	default:
	}
}
