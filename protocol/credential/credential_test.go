package credential_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
)

func TestAPlateIsOneHoweverItIsWritten(t *testing.T) {
	for _, text := range []string{"DD-OL 123", "dd ol 123", "DDOL123", "dd.ol-123"} {
		if got, ok := credential.NormalPlate(text); !ok || got != "DDOL123" {
			t.Errorf("%q is %q %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "A", "ABCDEFGHIJKLM", "DÖ 12", "DD_12", "  - "} {
		if got, ok := credential.NormalPlate(text); ok {
			t.Errorf("%q is taken as %q", text, got)
		}
	}
}

// A camera takes one character for another that looks like it; two at a time, or
// any other, make another car.
func TestAMisreadingIsOneCharacterThatLooksAlike(t *testing.T) {
	got := credential.Misreadings("D0B1X")
	want := []string{"00B1X", "O0B1X", "Q0B1X", "DOB1X", "DDB1X", "DQB1X", "D081X", "D0BIX"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, m := range got { // and it goes both ways
		if !slices.Contains(credential.Misreadings(m), "D0B1X") {
			t.Errorf("%s cannot be read for D0B1X", m)
		}
	}
}

func TestHashesTellKindsParkingsAndValuesApart(t *testing.T) {
	one, other := credential.Key{1}, credential.Key{2}
	seen := map[credential.Hash]string{}
	for name, h := range map[string]credential.Hash{
		"plate": one.Plate("12345678"), "card": one.Card("12345678"), "pin": one.PIN("12345678"),
		"another plate": one.Plate("12345679"), "another parking's": other.Plate("12345678"),
	} {
		if before, there := seen[h]; there {
			t.Errorf("%s is %s", name, before)
		}
		seen[h] = name
	}
	if one.PIN("1234 5678") != one.PIN("12345678") || one.Card(" x\n") != one.Card("x") {
		t.Error("blanks make another")
	}
}

// Each generation has a PIN of its own, always the same; who does not know the key
// cannot tell it from the reservation.
func TestACodeFollowsFromTheKey(t *testing.T) {
	r := id.New[id.Reservation](time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC))
	k := credential.Key{7}
	code := k.Code(r, 1)
	if len(code) != credential.PINDigits || strings.Trim(code, "0123456789") != "" {
		t.Errorf("%q is no PIN", code)
	}
	if code != k.Code(r, 1) || code == k.Code(r, 2) || code == (credential.Key{8}).Code(r, 1) {
		t.Error("a PIN does not follow from key, reservation and generation")
	}
}
