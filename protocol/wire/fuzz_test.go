package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/openlot/openlot/protocol/conformance"
	"github.com/openlot/openlot/protocol/wire"
)

// fuzzKinds are the decoders by the first byte of the fuzzed input, so that one
// target and one corpus serve all.
func fuzzKinds() []conformance.Kind {
	return []conformance.Kind{
		conformance.Hello, conformance.Event, conformance.Events, conformance.Beat, conformance.Applied,
		conformance.Welcome, conformance.Ack, conformance.Sync, conformance.Resume, conformance.AskTime, conformance.Time,
	}
}

// FuzzUnmarshal holds that no input panics and that whatever is accepted is in
// its one encoding. The golden and the hostile vectors are its seeds.
func FuzzUnmarshal(f *testing.F) {
	kinds := fuzzKinds()
	for _, v := range conformance.Vectors() {
		for i, k := range kinds {
			if v.Kind == k {
				f.Add(uint8(i), v.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		k := kinds[int(kind)%len(kinds)]
		again, err := conformance.Reference{}.Recode(k, b)
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: an error that is not a refusal: %v", k, err)
		}
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("%s: %x is accepted for %x", k, b, again)
		}
	})
}
