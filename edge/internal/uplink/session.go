package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// Limits of what is under way.
const (
	batchBytes = 64 << 10
	window     = 4
)

// helloPause keeps an edge whose syncs do not fit from saying hello without end.
const helloPause = time.Second

// session is one connection, from its hello to its loss. One goroutine uses it.
type session struct {
	*Uplink
	client mqtt.Client

	welcomed bool
	minor    uint8     // of the protocol, as the cloud said last
	greeted  time.Time // the last hello
	next     uint64    // the first event that was not sent yet
	flying   []flight
	beatGap  time.Duration
	nextBeat time.Time
	lastBeat time.Time
	helloAt  time.Time // when to say hello (again), zero for not
	ask      asking
	mark     found
	tokens   []sent // published, not yet acknowledged by the broker
}

// flight is a batch on its way.
type flight struct {
	last uint64
	at   time.Time
}

// sent is a publish that the broker has to acknowledge.
type sent struct {
	token mqtt.Token
	at    time.Time
}

func (s *session) serve(ctx context.Context, inbox <-chan message, lost <-chan error) error {
	s.setLink(Greeting)
	s.helloAt = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := s.turn(time.Now()); err != nil {
			return err
		}
		timer.Reset(time.Until(s.wake()))
		select {
		case <-ctx.Done():
			return nil
		case err := <-lost:
			return err
		case <-timer.C:
		case <-s.journal.Committed():
		case <-s.cfg.Changed:
			s.beatSoon()
		case m := <-inbox:
			if err := s.receive(m); err != nil {
				return err
			}
		}
	}
}

// wake is when something is due though nothing happens.
func (s *session) wake() time.Time {
	at := time.Now().Add(time.Second) // the broker's acknowledgements are looked at this often
	earliest := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	earliest(s.helloAt)
	if s.welcomed {
		earliest(s.nextBeat)
		earliest(s.ask.at)
		if len(s.flying) > 0 {
			earliest(s.flying[0].at.Add(s.cfg.Timing.Resend))
		}
	}
	return at
}

// turn does what is due.
func (s *session) turn(now time.Time) error {
	if err := s.delivered(now); err != nil {
		return err
	}
	if !s.helloAt.IsZero() && !now.Before(s.helloAt) {
		if err := s.hello(now); err != nil {
			return err
		}
	}
	if !s.welcomed {
		return nil
	}
	if len(s.flying) > 0 && now.Sub(s.flying[0].at) >= s.cfg.Timing.Resend {
		// Nothing heard of the oldest batch: from it on again. If the cloud has
		// forgotten this edge, the hello finds out.
		s.next, s.flying = s.journal.Position().AckedSeq+1, nil
		if now.Sub(s.greeted) >= 2*s.cfg.Timing.Resend {
			s.helloAt = now
		}
	}
	if !now.Before(s.nextBeat) {
		s.lastBeat, s.nextBeat = now, now.Add(s.beatGap)
		if err := s.sendBeat(); err != nil {
			return err
		}
	}
	if err := s.askTime(now); err != nil {
		return err
	}
	return s.pump(now)
}

// delivered gives the link up when the broker has been silent for too long.
func (s *session) delivered(now time.Time) error {
	for len(s.tokens) > 0 {
		select {
		case <-s.tokens[0].token.Done():
			if err := s.tokens[0].token.Error(); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
			s.tokens = s.tokens[1:]
			continue
		default:
		}
		if now.Sub(s.tokens[0].at) > s.cfg.Timing.Silence {
			return fmt.Errorf("the broker has acknowledged nothing for %v", s.cfg.Timing.Silence)
		}
		return nil
	}
	return nil
}

func (s *session) publish(c topic.Up, payload []byte, err error) error {
	if err != nil {
		return fmt.Errorf("encode %s: %w", c, err)
	}
	s.tokens = append(s.tokens, sent{s.client.Publish(topic.ForUp(s.cfg.Parking, c), 1, false, payload), time.Now()})
	return nil
}

func (s *session) hello(now time.Time) error {
	p := s.journal.Position()
	if p.Keyless || p.Unsettled {
		p.Revision = 0 // deltas would never bring what this cache lacks: it needs a snapshot
	}
	b, err := wire.Marshal(&wire.Hello{
		Minor: wire.Minor, Edge: s.cfg.Edge, Journal: p.Journal, Boot: s.cfg.Boot,
		LastSeq: p.LastSeq, AckedSeq: p.AckedSeq, AckedHash: p.AckedHash, Revision: p.Revision, Software: s.cfg.Software, Machine: s.machine(p),
	})
	s.greeted = now
	if !s.asked {
		s.asked, s.askedFrom = true, p.AckedSeq
	}
	s.helloAt = now.Add(s.cfg.Timing.Welcome)
	if s.Link() == Foreign {
		s.helloAt = now.Add(s.cfg.Timing.Foreign)
	}
	return s.publish(topic.Hello, b, err)
}

