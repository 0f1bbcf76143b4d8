package fleet_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// The time is signed by a key that the edge has, and good for its question only.
func TestTheTimeIsSignedForItsQuestion(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	var keys []pass.PublicKey
	for _, k := range e.sync().Keys {
		keys = append(keys, pass.PublicKey(k))
	}
	v, err := pass.NewVerifier(keys)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	e.send(topic.AskTime, &wire.AskTime{Edge: id.New[id.Edge](time.Now()), Nonce: wire.Nonce{1}}) // of somebody else: no answer
	e.send(topic.AskTime, &wire.AskTime{Edge: e.cred.Edge, Nonce: wire.Nonce{2}})
	got := wait(t, e.times, "the time")
	if at := time.UnixMilli(got.ServerTime); got.Nonce != (wire.Nonce{2}) || got.Edge != e.cred.Edge || at.Before(before.Truncate(time.Millisecond)) || at.After(time.Now()) {
		t.Errorf("asked between %v and now, got %+v", before, got)
	}
	if err := v.VerifyDetached(wire.TimePurpose, got.Signed(), got.Signature); err != nil {
		t.Error(err)
	}
	if got.Nonce[15]++; v.VerifyDetached(wire.TimePurpose, got.Signed(), got.Signature) == nil {
		t.Error("the signature is good for another question")
	}
}

// What an edge without a clock saw counts when it was, also when what says so
// comes in a later batch.
func TestAStayOfUnknownTimeIsPlaced(t *testing.T) {
	t.Parallel()
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	stay, other := id.New[id.Session](time.Unix(1, 0)), id.New[id.Session](time.Unix(2, 0))
	now := time.Now().Truncate(time.Millisecond)
	at := func(ago time.Duration, uncertainty uint32, ev wire.Event) []byte {
		ev.Seq, ev.Boot, ev.Uncertainty = uint64(len(e.raw)+1), e.boot, uncertainty
		ev.Mono = uint64((10 * time.Hour).Milliseconds() - ago.Milliseconds())
		if uncertainty < wire.Vague {
			ev.Wall = now.Add(-ago).UnixMilli()
		}
		b, err := wire.Marshal(&ev)
		if err != nil {
			t.Fatal(err)
		}
		e.raw = append(e.raw, b)
		return b
	}
	entry := at(3*time.Hour, wire.Uncertain, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: stay, SpaceType: id.Standard, Offline: true})
	exit := at(time.Hour, wire.Uncertain, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: stay, SpaceType: id.Standard, Offline: true, Reason: wire.AdmitWalkin})
	second := at(30*time.Minute, wire.Uncertain, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: other, SpaceType: id.Standard, Offline: true})
	mark := at(0, 1200, wire.Event{Kind: wire.TimeMark, TrustedLo: now.Add(-time.Second).UnixMilli()})
	e.send(topic.Events, &wire.EventBatch{Journal: e.journal, Epoch: e.epoch, First: 1, Events: [][]byte{entry}, Mark: mark})
	e.send(topic.Events, &wire.EventBatch{Journal: e.journal, Epoch: e.epoch, First: 2, Events: [][]byte{exit, second, mark}})
	s.until(4, `select seq from edge_watermark where parking = $1`, string(altmarkt))
	if n := s.count(`select count(*) from session where parking = $1 and id = $2 and state = 'left'
		and abs(extract(epoch from entered_at - $3)) < 5 and abs(extract(epoch from exited_at - $4)) < 5`,
		string(altmarkt), stay.UUID(), now.Add(-3*time.Hour), now.Add(-time.Hour)); n != 1 {
		t.Error("the stay is not from three hours ago to one hour ago")
	}
	if n := s.count(`select count(*) from session where parking = $1 and id = $2 and state = 'inside' and abs(extract(epoch from entered_at - $3)) < 5`,
		string(altmarkt), other.UUID(), now.Add(-30*time.Minute)); n != 1 {
		t.Error("the other has not come half an hour ago")
	}
	if n := s.count(`select count(*) from incident where parking = $1 and class = 'X7'`, string(altmarkt)); n != 0 {
		t.Errorf("%d incidents about the clock", n)
	}
	// Two hours by the parking's tariff, as if the clock had been known.
	if got, want := s.count(`select due from session where parking = $1 and id = $2`, string(altmarkt), stay.UUID()), 480; got != want {
		t.Errorf("%d is charged for two hours, want %d", got, want)
	}
}
