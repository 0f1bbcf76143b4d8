package id

import "fmt"

// Parking is a parking's public and only name: its slug, 1 to 63 characters of
// a-z, 0-9 and inner hyphens. It is part of topics, URLs and keys, and never
// changes.
type Parking string

// ParseParking checks a slug.
func ParseParking(s string) (Parking, error) {
	if !validSlug(s, 63) {
		return "", fmt.Errorf("%w: a parking id has 1 to 63 characters of a-z, 0-9 and inner hyphens", ErrMalformed)
	}
	return Parking(s), nil
}

// SpaceType names one kind of space of a parking, each with its own capacity:
// by default its class ("standard", "accessible", "ev", "motorcycle",
// "oversize"), or the owner's own name for a further type of that class.
type SpaceType string

// ParseSpaceType checks the name of a space type: 1 to 32 characters of a-z,
// 0-9 and inner hyphens.
func ParseSpaceType(s string) (SpaceType, error) {
	if !validSlug(s, 32) {
		return "", fmt.Errorf("%w: a space type has 1 to 32 characters of a-z, 0-9 and inner hyphens", ErrMalformed)
	}
	return SpaceType(s), nil
}

// Standard is the space type that walk-ins take unless their lane says
// otherwise.
const Standard SpaceType = "standard"

// Lane names one lane of a parking (`entry-1`), with a slug's alphabet.
type Lane string

// ParseLane checks a lane's name: 1 to 32 characters of a-z, 0-9 and inner
// hyphens.
func ParseLane(s string) (Lane, error) {
	if !validSlug(s, 32) {
		return "", fmt.Errorf("%w: a lane has 1 to 32 characters of a-z, 0-9 and inner hyphens", ErrMalformed)
	}
	return Lane(s), nil
}

func validSlug(s string, limit int) bool {
	if s == "" || len(s) > limit || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