// machine says what this edge has of a machine that takes money.
func (s *session) machine(p store.Position) wire.Machine {
	switch {
	case !s.cfg.Machine:
		return wire.NoMachine
	case p.Priced:
		return wire.MachinePriced
	default:
		return wire.MachineNoPrice
	}
}

// again asks for a new hello, soon but not at once if there just was one.
func (s *session) again() {
	at := s.greeted.Add(helloPause)
	if now := time.Now(); at.Before(now) {
		at = now
	}
	s.helloAt = at
}

func (s *session) sendBeat() error {
	beat := s.beat()
	for i, l := range beat.Lanes {
		beat.Lanes[i] = l.For(s.minor)
	}
	if s.minor < wire.SettingsSince {
		beat.Machines = nil
	}
	p := s.journal.Position()
	beat.Journal, beat.Boot, beat.LastSeq, beat.Revision = p.Journal, s.cfg.Boot, p.LastSeq, p.Revision
	b, err := wire.Marshal(&beat)
	return s.publish(topic.Beat, b, err)
}

// beatEvery is how long after a beat another one may come because something of the
// lanes has changed.
const beatEvery = 500 * time.Millisecond

// beatSoon has the cloud see what has changed, if it looks at it.
func (s *session) beatSoon() {
	if at := s.lastBeat.Add(beatEvery); s.welcomed && s.minor >= wire.OrderSince && at.Before(s.nextBeat) {
		s.nextBeat = at
	}
}

// onOrder takes an order that is meant for this journal. Before the welcome nobody
// knows whether it is the one that the cloud means.
func (s *session) onOrder(o *wire.Order) error {
	if !s.welcomed || s.minor < wire.OrderSince || o.Journal != s.journal.Position().Journal || s.cfg.Orders == nil {
		s.log.Warn("an order was dropped: it is not for this journal", "order_id", o.ID.String(), "lane", string(o.Lane))
		return nil
	}
	s.cfg.Orders(*o)
	return nil
}

// pump sends what is on disk and not yet sent, as far as the window allows.
func (s *session) pump(now time.Time) error {
	if s.holding(now) {
		return nil
	}
	p := s.journal.Position()
	for len(s.flying) < window && s.next <= p.LastSeq {
		events, err := s.journal.Pending(s.next-1, wire.MaxBatch, batchBytes)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		mark, err := s.markFor(events)
		if err != nil {
			return err
		}
		batch := &wire.EventBatch{Journal: p.Journal, Epoch: p.Epoch, First: s.next, Events: events, Mark: mark}
		if s.minor >= wire.TraceSince {
			batch.Traces = s.cfg.Trace.Of(events)
		}
		b, err := wire.Marshal(batch)
		if err := s.publish(topic.Events, b, err); err != nil {
			return err
		}
		s.next += uint64(len(events))
		s.flying = append(s.flying, flight{s.next - 1, now})
	}
	return nil
}

// receive handles one message. What cannot be read is logged and dropped: the
// cloud may be newer, and a bad message must not cut the good ones off.
func (s *session) receive(m message) error {
	var err error
	switch m.channel {
	case topic.Welcome:
		err = handle(m, s.onWelcome)
	case topic.Ack:
		err = handle(m, s.onAck)
	case topic.Sync:
		err = handle(m, s.onSync)
	case topic.Resume:
		err = handle(m, func(*wire.Resume) error {
			s.again()
			return nil
		})
	case topic.Time:
		err = handle(m, s.onTime)
	case topic.Order:
		err = handle(m, s.onOrder)
	}
	if errors.Is(err, wire.ErrMalformed) {
		s.log.Warn("a message from the cloud was refused", "channel", string(m.channel), "code", "malformed", "err", err)
		return nil
	}
	return err
}

func handle[M any, P interface {
	*M
	Validate() error
}](m message, f func(*M) error) error {
	v, err := wire.Unmarshal[M, P](m.payload)
	if err != nil {
		return err
	}
	return f(&v)
}

