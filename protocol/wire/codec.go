package wire

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Limits of one message. Whoever sends stays below them; whoever receives
// refuses what exceeds them before it allocates for it.
const (
	MaxMessage = 96 << 10 // bytes of any message
	MaxEvent   = 1 << 10  // bytes of one encoded event
	MaxBatch   = 256      // events in one EventBatch
	MaxEntries = 512      // entries in one part of a Sync
	MaxText    = 256      // bytes of any text
	MaxPlate   = 32       // bytes of a normalised plate
	MaxLanes   = 64       // lanes of a parking
	MaxTypes   = 64       // space types of a parking
	MaxKeys    = 16       // pass keys that are valid at a time
	MaxGone    = 512      // sessions of one part of a Sync that are gone

	MaxAmount = 1_000_000_000 // minor units of one payment
	MaxBay    = 16            // bytes of a bay's label
	MaxBays   = 512           // labels of bays of a parking

	MaxCredentials = 8 // hashes of credentials of one reservation
	MaxStages      = 8 // of a policy
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
		MaxNestedLevels:   4,
		MaxArrayElements:  MaxEntries,
		MaxMapPairs:       32,
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
// bytes, and allocates in proportion to their number at most. The bytes must
// be the message's one deterministic encoding, which also refuses missing
// keys, nulls, short hashes and other things that decoders tend to forgive.
func Unmarshal[M any, P interface {
	*M
	message
}](b []byte) (M, error) {
	var m, none M
	if len(b) > MaxMessage {
		return none, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxMessage)
	}
	if err := decMode.Unmarshal(b, &m); err != nil {
		return none, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := P(&m).Validate(); err != nil {
		return none, err
	}
	again, err := encMode.Marshal(&m)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := check(bytes.Equal(again, b), "not in its deterministic encoding"); err != nil {
		return none, err
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
	return short(name, s, MaxText)
}

func short(name, s string, limit int) error {
	return errors.Join(
		check(len(s) <= limit, "%s has %d bytes, at most %d", name, len(s), limit),
		check(utf8.ValidString(s), "%s is not UTF-8", name),
	)
}

func currency(c money.Currency) error {
	if _, err := money.ParseCurrency(string(c)); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func lane(l id.Lane) error {
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
