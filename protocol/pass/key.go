package pass

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeyIDSize is the length of a key's id in bytes.
const KeyIDSize = 8

// PublicKey is a key that passes are verified with. Its id is a hint that
// spares work, never a proof of anything.
type PublicKey struct {
	ID     []byte // the first 8 bytes of SHA-256 over Public
	Public []byte // Ed25519, 32 bytes
}

// SigningKey signs passes. It never shows its secret when printed or logged.
type SigningKey struct{ private ed25519.PrivateKey }

const secretPrefix = "openlot-pass-key-1-"

// ErrKey is wrapped by the errors about keys.
var ErrKey = errors.New("unusable pass key")

// NewSigningKey makes a random key.
func NewSigningKey() (SigningKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SigningKey{}, fmt.Errorf("make a pass key: %w", err)
	}
	return SigningKey{private}, nil
}

// SigningKeyFromSeed makes the key of a 32-byte seed.
func SigningKeyFromSeed(seed []byte) (SigningKey, error) {
	if len(seed) != ed25519.SeedSize {
		return SigningKey{}, fmt.Errorf("%w: a seed of %d bytes instead of %d", ErrKey, len(seed), ed25519.SeedSize)
	}
	return SigningKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParseSigningKey reads what Secret wrote. Its error does not repeat the text.
func ParseSigningKey(secret string) (SigningKey, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return SigningKey{}, fmt.Errorf("%w: the text does not start with %q", ErrKey, secretPrefix)
	}
	seed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder skips line ends; a secret has none.
	if err != nil || base64.RawURLEncoding.EncodeToString(seed) != text {
		return SigningKey{}, fmt.Errorf("%w: the text after %q is not base64url", ErrKey, secretPrefix)
	}
	return SigningKeyFromSeed(seed)
}

// Secret is the key as text, to be stored where secrets are.
func (k SigningKey) Secret() string {
	return secretPrefix + base64.RawURLEncoding.EncodeToString(k.Seed())
}

// Seed is the key's secret in 32 bytes.
func (k SigningKey) Seed() []byte { return k.private.Seed() }

// IsZero reports whether there is no key.
func (k SigningKey) IsZero() bool { return len(k.private) == 0 }

// Public is what verifies the passes that the key signs.
func (k SigningKey) Public() PublicKey {
	public := append([]byte(nil), k.private[ed25519.SeedSize:]...)
	return PublicKey{ID: KeyID(public), Public: public}
}

// KeyID is the id of a public key.
func KeyID(public []byte) []byte {
	sum := sha256.Sum256(public)
	return append([]byte(nil), sum[:KeyIDSize]...)
}

// String names the key by its id.
func (k SigningKey) String() string {
	if k.IsZero() {
		return "no pass key"
	}
	return "pass key " + hex.EncodeToString(k.Public().ID)
}

// GoString keeps %#v from printing the secret.
func (k SigningKey) GoString() string { return k.String() }

// MarshalText keeps encoders and log handlers from writing the secret.
func (k SigningKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
