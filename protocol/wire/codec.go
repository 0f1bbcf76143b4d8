package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/protocol/id"
)

// Limits of one message. Whoever sends stays below them; whoever receives
// refuses what exceeds them before it allocates for it.
const (
	MaxMessage = 96 << 10 // bytes of any message
	MaxEvent   = 1 << 10  // bytes of one encoded event
	MaxBatch   = 256      // events in one EventBatch
	MaxEntries = 512      // entries in one part of a Sync
	MaxText    = 256      // bytes of any text
)

// ErrMalformed is wrapped by every decoding failure. On MQTT it is the refusal
// code "malformed".
var ErrMalformed = errors.New("malformed message")

var (
	encMode = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,
		MaxArrayElements:  1024,
		MaxMapPairs:       64,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[M any](m M, err error) M {
	if err != nil {
		panic("wire: " + err.Error())
	}
	return m
}

// message is what can be sent by itself; Validate checks what the encoding
// cannot.
type message interface{ Validate() error }

// Marshal encodes a message after checking it.
func Marshal[M message](m M) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	b, err := encMode.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxMessage)
	}
	return b, nil
}

// Unmarshal decodes and checks one message. It never panics, whatever the
// bytes, and allocates in proportion to their number at most.
func Unmarshal[M any, P interface {
	*M
	message
}](b []byte) (M, error) {
	var m M
	if len(b) > MaxMessage {
		return m, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxMessage)
	}
	if err := decMode.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := P(&m).Validate(); err != nil {
		return m, err
	}
	return m, nil
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func text(name, s string) error {
	return check(len(s) <= MaxText, "%s has %d bytes, at most %d", name, len(s), MaxText)
}

func lane(l id.Lane) error {
	if l == "" {
		return nil
	}
	if _, err := id.ParseLane(string(l)); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func spaceType(t id.SpaceType) error {
	if _, err := id.ParseSpaceType(string(t)); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
