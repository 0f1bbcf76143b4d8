package pass

import (
	"crypto/ed25519"
	"fmt"

	"github.com/veraison/go-cose"
)

// SignDetached signs a document of another kind than a pass with the same key: a
// COSE_Sign1 message without its payload (RFC 9052, section 4.1), whose external
// data is the purpose, so that no signature is good for two purposes. The same
// key, purpose and payload always give the same bytes.
func (k SigningKey) SignDetached(purpose string, payload []byte) ([]byte, error) {
	if k.IsZero() || purpose == "" {
		return nil, fmt.Errorf("%w: no key or no purpose", ErrInvalid)
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, k.private)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	msg := envelope(k.Public().ID)
	msg.Payload = payload
	if err := msg.Sign(nil, []byte(purpose), signer); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	msg.Payload = nil
	signed, err := msg.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("encode a signature: %w", err)
	}
	return signed, nil
}

// VerifyDetached checks what SignDetached wrote. Its error wraps ErrMalformed,
// ErrUnknownKey or ErrBadSignature.
func (v *Verifier) VerifyDetached(purpose string, payload, signature []byte) error {
	var msg cose.Sign1Message
	if err := msg.UnmarshalCBOR(signature); err != nil {
		return malformed("no COSE_Sign1")
	}
	keyID, ok := msg.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	if !ok || len(keyID) != KeyIDSize || msg.Payload != nil || len(msg.Signature) != ed25519.SignatureSize {
		return malformed("not a signature of a document of ours")
	}
	again := envelope(keyID)
	again.Signature = msg.Signature
	if canonical, err := again.MarshalCBOR(); err != nil || string(canonical) != string(signature) {
		return malformed("not in its one encoding")
	}
	again.Payload = payload
	candidates := v.keys[string(keyID)]
	if len(candidates) == 0 {
		return ErrUnknownKey
	}
	for _, candidate := range candidates {
		if again.Verify([]byte(purpose), candidate) == nil {
			return nil
		}
	}
	return ErrBadSignature
}

// envelope is a message with the headers that all of ours have.
func envelope(keyID []byte) *cose.Sign1Message {
	msg := cose.NewSign1Message()
	msg.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	msg.Headers.Protected[cose.HeaderLabelKeyID] = keyID
	return msg
}
