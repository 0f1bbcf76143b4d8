package wire

import (
	"errors"
	"math"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// TimePurpose is what the cloud signs its time for; see pass.SignDetached.
const TimePurpose = "openlot time 1"

// MaxSignature bounds the signature of a time in bytes.
const MaxSignature = 128

// Nonce is 16 random bytes that their maker uses once.
type Nonce [16]byte

// IsZero reports whether there is none.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// AskTime asks the cloud what time it is (since 1.2). Edges do so after each
// welcome and about once a minute.
type AskTime struct {
	Edge  id.Edge `cbor:"1,keyasint"`
	Nonce Nonce   `cbor:"2,keyasint"` // of this question
}

// Validate implements the check of every message.
func (a *AskTime) Validate() error {
	return check(!a.Edge.IsZero() && !a.Nonce.IsZero(), "a question for the time names edge and nonce")
}

// Time answers AskTime. Only the asker can use it, and only for the question that
// it answers: the server wrote it after that was asked and before it came.
type Time struct {
	Edge       id.Edge `cbor:"1,keyasint"`
	Nonce      Nonce   `cbor:"2,keyasint"` // of the question
	ServerTime int64   `cbor:"3,keyasint"` // Unix milliseconds
	Signature  []byte  `cbor:"4,keyasint"` // over Signed for TimePurpose, by a key that passes are verified with
}

// Validate implements the check of every message. It does not look at the
// signature.
func (t *Time) Validate() error {
	return errors.Join(
		check(!t.Edge.IsZero() && !t.Nonce.IsZero(), "a time names edge and nonce"),
		check(len(t.Signature) > 0 && len(t.Signature) <= MaxSignature, "a signature has 1 to %d bytes", MaxSignature),
		serverTime(t.ServerTime),
	)
}

// Signed is what the signature is over: the encoding of the message's first three
// keys.
func (t *Time) Signed() []byte {
	return must(encMode.Marshal(struct {
		Edge       id.Edge `cbor:"1,keyasint"`
		Nonce      Nonce   `cbor:"2,keyasint"`
		ServerTime int64   `cbor:"3,keyasint"`
	}{t.Edge, t.Nonce, t.ServerTime}))
}

// Vague is from which uncertainty on an event's time is better taken from a time
// mark of the same boot: a minute, by which stays are priced.
const Vague = 60_000

// drift is how far the monotonic clock of an edge may run wrong.
const drift = 200e-6

// Vague reports whether the event's time is too uncertain to be used as it is.
func (e *Event) Vague() bool { return e.Uncertainty >= Vague }

// Places reports whether an event that comes later in a journal says when e was:
// a time mark of the same boot that is surer than e. The first one in the journal
// that does is the one that counts.
func (e *Event) Places(mark *Event) bool {
	return e.Vague() && mark.Kind == TimeMark && mark.Boot == e.Boot && mark.Seq > e.Seq && mark.Mono >= e.Mono && mark.Uncertainty < e.Uncertainty
}

// PlacedBy is when an event was by a mark that Places it: as long before the
// mark as the boot's monotonic clock says, give or take what the mark's own time is
// uncertain by and the drift since.
func (e *Event) PlacedBy(mark *Event) (at time.Time, doubt time.Duration) {
	const longest = math.MaxInt64 / int64(time.Millisecond) / 2
	passed := time.Duration(min(mark.Mono-e.Mono, uint64(longest))) * time.Millisecond
	off := time.Duration(float64(passed)*drift) + time.Millisecond
	return mark.Time().Add(-passed), time.Duration(mark.Uncertainty)*time.Millisecond + off
}

// Placed is the event at the time that a mark which Places it gives it. Nothing
// else of it changes, so it is no more what was journalled.
func (e Event) Placed(by *Event) Event {
	at, doubt := e.PlacedBy(by)
	e.Wall = max(at.UnixMilli(), 0)
	e.Uncertainty = uint32(min(doubt.Milliseconds()+1, int64(Uncertain)-1))
	return e
}

// Place places events of one journal, in its order, by the marks among them and by
// one that comes later, nil for none.
func Place(events []Event, later *Event) {
	for i := range events {
		e := &events[i]
		if !e.Vague() {
			continue
		}
		by := later
		for k := i + 1; k < len(events); k++ {
			if e.Places(&events[k]) {
				by = &events[k]
				break
			}
		}
		if by != nil && e.Places(by) {
			*e = e.Placed(by)
		}
	}
}
