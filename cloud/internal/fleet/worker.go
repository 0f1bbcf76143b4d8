package fleet

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// link is what has been told of an edge's lease by this owner.
type link uint8

const (
	linkUntold link = iota
	linkLive
	linkLapsed
)

const (
	// resumeEvery bounds how often an edge is asked to say hello.
	resumeEvery = 2 * time.Second
	// complainEvery bounds how often a malformed message is logged.
	complainEvery = time.Minute
	// again is when something that failed for now is tried again.
	again = time.Second
)

// worker serves one edge: one message after the other, in their order.
type worker struct {
	s       *Service
	edge    Edge
	log     *slog.Logger
	in      chan message
	news    chan struct{} // holds one: the parking's feed has moved on
	lost    chan struct{} // holds one: the connection to the broker was away
	ordered chan struct{} // holds one: somebody has given a command
	seen    atomic.Int64  // when something readable last came, in Unix seconds; 0: not since the takeover

	// The rest belongs to run.
	greeted  bool
	journal  id.Journal
	boot     id.Boot
	counted  bool // inside is good as far as known
	inside   Inside
	heard    time.Time // the last message, or the takeover
	link     link
	linkAt   time.Time // when telling the link is tried again; zero: nothing to tell
	resumeAt time.Time // not before: the next request to resume
	complain time.Time // not before: the next log line about malformed messages
	down     down
	desk     desk
}

func newWorker(s *Service, e Edge) *worker {
	e = e.sane()
	return &worker{
		s: s, edge: e, log: s.log.With("parking_id", e.Parking, "edge_id", e.ID),
		in: make(chan message, queueLen), news: make(chan struct{}, 1), lost: make(chan struct{}, 1), ordered: make(chan struct{}, 1),
	}
}

func (w *worker) offer(m message) {
	select {
	case w.in <- m:
	default:
		w.s.o.Metrics.dropped.Inc()
	}
}

func (w *worker) hint()        { poke(w.news) }
func (w *worker) reconnected() { poke(w.lost) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *worker) run(ctx context.Context) {
	w.heard = w.s.o.Now()
	w.resume(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() {
		if w.link == linkLive {
			w.s.o.Metrics.live.Dec()
		}
	}()
	for {
		timer.Reset(max(w.wake().Sub(w.s.o.Now()), 0))
		select {
		case <-ctx.Done():
			return
		case m := <-w.in:
			w.within(ctx, func(ctx context.Context) { w.handle(ctx, m) })
		case <-w.news:
			w.within(ctx, w.bring)
		case <-w.ordered:
			w.within(ctx, w.command)
		case <-w.lost:
			w.within(ctx, w.resume)
		case <-timer.C:
			w.within(ctx, w.tick)
		}
	}
}

func (w *worker) within(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, messageTimeout)
	defer cancel()
	do(ctx)
}

