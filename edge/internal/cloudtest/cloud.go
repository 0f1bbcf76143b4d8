package cloudtest

import (
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Cloud applies the journals of one parking as the protocol wants it: in order,
// once, by the watermark of the journal that holds the newest epoch.
type Cloud struct {
	t       testing.TB
	broker  *Broker
	parking id.Parking
	inbox   chan [2][]byte

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something happens
	epoch    uint32
	journal  id.Journal // that holds the epoch
	seq      uint64
	hash     wire.Hash
	retired  map[id.Journal]bool
	Applied  []wire.Event // every event that was applied, over all journals
	Hellos   []wire.Hello
	Beats    []wire.Beat
	Syncs    []wire.Applied
	Seen     int // events received, with repetitions
	Batches  []wire.EventBatch
	Asked    []wire.AskTime
	key      pass.SigningKey // signs the time; without one it is a cloud of 1.1
	faults   Faults
	snapshot []*wire.Sync // sent after a welcome to an edge whose revision is older
}

// Faults are ways to misbehave.
type Faults struct {
	Mute     bool          // answer nothing at all
	LoseAcks int           // so many acknowledgements are not sent
	LoseIn   int           // so many batches are not received
	Verdict  wire.Verdict  // the next welcomes say this
	BadHash  bool          // acknowledge with another journal's hash
	TimeOff  time.Duration // its clock is so far ahead
	OldTimes bool          // answers every question for the time with its first answer
	NoTimes  bool          // answers none
	Minor    uint8         // it speaks this minor version of the protocol; 0: as it otherwise would
}

// Signs makes it answer questions for the time.
func (c *Cloud) Signs(key pass.SigningKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = key
}

// StartCloud serves a parking on a broker.
func StartCloud(t testing.TB, b *Broker, parking id.Parking) *Cloud {
	t.Helper()
	c := &Cloud{t: t, broker: b, parking: parking, inbox: make(chan [2][]byte, 4096), changed: make(chan struct{}), retired: map[id.Journal]bool{}}
	if err := b.subscribe(topic.ShardFilter(topic.Shard(parking)), func(on string, payload []byte) {
		c.inbox <- [2][]byte{[]byte(on), payload}
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case m := <-c.inbox:
				c.receive(string(m[0]), m[1])
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
	return c
}

// Set makes it misbehave, or behave again.
func (c *Cloud) Set(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
}

// Snapshot is what edges get that are behind it.
func (c *Cloud) Snapshot(parts ...*wire.Sync) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = parts
}

// Forget loses everything that was applied, as a restored backup would.
func (c *Cloud) Forget(seq uint64, hash wire.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq, c.hash = seq, hash
}

// Send sends a sync.
func (c *Cloud) Send(m *wire.Sync) { c.send(topic.Sync, must(wire.Marshal(m))) }

// Resume asks for a new hello.
func (c *Cloud) Resume() { c.send(topic.Resume, must(wire.Marshal(&wire.Resume{ServerTime: now()}))) }

// SendRaw sends any bytes.
func (c *Cloud) SendRaw(ch topic.Down, payload []byte) { c.send(ch, payload) }

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func now() int64 { return time.Now().UnixMilli() }

func (c *Cloud) send(ch topic.Down, payload []byte) {
	if err := c.broker.publish(topic.ForDown(c.parking, ch), payload); err != nil {
		c.t.Errorf("publish %s: %v", ch, err)
	}
}

// Wait waits until ok, which may look at the cloud's fields, says so.
func (c *Cloud) Wait(what string, ok func(*Cloud) bool) {
	c.t.Helper()
	late := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		done, changed := ok(c), c.changed
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Look reads the cloud's fields.
func (c *Cloud) Look(f func(*Cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// Watermark is the seq through which the current journal is applied.
func (c *Cloud) Watermark() (id.Journal, uint64) { return c.journal, c.seq }

func (c *Cloud) receive(on string, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		close(c.changed)
		c.changed = make(chan struct{})
	}()
	_, ch, err := topic.ParseUp(on)
	if err != nil {
		c.t.Errorf("the edge published on %s: %v", on, err)
		return
	}
	switch ch {
	case topic.Hello:
		m, err := wire.Unmarshal[wire.Hello](payload)
		c.check(err)
		c.Hellos = append(c.Hellos, m)
		if !c.faults.Mute {
			c.welcome(m)
		}
	case topic.Events:
		m, err := wire.Unmarshal[wire.EventBatch](payload)
		c.check(err)
		if c.faults.LoseIn > 0 {
			c.faults.LoseIn--
			return
		}
		c.apply(m)
	case topic.Beat:
		m, err := wire.Unmarshal[wire.Beat](payload)
		c.check(err)
		c.Beats = append(c.Beats, m)
	case topic.AskTime:
		m, err := wire.Unmarshal[wire.AskTime](payload)
		c.check(err)
		c.tellTime(m)
	case topic.Applied:
		m, err := wire.Unmarshal[wire.Applied](payload)
		c.check(err)
		c.Syncs = append(c.Syncs, m)
	}
}

func (c *Cloud) check(err error) {
	if err != nil {
		c.t.Errorf("the edge sent what cannot be read: %v", err)
	}
}

func (c *Cloud) welcome(h wire.Hello) {
	w := wire.Welcome{Journal: h.Journal, Boot: h.Boot, Verdict: wire.Accepted, ServerTime: now(), BeatSeconds: 1, Minor: 1}
	if !c.key.IsZero() {
		w.Minor = wire.Minor
	}
	if c.faults.Minor > 0 {
		w.Minor = c.faults.Minor
	}
	switch {
	case c.faults.Verdict != "":
		w.Verdict = c.faults.Verdict
		if w.Verdict != wire.Foreign {
			c.faults.Verdict = ""
			c.retired[h.Journal] = true
		}
	case c.retired[h.Journal]:
		w.Verdict = wire.Retired
	case h.Journal != c.journal:
		if !c.journal.IsZero() {
			c.retired[c.journal] = true
		}
		c.journal, c.seq, c.hash = h.Journal, 0, wire.Hash{}
		c.epoch++
	}
	if w.Verdict == wire.Accepted {
		w.Epoch, w.AppliedSeq, w.AppliedHash = c.epoch, c.seq, c.hash
	}
	c.send(topic.Welcome, must(wire.Marshal(&w)))
	if len(c.snapshot) > 0 && w.Verdict == wire.Accepted && h.Revision < c.snapshot[0].Through {
		for _, p := range c.snapshot {
			c.send(topic.Sync, must(wire.Marshal(p)))
		}
	}
}

func (c *Cloud) tellTime(q wire.AskTime) {
	c.Asked = append(c.Asked, q)
	if c.faults.Mute || c.faults.NoTimes || c.key.IsZero() {
		return
	}
	if c.faults.OldTimes {
		q = c.Asked[0]
	}
	a := wire.Time{Edge: q.Edge, Nonce: q.Nonce, ServerTime: time.Now().Add(c.faults.TimeOff).UnixMilli()}
	var err error
	if a.Signature, err = c.key.SignDetached(wire.TimePurpose, a.Signed()); err != nil {
		c.t.Error(err)
	}
	c.send(topic.Time, must(wire.Marshal(&a)))
}

func (c *Cloud) apply(b wire.EventBatch) {
	events, err := b.Decode()
	c.check(err)
	_, err = b.DecodeMark()
	c.check(err)
	c.Seen += len(events)
	c.Batches = append(c.Batches, b)
	if b.Journal != c.journal || b.Epoch != c.epoch || b.First > c.seq+1 {
		return
	}
	for i, e := range events {
		if e.Seq != c.seq+1 {
			continue
		}
		c.seq, c.hash = e.Seq, c.hash.Next(b.Events[i])
		c.Applied = append(c.Applied, e)
	}
	if c.faults.LoseAcks > 0 {
		c.faults.LoseAcks--
		return
	}
	if c.faults.Mute {
		return
	}
	a := wire.Ack{Journal: c.journal, Epoch: c.epoch, Seq: c.seq, Hash: c.hash, ServerTime: now()}
	if c.faults.BadHash {
		c.faults.BadHash = false
		a.Hash = a.Hash.Next(nil)
	}
	c.send(topic.Ack, must(wire.Marshal(&a)))
}
