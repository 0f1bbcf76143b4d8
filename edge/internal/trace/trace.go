// Package trace tells a collector of traces what the agent did, over OTLP/HTTP in
// JSON, when the environment names one. It is ours because OpenTelemetry's own kit
// makes the program 3.4 MB larger.
//
// Nothing waits for it. A span is put into a bounded queue and left out when that is
// full; what cannot be sent is dropped.
package trace

import (
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	queueLen = 512 // spans that wait; what comes on top is left out
	known    = 256 // events whose spans are known until they are sent
)

// Kind is what a span is to the other side, by OTLP's numbers.
type Kind int

// The kinds.
const (
	Internal Kind = 1
	Consumer Kind = 5
)

// Attr is an attribute of a span. It never says who it was.
type Attr struct {
	Key  string
	Text string
	N    int64 // when there is no Text
}

type span struct {
	name         string
	kind         Kind
	self, parent wire.Trace
	began, ended time.Time
	attrs        []Attr
}

// event tells one event of this run from all others before it has a number.
type event struct {
	kind    wire.EventKind
	lane    id.Lane
	session id.Session
	mono    uint64
}

func of(e *wire.Event) event { return event{e.Kind, e.Lane, e.Session, e.Mono} }

// begun is the span of an event.
type begun struct {
	event
	self, parent wire.Trace
}

// Tracer takes spans. A nil one takes none, and costs nothing.
type Tracer struct {
	url     string
	headers http.Header
	about   []Attr
	share   float64 // of the traces that begin here
	queue   chan span
	dropped atomic.Uint64

	mu     sync.Mutex
	events [known]begun // a ring
	next   int
}

// Span takes a span that has ended, a child of parent or, when that is zero, the
// first of a trace. It returns the span's name, zero when it is not recorded.
func (t *Tracer) Span(name string, kind Kind, parent wire.Trace, began, ended time.Time, attrs ...Attr) wire.Trace {
	if t == nil {
		return wire.Trace{}
	}
	self := t.name(parent)
	if self == (wire.Trace{}) {
		return self
	}
	return t.put(span{name, kind, self, parent, began, ended, attrs})
}

// name makes a span's name, or zero when it is not to be recorded.
func (t *Tracer) name(parent wire.Trace) wire.Trace {
	var fresh [24]byte
	_, _ = rand.Read(fresh[:]) // never fails
	trace, first := [16]byte(fresh[:16]), parent == wire.Trace{}
	if first && float64(binary.BigEndian.Uint64(fresh[:8])>>11)/(1<<53) >= t.share || !first && !parent.Sampled() {
		return wire.Trace{}
	}
	if !first {
		trace = parent.TraceID()
	}
	return wire.NewTrace(trace, [8]byte(fresh[16:]), true)
}

// Dropped is how many spans were not sent: the queue was full, or no collector took
// them.
func (t *Tracer) Dropped() uint64 {
	if t == nil {
		return 0
	}
	return t.dropped.Load()
}

func (t *Tracer) put(s span) wire.Trace {
	select {
	case t.queue <- s:
		return s.self
	default:
		t.dropped.Add(1)
		return wire.Trace{}
	}
}

// names of the kinds of event that have a span.
var names = map[wire.EventKind]string{
	wire.Admitted: "gate admitted", wire.Entered: "gate entered", wire.BackedOut: "gate backed out",
	wire.Released: "gate released", wire.Exited: "gate exited", wire.Refused: "gate refused", wire.Paid: "gate paid",
}

// Begin names the span of an event that is about to be journalled, so that a batch
// can name it as soon as it is. What a session goes on with is in the trace of what
// it began with, while that is known.
func (t *Tracer) Begin(e *wire.Event) {
	if t == nil || names[e.Kind] == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	parent := t.find(func(b *begun) bool { return !e.Session.IsZero() && b.session == e.Session }).self
	if self := t.name(parent); self != (wire.Trace{}) {
		t.events[t.next%known] = begun{of(e), self, parent}
		t.next++
	}
}

// find is the newest that fits; t.mu is held.
func (t *Tracer) find(fits func(*begun) bool) begun {
	for i := t.next - 1; i >= max(0, t.next-known); i-- {
		if b := &t.events[i%known]; fits(b) {
			return *b
		}
	}
	return begun{}
}

func (t *Tracer) get(e *wire.Event) begun {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.find(func(b *begun) bool { return b.event == of(e) })
}

// Recorded takes the spans of events that were begun, and are on disk now.
func (t *Tracer) Recorded(events []wire.Event, began, ended time.Time) {
	if t == nil {
		return
	}
	for i := range events {
		e := &events[i]
		b := t.get(e)
		if b.self == (wire.Trace{}) {
			continue
		}
		attrs := []Attr{{Key: "openlot.seq", N: int64(e.Seq)}}
		if e.Lane != "" {
			attrs = append(attrs, Attr{Key: "openlot.lane", Text: string(e.Lane)})
		}
		if e.Reason != "" {
			attrs = append(attrs, Attr{Key: "openlot.reason", Text: string(e.Reason)})
		}
		t.put(span{names[e.Kind], Internal, b.self, b.parent, began, ended, attrs})
	}
}

// Of names the spans of the events of a batch, as far as they are known and fit it.
func (t *Tracer) Of(events [][]byte) (out []wire.EventTrace) {
	if t == nil {
		return nil
	}
	for i, raw := range events {
		if len(out) == wire.MaxTraces {
			break
		}
		e, err := wire.Unmarshal[wire.Event](raw)
		if err != nil || names[e.Kind] == "" {
			continue
		}
		if b := t.get(&e); b.self != (wire.Trace{}) {
			out = append(out, wire.EventTrace{Place: uint16(i), Trace: b.self})
		}
	}
	return out
}
