package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what authenticators use (RFC 6238)
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/openlot/openlot/protocol/fault"
)

// Parameters of argon2id for new passwords: 19 MiB, two passes, one lane, which
// RFC 9106 and OWASP's list call enough where memory is short.
const (
	memory  = 19 * 1024
	passes  = 2
	lanes   = 1
	keyLen  = 32
	saltLen = 16
)

var b64 = base64.RawStdEncoding

// Hasher hashes passwords, few at a time: each takes 19 MiB.
type Hasher struct {
	slots  chan struct{}
	waits  chan struct{}
	hashed func()
}

// NewHasher hashes as many passwords at a time as said; sixteen times as many
// may wait. hashed is called for each; nil: nobody counts.
func NewHasher(atOnce int, hashed func()) *Hasher {
	return &Hasher{slots: make(chan struct{}, atOnce), waits: make(chan struct{}, 17*atOnce), hashed: hashed}
}

// Hash makes the PHC string of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	key, err := h.key(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// dummy is what a password is compared with where there is no account.
const dummy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Check compares a password with a PHC string; an empty one is that of nobody and
// costs the same.
func (h *Hasher) Check(ctx context.Context, phc, password string) (bool, error) {
	known := phc != ""
	if !known {
		phc = dummy
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, lanes) {
		return false, fmt.Errorf("a password is stored in a form that is not known")
	}
	salt, err := b64.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("the salt of a password: %w", err)
	}
	want, err := b64.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("a stored password: %w", err)
	}
	got, err := h.key(ctx, password, salt)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1 && known, err
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.waits <- struct{}{}:
		defer func() { <-h.waits }()
	default:
		return nil, fault.New(fault.Unavailable, CodeBusy, "Too many log in at this moment. Try again in some seconds.")
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.hashed != nil {
		h.hashed()
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, keyLen), nil
}

// HashToken is what is kept of a token: it has 256 random bits, so that no salt
// is needed.
func HashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

func newToken() string { return rand.Text() + rand.Text() } // 2 × 128 bits at least

const (
	step    = 30 // seconds
	drift   = 1  // steps that a phone's clock may be off
	digits  = 6
	codes   = 10 // recovery codes
	totpLen = 20
)

// Code is the code of a secret at a step (RFC 4226, RFC 6238).
func Code(secret []byte, at int64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:]) & 0x7fffffff
	mod := uint32(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}

// CheckCode finds the step of a code that is good now and newer than the last one
// that was used.
func CheckCode(secret []byte, last int64, code string, now time.Time) (at int64, ok bool) {
	code = strings.NewReplacer(" ", "", "-", "").Replace(code)
	present := now.Unix() / step
	for at := present - drift; at <= present+drift; at++ {
		if at > last && subtle.ConstantTimeCompare([]byte(Code(secret, at, digits)), []byte(code)) == 1 {
			return at, true
		}
	}
	return 0, false
}

var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// TOTPURI is what an authenticator reads from a QR code.
func TOTPURI(email string, secret []byte) string {
	v := url.Values{"secret": {b32.EncodeToString(secret)}, "issuer": {"Openlot"}}
	return "otpauth://totp/" + url.PathEscape("Openlot:"+email) + "?" + v.Encode()
}

// newRecovery makes recovery codes and what is kept of them.
func newRecovery() (shown []string, kept [][]byte) {
	for range codes {
		t := strings.ToLower(rand.Text()[:12])
		shown = append(shown, t[:4]+"-"+t[4:8]+"-"+t[8:])
		kept = append(kept, HashToken(t))
	}
	return shown, kept
}

func normalRecovery(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
}
