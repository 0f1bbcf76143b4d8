// Package credential holds what stands for a reservation at a gate beside its
// signed pass: a plate, a card, a PIN. None of them travels to a gate or is kept
// there as it is: an edge has keyed hashes of them, under a key of its parking, and
// compares the hash of what was shown. So neither a log nor a copy of an edge's
// cache without that key tells whose car or card it is.
package credential

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/openlot/openlot/protocol/id"
)

// Key is a parking's key, which its edge and the cloud know.
type Key [32]byte

// Hash is what is compared: the first 16 bytes of an HMAC-SHA256. Plates, cards and
// PINs are told apart inside it.
type Hash [16]byte

// PINDigits is how many digits a PIN has: with a thousand of them in use, one
// guess in a hundred thousand is right.
const PINDigits = 8

// MaxCard bounds a card's token, in bytes.
const MaxCard = 128

func (k Key) mac(kind string, value ...byte) [sha256.Size]byte {
	m := hmac.New(sha256.New, k[:])
	m.Write([]byte(kind))
	m.Write([]byte{0})
	m.Write(value)
	var sum [sha256.Size]byte
	m.Sum(sum[:0])
	return sum
}

func (k Key) hash(kind, value string) Hash {
	sum := k.mac(kind, []byte(value)...)
	return Hash(sum[:len(Hash{})])
}

// Plate is the hash of a plate as NormalPlate gives it.
func (k Key) Plate(normal string) Hash { return k.hash("plate", normal) }

// Card is the hash of a card's token, blanks around it dropped.
func (k Key) Card(token string) Hash { return k.hash("card", strings.TrimSpace(token)) }

// PIN is the hash of a PIN; what is no digit is dropped.
func (k Key) PIN(digits string) Hash { return k.hash("pin", onlyDigits(digits)) }

// Code is the PIN of a generation of a reservation's pass, PINDigits digits. It
// follows from the key, so that it is kept nowhere.
func (k Key) Code(r id.Reservation, generation uint16) string {
	sum := k.mac("code", binary.BigEndian.AppendUint16(r.Bytes(), generation)...)
	return fmt.Sprintf("%0*d", PINDigits, binary.BigEndian.Uint64(sum[:8])%100_000_000)
}

func onlyDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
}

// A normal plate has this many letters and digits.
const (
	MinPlate = 2
	MaxPlate = 12
)

// NormalPlate is a plate in capitals without blanks, hyphens and dots; ok is false
// for what cannot be one.
func NormalPlate(text string) (normal string, ok bool) {
	bad := false
	normal = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		case c == ' ' || c == '-' || c == '.':
			return -1
		}
		bad = true
		return -1
	}, text)
	if bad || len(normal) < MinPlate || len(normal) > MaxPlate {
		return "", false
	}
	return normal, true
}

// lookAlikes are the characters that cameras take for one another.
var lookAlikes = []string{"0ODQ", "1I", "2Z", "5S", "8B"}

// Misreadings are the plates that a normal plate may be a misreading of: one
// character stands for one that looks like it, never two at a time.
func Misreadings(normal string) []string {
	var out []string
	for i := range len(normal) {
		for _, class := range lookAlikes {
			if strings.IndexByte(class, normal[i]) < 0 {
				continue
			}
			for j := range len(class) {
				if class[j] != normal[i] {
					out = append(out, normal[:i]+class[j:j+1]+normal[i+1:])
				}
			}
		}
	}
	return out
}
