package pass_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/pass"
)

// A detached signature is good for its payload and its purpose, and in one
// encoding; any altered bit of it, or of the payload, is noticed.
func TestADetachedSignatureIsForOneDocumentAndOnePurpose(t *testing.T) {
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := pass.NewVerifier([]pass.PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "payload")
		signature, err := key.SignDetached("a receipt", payload)
		if err != nil {
			t.Fatal(err)
		}
		again, err := key.SignDetached("a receipt", payload)
		if err != nil || !bytes.Equal(signature, again) {
			t.Fatal("another signature", err)
		}
		if err := verifier.VerifyDetached("a receipt", payload, signature); err != nil {
			t.Fatal(err)
		}
		if err := verifier.VerifyDetached("a pass", payload, signature); !errors.Is(err, pass.ErrBadSignature) {
			t.Fatalf("for another purpose: %v", err)
		}
		flip := func(b []byte, at int) []byte {
			out := bytes.Clone(b)
			out[at/8] ^= 1 << (at % 8)
			return out
		}
		if err := verifier.VerifyDetached("a receipt", flip(payload, rapid.IntRange(0, len(payload)*8-1).Draw(t, "bit")), signature); !errors.Is(err, pass.ErrBadSignature) {
			t.Fatalf("another payload: %v", err)
		}
		if err := verifier.VerifyDetached("a receipt", payload, flip(signature, rapid.IntRange(0, len(signature)*8-1).Draw(t, "of the signature"))); err == nil {
			t.Fatal("an altered signature")
		}
	})
	other, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := other.SignDetached("a receipt", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyDetached("a receipt", []byte("x"), signature); !errors.Is(err, pass.ErrUnknownKey) {
		t.Errorf("by another key: %v", err)
	}
	var none pass.SigningKey
	if _, err := none.SignDetached("a receipt", nil); !errors.Is(err, pass.ErrInvalid) {
		t.Errorf("without a key: %v", err)
	}
}