// wake is when tick has something to do.
func (w *worker) wake() time.Time {
	at := w.heard.Add(time.Hour)
	if w.link != linkLapsed {
		at = w.heard.Add(w.edge.LeaseTTL)
		if w.linkAt.After(at) { // it could not be told at its time
			at = w.linkAt
		}
	}
	for _, t := range []time.Time{w.linkAt, w.down.due()} {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at
}

// tick does what is due by the clock.
func (w *worker) tick(ctx context.Context) {
	now := w.s.o.Now()
	lapsed := !now.Before(w.heard.Add(w.edge.LeaseTTL))
	if lapsed {
		// Nobody is there to talk to. Who comes back says hello first.
		w.greeted = false
		w.down.stop()
	}
	if !now.Before(w.linkAt) {
		switch {
		case lapsed && w.link != linkLapsed:
			w.tell(ctx, linkLapsed, now)
		case !lapsed && w.link != linkLive && !w.linkAt.IsZero():
			w.tell(ctx, linkLive, now)
		}
	}
	w.resend(ctx, now)
}

// alive notes that the edge was heard.
func (w *worker) alive(ctx context.Context) {
	w.heard = w.s.o.Now()
	w.seen.Store(w.heard.Unix())
	if w.link != linkLive && !w.heard.Before(w.linkAt) {
		w.tell(ctx, linkLive, w.heard)
	}
}

// tell puts the state of the lease into the feed. What cannot be told now is
// told later.
func (w *worker) tell(ctx context.Context, l link, since time.Time) {
	_, err := w.s.o.Committer.Commit(ctx, &Link{Lot: w.edge.Parking, Live: l == linkLive, Since: since.UTC()})
	if err != nil {
		w.linkAt = w.s.o.Now().Add(again)
		w.logFailure("tell the edge's link", err)
		return
	}
	if (l == linkLive) != (w.link == linkLive) {
		if l == linkLive {
			w.s.o.Metrics.live.Inc()
		} else {
			w.s.o.Metrics.live.Dec()
		}
	}
	w.link, w.linkAt = l, time.Time{}
	w.log.Info("edge link", "live", l == linkLive)
}

func (w *worker) handle(ctx context.Context, m message) {
	switch m.channel {
	case topic.Hello:
		h, err := wire.Unmarshal[wire.Hello](m.payload)
		if !w.readable(m, err) {
			return
		}
		w.hello(ctx, &h)
	case topic.Events:
		b, err := wire.Unmarshal[wire.EventBatch](m.payload)
		if !w.readable(m, err) {
			return
		}
		w.alive(ctx)
		events := w.decode(m, &b)
		mark, err := b.DecodeMark()
		w.readable(m, err) // without it they stay where they are
		wire.Place(events, mark)
		ctx, span := w.s.applying(ctx, &b)
		w.events(ctx, &b, events)
		span.End()
	case topic.AskTime:
		q, err := wire.Unmarshal[wire.AskTime](m.payload)
		if !w.readable(m, err) || q.Edge != w.edge.ID {
			return
		}
		w.tellTime(ctx, &q)
	case topic.Beat:
		b, err := wire.Unmarshal[wire.Beat](m.payload)
		if !w.readable(m, err) {
			return
		}
		w.alive(ctx)
		if !w.greeted || b.Journal != w.journal {
			w.resume(ctx)
			return
		}
		w.seenNow(&b)
	case topic.Applied:
		a, err := wire.Unmarshal[wire.Applied](m.payload)
		if !w.readable(m, err) {
			return
		}
		w.alive(ctx)
		if w.greeted && a.Journal == w.journal {
			w.down.confirm(a.Revision, w.s.o.Now())
		}
	}
}

// decode decodes the events of a batch one by one. One that cannot be read
// keeps its place, with no kind: it becomes an incident when it is applied and
// does not block those behind it.
func (w *worker) decode(m message, b *wire.EventBatch) []wire.Event {
	events := make([]wire.Event, len(b.Events))
	for i := range events {
		e, err := b.DecodeAt(i)
		if !w.readable(m, err) {
			e = wire.Event{Seq: b.First + uint64(i), Wall: w.s.o.Now().UnixMilli()}
		}
		events[i] = e
	}
	return events
}

// readable counts and, now and then, logs what cannot be read. Nothing of such
// a message is used and nothing is answered.
func (w *worker) readable(m message, err error) bool {
	if err == nil {
		return true
	}
	w.s.o.Metrics.malformed.Inc()
	if now := w.s.o.Now(); !now.Before(w.complain) {
		w.complain = now.Add(complainEvery)
		w.log.Warn("malformed message", "channel", m.channel, "bytes", len(m.payload), "err", err)
	}
	return false
}

// hello answers a hello and brings the edge's cache up to date.
func (w *worker) hello(ctx context.Context, h *wire.Hello) {
	e, err := w.s.edge(ctx, w.edge.Parking)
	if err == nil {
		w.edge = e.sane()
		w.log = w.s.log.With("parking_id", e.Parking, "edge_id", e.ID)
	}
	if h.Edge != w.edge.ID {
		w.log.Warn("hello of an edge that is not enrolled here", "claimed", h.Edge)
		w.publish(ctx, topic.Welcome, foreign(h, w.s.o.Now()))
		return
	}
	g, err := w.greet(ctx, h)
	if err != nil {
		w.logFailure("greet the edge", err)
		return
	}
	answer := &wire.Welcome{
		Minor: min(h.Minor, wire.Minor), Journal: h.Journal, Boot: h.Boot, Verdict: g.Verdict,
		ServerTime: w.s.o.Now().UnixMilli(), BeatSeconds: beatSeconds,
	}
	if g.Verdict != wire.Accepted {
		if g.Mark.Journal == h.Journal {
			answer.AppliedSeq, answer.AppliedHash = g.Mark.Seq, g.Mark.Hash
		}
		w.greeted = false
		w.down.stop()
		w.log.Warn("journal turned away", "verdict", g.Verdict, "last_seq", h.LastSeq, "acked_seq", h.AckedSeq)
		w.publish(ctx, topic.Welcome, answer)
		w.alive(ctx)
		return
	}
	answer.Epoch, answer.AppliedSeq, answer.AppliedHash = g.Mark.Epoch, g.Mark.Seq, g.Mark.Hash
	w.greeted, w.journal, w.boot = true, h.Journal, h.Boot
	w.publish(ctx, topic.Welcome, answer)
	w.log.Info("edge welcomed", "epoch", g.Mark.Epoch, "applied_seq", g.Mark.Seq, "last_seq", h.LastSeq, "revision", h.Revision, "software", h.Software)
	w.alive(ctx)
	w.allot(ctx)
	w.down.start(h.Revision, answer.Minor, h.Machine)
	w.welcomed(ctx, answer.Minor, h.Software)
	w.bring(ctx)
}

func (w *worker) greet(ctx context.Context, h *wire.Hello) (*Greet, error) {
	for range staleTries {
		st, err := w.s.o.Store.Standing(ctx, w.edge.Parking, h.Journal)
		if err != nil {
			return nil, err
		}
		w.inside, w.counted = st.Inside, true
		g := &Greet{Lot: w.edge.Parking, Hello: *h, Standing: st}
		_, err = w.s.o.Committer.Commit(ctx, g)
		if errors.Is(err, ErrStale) {
			continue
		}
		return g, err
	}
	return nil, ErrStale
}

// events applies a batch and acknowledges it after the commit.
func (w *worker) events(ctx context.Context, b *wire.EventBatch, events []wire.Event) {
	op := &ApplyEvents{Lot: w.edge.Parking, Journal: b.Journal, Epoch: b.Epoch, Events: events, Raw: b.Events}
	err := ErrStale
	for range staleTries {
		if !w.counted {
			st, failed := w.s.o.Store.Standing(ctx, w.edge.Parking, b.Journal)
			if failed != nil {
				err = failed
				break
			}
			w.inside, w.counted = st.Inside, true
		}
		op.Inside = w.inside
		_, err = w.s.o.Committer.Commit(ctx, op)
		if !errors.Is(err, ErrStale) {
			break
		}
		w.counted = false
	}
	switch {
	case err == nil:
		w.applied(ctx, op)
	case errors.Is(err, ErrGap):
		w.ack(ctx, &op.Mark) // it goes back to what follows
	case errors.Is(err, ErrJournal):
		w.resume(ctx)
	default:
		w.counted = false
		w.logFailure("apply events", err)
		if definite(err) && ctx.Err() == nil {
			w.divide(ctx, b, events)
		}
	}
}

// definite reports an error that the same batch will meet again.
func definite(err error) bool {
	return fault.From(err).Kind == fault.Internal && !errors.Is(err, ErrStale)
}

// divide applies a batch that cannot be committed one event at a time, so that
// the one at fault is found. That one is applied as unreadable: its bytes are
// kept, an incident says so, and it holds up nothing.
func (w *worker) divide(ctx context.Context, b *wire.EventBatch, events []wire.Event) {
	if len(events) == 1 {
		if e := &events[0]; e.Kind != 0 {
			*e = wire.Event{Seq: e.Seq, Wall: w.s.o.Now().UnixMilli()}
			w.events(ctx, b, events)
		}
		return
	}
	for i := range events {
		one := &wire.EventBatch{Journal: b.Journal, Epoch: b.Epoch, First: b.First + uint64(i), Events: b.Events[i : i+1]}
		w.events(ctx, one, events[i:i+1])
	}
}

func (w *worker) applied(ctx context.Context, op *ApplyEvents) {
	w.ack(ctx, &op.Mark)
	if op.Applied == 0 {
		w.s.o.Metrics.repeated.Inc()
		return
	}
	w.s.o.Metrics.applied.Add(float64(op.Applied))
	w.answered(ctx, op.Events)
	moved := !maps.Equal(op.After.Allotted, w.inside.Allotted)
	w.inside = op.After
	if moved {
		w.allot(ctx)
	}
}

// allot fits the allotments to who is inside.
func (w *worker) allot(ctx context.Context) {
	i, err := allotNow(ctx, w.s.o.Committer, w.s.o.Store.Standing, w.edge.Parking, w.inside)
	if err != nil {
		w.counted = false
		w.logFailure("fit the allotments", err)
		return
	}
	w.inside = i
}

func (w *worker) ack(ctx context.Context, m *commit.Watermark) {
	if m.Epoch == 0 {
		return
	}
	w.publish(ctx, topic.Ack, &wire.Ack{
		Journal: m.Journal, Epoch: m.Epoch, Seq: m.Seq, Hash: m.Hash, ServerTime: w.s.o.Now().UnixMilli(),
	})
}

// resume asks the edge to say hello.
func (w *worker) resume(ctx context.Context) {
	now := w.s.o.Now()
	if now.Before(w.resumeAt) {
		return
	}
	if w.publish(ctx, topic.Resume, &wire.Resume{ServerTime: now.UnixMilli()}) {
		w.resumeAt = now.Add(resumeEvery)
	}
}

// sendable is what can be encoded.
type sendable interface{ Validate() error }

// publish sends a message and reports whether the broker has it. What is lost
// is asked for or sent again by whoever misses it.
func (w *worker) publish(ctx context.Context, c topic.Down, m sendable) bool {
	b, err := wire.Marshal(m)
	if err != nil {
		w.log.Error("cannot encode a message", "channel", c, "err", err)
		return false
	}
	if err := w.s.o.Bus.Publish(ctx, topic.ForDown(w.edge.Parking, c), b); err != nil {
		w.log.Debug("message not sent", "channel", c, "err", err) // the bus says once that it is away
		return false
	}
	return true
}

func (w *worker) logFailure(doing string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if unavailable(err) {
		w.log.Warn("the edge has to wait", "doing", doing, "err", err)
		return
	}
	w.log.Error("the edge is not served", "doing", doing, "err", err)
}
