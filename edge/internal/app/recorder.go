package app

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/obs"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/trace"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

// recorder is the one way to decide and to journal: it gives every fact its
// time and its boot.
type recorder struct {
	*store.Store
	clock  *clock.Clock
	online func() bool

	metrics *obs.Metrics
	trace   *trace.Tracer // nil: nothing is traced

	last  atomic.Int64 // clock.Mono of the newest event
	kept  atomic.Int64 // clock.Mono when the time was last written down without one
	vague atomic.Bool  // there may be events that cannot say when they were, and no mark behind them

	unwritten unwritten

	mu       sync.Mutex
	verifier *pass.Verifier // of the keys in the state
}

// record decides and journals as one step; see store.Record.
func (r *recorder) record(decide func(*admission.State, admission.Time) []admission.Fact) ([]wire.Event, error) {
	began := time.Now()
	events, err := r.Store.Record(func(s *admission.State) []admission.Fact {
		now, mono := r.clock.Stamp()
		return r.stamp(now, mono, decide(s, admission.Time{Lo: now.Lo, Hi: now.Hi}))
	})
	if len(events) > 0 || err != nil {
		r.metrics.Recorded(time.Since(began), err)
	}
	if err == nil {
		r.trace.Recorded(events, began, time.Now())
	}
	return events, err
}

func (r *recorder) stamp(now clock.Estimate, mono time.Duration, facts []admission.Fact) []admission.Fact {
	for i := range facts {
		e := &facts[i].Event
		if e.Kind == 0 {
			continue // of the machine's own
		}
		e.Boot, e.Mono, e.Wall, e.TrustedLo = r.clock.Boot(), uint64(mono.Milliseconds()), now.Wall.UnixMilli(), now.Lo.UnixMilli()
		e.Uncertainty = uncertainty(now)
		e.Offline = !r.online()
		r.trace.Begin(e)
		switch {
		case e.Vague():
			r.vague.Store(true)
		case e.Kind == wire.TimeMark:
			r.vague.Store(false)
		}
	}
	if slices.ContainsFunc(facts, func(f admission.Fact) bool { return f.Event.Kind != 0 }) {
		r.last.Store(int64(mono))
	}
	return facts
}

// begin journals the start and concludes what the last run left open.
func (r *recorder) begin() error {
	note := rebuiltNote(r.Rebuilt())
	p := r.Position()
	r.vague.Store(p.LastSeq > p.AckedSeq) // the last run may have left some
	_, err := r.record(func(s *admission.State, now admission.Time) []admission.Fact {
		facts := []admission.Fact{{Event: wire.Event{Kind: wire.Started, Inferred: !r.EndedCleanly(), Note: note}}}
		for _, ses := range s.Pending() {
			facts = append(facts, admission.Conclude(ses))
		}
		return append(facts, s.Dismissals()...)
	})
	return errors.Join(err, r.adopt(), r.rekey())
}

// adopt journals allotments that can be adopted now.
func (r *recorder) adopt() error {
	_, err := r.record(func(s *admission.State, now admission.Time) []admission.Fact {
		return s.Adoptions(now.Lo)
	})
	return err
}

// ended journals how an authorisation ended.
func (r *recorder) ended(session id.Session, passed, inferred bool) error {
	_, err := r.record(func(s *admission.State, _ admission.Time) []admission.Fact {
		ses, ok := s.Sessions[session]
		if !ok {
			return nil // opened without a journal, because the store had failed
		}
		return []admission.Fact{admission.Ended(ses, passed, inferred)}
	})
	if err == nil {
		r.left(wire.Event{Session: session})
	}
	return errors.Join(err, r.adopt())
}

// fault journals that a lane's fault is there or gone.
func (r *recorder) fault(l id.Lane, name string, over bool) error {
	if over {
		name += "_over"
	}
	_, err := r.record(func(*admission.State, admission.Time) []admission.Fact {
		return []admission.Fact{{Event: wire.Event{Kind: wire.LaneFault, Lane: l, Note: name}}}
	})
	return err
}

// Sync applies a message of the cloud, dismisses who is gone by it and adopts the
// allotments it brought.
func (r *recorder) Sync(m *wire.Sync) (complete bool, err error) {
	complete, err = r.Store.Sync(m, func(s *admission.State) []admission.Fact {
		now, mono := r.clock.Stamp()
		s.Hear(now.Lo)
		return r.stamp(now, mono, append(s.Dismissals(), s.Adoptions(now.Lo)...))
	})
	if complete && len(m.Keys) > 0 || complete && m.Kind == wire.Snapshot {
		err = errors.Join(err, r.rekey())
	}
	return complete, err
}

// rekey rebuilds the verifier from the state's keys.
func (r *recorder) rekey() error {
	var keys []pass.PublicKey
	r.View(func(s *admission.State) {
		for _, k := range s.Keys {
			keys = append(keys, pass.PublicKey{ID: k.ID, Public: k.Public})
		}
	})
	v, err := pass.NewVerifier(keys)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = v
	return nil
}

// keys verify what the cloud has signed.
func (r *recorder) keys() *pass.Verifier {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verifier
}

// read takes what a reader of a medium read apart, and verifies a pass.
func (r *recorder) read(m device.Medium, text string) admission.Credential {
	switch m {
	case device.Plate:
		return admission.Credential{Kind: admission.Plate, Text: text}
	case device.Card:
		return admission.Credential{Kind: admission.Card, Text: text}
	case device.PIN:
		return admission.Credential{Kind: admission.PIN, Text: text}
	case device.Code:
	}
	if ses, ok := admission.ParseTicket(text); ok {
		return admission.Credential{Kind: admission.Ticket, Session: ses}
	}
	p, err := r.keys().Verify(text)
	switch {
	case err == nil:
		return admission.Credential{Kind: admission.Genuine, Pass: admission.Pass(p)}
	case errors.Is(err, pass.ErrUnknownKey):
		return admission.Credential{Kind: admission.UnknownKey}
	case errors.Is(err, pass.ErrBadSignature):
		return admission.Credential{Kind: admission.BadSignature}
	default:
		return admission.Credential{Kind: admission.Unreadable}
	}
}
