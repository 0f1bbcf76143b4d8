package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"log/slog"
	"strings"

	"github.com/openlot/openlot/protocol/id"
)

// tokenPrefix starts every manage token.
const tokenPrefix = "mt_"

// tokenBytes of the MAC are in a token: 160 bits, 32 characters.
const tokenBytes = 20

// minSecret is the least length of the secret in bytes.
const minSecret = 32

var tokenText = base32.StdEncoding.WithPadding(base32.NoPadding)

// ManageToken lets its bearer manage one reservation. Printing or logging it
// does not show it; Reveal does.
type ManageToken struct{ text string }

// Reveal is the token's text, for the driver it belongs to and nobody else.
func (t ManageToken) Reveal() string { return t.text }

// String hides the token.
func (ManageToken) String() string { return tokenPrefix + "[hidden]" }

// GoString hides the token.
func (t ManageToken) GoString() string { return t.String() }

// LogValue hides the token.
func (t ManageToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the token from encoders: an answer that is to contain it
// says so with Reveal.
func (t ManageToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Tokens makes and checks manage tokens: a MAC over the reservation's id, so
// that nothing is stored and a database leak opens no reservation.
type Tokens struct{ secret []byte }

// NewTokens takes the server's secret, at least 32 bytes that all instances
// share.
func NewTokens(secret []byte) (Tokens, error) {
	if len(secret) < minSecret {
		return Tokens{}, errors.New("the secret of the manage tokens has less than 32 bytes")
	}
	return Tokens{append([]byte(nil), secret...)}, nil
}

// For is the token of a reservation.
func (t Tokens) For(r id.Reservation) ManageToken {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("manage-token-1:"))
	mac.Write(r.Bytes())
	return ManageToken{tokenPrefix + strings.ToLower(tokenText.EncodeToString(mac.Sum(nil)[:tokenBytes]))}
}

// Check reports whether text is the token of the reservation, in a time that
// does not depend on where it differs.
func (t Tokens) Check(r id.Reservation, text string) bool {
	return hmac.Equal([]byte(t.For(r).text), []byte(text))
}

// String hides the secret.
func (Tokens) String() string { return "manage tokens" }

// GoString hides the secret.
func (t Tokens) GoString() string { return t.String() }
