package id

import (
	"encoding/hex"
	"fmt"
)

// Crockford's alphabet in lower case: no i, l, o or u.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const encodedLen = 26

var decodeTable = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// encode writes 128 bits as 26 characters, most significant first; the first
// character holds the top 3 bits.
func encode(u [16]byte) string {
	var out [encodedLen]byte
	var acc uint32
	bits := 2 // 130 bits are written for 128: two leading zero bits
	pos := 0
	for _, b := range u {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[pos] = alphabet[acc>>bits&31]
			pos++
		}
	}
	return string(out[:])
}

func decode(s []byte) (u [16]byte, err error) {
	if len(s) != encodedLen {
		return u, fmt.Errorf("%w: %d characters instead of %d", ErrMalformed, len(s), encodedLen)
	}
	if s[0] > '7' {
		return u, fmt.Errorf("%w: more than 128 bits", ErrMalformed)
	}
	var acc uint32
	bits := -2
	pos := 0
	for _, c := range s {
		v := decodeTable[c]
		if v == 0xff {
			return [16]byte{}, fmt.Errorf("%w: character %q", ErrMalformed, c)
		}
		acc = acc<<5 | uint32(v)
		bits += 5
		if bits >= 8 {
			bits -= 8
			u[pos] = byte(acc >> bits)
			pos++
		}
	}
	return u, nil
}

func uuidText(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

func parseUUID(s string) (u [16]byte, err error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, fmt.Errorf("%w: not a UUID", ErrMalformed)
	}
	compact := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(u[:], []byte(compact)); err != nil {
		return [16]byte{}, fmt.Errorf("%w: not a UUID", ErrMalformed)
	}
	return u, nil
}
