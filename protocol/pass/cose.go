package pass

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"github.com/openlot/openlot/protocol/id"
)

// claims is the payload: a CWT claims map. Ours are one map under a key of the
// range that is set aside for private use.
type claims struct {
	Audience  string        `cbor:"3,keyasint"`
	Expires   int64         `cbor:"4,keyasint"`
	NotBefore int64         `cbor:"5,keyasint"`
	ID        []byte        `cbor:"7,keyasint"`
	Private   privateClaims `cbor:"-65537,keyasint"`
}

type privateClaims struct {
	Generation uint16 `cbor:"1,keyasint"`
	SpaceType  string `cbor:"2,keyasint"`
	Revision   uint64 `cbor:"3,keyasint"`
	NoShowAt   int64  `cbor:"4,keyasint"`
}

var (
	encMode = must(cbor.EncOptions{
		Sort:        cbor.SortCoreDeterministic,
		IndefLength: cbor.IndefLengthForbidden,
		TagsMd:      cbor.TagsForbidden,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   4,
		MaxArrayElements:  16,
		MaxMapPairs:       16,
	}.DecMode())
)

func must[M any](m M, err error) M {
	if err != nil {
		panic("pass: " + err.Error())
	}
	return m
}

// Sign writes the text of a pass. Instants are rounded outward to seconds. The
// same pass and key always give the same text.
func Sign(p Pass, key SigningKey) (string, error) {
	if key.IsZero() {
		return "", fmt.Errorf("%w: no key", ErrInvalid)
	}
	p = p.wholeSeconds()
	if err := p.validate(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	msg, err := p.message(key.Public().ID)
	if err != nil {
		return "", err
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key.private)
	if err != nil {
		return "", fmt.Errorf("sign a pass: %w", err)
	}
	if err := msg.Sign(nil, nil, signer); err != nil {
		return "", fmt.Errorf("sign a pass: %w", err)
	}
	signed, err := msg.MarshalCBOR()
	if err != nil {
		return "", fmt.Errorf("encode a pass: %w", err)
	}
	text := Prefix + encodeBase45(signed)
	if len(text) > MaxText {
		return "", fmt.Errorf("%w: %d characters, at most %d", ErrInvalid, len(text), MaxText)
	}
	return text, nil
}

// message is the one COSE message, still unsigned, that stands for the pass
// under a key.
func (p Pass) message(keyID []byte) (*cose.Sign1Message, error) {
	payload, err := encMode.Marshal(claims{
		Audience: string(p.Parking), Expires: p.To.Unix(), NotBefore: p.From.Unix(), ID: p.Reservation.Bytes(),
		Private: privateClaims{
			Generation: p.Generation, SpaceType: string(p.SpaceType), Revision: p.Revision, NoShowAt: p.NoShowAt.Unix(),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a pass: %w", err)
	}
	msg := envelope(keyID)
	msg.Payload = payload
	return msg, nil
}

// Verifier checks passes against a set of keys. It is safe for concurrent use.
type Verifier struct{ keys map[string][]cose.Verifier }

// NewVerifier makes a verifier. Several keys may share an id: each of them is
// tried.
func NewVerifier(keys []PublicKey) (*Verifier, error) {
	v := &Verifier{keys: make(map[string][]cose.Verifier, len(keys))}
	for _, k := range keys {
		if len(k.ID) != KeyIDSize || len(k.Public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: an id of %d bytes and a key of %d", ErrKey, len(k.ID), len(k.Public))
		}
		one, err := cose.NewVerifier(cose.AlgorithmEdDSA, ed25519.PublicKey(bytes.Clone(k.Public)))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		v.keys[string(k.ID)] = append(v.keys[string(k.ID)], one)
	}
	return v, nil
}

// Verify reads a pass and checks its signature, not its window. The error
// wraps one of ErrNotAPass, ErrMalformed, ErrUnknownKey and ErrBadSignature;
// with an error the pass is empty. The text must be exactly what Sign wrote:
// whoever reads a QR code strips what the reader put around it.
func (v *Verifier) Verify(text string) (Pass, error) {
	encoded, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Pass{}, ErrNotAPass
	}
	if len(text) > MaxText {
		return Pass{}, malformed("%d characters, at most %d", len(text), MaxText)
	}
	raw, ok := decodeBase45(encoded)
	if !ok {
		return Pass{}, malformed("not Base45")
	}
	msg, keyID, p, err := decode(raw)
	if err != nil {
		return Pass{}, err
	}
	candidates := v.keys[keyID]
	if len(candidates) == 0 {
		return Pass{}, ErrUnknownKey
	}
	for _, candidate := range candidates {
		if msg.Verify(nil, candidate) == nil {
			return p, nil
		}
	}
	return Pass{}, ErrBadSignature
}

// decode takes a message apart and refuses whatever Sign would not have
// written for the same pass, key and signature.
func decode(raw []byte) (*cose.Sign1Message, string, Pass, error) {
	var msg cose.Sign1Message
	if err := msg.UnmarshalCBOR(raw); err != nil {
		return nil, "", Pass{}, malformed("no COSE_Sign1")
	}
	keyID, ok := msg.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	if !ok || len(keyID) != KeyIDSize {
		return nil, "", Pass{}, malformed("no key id in the protected header")
	}
	if len(msg.Signature) != ed25519.SignatureSize {
		return nil, "", Pass{}, malformed("a signature of %d bytes", len(msg.Signature))
	}
	var c claims
	if err := decMode.Unmarshal(msg.Payload, &c); err != nil {
		return nil, "", Pass{}, malformed("no claims of a pass")
	}
	reservation, err := id.FromBytes[id.Reservation](c.ID)
	if err != nil {
		return nil, "", Pass{}, malformed("no reservation")
	}
	p := Pass{
		Parking: id.Parking(c.Audience), Reservation: reservation, Generation: c.Private.Generation,
		SpaceType: id.SpaceType(c.Private.SpaceType), Revision: c.Private.Revision,
		From: time.Unix(c.NotBefore, 0).UTC(), To: time.Unix(c.Expires, 0).UTC(), NoShowAt: time.Unix(c.Private.NoShowAt, 0).UTC(),
	}
	if err := p.validate(); err != nil {
		return nil, "", Pass{}, malformed("%s", err)
	}
	again, err := p.message(keyID)
	if err != nil {
		return nil, "", Pass{}, err
	}
	again.Signature = msg.Signature
	canonical, err := again.MarshalCBOR()
	if err != nil || !bytes.Equal(canonical, raw) {
		return nil, "", Pass{}, malformed("not in its one encoding")
	}
	return again, string(keyID), p, nil
}