func (s *session) onWelcome(w *wire.Welcome) error {
	p := s.journal.Position()
	if w.Journal != p.Journal || w.Boot != s.cfg.Boot {
		return nil // the answer to an older hello
	}
	switch w.Verdict {
	case wire.Foreign:
		if s.Link() != Foreign {
			s.log.Error("the cloud does not know this edge as this parking's; enrol it. The gates go on without the cloud", "parking_id", string(s.cfg.Parking), "edge_id", s.cfg.Edge.String())
		}
		s.setLink(Foreign)
		s.welcomed, s.helloAt = false, time.Now().Add(s.cfg.Timing.Foreign)
		return nil
	case wire.Rewound:
		if s.holds(w) {
			s.log.Info("the cloud has judged an old hello; saying another", "applied_seq", w.AppliedSeq)
			s.asked = false
			s.landed(w.AppliedSeq)
			s.again()
			return nil
		}
		return s.newJournal(string(w.Verdict))
	case wire.Retired:
		return s.newJournal(string(w.Verdict))
	case wire.Accepted:
	}
	s.asked = false
	seq, hash := w.AppliedSeq, w.AppliedHash
	if seq >= s.askedFrom && seq < p.AckedSeq {
		seq, hash = p.AckedSeq, p.AckedHash // acknowledgements have overtaken the welcome
	}
	err := s.journal.Welcomed(w.Epoch, seq, hash)
	if unfit(err) {
		return s.newJournal(err.Error())
	}
	if err != nil {
		return err
	}
	s.helloAt = time.Time{}
	s.beatGap = time.Duration(w.BeatSeconds) * time.Second
	if s.cfg.Timing.FastBeat > 0 {
		s.beatGap = s.cfg.Timing.FastBeat
	}
	s.next, s.flying, s.minor = seq+1, nil, w.Minor
	s.ask = asking{speaks: w.Minor >= timeSince}
	if s.ask.speaks {
		s.ask.at, s.ask.hold = time.Now(), time.Now().Add(s.cfg.Timing.Hold)
	}
	if !s.welcomed {
		s.welcomed, s.nextBeat = true, time.Now()
	}
	s.setLink(Online)
	return nil
}

// holds reports whether this journal has everything that was applied when a hello was
// judged: then it was an old one, that a broker has delivered again after others, and what
// it says is an acknowledgement like any. What a cloud before 1.6 has applied it does not say.
func (s *session) holds(w *wire.Welcome) bool {
	return w.AppliedSeq > 0 && w.AppliedSeq >= s.known() && s.journal.Ack(w.AppliedSeq, w.AppliedHash) == nil
}

// known is up to where acknowledgements were stored when the hello that waits for its
// answer was said, or else are.
func (s *session) known() uint64 {
	if s.asked {
		return s.askedFrom
	}
	return s.journal.Position().AckedSeq
}

// unfit reports that the cloud and this journal contradict each other.
func unfit(err error) bool {
	return errors.Is(err, store.ErrAhead) || errors.Is(err, store.ErrBehind) || errors.Is(err, store.ErrHashMismatch)
}

func (s *session) newJournal(why string) error {
	old := s.journal.Position().Journal
	if err := s.journal.NewJournal(); err != nil {
		return err
	}
	s.log.Warn("began a new journal; events that were not acknowledged are in it again", "why", why,
		"old", old.String(), "new", s.journal.Position().Journal.String())
	s.welcomed, s.flying, s.mark = false, nil, found{}
	s.setLink(Greeting)
	s.again()
	return nil
}

func (s *session) onAck(a *wire.Ack) error {
	p := s.journal.Position()
	if a.Journal != p.Journal || a.Epoch != p.Epoch || !s.welcomed {
		return nil // of another life
	}
	err := s.journal.Ack(a.Seq, a.Hash)
	if unfit(err) {
		return s.newJournal(err.Error())
	}
	if err != nil {
		return err
	}
	s.landed(a.Seq)
	return nil
}

// landed is told up to where events are applied, and need not be sent any more.
func (s *session) landed(seq uint64) {
	for len(s.flying) > 0 && s.flying[0].last <= seq {
		s.flying = s.flying[1:]
	}
	s.next = max(s.next, seq+1)
}

func (s *session) onSync(m *wire.Sync) error {
	began := time.Now()
	complete, err := s.journal.Sync(m)
	if err == nil && s.cfg.Trace != nil {
		for _, t := range m.Traces {
			s.cfg.Trace.Span("apply sync", trace.Consumer, t, began, time.Now(), trace.Attr{Key: "messaging.system", Text: "mqtt"},
				trace.Attr{Key: "openlot.revision", N: int64(m.Through)})
		}
	}
	switch {
	case errors.Is(err, admission.ErrGap), errors.Is(err, admission.ErrTooLong):
		s.log.Warn("a sync does not follow on; asking again", "base", m.Base, "through", m.Through, "err", err)
		s.again()
		return nil
	case err != nil:
		return err
	case !complete:
		return nil
	}
	if len(m.Keys) > 0 || m.Kind == wire.Snapshot {
		s.askSoon()
	}
	p := s.journal.Position()
	b, err := wire.Marshal(&wire.Applied{Journal: p.Journal, Revision: p.Revision})
	return s.publish(topic.Applied, b, err)
}
