package wire

import "encoding/binary"

// TraceSince is the minor version from which on messages may name traces.
const TraceSince = 3

// MaxTraces bounds the traces that one message names.
const MaxTraces = 16

// Trace names a span of a distributed trace, as W3C Trace Context does: 16 bytes of
// the trace, 8 of the span, and the flags. It says nothing of what is traced, and
// nothing depends on it: whoever does not trace leaves it out and looks away.
type Trace [25]byte

// NewTrace makes one of its parts.
func NewTrace(trace [16]byte, span [8]byte, sampled bool) Trace {
	var t Trace
	copy(t[:16], trace[:])
	copy(t[16:24], span[:])
	if sampled {
		t[24] = 1
	}
	return t
}

// TraceID is the trace.
func (t Trace) TraceID() [16]byte { return [16]byte(t[:16]) }

// SpanID is the span of it.
func (t Trace) SpanID() [8]byte { return [8]byte(t[16:24]) }

// Sampled reports whether the span's maker records it.
func (t Trace) Sampled() bool { return t[24]&1 == 1 }

func (t Trace) valid() bool {
	return t.TraceID() != [16]byte{} && binary.BigEndian.Uint64(t[16:24]) != 0
}

// EventTrace names the span in which an event of a batch came to be.
type EventTrace struct {
	Place uint16 `cbor:"1,keyasint"` // of the event in the batch, from 0
	Trace Trace  `cbor:"2,keyasint"`
}

func traces(all []Trace) error {
	if err := check(len(all) <= MaxTraces, "at most %d traces", MaxTraces); err != nil {
		return err
	}
	for _, t := range all {
		if err := check(t.valid(), "a trace has a trace and a span that are not zero"); err != nil {
			return err
		}
	}
	return nil
}

// eventTraces come in the order of their events, one for each at most.
func eventTraces(all []EventTrace, events int) error {
	if err := check(len(all) <= MaxTraces, "at most %d traces", MaxTraces); err != nil {
		return err
	}
	next := 0
	for _, t := range all {
		if err := check(t.Trace.valid() && int(t.Place) >= next && int(t.Place) < events, "a trace is that of an event of the batch, in their order"); err != nil {
			return err
		}
		next = int(t.Place) + 1
	}
	return nil
}
