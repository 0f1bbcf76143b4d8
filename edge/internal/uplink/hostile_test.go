package uplink_test

import (
	"bytes"
	"maps"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// counted is a clock that counts how often it was told the time.
type counted struct {
	heard
	times atomic.Int32
}

func (c *counted) Answered(*wire.Time, time.Duration) error {
	c.times.Add(1)
	return nil
}

// encode encodes a good message.
func encode[M interface{ Validate() error }](t *testing.T, m M) []byte {
	t.Helper()
	b, err := wire.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever comes down that is not a message changes nothing, is answered by
// nothing, and keeps nothing behind it from being taken.
func TestMalformedMessagesChangeNothing(t *testing.T) {
	t.Parallel()
	clock := new(counted)
	e := start(t, secret, func(e *edge) {
		e.clock = clock
		e.record(3)
	})
	e.settled(3)
	entry := func() wire.Entry {
		return wire.Entry{Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, From: 1, To: 2, State: wire.EntryConfirmed}
	}
	through := func(revision uint64) {
		t.Helper()
		e.cloud.Send(&wire.Sync{Kind: wire.Delta, Base: revision - 1, Through: revision, Parts: 1, Entries: []wire.Entry{entry()}})
		e.cloud.Wait("the acknowledgement of a sync", func(c *cloudtest.Cloud) bool {
			return len(c.Syncs) > 0 && c.Syncs[len(c.Syncs)-1].Revision == revision
		})
	}
	through(1)
	p := e.store.Position()
	var entries map[id.Reservation]wire.Entry
	e.store.View(func(s *admission.State) { entries = maps.Clone(s.Entries) })
	hellos, applied := 0, 0
	e.cloud.Look(func(c *cloudtest.Cloud) { hellos, applied = len(c.Hellos), len(c.Syncs) })
	told := clock.times.Load()

	good := map[topic.Down][]byte{
		topic.Welcome: encode(t, &wire.Welcome{Journal: p.Journal, Boot: e.boot, Verdict: wire.Rewound, ServerTime: 1}),
		topic.Ack:     encode(t, &wire.Ack{Journal: p.Journal, Epoch: p.Epoch, Seq: 99, ServerTime: 1}),
		topic.Sync:    encode(t, &wire.Sync{Kind: wire.Delta, Base: 1, Through: 9, Parts: 1, Entries: []wire.Entry{entry()}}),
		topic.Resume:  encode(t, &wire.Resume{ServerTime: 1}),
		topic.Time:    encode(t, &wire.Time{Edge: e.id, Nonce: wire.Nonce{1}, ServerTime: 1, Signature: []byte{1}}),
	}
	for channel, message := range good {
		bad := [][]byte{
			nil,
			{0xff},
			{0xf6},
			{0xa0},
			{0x80},
			[]byte("\xff\xff not a message"), []byte(`{"kind":"delta"}`),
			bytes.Repeat([]byte{0x81}, 5000),                       // nests without end
			append([]byte{0x9b, 0xff, 0xff}, make([]byte, 100)...), // claims to be huge
			append(bytes.Clone(message), 0),                        // something behind the end
			append(bytes.Clone(message), make([]byte, wire.MaxMessage)...),
			{0xa1, 0x01, 0x1b, 0x40, 0, 0, 0, 0, 0, 0, 0}, // {1: 2^62}: no time at all
			{0xa1, 0x01, 0x3b, 0x40, 0, 0, 0, 0, 0, 0, 0}, // {1: -2^62-1}
			{0xa2, 0x01, 0x01, 0x01, 0x01},
			{0xa1, 0x01, 0xf6}, // a key twice; null
		}
		for cut := 1; cut < len(message); cut += 7 {
			bad = append(bad, message[:cut])
		}
		for other, b := range good {
			if other != channel {
				bad = append(bad, b)
			}
		}
		for _, b := range bad {
			e.cloud.SendRaw(channel, b)
		}
	}
	through(2) // comes behind all of them

	if now := e.store.Position(); now.Journal != p.Journal || now.AckedSeq != p.AckedSeq || now.AckedHash != p.AckedHash || now.LastSeq != p.LastSeq {
		t.Errorf("the journal stood at %+v and stands at %+v", p, now)
	}
	e.store.View(func(s *admission.State) {
		for r, was := range entries {
			if !reflect.DeepEqual(s.Entries[r], was) {
				t.Errorf("entry %v changed", r)
			}
		}
		if len(s.Entries) != len(entries)+1 {
			t.Errorf("%d entries, want the %d from before and one", len(s.Entries), len(entries))
		}
	})
	if clock.times.Load() != told {
		t.Errorf("the clock was told the time %d times", clock.times.Load()-told)
	}
	e.cloud.Look(func(c *cloudtest.Cloud) {
		if len(c.Hellos) != hellos || len(c.Syncs) != applied+1 {
			t.Errorf("%d more hellos and %d acknowledgements, want none and one", len(c.Hellos)-hellos, len(c.Syncs)-applied)
		}
	})
	e.record(2)
	e.settled(5)
	if !e.uplink.Online() {
		t.Error("not online")
	}
}
