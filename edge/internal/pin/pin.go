// Package pin keeps PINs as what cannot be turned back into them at a bearable price:
// a salted, slow hash. A PIN is short, so that whoever has the hash can try all of them;
// the slowness makes that hours instead of a second, and the throttle at the machine is
// what keeps those out who do not have it.
package pin

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of a PIN, and how slow a hash is.
const (
	Least  = 6
	Most   = 12
	Rounds = 600_000 // what OWASP asks of PBKDF2 with SHA-256
	fewest = 1000    // less is no hash
	most   = 10_000_000
	salted = 16
	prefix = "pbkdf2-sha256"
)

// Faults of PINs and hashes.
var (
	ErrPIN  = fmt.Errorf("a PIN is %d to %d digits, not all the same and not counting up or down", Least, Most)
	ErrHash = errors.New("this is no hash of a PIN")
)

// Hash is a PIN as it is kept. The zero value is nobody's.
type Hash struct {
	rounds int
	salt   []byte
	sum    [sha256.Size]byte
}

// Make hashes a PIN with a salt of its own, in so many rounds.
func Make(pin string, rounds int) (Hash, error) {
	if !Good(pin) {
		return Hash{}, ErrPIN
	}
	h := Hash{rounds: rounds, salt: make([]byte, salted)}
	if _, err := rand.Read(h.salt); err != nil {
		return Hash{}, err
	}
	sum, err := h.of(pin)
	h.sum = sum
	return h, err
}

// Good reports whether a PIN is long enough and none of the first that are tried.
func Good(pin string) bool {
	if len(pin) < Least || len(pin) > Most {
		return false
	}
	steps := map[int]bool{}
	for i := range len(pin) {
		if pin[i] < '0' || pin[i] > '9' {
			return false
		}
		if i > 0 {
			steps[int(pin[i])-int(pin[i-1])] = true
		}
	}
	return len(steps) > 1 || !steps[0] && !steps[1] && !steps[-1]
}

func (h Hash) of(pin string) (sum [sha256.Size]byte, err error) {
	raw, err := pbkdf2.Key(sha256.New, pin, h.salt, h.rounds, len(sum))
	copy(sum[:], raw)
	return sum, err
}

// Is reports whether a PIN is the one. It takes the same time for each.
func (h Hash) Is(pin string) bool {
	if h.rounds == 0 {
		return false
	}
	sum, err := h.of(pin)
	return subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1 && err == nil
}

// String is the hash as it is written into a configuration.
func (h Hash) String() string {
	if h.rounds == 0 {
		return ""
	}
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d$%s$%s", prefix, h.rounds, text(h.salt), text(h.sum[:]))
}

// Parse reads what String wrote.
func Parse(text string) (Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 || parts[0] != prefix {
		return Hash{}, ErrHash
	}
	rounds, err := strconv.Atoi(parts[1])
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[2])
	sum, errSum := base64.RawStdEncoding.Strict().DecodeString(parts[3])
	if errors.Join(err, errSalt, errSum) != nil || rounds < fewest || rounds > most || len(salt) < salted || len(sum) != sha256.Size {
		return Hash{}, ErrHash
	}
	h := Hash{rounds: rounds, salt: salt}
	copy(h.sum[:], sum)
	return h, nil
}
